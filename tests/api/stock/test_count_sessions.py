"""Count sessions, inspections and write-offs over GraphQL."""

from typing import Any
from uuid import UUID, uuid5

import pytest

from hub.inventory import check_stock
from hub_graphql.ids import global_id

SESSION = """countSession { id version status blind lines {
  status counted expected variance attempts reason variant { sku } } } errors { code path }"""


def step(name: str) -> str:
    return f"mutation($input: CountSession{name}Input!) {{ result: countSession{name}(input: $input) {{ {SESSION} }} }}"


OPEN, RECORD, RECOUNT, APPLY, CANCEL = map(step, ("Open", "Record", "Recount", "Apply", "Cancel"))
INSPECT = """mutation($input: StockInspectInput!) { result: stockInspect(input: $input) {
  stockLevel { onHand qualityControl damaged } errors { code path } } }"""
WRITE_OFF = """mutation($input: StockWriteOffInput!) { result: stockWriteOff(input: $input) {
  stockLevel { onHand qualityControl damaged } errors { code path } } }"""
SESSIONS = """query($first: Int, $statuses: [CountSessionStatus!]) { countSessions(first: $first, statuses: $statuses) {
  edges { node { id status location { code } lines { counted variant { sku } } } } } }"""
NOBODY = UUID(int=1)


async def send(api: Any, who: Any, document: str, **given: Any) -> Any:
    key = {"idempotencyKey": str(uuid5(NOBODY, document + repr(given)))}
    return (await api.data(who, document, input={**key, **given}))["result"]


@pytest.fixture
async def shirt(retailer: Any) -> Any:
    [variant] = await retailer.product("SHIRT")
    await retailer.stock(variant, retailer.hamburg, 9)
    return variant


@pytest.mark.usefixtures("shirt")
class TestCounting:
    async def test_a_blind_count_tells_what_was_expected_only_when_it_is_booked(self, api, retailer):
        manager = retailer.hamburg_manager
        made = (await send(api, manager, OPEN, lines=[{"sku": "SHIRT"}], recountAbove=1))["countSession"]
        assert (made["status"], made["blind"], made["lines"][0]["status"]) == ("OPEN", True, "TO_COUNT")
        session = made["id"]
        seen = []
        for attempt in (1, 2):
            found = await send(
                api, manager, RECORD, id=session, lines=[{"sku": "SHIRT", "counted": 6}], expectedVersion=attempt
            )
            [line] = found["countSession"]["lines"]
            seen.append((line["status"], line["counted"], line["expected"], line["variance"]))
        assert seen == [("RECOUNT", 6, None, None), ("COUNTED", 6, None, None)]
        refused = await send(api, manager, APPLY, id=session)
        assert refused["errors"] == [{"code": "REASON_REQUIRED", "path": ["input", "reason"]}]
        booked = (await send(api, manager, APPLY, id=session, reason="THEFT"))["countSession"]
        assert booked["status"] == "APPLIED"
        assert booked["lines"] == [
            {
                "status": "APPLIED",
                "counted": 6,
                "expected": 9,
                "variance": -3,
                "attempts": 2,
                "reason": "THEFT",
                "variant": {"sku": "SHIRT"},
            }
        ]
        async with retailer.database.read() as session:
            assert await check_stock(session) == []

    @pytest.mark.parametrize(
        ("document", "given", "code"),
        [
            (RECORD, {"lines": [{"sku": "SHIRT", "counted": -1}]}, "INVALID_QUANTITY"),
            (RECORD, {"lines": [{"sku": "NO", "counted": 1}]}, "UNKNOWN_SKU"),
            (RECORD, {"lines": []}, "TOO_MANY_LINES"),
            (RECORD, {"lines": [{"sku": "SHIRT", "counted": 1, "expectedQuantity": 8}]}, "STALE_QUANTITY"),
            (RECOUNT, {"lines": [{"sku": "SHIRT"}], "expectedVersion": 7}, "STALE_VERSION"),
            (APPLY, {}, "INVALID_TRANSITION"),
            (CANCEL, {"id": global_id("CountSession", NOBODY)}, "COUNT_SESSION_NOT_FOUND"),
            (CANCEL, {"id": global_id("Location", NOBODY)}, "INVALID_ID"),
        ],
    )
    async def test_a_bad_step_is_refused_by_name(self, api, retailer, document: str, given: Any, code: str):
        session = (await send(api, retailer.hamburg_manager, OPEN))["countSession"]["id"]
        refused = await send(api, retailer.hamburg_manager, document, **{"id": session, **given})
        assert [error["code"] for error in refused["errors"]] == [code]

    async def test_a_store_sees_and_opens_its_own_sessions(self, api, retailer):
        mine = (await send(api, retailer.hamburg_manager, OPEN))["countSession"]["id"]
        theirs = (await send(api, retailer.office, OPEN, locationCode="berlin"))["countSession"]["id"]
        seen = await api.data(retailer.hamburg_manager, SESSIONS)
        assert [edge["node"]["id"] for edge in seen["countSessions"]["edges"]] == [mine]
        one = "query($id: ID!) { countSession(id: $id) { id } node(id: $id) { id } }"
        assert await api.data(retailer.hamburg_manager, one, id=theirs) == {"countSession": None, "node": None}
        await send(api, retailer.hamburg_manager, CANCEL, id=mine)
        left = await api.data(retailer.office, SESSIONS, statuses=["OPEN"])
        assert [edge["node"]["id"] for edge in left["countSessions"]["edges"]] == [theirs]
        given = {"idempotencyKey": "k", "locationCode": "berlin"}
        answer = await api.run(retailer.hamburg_manager, OPEN, input=given)
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"

    async def test_sessions_take_the_same_statements_for_any_number_of_rows(self, api, retailer):
        for number in range(6):
            await send(api, retailer.office, OPEN, locationCode="berlin", lines=[{"sku": "SHIRT"}], recountAbove=number)
        few, many = [await api.count(retailer.office, SESSIONS, first=first) for first in (1, 6)]
        assert few == many <= 5


@pytest.mark.usefixtures("shirt")
async def test_units_are_inspected_and_given_up(api, retailer):
    manager = retailer.hamburg_manager
    common = {"sku": "SHIRT", "reason": "DAMAGED"}
    held = await send(api, manager, INSPECT, **common, quantity=3, **{"from": "ON_HAND", "to": "QUALITY_CONTROL"})
    assert held["stockLevel"] == {"onHand": 6, "qualityControl": 3, "damaged": 0}
    failed = await send(api, manager, INSPECT, **common, quantity=2, **{"from": "QUALITY_CONTROL", "to": "DAMAGED"})
    assert failed["stockLevel"] == {"onHand": 6, "qualityControl": 1, "damaged": 2}
    gone = await send(api, manager, WRITE_OFF, **common, quantity=2, **{"from": "DAMAGED"})
    assert gone["stockLevel"] == {"onHand": 6, "qualityControl": 1, "damaged": 0}
    refused = await send(api, manager, WRITE_OFF, **common, quantity=1, **{"from": "DAMAGED"})
    assert [error["code"] for error in refused["errors"]] == ["INSUFFICIENT_STOCK"]
