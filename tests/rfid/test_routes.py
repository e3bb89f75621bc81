"""Read sessions over HTTP, as a reader's machine key uses them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from hub.access import Authenticator, CreateKey, create_key
from hub.entrypoints.web.auth_routes import provide_access_edge
from hub.entrypoints.web.authentication import make_access_edge
from hub.entrypoints.web.errors import EXCEPTION_HANDLERS
from hub.entrypoints.web.rfid_routes import RfidController
from hub.infra.database import Database
from hub.kernel.epc import Sgtin, SgtinTag, encode_tag
from hub.kernel.ids import new_id
from hub.kernel.principal import SYSTEM, Scope
from hub.rfid.epcis import CONTEXT
from tests.inventory.stage import Stage, make_stage

SESSIONS = "/rfid/sessions"


def item(variant: int, serial: int) -> Sgtin:
    return Sgtin("0614141", f"{variant:06d}", str(serial))


def tag(variant: int, serial: int) -> str:
    return encode_tag(SgtinTag(item(variant, serial)))


def document(*epcs: str) -> dict[str, Any]:
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-03-01T12:30:15.250Z",
        "eventTimeZoneOffset": "+01:00",
        "epcList": list(epcs),
    }
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T12:30:15.250Z",
        "epcisBody": {"eventList": [event]},
    }


@dataclass
class Site:
    client: httpx.AsyncClient
    stage: Stage
    keys: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: Any, *, who: str = "reader", key: str = "", **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}", "Idempotency-Key": key or str(new_id())}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.client.post(SESSIONS + path, headers=headers, **content, **given)

    async def get(self, path: str, *, who: str = "reader") -> httpx.Response:
        return await self.client.get(SESSIONS + path, headers={"Authorization": f"Bearer {self.keys[who]}"})

    async def open(self, **given: Any) -> str:
        answer = await self.post("", {"purpose": "COUNT", **given})
        assert answer.status_code == 201, answer.text
        return f"/{answer.json()['id']}"


def refused(answer: httpx.Response, status: int, code: str, *path: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    if path:
        assert answer.json()["path"] == list(path)


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    stage = await make_stage(database, locations=2, variants=2)
    edge = make_access_edge(database, Authenticator(database), public_url="https://hub.example")
    keys = {}
    async with database.write() as session:
        for number, variant_id in enumerate(stage.variants):
            await session.execute(
                text("INSERT INTO variant_barcodes (gtin, variant_id) VALUES (:gtin, :id)"),
                {"gtin": item(number, 1).gtin, "id": variant_id},
            )
        for name, scopes, location in (
            ("reader", {Scope.STOCK_WRITE}, stage.locations[0]),
            ("elsewhere", {Scope.STOCK_WRITE}, stage.locations[1]),
            ("watcher", {Scope.STOCK_READ}, stage.locations[0]),
        ):
            command = CreateKey(name, frozenset(scopes), location_ids=frozenset({location}))
            keys[name] = (await create_key(session, command, principal=SYSTEM)).token
    app = Litestar(
        [RfidController],
        dependencies=provide_access_edge(edge),
        exception_handlers=EXCEPTION_HANDLERS,
        debug=False,
        logging_config=None,
        openapi_config=None,
    )
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://hub.example") as client:
        yield Site(client, stage, keys)


async def test_a_count_from_the_first_tag_to_the_new_onhand(site: Site) -> None:
    key = await site.stage.stock(3, variant=0)
    await site.stage.stock(1, variant=1)
    session = await site.open(locationCode="place-0")
    taken = (await site.post(f"{session}/reads", {"epcs": [tag(0, 1), tag(0, 2), tag(0, 1)]})).json()
    assert (taken["added"], taken["repeated"], taken["tags"], taken["rejectedCount"]) == (2, 1, 2, 0)
    captured = (await site.post(f"{session}/epcis", document(item(1, 1).uri, item(0, 2).uri))).json()
    assert (captured["added"], captured["repeated"], captured["tags"]) == (1, 1, 3)
    closed = (await site.post(f"{session}/close", b"")).json()
    assert (closed["status"], closed["tags"], closed["lines"], closed["differences"]) == ("CLOSED", 3, 2, 1)
    first = (await site.get(f"{session}/lines?limit=1", who="watcher")).json()
    second = (await site.get(f"{session}/lines?limit=1&after={first['after']}")).json()
    shown = {line["variantId"]: line for line in [*first["lines"], *second["lines"]]}
    line = shown[str(key.variant_id)]
    assert (line["expected"], line["read"], line["difference"], line["onHand"], line["counted"]) == (3, 2, -1, 3, 2)
    assert second["after"] is None
    counted = (await site.post(f"{session}/counts", {})).json()
    assert counted == {"applied": [str(key.variant_id)], "rejected": [], "replayed": False}
    assert (await site.stage.level(key))["on_hand"] == 2


async def test_a_closed_session_is_told_as_an_epcis_event(site: Site) -> None:
    session = await site.open()
    await site.post(f"{session}/reads", {"epcs": [tag(0, 7)]})
    refused(await site.get(f"{session}/epcis"), 409, "RFID_SESSION_OPEN")
    await site.post(f"{session}/close", b"")
    answer = await site.get(f"{session}/epcis", who="watcher")
    assert answer.headers["content-type"] == "application/ld+json"
    [event] = answer.json()["epcisBody"]["eventList"]
    assert (event["epcList"], event["bizStep"]) == ([item(0, 7).uri], "cycle_counting")
    again = await site.post(f"{await site.open()}/epcis", answer.json())
    assert again.json()["added"] == 1


async def test_a_request_sent_again_is_answered_the_same(site: Site) -> None:
    opening = {"purpose": "RECEIPT", "expected": [{"sku": "SKU-0", "quantity": 2}]}
    first, second = await site.post("", opening, key="o"), await site.post("", opening, key="o")
    assert first.json() == second.json()
    session = f"/{first.json()['id']}"
    batch = {"epcs": [tag(0, 1)]}
    assert [(await site.post(f"{session}/reads", batch, key="b")).json()["replayed"] for _ in range(2)] == [False, True]
    refused(await site.post(f"{session}/reads", {"epcs": [tag(0, 2)]}, key="b"), 409, "IDEMPOTENCY_KEY_REUSED")
    assert [(await site.post(f"{session}/close", b"", key="c")).status_code for _ in range(2)] == [200, 200]
    refused(await site.post(f"{session}/close", b""), 409, "RFID_SESSION_ENDED")


class TestBadInput:
    @pytest.mark.parametrize(
        ("epc", "status", "code"),
        [
            (tag(0, 1)[:-1], 400, "INVALID_EPC"),
            ("F0" + tag(0, 1)[2:], 400, "EPC_SCHEME_UNKNOWN"),
            (tag(5, 1), 404, "UNKNOWN_GTIN"),
            ("\0", 400, "INVALID_EPC"),
        ],
    )
    async def test_a_bad_tag_is_named(self, site: Site, epc: str, status: int, code: str) -> None:
        session = await site.open()
        answer = await site.post(f"{session}/reads", {"epcs": [tag(0, 1), epc]})
        refused(answer, status, code, "epcs", "1")
        left_out = await site.post(f"{session}/reads", {"epcs": [tag(0, 1), epc], "errorPolicy": "REJECT_FAILED_ROWS"})
        assert (left_out.json()["added"], left_out.json()["rejected"][0]["code"]) == (1, code)

    async def test_a_bad_tag_of_a_document_is_named_within_it(self, site: Site) -> None:
        session = await site.open()
        answer = await site.post(f"{session}/epcis", document(item(0, 1).uri, item(5, 1).uri))
        refused(answer, 404, "UNKNOWN_GTIN", "epcisBody", "eventList", "0", "epcList", "1")
        sscc = await site.post(f"{session}/epcis", document("urn:epc:id:sscc:0614141.1234567890"))
        refused(sscc, 400, "EPC_SCHEME_UNKNOWN", "epcisBody", "eventList", "0", "epcList", "0")
        taken = await site.post(
            f"{session}/epcis", document(item(0, 1).uri, item(5, 1).uri), params={"errorPolicy": "REJECT_FAILED_ROWS"}
        )
        assert (taken.json()["added"], taken.json()["rejected"][0]["index"]) == (1, 1)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type": NaN}', b'"\\ud800"', b"\xff", b"[" * 100_000])
    async def test_what_is_no_json_object_is_no_document(self, site: Site, body: bytes) -> None:
        refused(await site.post(f"{await site.open()}/epcis", body), 400, "MALFORMED_BODY")

    async def test_another_document_is_refused_by_name(self, site: Site) -> None:
        session = await site.open()
        refused(await site.post(f"{session}/epcis", {}), 400, "INVALID_EPCIS", "@context")

    async def test_a_body_beyond_a_megabyte_is_not_read(self, site: Site) -> None:
        session = await site.open()
        for path in ("reads", "epcis"):
            answer = await site.post(f"{session}/{path}", b'{"epcs": ["' + b"0" * 1_048_576 + b'"]}')
            refused(answer, 413, "BODY_TOO_LARGE")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"purpose": "THEFT"},
            {"purpose": "COUNT", "other": 1},
            {"purpose": "COUNT", "expected": [{"sku": "a\0b"}]},
            {"purpose": "COUNT", "locationId": "x"},
            {"purpose": "RECEIPT", "expected": [{"sku": "SKU-0", "quantity": 0}]},
            {"purpose": "RECEIPT", "expected": [{"sku": "SKU-0", "quantity": 1.5}]},
            {"purpose": "COUNT", "locationCode": "place-0", "locationId": "018f0000-0000-7000-8000-000000000000"},
        ],
    )
    async def test_a_session_that_makes_no_sense_is_not_opened(self, site: Site, body: dict[str, Any]) -> None:
        answer = await site.post("", body)
        assert answer.status_code == 400, answer.text
        assert (await site.stage.row("SELECT count(*) FROM rfid_sessions"))[0] == 0

    async def test_what_does_not_exist(self, site: Site) -> None:
        unknown = f"/{new_id()}"
        refused(await site.get(unknown), 404, "RFID_SESSION_NOT_FOUND")
        refused(await site.post(f"{unknown}/close", b""), 404, "RFID_SESSION_NOT_FOUND")
        refused(await site.post("", {"purpose": "COUNT", "locationCode": "nowhere"}), 404, "UNKNOWN_LOCATION")
        opening = {"purpose": "RECEIPT", "expected": [{"sku": "NOPE", "quantity": 1}]}
        refused(await site.post("", opening), 404, "UNKNOWN_SKU", "expected", "0", "sku")

    async def test_every_change_needs_its_key(self, site: Site) -> None:
        headers = {"Authorization": f"Bearer {site.keys['reader']}"}
        answer = await site.client.post(SESSIONS, json={"purpose": "COUNT"}, headers=headers)
        assert answer.status_code == 400
        refused(await site.post("", {"purpose": "COUNT"}, key="\x7f"), 400, "IDEMPOTENCY_KEY_INVALID")


class TestWhoMay:
    async def test_nobody_without_a_credential(self, site: Site) -> None:
        refused(await site.client.get(f"{SESSIONS}/{new_id()}"), 401, "CREDENTIAL_MISSING")

    async def test_not_a_reader_of_another_location(self, site: Site) -> None:
        session = await site.open()
        place = {"purpose": "COUNT", "locationId": str(site.stage.locations[0])}
        refused(await site.post("", place, who="elsewhere"), 403, "LOCATION_NOT_ALLOWED")
        batch = {"epcs": [tag(0, 1)]}
        refused(await site.post(f"{session}/reads", batch, who="elsewhere"), 403, "LOCATION_NOT_ALLOWED")
        for path in ("", "/lines", "/epcis"):
            refused(await site.get(session + path, who="elsewhere"), 403, "LOCATION_NOT_ALLOWED")

    async def test_not_one_that_only_looks(self, site: Site) -> None:
        session = await site.open()
        assert (await site.get(session, who="watcher")).json()["status"] == "OPEN"
        refused(await site.post(f"{session}/close", b"", who="watcher"), 403, "SCOPE_MISSING")

    async def test_the_default_location_is_the_credentials_own(self, site: Site) -> None:
        shown = (await site.get(await site.open())).json()
        assert UUID(shown["locationId"]) == site.stage.locations[0]
