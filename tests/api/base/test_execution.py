"""What runs, in which order, and what callers are told when it breaks."""

import structlog

from hub.kernel.errors import UnavailableError
from hub.kernel.principal import Principal
from hub_graphql.limits import MAX_MESSAGE_LENGTH
from hub_graphql.permissions import fields_without_scope

RENAME = """mutation($name: String!) {
    itemRename(input: {sku: "S1", name: $name}) {
        item { sku } errors { __typename code message path }
    }
}"""


async def test_a_fault_is_masked_and_its_details_go_to_the_log_under_the_request_id(running):
    with structlog.testing.capture_logs() as logs:
        response = await running.post('{ fault item(sku: "S1") { sku } }')
    (error,) = response.json()["errors"]
    request_id = response.headers["x-request-id"]
    assert response.status_code == 200
    assert response.json()["data"] == {"fault": None, "item": {"sku": "S1"}}
    assert "hunter2" not in response.text
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    (entry,) = [entry for entry in logs if entry["event"] == "graphql.fault"]
    assert entry["request_id"] == request_id
    assert "hunter2" in str(entry["exc_info"])


async def test_a_refusal_in_a_resolver_is_told_with_its_code_kind_and_path(running):
    response = await running.post("{ forbidden }")
    (error,) = response.json()["errors"]
    assert error["message"] == "not your store"
    assert error["path"] == ["forbidden"]
    assert error["extensions"] == {
        "code": "LOCATION_NOT_ALLOWED",
        "kind": "DENIED",
        "path": ["locationId"],
        "requestId": response.headers["x-request-id"],
    }


async def test_a_refused_mutation_answers_with_typed_errors(running):
    response = await running.post(RENAME, variables={"name": "taken"})
    assert response.json()["data"]["itemRename"] == {
        "item": None,
        "errors": [
            {
                "__typename": "ConflictError",
                "code": "CONFLICT",
                "message": "the name is taken",
                "path": ["input", "name"],
            }
        ],
    }
    assert "errors" not in response.json()


async def test_missing_permission_in_a_mutation_is_a_top_level_error(running):
    response = await running.post(RENAME, variables={"name": "forbidden"})
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "DENIED"


async def test_a_variable_that_does_not_fit_is_told_briefly(running):
    response = await running.post(RENAME, variables={"name": ["x" * 5_000]})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$name" in error["message"]
    assert len(error["message"]) <= MAX_MESSAGE_LENGTH


async def test_a_request_that_takes_too_long_is_stopped(serve, edge, journal):
    async with serve(edge, request_seconds=0.05) as running:
        response = await running.post("{ stuck }")
    assert response.status_code == 504
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"


async def test_a_used_up_budget_is_told_with_the_time_to_wait(serve, edge, journal):
    charged = []

    async def charge(principal: Principal, cost: int) -> None:
        charged.append((principal.kind, cost))
        raise UnavailableError("the budget of this credential is used up", retry_after_seconds=7)

    async with serve(edge, charge=charge) as running:
        response = await running.post('{ item(sku: "S1") { sku } }')
    assert response.status_code == 429
    assert response.headers["retry-after"] == "7"
    assert charged == [("MACHINE", 1)]
    assert not journal.calls


async def test_a_root_field_that_declares_no_scope_is_open_to_nobody(running, schema):
    response = await running.post("{ unscoped }", caller="admin")
    assert response.json()["errors"][0]["extensions"]["code"] == "DENIED"
    assert fields_without_scope(schema) == ["Query.unscoped"]


async def test_scopes_are_checked_before_anything_runs(running, journal):
    response = await running.post('{ item(sku: "S1") { sku } secret }')
    assert response.json()["errors"][0]["message"].startswith("Query.secret needs the scope access:write")
    assert not journal.calls


async def test_scopes_of_nested_fields_are_found_through_fragments(running):
    query = '{ item(sku: "S1") { ...a } } fragment a on Item { ... on Item { making } }'
    refused = await running.post(query)
    allowed = await running.post(query, caller="admin")
    assert "Item.making needs the scope orders:price" in refused.text
    assert allowed.json()["data"] == {"item": {"making": 7}}


async def test_scopes_are_found_behind_an_interface(running):
    query = "query($id: ID!) { node(id: $id) { ... on Item { making } } }"
    found = await running.post('{ item(sku: "S1") { id } }')
    variables = {"id": found.json()["data"]["item"]["id"]}
    refused = await running.post(query, variables=variables)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"


async def test_root_mutations_run_one_after_another(running, journal):
    query = (
        "mutation { "
        + " ".join(f'm{n}: itemRename(input: {{sku: "S{n}", name: "n"}}) {{ item {{ sku }} }}' for n in range(10))
        + " }"
    )
    response = await running.post(query)
    assert list(response.json()["data"]) == [f"m{n}" for n in range(10)]
    assert journal.calls["rename"] == 10


async def test_a_subscription_over_plain_post_is_refused(running):
    response = await running.post("subscription { ticks(count: 1) }")
    assert response.json()["errors"][0]["extensions"]["code"] == "OPERATION_NOT_SUPPORTED"
