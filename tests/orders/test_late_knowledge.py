"""Orders that arrive before everything is known of them, and what later words of the channel do to them."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelOrderLine, FulfillmentMethod, LineKind, OrderState
from hub.fulfillment import route_order
from hub.inventory import levels
from hub.kernel.money import Money
from hub.orders import CaptureResult, OrderLine, OrderMethod, ReturnLineInput, ReturnOrder, order_lines, return_order
from tests.factories import make_variant, set_stock
from tests.orders.stage import World, place

HAT = ChannelOrderLine("l9", "Hat", 1, Money(500, "EUR"), sku="HAT")
SHIRT = ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT")
FEE = ChannelOrderLine("fee", "Gift wrap", 1, Money(300, "EUR"), kind=LineKind.FEE)


async def lines_of(world: World, external_id: str = "1001") -> list[OrderLine]:
    order = await world.order(external_id)
    async with world.database.read() as session:
        return list(await order_lines(session, order.id))


async def claimed(world: World, variant_id: UUID) -> int:
    async with world.database.read() as session:
        return sum(level.reserved + level.allocated for level in await levels(session, [variant_id]))


async def unfilled(world: World) -> int:
    async with world.database.read() as session:
        rows = await session.execute(text("SELECT coalesce(sum(quantity), 0)::bigint FROM unfilled_demand"))
        return int(rows.scalar_one())


async def add_hat(world: World, quantity: int = 5) -> UUID:
    async with world.database.write() as session:
        hat = await make_variant(session, "HAT", price_minor=500)
    await set_stock(world.database, hat, world.berlin, quantity)
    return hat


async def test_an_order_held_for_an_unknown_sku_goes_on_when_it_comes_again(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT, HAT), total=Money(4480, "EUR"))
    await world.capture(order)
    assert (await world.order()).hold == "UNMAPPED_LINE"
    assert await world.capture(order) is CaptureResult.IGNORED
    hat = await add_hat(world)
    assert await world.capture(order) is CaptureResult.UPDATED
    known = await world.order()
    assert known.hold is None
    await world.assert_sound()
    assert (await route_order(world.database, known.id)).complete
    assert await claimed(world, hat) == 1
    assert await claimed(world, world.shirt) == 2
    assert await unfilled(world) == 0
    assert await world.capture(order) is CaptureResult.IGNORED
    await world.assert_sound()


async def test_a_mapped_line_claims_stock_at_once_when_nothing_was_claimed(world: World) -> None:
    order = world.channel_order(lines=(HAT,), total=Money(500, "EUR"))
    await world.capture(order)
    hat = await add_hat(world)
    await world.capture(replace(order, source_version="2026-11-02T00:00:00", content_hash="b"))
    assert (await world.order()).hold is None
    assert await claimed(world, hat) == 1
    await world.assert_sound()


async def test_a_sale_at_an_unknown_counter_is_booked_once_the_counter_is_known(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    sale = world.channel_order(
        lines=(SHIRT,),
        total=Money(3980, "EUR"),
        state=OrderState.COMPLETED,
        method=FulfillmentMethod.HANDED_OVER,
        external_location_id="COUNTER",
        placed_at=datetime.now(UTC),
    )
    await world.capture(sale)
    order = await world.order()
    assert order.hold == "UNKNOWN_LOCATION"
    assert await world.on_hand(world.shirt) == 5
    assert await world.points(order) == 0
    async with world.database.write() as session:
        await session.execute(
            text("UPDATE channel_locations SET external_location_id = 'COUNTER' WHERE location_id = :id"),
            {"id": world.berlin},
        )
    for _ in range(3):
        await world.capture(sale)
    order = await world.order()
    assert (order.hold, order.status) == (None, "COMPLETED")
    assert await world.on_hand(world.shirt) == 3
    assert await world.points(order) == 39
    await world.assert_sound()


async def test_an_unknown_article_of_a_counter_sale_is_sold_when_it_is_known(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    sale = world.channel_order(
        lines=(SHIRT, HAT),
        total=Money(4480, "EUR"),
        state=OrderState.COMPLETED,
        method=FulfillmentMethod.HANDED_OVER,
        external_location_id=str(world.berlin),
        placed_at=datetime.now(UTC),
    )
    await world.capture(sale)
    assert (await world.order()).hold == "UNMAPPED_LINE"
    assert await world.on_hand(world.shirt) == 3
    async with world.database.write() as session:
        hat = await make_variant(session, "HAT", price_minor=500)
    for _ in range(2):
        await world.capture(sale)
    assert (await world.order()).hold is None
    assert await world.on_hand(world.shirt) == 3
    assert await world.on_hand(hat) == -1
    await world.assert_sound()


async def test_a_counter_sale_that_was_voided_before_we_heard_of_it_sells_nothing(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await world.capture(
        world.channel_order(
            lines=(SHIRT,),
            state=OrderState.CANCELLED,
            method=FulfillmentMethod.HANDED_OVER,
            external_location_id=str(world.berlin),
        )
    )
    assert (await world.order()).status == "CANCELLED"
    assert await world.on_hand(world.shirt) == 5
    await world.assert_sound()


async def test_an_unpaid_counter_sale_is_sold_when_it_is_paid(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    sale = world.channel_order(
        lines=(SHIRT,),
        state=OrderState.PENDING_PAYMENT,
        method=FulfillmentMethod.HANDED_OVER,
        external_location_id=str(world.berlin),
        placed_at=datetime.now(UTC),
    )
    await world.capture(sale)
    assert await world.on_hand(world.shirt) == 5
    await world.capture(replace(sale, state=OrderState.COMPLETED, source_version="2026-11-02", content_hash="b"))
    assert (await world.order()).status == "COMPLETED"
    assert await world.on_hand(world.shirt) == 3
    await world.assert_sound()


@pytest.mark.parametrize("first", [OrderState.COMPLETED, OrderState.PENDING_PAYMENT])
async def test_what_the_channel_shipped_itself_is_not_claimed_or_routed_but_earns_points(
    world: World, first: OrderState
) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT,), total=Money(3980, "EUR"), state=first)
    await world.capture(order)
    await world.capture(replace(order, state=OrderState.COMPLETED, source_version="2026-11-02", content_hash="b"))
    known = await world.order()
    assert (known.status, known.hold) == ("COMPLETED", None)
    assert (await route_order(world.database, known.id)).fulfillment_order_ids == ()
    assert await claimed(world, world.shirt) == 0
    assert await world.on_hand(world.shirt) == 5
    assert await world.points(known) == 39
    [line] = await lines_of(world)
    assert (line.fulfilled_by, line.fulfilled) == ("CHANNEL", 2)
    back = ReturnOrder(known.id, world.hamburg, (ReturnLineInput(line.id, 1),))
    (await return_order(world.database, world.staff, back, idempotency_key="r")).unwrap()
    assert await world.on_hand(world.shirt) == 6
    await world.assert_sound()


async def test_an_order_the_channel_calls_done_while_it_waits_in_a_store_needs_a_person(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT,))
    await world.capture(order)
    await world.capture(replace(order, state=OrderState.COMPLETED, source_version="2026-11-02", content_hash="b"))
    assert (await world.order()).hold == "CHANNEL_CONFLICT"
    await world.capture(replace(order, source_version="2026-11-03", content_hash="c"))
    assert (await world.order()).hold is None
    assert await claimed(world, world.shirt) == 2
    await world.assert_sound()


async def test_an_order_in_an_unknown_state_is_routed_once_the_state_is_known(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT,), state=OrderState.UNKNOWN)
    await world.capture(order)
    assert (await world.order()).hold == "UNKNOWN_STATE"
    await world.capture(replace(order, state=OrderState.OPEN, source_version="2026-11-02", content_hash="b"))
    known = await world.order()
    assert (known.status, known.hold) == ("OPEN", None)
    assert (await route_order(world.database, known.id)).complete
    await world.assert_sound()


async def test_a_cancelled_unpaid_order_with_a_fee_is_cancelled_and_not_completed(world: World) -> None:
    order = world.channel_order(lines=(SHIRT, FEE), state=OrderState.PENDING_PAYMENT)
    await world.capture(order)
    await world.capture(replace(order, state=OrderState.CANCELLED, source_version="2026-11-02", content_hash="b"))
    known = await world.order()
    assert (known.status, known.hold) == ("CANCELLED", None)
    assert known.closed_at is not None
    assert [(line.fulfilled, line.cancelled) for line in await lines_of(world)] == [(0, 2), (0, 1)]
    assert await world.points(known) == 0
    await world.assert_sound()


async def test_an_unpaid_order_from_before_going_live_never_claims_stock(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    old = world.channel_order(
        lines=(SHIRT,), placed_at=datetime(2019, 1, 1, tzinfo=UTC), state=OrderState.PENDING_PAYMENT
    )
    await world.capture(old)
    await world.capture(replace(old, state=OrderState.OPEN, source_version="2026-11-02", content_hash="b"))
    known = await world.order()
    assert (known.status, known.hold) == ("OPEN", "GO_LIVE_REVIEW")
    assert await claimed(world, world.shirt) == 0
    await world.assert_sound()


async def test_an_order_of_nothing_to_deliver_is_done_at_once_and_earns_points(world: World) -> None:
    async with world.database.write() as session:
        await make_variant(session, "TICKET", stock_policy="UNTRACKED", price_minor=1000)
    ticket = ChannelOrderLine("t", "Ticket", 1, Money(1000, "EUR"), sku="TICKET")
    await world.capture(world.channel_order(lines=(ticket,), total=Money(1000, "EUR")))
    known = await world.order()
    assert known.status == "COMPLETED"
    assert await world.points(known) == 10
    [line] = await lines_of(world)
    back = ReturnOrder(known.id, world.hamburg, (ReturnLineInput(line.id, 1),))
    (await return_order(world.database, world.staff, back, idempotency_key="r")).unwrap()
    assert await world.points(known) == 0
    await world.assert_sound()


async def test_a_return_is_no_conflict_with_a_channel_that_does_not_know_of_it(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    sale = world.channel_order(
        lines=(SHIRT,),
        state=OrderState.COMPLETED,
        method=FulfillmentMethod.HANDED_OVER,
        external_location_id=str(world.berlin),
        placed_at=datetime.now(UTC),
    )
    await world.capture(sale)
    order, [line] = await world.order(), await lines_of(world)
    back = ReturnOrder(order.id, world.berlin, (ReturnLineInput(line.id, 1),))
    (await return_order(world.database, world.staff, back, idempotency_key="r")).unwrap()
    await world.capture(replace(sale, source_version="2026-11-02", content_hash="b"))
    assert (await world.order()).hold is None


async def test_an_order_placed_here_takes_the_line_ids_of_the_channel_that_tells_it_again(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await place(world, method=OrderMethod.SHIP)
    async with world.database.read() as session:
        found = await session.execute(text("SELECT external_id FROM orders WHERE id = :id"), {"id": order_id})
        external_id = found.scalar_one()
    told = world.channel_order(external_id, lines=(replace(SHIRT, quantity=1), FEE))
    assert await world.capture(told) is CaptureResult.UPDATED
    assert (await world.order(external_id)).hold is None
    assert [line.external_id for line in await lines_of(world, external_id)] == ["l1"]
    assert await claimed(world, world.shirt) == 1
    await world.assert_sound()
