"""Reports about stock over GraphQL: adjustments, receipts, counts, transfers, safety stock."""

from typing import Any

import pytest

from hub.inventory import check_stock

ADJUST = """mutation($input: StockAdjustInput!) { result: stockAdjust(input: $input) {
  replayed stockLevel { onHand } errors { code path } } }"""
COUNT = """mutation($input: StockCountInput!) { result: stockCount(input: $input) {
  replayed stockLevel { onHand } errors { code path } } }"""
RECEIVE = """mutation($input: StockReceiveInput!) { result: stockReceive(input: $input) {
  replayed stockLevels { onHand variant { sku } } errors { code path } } }"""
TRANSFER = """mutation($input: StockTransferInput!) { result: stockTransfer(input: $input) {
  replayed stockLevels { onHand location { code } } errors { code path } } }"""
SAFETY = """mutation($input: SafetyStockSetInput!) { result: safetyStockSet(input: $input) {
  replayed stockLevel { safetyStock available } errors { code path } } }"""


async def report(api: Any, who: Any, document: str, **given: Any) -> Any:
    return (await api.data(who, document, input={"idempotencyKey": document[9:30] + str(given), **given}))["result"]


async def test_a_store_keeps_its_stock(api, retailer):
    await retailer.product("SHIRT")
    await retailer.product("BOOT")
    manager = retailer.hamburg_manager
    got = await report(api, manager, RECEIVE, lines=[{"sku": "SHIRT", "quantity": 5}, {"sku": "BOOT", "quantity": 2}])
    assert got["stockLevels"] == [{"onHand": 5, "variant": {"sku": "SHIRT"}}, {"onHand": 2, "variant": {"sku": "BOOT"}}]
    lost = await report(api, manager, ADJUST, sku="SHIRT", delta=-1, reason="LOST", expectedQuantity=5)
    assert lost["stockLevel"] == {"onHand": 4}
    counted = await report(api, manager, COUNT, sku="SHIRT", counted=3)
    assert counted["stockLevel"] == {"onHand": 3}
    kept = await report(api, manager, SAFETY, sku="SHIRT", safetyStock=2)
    assert kept["stockLevel"] == {"safetyStock": 2, "available": 1}
    async with retailer.database.read() as session:
        assert await check_stock(session) == []


async def test_a_transfer_moves_units_once_per_key(api, retailer):
    [shirt] = await retailer.product("SHIRT")
    await retailer.stock(shirt, retailer.hamburg, 5)
    given = {"sku": "SHIRT", "quantity": 2, "fromLocationCode": "hamburg", "toLocationCode": "berlin"}
    first, again = [await report(api, retailer.office, TRANSFER, **given) for _ in range(2)]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert (
        first["stockLevels"]
        == again["stockLevels"]
        == [
            {"onHand": 3, "location": {"code": "hamburg"}},
            {"onHand": 2, "location": {"code": "berlin"}},
        ]
    )


@pytest.mark.parametrize(
    ("document", "given", "code"),
    [
        (ADJUST, {"sku": "SHIRT", "delta": 0, "reason": "LOST"}, "INVALID_QUANTITY"),
        (ADJUST, {"sku": "NO", "delta": 1, "reason": "FOUND"}, "UNKNOWN_SKU"),
        (ADJUST, {"sku": "SHIRT", "delta": 1, "reason": "FOUND", "expectedQuantity": 9}, "STALE_QUANTITY"),
        (ADJUST, {"sku": "SHIRT", "delta": 1, "reason": "FOUND", "referenceId": "x"}, "INVALID_INPUT"),
        (COUNT, {"sku": "SHIRT", "counted": -1}, "INVALID_QUANTITY"),
        (COUNT, {"sku": "SHIRT", "counted": 1_000_000_001}, "INVALID_QUANTITY"),
        (COUNT, {"sku": "SHIRT", "counted": 1, "locationCode": "nowhere"}, "UNKNOWN_LOCATION"),
        (RECEIVE, {"lines": []}, "TOO_MANY_LINES"),
        (RECEIVE, {"lines": [{"sku": "SHIRT", "quantity": 0}]}, "INVALID_QUANTITY"),
        (SAFETY, {"sku": "SHIRT", "safetyStock": -1}, "INVALID_QUANTITY"),
    ],
)
async def test_bad_input_is_named_and_changes_nothing(api, retailer, document: str, given: Any, code: str):
    [shirt] = await retailer.product("SHIRT")
    await retailer.stock(shirt, retailer.hamburg, 5)
    refused = await report(api, retailer.hamburg_manager, document, **given)
    assert refused["errors"][0]["code"] == code
    level = "{ stockLevels { edges { node { onHand version } } } }"
    seen = await api.data(retailer.hamburg_manager, level)
    assert seen["stockLevels"]["edges"] == [{"node": {"onHand": 5, "version": 1}}]


async def test_another_store_is_refused(api, retailer):
    [shirt] = await retailer.product("SHIRT")
    await retailer.stock(shirt, retailer.berlin, 5)
    given = {"sku": "SHIRT", "counted": 1, "locationCode": "berlin", "idempotencyKey": "k"}
    answer = await api.run(retailer.hamburg_manager, COUNT, input=given)
    assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
