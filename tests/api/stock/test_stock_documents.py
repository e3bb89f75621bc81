"""Transfers and purchase orders over GraphQL: their steps, who sees them, and what is incoming because of them."""

from typing import Any
from uuid import UUID, uuid5

import pytest

from hub.inventory import check_stock
from hub_graphql.ids import global_id

TRANSFER = "id version status lines { quantity received extra missing outstanding variant { sku } }"
ERRORS = "replayed errors { code path }"
CREATE = f"""mutation($input: StockTransferCreateInput!) {{ result: stockTransferCreate(input: $input) {{
  stockTransfer {{ {TRANSFER} }} {ERRORS} }} }}"""
DISPATCH = f"""mutation($input: StockTransferDispatchInput!) {{ result: stockTransferDispatch(input: $input) {{
  stockTransfer {{ {TRANSFER} expectedAt dispatchedAt }} {ERRORS} }} }}"""
RECEIVE = f"""mutation($input: StockTransferReceiveInput!) {{ result: stockTransferReceive(input: $input) {{
  stockTransfer {{ {TRANSFER} closedAt }} {ERRORS} }} }}"""
CANCEL = f"""mutation($input: StockTransferCancelInput!) {{ result: stockTransferCancel(input: $input) {{
  stockTransfer {{ {TRANSFER} }} {ERRORS} }} }}"""
ORDER = f"""mutation($input: PurchaseOrderCreateInput!) {{ result: purchaseOrderCreate(input: $input) {{
  purchaseOrder {{ id version number supplier status location {{ code }} }} {ERRORS} }} }}"""
ORDER_RECEIVE = f"""mutation($input: PurchaseOrderReceiveInput!) {{ result: purchaseOrderReceive(input: $input) {{
  purchaseOrder {{ status lines {{ received extra outstanding }} }} {ERRORS} }} }}"""
RESCHEDULE = f"""mutation($input: PurchaseOrderRescheduleInput!) {{ result: purchaseOrderReschedule(input: $input) {{
  purchaseOrder {{ expectedAt }} {ERRORS} }} }}"""
ORDER_CANCEL = f"""mutation($input: PurchaseOrderCancelInput!) {{ result: purchaseOrderCancel(input: $input) {{
  purchaseOrder {{ status }} {ERRORS} }} }}"""
TRANSFERS = """query($first: Int, $after: String, $locationId: ID, $statuses: [StockTransferStatus!]) {
  stockTransfers(first: $first, after: $after, locationId: $locationId, statuses: $statuses) {
    edges { node { id status fromLocation { code } toLocation { code } lines { quantity variant { sku } } } }
    pageInfo { hasNextPage endCursor } } }"""
ORDERS = """query($first: Int) { purchaseOrders(first: $first) {
  edges { node { number status location { code } lines { quantity variant { sku } } } } } }"""
INCOMING = """query($first: Int) { stockLevels(first: $first) { edges { node {
  incoming location { code } incomingExpected { date quantity } } } } }"""
NOBODY = UUID(int=1)
SOON = "2026-12-01T08:00:00Z"
LATER = "2026-12-05T08:00:00Z"


async def send(api: Any, who: Any, document: str, **given: Any) -> Any:
    key = {"idempotencyKey": str(uuid5(NOBODY, document + repr(given)))}
    return (await api.data(who, document, input={**key, **given}))["result"]


async def sent(api: Any, retailer: Any, quantity: int = 3, **more: Any) -> str:
    ends = {"fromLocationCode": "berlin", "toLocationCode": "hamburg"}
    made = await send(api, retailer.office, CREATE, lines=[{"sku": "SHIRT", "quantity": quantity}], **ends, **more)
    transfer = made["stockTransfer"]["id"]
    await send(api, retailer.office, DISPATCH, id=transfer)
    return str(transfer)


@pytest.fixture
async def shirt(retailer: Any) -> Any:
    [variant] = await retailer.product("SHIRT")
    await retailer.stock(variant, retailer.berlin, 50)
    return variant


@pytest.mark.usefixtures("shirt")
class TestTransfers:
    async def test_a_transfer_goes_its_way(self, api, retailer):
        given = {"fromLocationCode": "berlin", "lines": [{"sku": "SHIRT", "quantity": 5}], "expectedAt": SOON}
        made = (await send(api, retailer.hamburg_manager, CREATE, **given))["stockTransfer"]
        assert (made["status"], made["version"], made["lines"][0]["outstanding"]) == ("DRAFT", 1, 5)
        out = await send(api, retailer.office, DISPATCH, id=made["id"], expectedVersion=1)
        assert (out["stockTransfer"]["status"], out["stockTransfer"]["expectedAt"]) == ("IN_TRANSIT", SOON)
        levels = await api.data(retailer.hamburg_manager, INCOMING)
        assert levels["stockLevels"]["edges"] == [
            {
                "node": {
                    "incoming": 5,
                    "location": {"code": "hamburg"},
                    "incomingExpected": [{"date": SOON, "quantity": 5}],
                }
            }
        ]
        line = {"sku": "SHIRT", "quantity": 4, "missing": 1, "reason": "DAMAGED"}
        came = await send(api, retailer.hamburg_manager, RECEIVE, id=made["id"], lines=[line])
        assert came["stockTransfer"]["status"] == "RECEIVED"
        assert came["stockTransfer"]["lines"] == [
            {"quantity": 5, "received": 4, "extra": 0, "missing": 1, "outstanding": 0, "variant": {"sku": "SHIRT"}}
        ]
        async with retailer.database.read() as session:
            assert await check_stock(session) == []

    async def test_a_replay_answers_what_became_of_it(self, api, retailer):
        transfer = await sent(api, retailer)
        first, again = [
            await send(api, retailer.office, RECEIVE, id=transfer, lines=[{"sku": "SHIRT", "quantity": 3}])
            for _ in range(2)
        ]
        assert (first["replayed"], again["replayed"]) == (False, True)
        assert first["stockTransfer"] == again["stockTransfer"]

    @pytest.mark.parametrize(
        ("document", "given", "code"),
        [
            (RECEIVE, {"lines": [{"sku": "SHIRT", "quantity": 4}]}, "REASON_REQUIRED"),
            (RECEIVE, {"lines": [{"sku": "SHIRT", "quantity": 0}]}, "INVALID_INPUT"),
            (RECEIVE, {"lines": []}, "TOO_MANY_LINES"),
            (RECEIVE, {"lines": [{"sku": "SHIRT", "quantity": -1}]}, "INVALID_QUANTITY"),
            (RECEIVE, {"lines": [{"sku": "NO", "quantity": 1}]}, "UNKNOWN_SKU"),
            (RECEIVE, {"lines": [{"sku": "SHIRT", "quantity": 1}], "expectedVersion": 1}, "STALE_VERSION"),
            (DISPATCH, {"expectedAt": SOON}, "INVALID_TRANSITION"),
            (CANCEL, {}, "INVALID_TRANSITION"),
            (CANCEL, {"id": "nonsense"}, "INVALID_ID"),
            (CANCEL, {"id": global_id("PurchaseOrder", NOBODY)}, "INVALID_ID"),
            (CANCEL, {"id": global_id("StockTransfer", NOBODY)}, "STOCK_TRANSFER_NOT_FOUND"),
        ],
    )
    async def test_a_bad_step_is_refused_by_name(self, api, retailer, document: str, given: Any, code: str):
        transfer = await sent(api, retailer)
        refused = await send(api, retailer.office, document, **{"id": transfer, **given})
        assert [error["code"] for error in refused["errors"]] == [code]

    async def test_a_store_sees_its_own_transfers(self, api, retailer):
        transfer = await sent(api, retailer)
        munich = {"fromLocationCode": "berlin", "toLocationCode": "munich"}
        await send(api, retailer.office, CREATE, lines=[{"sku": "SHIRT", "quantity": 1}], **munich)
        seen = await api.data(retailer.hamburg_manager, TRANSFERS)
        assert [edge["node"]["id"] for edge in seen["stockTransfers"]["edges"]] == [transfer]
        drafts = await api.data(retailer.till, TRANSFERS, statuses=["DRAFT"])
        [found] = drafts["stockTransfers"]["edges"]
        node = "query($id: ID!) { node(id: $id) { id } stockTransfer(id: $id) { id } }"
        hidden = await api.data(retailer.hamburg_manager, node, id=found["node"]["id"])
        assert hidden == {"node": None, "stockTransfer": None}
        assert (await api.data(retailer.hamburg_manager, node, id=transfer))["node"] == {"id": transfer}
        foreign = {"locationId": global_id("Location", retailer.munich)}
        answer = await api.run(retailer.hamburg_manager, TRANSFERS, **foreign)
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"

    async def test_pages_follow_each_other_newest_first(self, api, retailer):
        made = [await sent(api, retailer, number + 1) for number in range(3)]
        first = (await api.data(retailer.office, TRANSFERS, first=2))["stockTransfers"]
        rest = (await api.data(retailer.office, TRANSFERS, first=2, after=first["pageInfo"]["endCursor"]))[
            "stockTransfers"
        ]
        assert [edge["node"]["id"] for edge in first["edges"] + rest["edges"]] == made[::-1]
        assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)

    async def test_lists_take_the_same_statements_for_any_number_of_rows(self, api, retailer):
        for number in range(8):
            await sent(api, retailer, number + 1)
            line = {"sku": "SHIRT", "quantity": 1}
            await send(api, retailer.office, ORDER, number=f"P{number}", locationCode="munich", lines=[line])
        for document in (TRANSFERS, ORDERS, INCOMING):
            one, all_of_them = [await api.count(retailer.office, document, first=first) for first in (1, 40)]
            assert one <= all_of_them <= 6
            assert all_of_them == await api.count(retailer.office, document, first=4)


@pytest.mark.usefixtures("shirt")
class TestPurchaseOrders:
    async def test_what_is_ordered_is_incoming_until_it_came(self, api, retailer):
        given = {"number": "PO-7", "supplier": "Nord", "expectedAt": SOON}
        line = {"sku": "SHIRT", "quantity": 6}
        made = await send(api, retailer.hamburg_manager, ORDER, **given, lines=[line])
        order = made["purchaseOrder"]
        assert (order["number"], order["status"], order["location"]["code"]) == ("PO-7", "OPEN", "hamburg")
        moved = await send(api, retailer.hamburg_manager, RESCHEDULE, id=order["id"], expectedAt=LATER)
        assert moved["purchaseOrder"] == {"expectedAt": LATER}
        part = {"sku": "SHIRT", "quantity": 4, "condition": "INSPECT"}
        came = await send(api, retailer.hamburg_manager, ORDER_RECEIVE, id=order["id"], lines=[part])
        assert came["purchaseOrder"] == {
            "status": "PARTIALLY_RECEIVED",
            "lines": [{"received": 4, "extra": 0, "outstanding": 2}],
        }
        levels = await api.data(retailer.hamburg_manager, INCOMING)
        assert levels["stockLevels"]["edges"][0]["node"]["incomingExpected"] == [{"date": LATER, "quantity": 2}]
        gone = await send(api, retailer.hamburg_manager, ORDER_CANCEL, id=order["id"])
        assert gone["purchaseOrder"] == {"status": "CANCELLED"}
        levels = await api.data(retailer.hamburg_manager, INCOMING)
        assert levels["stockLevels"]["edges"][0]["node"]["incoming"] == 0
        async with retailer.database.read() as session:
            assert await check_stock(session) == []

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"number": "PO-1"}, "PURCHASE_ORDER_EXISTS"),
            ({"number": " "}, "INVALID_INPUT"),
            ({"number": "x" * 101}, "INVALID_INPUT"),
            ({"number": "2", "lines": [{"sku": "SHIRT", "quantity": 0}]}, "INVALID_QUANTITY"),
            ({"number": "2", "lines": []}, "TOO_MANY_LINES"),
            ({"number": "2", "locationCode": "moon"}, "UNKNOWN_LOCATION"),
        ],
    )
    async def test_a_bad_order_is_refused_by_name(self, api, retailer, given: Any, code: str):
        common = {"lines": [{"sku": "SHIRT", "quantity": 1}], "locationCode": "munich"}
        await send(api, retailer.office, ORDER, **common, number="PO-1")
        refused = await send(api, retailer.office, ORDER, **{**common, "supplier": "another", **given})
        assert [error["code"] for error in refused["errors"]] == [code]

    async def test_an_order_for_another_store_is_refused(self, api, retailer):
        given = {"number": "1", "locationCode": "berlin", "lines": [{"sku": "SHIRT", "quantity": 1}]}
        answer = await api.run(retailer.hamburg_manager, ORDER, input={**given, "idempotencyKey": "k"})
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
