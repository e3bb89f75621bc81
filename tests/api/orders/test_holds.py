"""Orders that wait for a person, through the API: found by their reason, decided as a list."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelOrder, ChannelOrderLine, OrderState
from hub.channels import Channel
from hub.fulfillment import cancel_open_units
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.money import Money
from hub.kernel.principal import Scope
from hub.orders import capture_order, order_by_external_id
from hub_graphql.ids import global_id
from tests.api.orders.conftest import SEALER, SHOP_SCOPES, Retailer, document

RELEASE = document("console/ReleaseHolds")
HELD = document("console/HeldOrders")


async def held(retailer: Retailer, external_id: str = "1001") -> UUID:
    """An order that was open when the shop went live."""
    line = ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT")
    order = ChannelOrder(
        external_id=external_id,
        number=external_id,
        state=OrderState.OPEN,
        external_state="processing",
        currency="EUR",
        placed_at=datetime(2019, 1, 1, tzinfo=UTC),
        source_version="1",
        content_hash="a",
        prices_include_tax=True,
        lines=(line,),
        total=Money(3980, "EUR"),
    )
    async with retailer.database.write() as session:
        channel = await session.get(Channel, retailer.shop)
        assert channel is not None
        await capture_order(session, channel, order, SEALER, cancel=cancel_open_units)
        found = await order_by_external_id(session, retailer.shop, external_id)
    assert found is not None
    return found.id


def asked(*ids: UUID, **changes: Any) -> dict[str, Any]:
    rows = [{"id": global_id("Order", order_id)} for order_id in ids]
    return {
        "orders": rows,
        "reason": "GO_LIVE_REVIEW",
        "decision": "CONFIRM",
        "idempotencyKey": str(new_id()),
    } | changes


async def reserved(retailer: Retailer) -> int:
    async with retailer.database.read() as session:
        found = await session.execute(
            text("SELECT sum(reserved)::bigint FROM stock_levels WHERE variant_id = :id"), {"id": retailer.shirt}
        )
        return int(found.scalar_one())


async def test_held_orders_are_found_by_their_reason(retailer: Retailer):
    order_id = await held(retailer)
    await retailer.place()

    async def listed(**variables: Any) -> list[str]:
        page = (await retailer.data(retailer.staff(), HELD, first=10, **variables))["orders"]
        return [edge["node"]["id"] for edge in page["edges"]]

    assert await listed() == [global_id("Order", order_id)]
    assert await listed(holds=["GO_LIVE_REVIEW", "UNKNOWN_STATE"]) == [global_id("Order", order_id)]
    assert await listed(holds=["CHANNEL_CONFLICT"]) == []
    assert await listed(holds=[]) == []


async def test_confirmed_orders_claim_stock_and_leave_the_list(retailer: Retailer):
    ids = [await held(retailer, name) for name in ("1", "2")]
    payload = await retailer.change(retailer.staff(), RELEASE, **asked(*ids))
    assert payload["errors"] == []
    assert [row["id"] for row in payload["rows"]] == [global_id("Order", order_id) for order_id in ids]
    for row in payload["rows"]:
        assert (row["released"], row["errors"]) == (True, [])
        assert (row["order"]["hold"], row["order"]["isHistory"]) == (None, False)
    assert await reserved(retailer) == 4
    left = await retailer.data(retailer.staff(), HELD, first=10)
    assert left["orders"]["edges"] == []


async def test_a_declined_order_stays_history(retailer: Retailer):
    order_id = await held(retailer)
    payload = await retailer.change(retailer.staff(), RELEASE, **asked(order_id, decision="DECLINE"))
    [row] = payload["rows"]
    assert (row["order"]["status"], row["order"]["hold"], row["order"]["isHistory"]) == ("OPEN", None, True)
    assert await reserved(retailer) == 0


async def test_the_same_key_answers_again_and_claims_once(retailer: Retailer):
    staff, given = retailer.staff(), asked(await held(retailer))
    first = await retailer.change(staff, RELEASE, **given)
    again = await retailer.change(staff, RELEASE, **given)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["rows"] == first["rows"]
    assert await reserved(retailer) == 2
    other = await retailer.change(staff, RELEASE, **(given | {"decision": "DECLINE"}))
    assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert other["rows"] == []


async def test_a_refused_row_refuses_all_or_only_itself_and_says_why(retailer: Retailer):
    good, routed, unknown = await held(retailer), await retailer.place(), new_id()
    given = asked(good, routed, unknown)
    for _ in range(2):
        payload = await retailer.change(retailer.staff(), RELEASE, **(given | {"idempotencyKey": str(new_id())}))
        assert [error["code"] for error in payload["errors"]] == ["ORDER_NOT_HELD", "ORDER_NOT_FOUND"]
        assert payload["errors"][0]["path"] == ["input", "orders", "1"]
        assert [row["released"] for row in payload["rows"]] == [False, False, False]
        assert payload["rows"][0]["order"]["hold"] == "GO_LIVE_REVIEW"
    given |= {"errorPolicy": "REJECT_FAILED_ROWS"}
    payload = await retailer.change(retailer.staff(), RELEASE, **given)
    assert payload["errors"] == []
    assert [row["released"] for row in payload["rows"]] == [True, False, False]
    assert [row["errors"][0]["code"] for row in payload["rows"][1:]] == ["ORDER_NOT_HELD", "ORDER_NOT_FOUND"]


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"reason": "UNMAPPED_LINE"}, "HOLD_NOT_DECIDABLE", ["input", "reason"]),
        ({"reason": "CHANNEL_CONFLICT", "decision": "DECLINE"}, "HOLD_NOT_DECIDABLE", ["input", "decision"]),
        ({"orders": []}, "INVALID_INPUT", ["input", "orders"]),
        ({"orders": [{"id": "rubbish"}]}, "INVALID_ID", ["input", "orders", "0", "id"]),
    ],
)
async def test_an_input_that_decides_nothing_is_a_typed_error(retailer: Retailer, changes, code, path):
    payload = await retailer.change(retailer.staff(), RELEASE, **(asked(new_id()) | changes))
    assert (payload["errors"][0]["code"], payload["errors"][0]["path"]) == (code, path)
    assert payload["rows"] == []


async def test_a_stale_version_is_told_where_it_stands(retailer: Retailer):
    order_id = await held(retailer)
    row = {"id": global_id("Order", order_id), "expectedVersion": 9}
    payload = await retailer.change(retailer.staff(), RELEASE, **asked(orders=[row]))
    assert payload["errors"][0]["code"] == "STALE_VERSION"
    assert payload["errors"][0]["path"] == ["input", "orders", "0", "expectedVersion"]


async def test_shops_tills_and_store_staff_do_not_decide(retailer: Retailer):
    given = asked(await held(retailer))
    for caller in (retailer.shop_key(), retailer.till(retailer.berlin), retailer.associate(retailer.berlin)):
        with pytest.raises(HubError) as refused:
            await retailer.ask(caller, RELEASE, input=given)
        assert refused.value.code == "SCOPE_MISSING"
    assert await reserved(retailer) == 0


async def test_a_channels_reviewer_decides_about_that_channels_orders_only(retailer: Retailer):
    order_id = await held(retailer)
    reviewer = SHOP_SCOPES | {Scope.ORDERS_REVIEW}
    payload = await retailer.change(retailer.shop_key(retailer.market, reviewer), RELEASE, **asked(order_id))
    assert payload["errors"][0]["code"] == "ORDER_NOT_FOUND"
    payload = await retailer.change(retailer.shop_key(scopes=reviewer), RELEASE, **asked(order_id))
    assert payload["errors"] == []


@pytest.mark.parametrize("decision", ["CONFIRM", "DECLINE"])
async def test_a_longer_list_takes_no_more_statements(retailer: Retailer, decision):
    staff = retailer.staff()
    one = asked(await held(retailer, "0"), decision=decision)
    many = asked(*[await held(retailer, str(number)) for number in range(1, 8)], decision=decision)
    await retailer.data(staff, HELD, first=1)
    few = await retailer.statements(staff, RELEASE, input=one)
    assert await retailer.statements(staff, RELEASE, input=many) == few


async def test_the_list_of_held_orders_takes_the_same_statements_however_long(retailer: Retailer):
    staff = retailer.staff()
    for number in range(6):
        await held(retailer, str(number))
    assert await retailer.statements(staff, HELD, first=1) == await retailer.statements(staff, HELD, first=6)
