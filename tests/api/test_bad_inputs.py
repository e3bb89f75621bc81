"""Bad input over real HTTP, against the whole hub: a typed refusal that names rule and remedy, and nothing changed."""

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.sdk.memory import MemoryChannel
from adapters.sdk.signatures import Encoding, sign_sha256
from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from hub_graphql.ids import global_id
from tests.running_hub import MEMORY_CHANNEL, WOOCOMMERCE, WOOCOMMERCE_SECRET, RunningHub, customer_token, running_hub

REMEMBERED = frozenset({"audit_log", "idempotency_keys", "staff_sessions"})
"""A refused change keeps its answer under its key, so that a repetition gets the same one, and is audited; a session
keeps its last use."""


@pytest.fixture(scope="module")
def hub(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHub]:
    with running_hub(postgres, valkey, tmp_path_factory.mktemp("hub")) as running:
        for headers in running.credentials.values():  # the first use of a key is noted in its row
            httpx.post(f"{running.url}/graphql", json={"query": "{ __typename }"}, headers=headers)
        yield running


@pytest.fixture
async def client(hub: RunningHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=hub.url, timeout=30) as made:
        yield made


@pytest.fixture
async def unchanged(hub: RunningHub) -> AsyncIterator[None]:
    """Whatever the test sends: no row of any table is another afterwards."""
    before = await hub.contents(besides=REMEMBERED)
    yield
    after = await hub.contents(besides=REMEMBERED)
    assert {name for name in before if before[name] != after[name]} == set()


def refusal(answer: httpx.Response, status: int, code: str, says: str = "") -> dict[str, Any]:
    """The one error of a GraphQL response that ran nothing; `says` is a pattern that its message holds."""
    assert answer.status_code == status, answer.text
    [error] = answer.json()["errors"]
    assert "data" not in answer.json() or answer.json()["data"] is None
    assert error["extensions"]["code"] == code, error
    assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
    assert re.search(says, error["message"]), error
    found: dict[str, Any] = error
    return found


def problem(answer: httpx.Response, status: int, code: str) -> None:
    """A REST refusal, with a message that is more than its code."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert told["code"] == code, told
    assert told["requestId"] == answer.headers["x-request-id"]
    assert len(told["message"]) > 15


def request(query: str, variables: str = "{}") -> bytes:
    return b'{"query": %s, "variables": %s}' % (json.dumps(query).encode(), variables.encode())


BY_SKU = "query($sku: String) { variant(sku: $sku) { sku } }"
DEEP = (
    "{ node(id: 1) "
    + "{ ... on Product { variants { edges { node { product " * 12
    + "{ id }"
    + " } } } } }" * 12
    + " }"
)
DOUBLING = "{ product { ...f0 } } " + " ".join(
    f"fragment f{n} on Product {{ ...f{n + 1} ...f{n + 1} }}" for n in range(20)
) + " fragment f20 on Product { id title }"  # fmt: skip

BODIES = [
    (b'{"query": "{ ' + b" " * 2_097_152 + b'}"}', 413, "BODY_TOO_LARGE", "65536 bytes"),
    (request(DEEP), 200, "DOCUMENT_TOO_COMPLEX", "too deeply|limit is 15"),
    (
        request("{ " + " ".join(f"a{n}: me {{ id }}" for n in range(300)) + " }"),
        200, "DOCUMENT_TOO_COMPLEX", "limit is",
    ),
    (
        request("{ " + " ".join(f"a{n}: __typename" for n in range(1_000)) + " }"),
        200, "GRAPHQL_PARSE_FAILED", "2000 tokens",
    ),
    (request(DOUBLING), 200, "DOCUMENT_TOO_COMPLEX", "limit is"),
    (request(BY_SKU, '{"sku": "a\\u0000"}'), 400, "MALFORMED_BODY", "NUL"),
    (request(BY_SKU, '{"sku": "a\0"}'), 400, "MALFORMED_BODY", "control character"),
    (request('{ variant(sku: "\\u0000") { sku } }'), 200, "GRAPHQL_PARSE_FAILED", "NUL"),
    (request(BY_SKU, '{"sku": NaN}'), 400, "MALFORMED_BODY", "NaN is not JSON"),
    (request(BY_SKU, '{"sku": -Infinity}'), 400, "MALFORMED_BODY", "not JSON"),
    (request(BY_SKU, '{"sku": 1e999}'), 400, "MALFORMED_BODY", "range of a double"),
    (request(BY_SKU, '{"sku": "\\ud800"}'), 400, "MALFORMED_BODY", "surrogate"),
    (b'{"query": "{ me { id } } \xff"}', 400, "MALFORMED_BODY", "UTF-8 at byte"),
    (b"[" * 100_000, 413, "BODY_TOO_LARGE", "65536 bytes"),
    (b'{"query":' + b"[" * 50_000, 400, "MALFORMED_BODY", "32 levels"),
    (b"", 400, "MALFORMED_BODY", "not JSON"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
async def test_a_hostile_graphql_body_is_refused(
    hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    headers = {"Content-Type": "application/json", **hub.credentials["terminal"]}
    for body, status, code, says in BODIES:
        with subtests.test(body=repr(body[:60])):
            refusal(await client.post("/graphql", content=body, headers=headers), status, code, says)


class TestWebhooks:
    """A delivery to the in-memory channel is signed over its time and body, one to WooCommerce over its body."""

    HOSTILE = (
        b"", b"\0", b"{", b"NaN", b'{"id": NaN}', b'{"id": 1e999}', b"\xff\xfe", b'{"id": "\\u0000"}',
        b'{"id": "\\ud800", "topic": "order.changed"}', b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"null",
        b'{"id": ' + b"9" * 5_000 + b"}",
    )  # fmt: skip

    @pytest.mark.parametrize("code", [MEMORY_CHANNEL, WOOCOMMERCE])
    @pytest.mark.usefixtures("unchanged")
    async def test_a_hostile_body_without_a_signature_leaves_no_trace(
        self, client: httpx.AsyncClient, subtests: pytest.Subtests, code: str
    ) -> None:
        for body in self.HOSTILE:
            with subtests.test(body=repr(body[:20])):
                problem(await client.post(f"/webhooks/{code}", content=body), 401, "WEBHOOK_SIGNATURE_INVALID")

    @pytest.mark.parametrize("code", [MEMORY_CHANNEL, WOOCOMMERCE])
    async def test_a_signed_hostile_body_is_parked_for_a_person_and_nothing_else_changes(
        self, hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests, code: str
    ) -> None:
        before = await hub.contents(besides=frozenset({"inbox"}))
        for body in self.HOSTILE:
            with subtests.test(body=repr(body[:20])):
                answer = await client.post(f"/webhooks/{code}", content=body, headers=signed(hub.shop, code, body))
                assert (answer.status_code, answer.json()) == (200, {"receipt": "PARKED"})
        assert await hub.contents(besides=frozenset({"inbox"})) == before

    @pytest.mark.usefixtures("unchanged")
    async def test_a_delivery_that_is_not_as_it_was_signed_is_refused(
        self, hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests
    ) -> None:
        body = b'{"id":"e-1","topic":"order.changed"}'
        good = signed(hub.shop, MEMORY_CHANNEL, body)
        spoilt = {
            "one byte changed": (body.replace(b"e-1", b"e-2"), good),
            "serialised again": (json.dumps(json.loads(body)).encode(), good),
            "no signature": (body, {"memory-sent-at": good["memory-sent-at"]}),
            "empty signature": (body, {**good, "memory-signature": ""}),
            "stale": (body, signed(hub.shop, MEMORY_CHANNEL, body, age=timedelta(minutes=6))),
            "from the future": (body, signed(hub.shop, MEMORY_CHANNEL, body, age=timedelta(minutes=-6))),
            "another time": (body, {**good, "memory-sent-at": datetime(2020, 1, 1, tzinfo=UTC).isoformat()}),
        }
        for name, (sent, headers) in spoilt.items():
            with subtests.test(name):
                answer = await client.post(f"/webhooks/{MEMORY_CHANNEL}", content=sent, headers=headers)
                problem(answer, 401, "WEBHOOK_SIGNATURE_INVALID")

    async def test_a_repetition_and_an_unknown_topic_are_acknowledged_once(
        self, hub: RunningHub, client: httpx.AsyncClient
    ) -> None:
        body = b'{"id":"e-unknown","topic":"moon.landed"}'
        headers = signed(hub.shop, MEMORY_CHANNEL, body)
        first = await client.post(f"/webhooks/{MEMORY_CHANNEL}", content=body, headers=headers)
        before = await hub.contents()
        again = await client.post(f"/webhooks/{MEMORY_CHANNEL}", content=body, headers=headers)
        assert (first.json(), again.json()) == ({"receipt": "PARKED"}, {"receipt": "DUPLICATE"})
        changed = {name for name, digest in (await hub.contents()).items() if digest != before[name]}
        assert changed <= {"inbox"}  # it counts its repetitions

    @pytest.mark.usefixtures("unchanged")
    async def test_a_channel_that_takes_no_deliveries_is_not_found(
        self, client: httpx.AsyncClient, subtests: pytest.Subtests
    ) -> None:
        for code in ("nobody", "shop", "a" * 3_000, "%00", "%ff", "x%27--"):
            with subtests.test(code=code[:9]):
                problem(await client.post(f"/webhooks/{code}", content=b"{}"), 404, "CHANNEL_NOT_FOUND")

    @pytest.mark.usefixtures("unchanged")
    async def test_more_than_a_megabyte_is_refused(self, hub: RunningHub, client: httpx.AsyncClient) -> None:
        body = b" " * 1_048_577
        headers = signed(hub.shop, WOOCOMMERCE, body)
        problem(await client.post(f"/webhooks/{WOOCOMMERCE}", content=body, headers=headers), 413, "BODY_TOO_LARGE")


def signed(shop: MemoryChannel, code: str, body: bytes, *, age: timedelta = timedelta()) -> dict[str, str]:
    if code == WOOCOMMERCE:
        return {"x-wc-webhook-signature": sign_sha256(WOOCOMMERCE_SECRET, body), "x-wc-webhook-topic": "order.updated"}
    sent_at = (datetime.now(UTC) - age).isoformat()
    signature = sign_sha256(shop.webhook_secret, sent_at.encode() + b"." + body, encoding=Encoding.HEX)
    return {"memory-sent-at": sent_at, "memory-signature": signature}


class TestCredentials:
    @pytest.mark.parametrize("code", ["CREDENTIAL_EXPIRED", "CREDENTIAL_REVOKED"])
    @pytest.mark.usefixtures("unchanged")
    async def test_a_key_that_no_longer_stands_is_refused_with_its_reason(
        self, hub: RunningHub, client: httpx.AsyncClient, code: str
    ) -> None:
        answer = await client.post("/graphql", json={"query": "{ me { id } }"}, headers=hub.refused[code])
        error = refusal(answer, 401, code, "ask for a new one")
        assert error["extensions"]["kind"] == "DENIED"
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.usefixtures("unchanged")
    async def test_a_customers_token_that_has_expired_is_refused(self, client: httpx.AsyncClient) -> None:
        headers = {"Authorization": f"Bearer {customer_token(issued_seconds_ago=3_600)}"}
        answer = await client.post("/graphql", json={"query": "{ me { id } }"}, headers=headers)
        refusal(answer, 401, "CREDENTIAL_EXPIRED", "expired")

    @pytest.mark.usefixtures("unchanged")
    async def test_a_made_up_credential_is_refused(self, client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
        for token in ("hub_a_b", "a.b.c", "\xff", "a" * 40_000, "hub_" + "é" * 40):
            with subtests.test(token=token[:9]):
                headers = [(b"authorization", b"Bearer " + token.encode("latin-1"))]
                answer = await client.post("/graphql", json={"query": "{ me { id } }"}, headers=headers)
                assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text
                assert token not in answer.text

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"X-CSRF-Token": "guess"}, "CSRF_TOKEN_INVALID"),
            ({"Origin": "https://elsewhere.example"}, "ORIGIN_NOT_ALLOWED"),
        ],
    )
    async def test_a_session_that_may_not_be_used_from_here_is_403_everywhere_and_changes_nothing(
        self, hub: RunningHub, client: httpx.AsyncClient, change: dict[str, str], code: str
    ) -> None:
        headers = {**hub.credentials["staff"], **change}
        asked = await client.post("/graphql", json={"query": "{ me { id } }"}, headers=headers)
        refusal(asked, 403, code)
        left = await client.post("/auth/logout", headers=headers)
        problem(left, 403, code)
        assert {"www-authenticate"}.isdisjoint({*asked.headers, *left.headers})


async def told(
    hub: RunningHub, client: httpx.AsyncClient, role: str, field: str, given: dict[str, Any]
) -> dict[str, Any]:
    """The error with which a mutation's payload refuses; the key is the input's own, so nothing was asked before."""
    name = field[0].upper() + field[1:] + "Input"
    query = f"mutation($input: {name}!) {{ {field}(input: $input) {{ errors {{ code message path }} }} }}"
    key = {"idempotencyKey": base64.b16encode(repr((role, field, given)).encode()).decode()[-100:]}
    answer = await client.post(
        "/graphql", json={"query": query, "variables": {"input": key | given}}, headers=hub.credentials[role]
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    body = answer.json()
    if "errors" in body:
        [error] = body["errors"]
        assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
        return {"code": error["extensions"]["code"], "message": error["message"], "path": error.get("path")}
    [refused] = body["data"][field]["errors"]
    found: dict[str, Any] = refused
    return found


def line(**given: Any) -> dict[str, Any]:
    return {"lines": [{"sku": "SHIRT", "quantity": 1, **given}]}


COLLECT = {"method": "PICKUP", **line()}
INPUTS = [
    ("storefront", "reservationCreate", line(quantity=-1), "INVALID_QUANTITY", "-1|at least 1|between"),
    ("storefront", "reservationCreate", line(quantity=0), "INVALID_QUANTITY", "0|at least 1|between"),
    ("storefront", "reservationCreate", line(quantity=2_000_000_000), "INVALID_QUANTITY", ""),
    ("storefront", "reservationCreate", line(quantity=10**12), "BAD_USER_INPUT", "32-bit"),
    ("storefront", "reservationCreate", line(sku="NOBODY"), "UNKNOWN_SKU", "NOBODY"),
    ("storefront", "reservationCreate", {"lines": []}, "TOO_MANY_LINES", "1 to 100|100"),
    ("storefront", "reservationCreate", {"lines": line()["lines"] * 101}, "TOO_MANY_LINES", "100"),
    ("storefront", "reservationCreate", {**line(), "ttlSeconds": 0}, "INVALID_TTL", "14,?400"),
    ("storefront", "reservationCreate", {**line(), "ttlSeconds": 14_401}, "INVALID_TTL", "14,?400"),
    ("storefront", "reservationCreate", {**line(), "channel": "nobody"}, "CHANNEL_NOT_ALLOWED", "another channel"),
    ("storefront", "reservationCreate", {**line(), "channel": "tills"}, "CHANNEL_NOT_ALLOWED", "another channel"),
    ("storefront", "reservationCreate", {**line(), "idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID", "128"),
    ("storefront", "orderPlace", {"method": "SHIP", **line(), "currencyCode": "XQQ"}, "UNKNOWN_CURRENCY", "XQQ"),
    ("storefront", "orderPlace", {"method": "SHIP", **line(), "currencyCode": "eur"}, "UNKNOWN_CURRENCY", "eur"),
    ("storefront", "orderPlace", {"method": "SHIP", **line(sku="NOBODY")}, "UNKNOWN_SKU", "NOBODY"),
    ("storefront", "orderPlace", {"method": "SHIP", **line(quantity=-1)}, "INVALID_QUANTITY", ""),
    ("terminal", "stockCount", {"sku": "SHIRT", "counted": -1}, "INVALID_QUANTITY", ""),
    ("terminal", "stockCount", {"sku": "SHIRT", "counted": 10**12}, "BAD_USER_INPUT", "32-bit"),
    ("terminal", "stockCount", {"sku": "SHIRT", "counted": 1, "locationCode": "moon"}, "UNKNOWN_LOCATION", "moon"),
    ("terminal", "stockReceive", line(sku="NOBODY"), "UNKNOWN_SKU", "NOBODY"),
]  # fmt: skip


@pytest.mark.usefixtures("unchanged")
async def test_a_bad_argument_is_named_with_its_rule(
    hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for role, field, given, code, says in INPUTS:
        with subtests.test(field, given=repr(given)[:80]):
            error = await told(hub, client, role, field, given)
            assert error["code"] == code, error
            assert len(error["message"]) > 10
            assert re.search(says, error["message"]), error


class TestAnotherLocation:
    """The till stands in Berlin."""

    CHANGES = (
        ("stockCount", {"sku": "SHIRT", "counted": 1, "locationCode": "hamburg"}),
        ("stockAdjust", {"sku": "SHIRT", "delta": 1, "reason": "FOUND", "locationCode": "hamburg"}),
        ("stockReceive", {**line(), "locationCode": "hamburg"}),
        ("stockTransfer", {"sku": "SHIRT", "quantity": 1, "fromLocationCode": "hamburg", "toLocationCode": "berlin"}),
        ("safetyStockSet", {"sku": "SHIRT", "safetyStock": 1, "locationCode": "hamburg"}),
    )

    @pytest.mark.usefixtures("unchanged")
    async def test_a_till_changes_no_stock_elsewhere(
        self, hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests
    ) -> None:
        for field, given in self.CHANGES:
            with subtests.test(field):
                error = await told(hub, client, "terminal", field, given)
                assert (error["code"], "another location" in error["message"]) == ("LOCATION_NOT_ALLOWED", True), error

    @pytest.mark.usefixtures("unchanged")
    async def test_a_till_sees_no_stock_elsewhere(self, hub: RunningHub, client: httpx.AsyncClient) -> None:
        query = "query($at: [ID!]) { stockLevels(locationIds: $at) { edges { node { onHand } } } }"
        at = [global_id("Location", hub.locations["hamburg"])]
        answer = await client.post(
            "/graphql", json={"query": query, "variables": {"at": at}}, headers=hub.credentials["terminal"]
        )
        refusal(answer, 200, "LOCATION_NOT_ALLOWED", "another location")


CONNECTIONS = ("products(first: 1 {})", "locations(first: 1 {})", "stockLevels(first: 1 {})",
               'stockMovements(sku: "SHIRT" locationCode: "berlin" first: 1 {})')  # fmt: skip

WITHOUT_ROWS = ("products(reverse: true first: 1 {})", "categories(first: 1 {})", "orders(first: 1 {})",
                "fulfillmentOrders(first: 1 {})")  # fmt: skip


class TestCursors:
    async def page(self, hub: RunningHub, client: httpx.AsyncClient, field: str, after: str = "") -> httpx.Response:
        query = "{ " + field.format(after and f'after: "{after}"') + " { pageInfo { endCursor } } }"
        return await client.post("/graphql", json={"query": query}, headers=hub.credentials["staff"])

    @pytest.mark.usefixtures("unchanged")
    async def test_a_cursor_is_good_for_its_own_query_only(
        self, hub: RunningHub, client: httpx.AsyncClient, subtests: pytest.Subtests
    ) -> None:
        for here in CONNECTIONS:
            page = (await self.page(hub, client, here)).json()["data"]
            cursor = next(iter(page.values()))["pageInfo"]["endCursor"]
            assert cursor
            for there in (*CONNECTIONS, *WITHOUT_ROWS):
                with subtests.test(here=here[:14], there=there[:24]):
                    answer = await self.page(hub, client, there, cursor)
                    if here == there:
                        assert "errors" not in answer.json()
                    else:
                        refused_cursor(answer)


def refused_cursor(answer: httpx.Response) -> None:
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "INVALID_CURSOR", error
    assert "cursor" in error["message"]
