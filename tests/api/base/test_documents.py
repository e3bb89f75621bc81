"""Documents are validated once, published ones can be named by hash, and nobody sees more than they may."""

import httpx
import pytest

from hub_graphql.documents import DocumentCache, TrustedDocuments, sha256
from hub_graphql.refusals import DocumentSyntaxError, DocumentTooComplexError
from hub_graphql.strict_json import GraphQLRequest

TRUSTED = 'query Tills { item(sku: "S1") { sku } }\n'


def code_of(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


def test_only_valid_documents_are_kept(edge, callers):
    engine = edge.engine
    for query in ("{ nonsense }", "{ item", "{ secret }", '{ item(sku: "a") { sku } }'):
        try:
            engine.prepare(GraphQLRequest(query), callers["reader"])
        except Exception:  # noqa: BLE001, S112 (each is refused for a reason of its own)
            continue
    assert len(engine.documents) == 1


def test_the_cache_is_bounded_in_documents_and_tokens(schema):
    cache = DocumentCache(schema._schema, max_documents=3, max_tokens=10_000)
    small = DocumentCache(schema._schema, max_documents=100, max_tokens=40)
    for number in range(10):
        for one in (cache, small):
            query = f'query q{number} {{ item(sku: "a") {{ sku }} }}'
            document = one.measured(query)
            document.validate()
            one.keep(query, document)
    assert len(cache) == 3
    assert len(small) == 2
    assert cache.measured('query q9 { item(sku: "a") { sku } }').is_valid


def test_a_cached_document_is_judged_for_each_caller_anew(edge, callers):
    engine = edge.engine
    request = GraphQLRequest("{ secret }")
    assert engine.prepare(request, callers["admin"]).cost == 0
    with pytest.raises(Exception, match=r"Query\.secret needs the scope access:write"):
        engine.prepare(request, callers["reader"])


def test_operations_on_disk_are_found_by_the_hash_of_their_text(tmp_path):
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "tills.graphql").write_text(TRUSTED)
    documents = TrustedDocuments.load(tmp_path)
    found = documents.find(sha256(TRUSTED))
    assert found is not None
    assert (len(documents), found.client, found.name, found.text) == (1, "pos", "tills", TRUSTED)


@pytest.mark.parametrize("caller", ["till", "reader"])
async def test_a_published_document_runs_by_hash(running, caller):
    digest = sha256(TRUSTED)
    by_extension = await running.post(
        None, caller=caller, extensions={"persistedQuery": {"version": 1, "sha256Hash": digest}}
    )
    by_id = await running.post(None, caller=caller, documentId=f"sha256:{digest}")
    assert by_extension.json()["data"] == by_id.json()["data"] == {"item": {"sku": "S1"}}


async def test_a_restricted_credential_may_not_send_a_text(running, journal):
    own_text = await running.post('{ item(sku: "x") { sku } }', caller="till")
    with_hash = await running.post(
        '{ item(sku: "x") { sku } }',
        caller="till",
        extensions={"persistedQuery": {"version": 1, "sha256Hash": sha256(TRUSTED)}},
    )
    assert code_of(own_text) == code_of(with_hash) == "DOCUMENT_NOT_TRUSTED"
    assert not journal.calls


async def test_an_unknown_hash_and_a_hash_of_another_text_are_refused(running):
    unknown = await running.post(None, documentId="0" * 64)
    other = await running.post("{ __typename }", extensions={"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}})
    assert code_of(unknown) == "PERSISTED_QUERY_NOT_FOUND"
    assert code_of(other) == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("query", "name", "told"),
    [
        ("query a { __typename } query b { __typename }", None, "say which with operationName"),
        ("query a { __typename }", "b", "no operation 'b'"),
        ("fragment a on Item { sku }", None, "0 operations"),
    ],
)
async def test_an_unclear_operation_is_refused(running, query, name, told):
    response = await running.post(query, operationName=name)
    assert response.status_code == 400
    assert told in response.json()["errors"][0]["message"]


async def test_introspection_is_for_credentials_that_hold_it(running):
    query = "{ __schema { queryType { name } } }"
    assert code_of(await running.post(query)) == "INTROSPECTION_DISABLED"
    allowed = await running.post(query, caller="admin")
    assert allowed.json()["data"] == {"__schema": {"queryType": {"name": "Query"}}}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ itms { edges { cursor } } }", {}),
        ('{ item(skuu: "a") { sku } }', {}),
        ('{ item(sku: "a") { skuu } }', {}),
        ('{ item(sku: "a") { ... on Itm { sku } } }', {}),
        ("query($i: RenameInpt!) { __typename }", {}),
        ("mutation($i: RenameInput!) { itemRename(input: $i) { item { sku } } }", {"i": {"skuu": "a", "name": "b"}}),
    ],
)
async def test_mistakes_are_told_without_suggesting_what_exists(running, query, variables):
    response = await running.post(query, variables=variables)
    assert response.status_code in {200, 400}
    assert response.json()["errors"]
    assert "Did you mean" not in response.text


async def test_at_most_five_validation_errors_are_told(running):
    response = await running.post("{ " + " ".join(f"x{n}" for n in range(60)) + " }")
    assert len(response.json()["errors"]) == 5
    unknown = await running.post("{ __typename " + " ".join(f"@x{n}" for n in range(20)) + " }")
    assert len(unknown.json()["errors"]) == 5


def test_guard_errors_are_document_errors():
    assert DocumentTooComplexError.code == "DOCUMENT_TOO_COMPLEX"
    assert DocumentSyntaxError.code == "GRAPHQL_PARSE_FAILED"
