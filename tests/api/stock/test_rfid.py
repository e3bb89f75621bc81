"""What people see of RFID sweeps, and how they accept what a sweep proposes."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.inventory import Actor, Adjust, AdjustmentReason, LevelKey, StockRequest, apply
from hub.kernel.epc import Sgtin
from hub.kernel.ids import new_id
from hub.kernel.principal import ScopeMissingError
from hub.rfid import OpenSession, ReadPurpose, RecordReads, close_session, open_session, record_reads
from hub_graphql.ids import global_id
from hub_graphql.schema import schema
from tests.api.stock.conftest import Retailer

OPERATIONS = Path(__file__).resolve().parents[3] / "graphql" / "operations" / "console"
PROPOSALS = (OPERATIONS / "CountProposals.graphql").read_text()
APPLY = (OPERATIONS / "ApplyCountProposals.graphql").read_text()


@pytest.fixture(scope="session")
def stock_schema() -> Any:
    return schema


async def sweep(retailer: Retailer, location_id: UUID, variants: list[UUID]) -> UUID:
    """Count the location: one item of each variant is read. Give each a barcode first."""
    async with retailer.database.write() as session:
        for number, variant_id in enumerate(variants):
            await session.execute(
                text("INSERT INTO variant_barcodes (gtin, variant_id) VALUES (:gtin, :id) ON CONFLICT DO NOTHING"),
                {"gtin": Sgtin("0614141", f"{number:06d}", "1").gtin, "id": variant_id},
            )
    command = OpenSession(ReadPurpose.COUNT, location_id)
    opened = await open_session(retailer.database, retailer.office, command, idempotency_key=str(new_id()))
    session_id = UUID(opened.unwrap()["session_id"])
    epcs = tuple(Sgtin("0614141", f"{number:06d}", "1").uri for number in range(len(variants)))
    reads = RecordReads(session_id, epcs)
    (await record_reads(retailer.database, retailer.office, reads, idempotency_key=str(new_id()))).unwrap()
    (await close_session(retailer.database, retailer.office, session_id, idempotency_key=str(new_id()))).unwrap()
    return session_id


@pytest.fixture
async def shirts(retailer: Retailer) -> list[UUID]:
    variants = await retailer.product("SHIRT", variants=3)
    for variant_id in variants:
        await retailer.stock(variant_id, retailer.berlin, 4)
        await retailer.stock(variant_id, retailer.munich, 4)
    return variants


async def accept(api: Any, who: Any, session_id: UUID, **given: Any) -> Any:
    key = given.pop("key", str(new_id()))
    sent = {"sessionId": global_id("RfidSession", session_id), "idempotencyKey": key, **given}
    return (await api.data(who, APPLY, input=sent))["countProposalsApply"]


async def test_a_sweep_and_what_it_proposes(api, retailer, shirts):
    session_id = await sweep(retailer, retailer.berlin, shirts)
    data = await api.data(retailer.office, PROPOSALS)
    [edge] = data["rfidSessions"]["edges"]
    assert edge["node"]["id"] == global_id("RfidSession", session_id)
    assert (edge["node"]["purpose"], edge["node"]["status"], edge["node"]["tags"]) == ("COUNT", "CLOSED", 3)
    proposals = [edge["node"] for edge in data["countProposals"]["edges"]]
    assert sorted(node["variant"]["sku"] for node in proposals) == ["SHIRT-1", "SHIRT-2", "SHIRT-3"]
    numbers = {
        (node["expected"], node["read"], node["difference"], node["expectedQuantity"], node["counted"])
        for node in proposals
    }
    assert numbers == {(4, 1, -3, 4, 1)}
    assert {node["location"]["code"] for node in proposals} == {"berlin"}


async def test_pages_follow_each_other_and_statements_do_not_grow(api, retailer, shirts):
    await sweep(retailer, retailer.berlin, shirts)
    few = await api.count(retailer.office, PROPOSALS, first=1)
    await sweep(retailer, retailer.munich, shirts)
    assert await api.count(retailer.office, PROPOSALS, first=6) == few
    seen, after = [], None
    for _ in range(3):
        found = (await api.data(retailer.office, PROPOSALS, first=2, after=after))["countProposals"]
        seen += [(edge["node"]["sessionId"], edge["node"]["variant"]["sku"]) for edge in found["edges"]]
        after = found["pageInfo"]["endCursor"]
    assert len(set(seen)) == 6
    assert not found["pageInfo"]["hasNextPage"]


async def test_nobody_sees_another_location(api, retailer, shirts):
    session_id = await sweep(retailer, retailer.munich, shirts)
    data = await api.data(retailer.hamburg_manager, PROPOSALS)
    assert data["rfidSessions"]["edges"] == data["countProposals"]["edges"] == []
    munich = [global_id("Location", retailer.munich)]
    answer = await api.run(retailer.hamburg_manager, PROPOSALS, locationIds=munich)
    assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
    sent = {"sessionId": global_id("RfidSession", session_id), "idempotencyKey": "x"}
    answer = await api.run(retailer.hamburg_manager, APPLY, input=sent)
    assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
    with pytest.raises(ScopeMissingError):
        await api.run(retailer.till, APPLY, input=sent)


async def test_a_person_accepts_some_and_then_the_rest(api, retailer, shirts):
    session_id = await sweep(retailer, retailer.berlin, shirts)
    first = await accept(api, retailer.office, session_id, skus=["SHIRT-2"], key="a")
    assert (first["applied"], first["rejected"], first["errors"]) == (1, [], [])
    again = await accept(api, retailer.office, session_id, skus=["SHIRT-2"], key="a")
    assert (again["applied"], again["replayed"]) == (1, True)
    left = (await api.data(retailer.office, PROPOSALS))["countProposals"]["edges"]
    assert {edge["node"]["variant"]["sku"] for edge in left} == {"SHIRT-1", "SHIRT-3"}
    assert (await accept(api, retailer.office, session_id))["applied"] == 2
    assert (await api.data(retailer.office, PROPOSALS))["countProposals"]["edges"] == []


async def test_what_moved_since_stays_proposed(api, retailer, shirts):
    session_id = await sweep(retailer, retailer.berlin, shirts[:1])
    async with retailer.database.write() as session:
        for variant_id in shirts:
            found = Adjust(LevelKey(variant_id, retailer.berlin), 1, AdjustmentReason.FOUND)
            await apply(session, [StockRequest(Actor(UUID(int=1)), found)])
    told = await accept(api, retailer.office, session_id)
    assert (told["applied"], [error["code"] for error in told["errors"]]) == (0, ["STALE_QUANTITY"])
    assert [(row["variant"]["sku"], row["error"]["code"]) for row in told["rejected"]] == [
        ("SHIRT-1", "STALE_QUANTITY")
    ]
    assert len((await api.data(retailer.office, PROPOSALS))["countProposals"]["edges"]) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"sessionId": global_id("RfidSession", UUID(int=7))}, "RFID_SESSION_NOT_FOUND"),
        ({"sessionId": global_id("Location", UUID(int=7))}, "INVALID_ID"),
        ({"skus": []}, "TOO_MANY_LINES"),
        ({"skus": ["NOPE"]}, "UNKNOWN_SKU"),
    ],
)
async def test_what_cannot_be_applied_says_why(api, retailer, shirts, given: dict[str, Any], code: str):
    session_id = await sweep(retailer, retailer.berlin, shirts)
    told = await accept(api, retailer.office, session_id, **given)
    assert ([error["code"] for error in told["errors"]], told["applied"]) == ([code], 0)
