"""Ordered bundles: claimed, routed and handed out whole from one location, as the components they were sold with."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelOrderLine, OrderState
from hub.fulfillment import (
    FulfillmentOrder,
    RejectReason,
    Tracking,
    accept,
    cancel_order,
    lines_by_fulfillment_order_ids,
    reject,
    route_order,
    ship,
)
from hub.inventory import (
    CreateReservation,
    ReservationLineInput,
    ReservationOwner,
    ReturnCondition,
    SetComponents,
    available_to_sell,
    create_reservation,
    levels,
    set_components,
)
from hub.kernel.ids import new_id
from hub.kernel.money import Money
from hub.orders import (
    CaptureResult,
    OrderLine,
    OrderMethod,
    PlaceOrder,
    PlaceOrderLine,
    ReturnLineInput,
    ReturnOrder,
    components_of,
    order_lines,
    place_order,
    return_order,
)
from routing import Part
from tests.factories import make_principal, make_variant, set_stock
from tests.orders.stage import SEALER, World, step
from tests.orders.test_waiting_orders import forget_work, is_asked_for, let_events_flow

OUTFIT = ChannelOrderLine("l1", "Outfit", 2, Money(9000, "EUR"), sku="OUTFIT")


@pytest.fixture
async def outfit(world: World) -> UUID:
    """One pair of shoes and two shirts."""
    async with world.database.write() as session:
        bundle = await make_variant(session, "OUTFIT", price_minor=9000)
    await compose(world, bundle, Part(world.shoe, 1), Part(world.shirt, 2))
    return bundle


async def compose(world: World, bundle: UUID, *parts: Part) -> None:
    command = SetComponents(bundle, parts)
    (await set_components(world.database, world.staff, command, idempotency_key=str(new_id()))).unwrap()


async def stock(world: World, location: UUID, *, shoe: int, shirt: int) -> None:
    await set_stock(world.database, world.shoe, location, shoe)
    await set_stock(world.database, world.shirt, location, shirt)


async def capture(world: World, quantity: int = 2, **changes: object) -> UUID:
    line = ChannelOrderLine("l1", "Outfit", quantity, Money(9000, "EUR"), sku="OUTFIT")
    order = replace(world.channel_order(lines=(line,), total=Money(9000 * quantity, "EUR")), **changes)  # type: ignore[arg-type]
    assert await world.capture(order) is CaptureResult.CREATED
    return (await world.order()).id


async def place(world: World, *lines: tuple[UUID, int], **changes: object) -> UUID:
    wanted = tuple(PlaceOrderLine(variant, quantity) for variant, quantity in lines)
    command = PlaceOrder(world.channel.id, wanted, OrderMethod.SHIP, "EUR", **changes)  # type: ignore[arg-type]
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["order_id"])


async def lines_of(world: World, order_id: UUID) -> list[OrderLine]:
    async with world.database.read() as session:
        return list(await order_lines(session, order_id))


async def state(world: World, variant: UUID, location: UUID) -> tuple[int, int, int]:
    """onHand, reserved, allocated."""
    async with world.database.read() as session:
        found = await levels(session, [variant], [location])
    return (found[0].on_hand, found[0].reserved, found[0].allocated) if found else (0, 0, 0)


async def hand_out(world: World, item: FulfillmentOrder) -> None:
    (await accept(world.database, world.staff, step(item))).unwrap()
    (await ship(world.database, world.staff, step(item), tracking=Tracking())).unwrap()


async def unfilled(world: World) -> dict[UUID, int]:
    async with world.database.read() as session:
        rows = await session.execute(
            text("SELECT variant_id, sum(quantity)::bigint FROM unfilled_demand GROUP BY variant_id")
        )
        return {row[0]: row[1] for row in rows}


async def test_a_captured_bundle_goes_its_whole_way_as_its_components(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=9)
    await stock(world, world.hamburg, shoe=3, shirt=6)
    order_id = await capture(world)
    assert await state(world, world.shoe, world.hamburg) == (3, 2, 0)
    await world.assert_sound()
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    assert item.location_id == world.hamburg
    assert await state(world, world.shoe, world.hamburg) == (3, 0, 2)
    assert await state(world, world.shirt, world.hamburg) == (6, 0, 4)
    await world.assert_sound()
    await hand_out(world, item)
    [line] = await lines_of(world, order_id)
    assert (line.variant_id, line.kind, line.fulfilled) == (outfit, "BUNDLE", 2)
    assert (await world.order()).status == "COMPLETED"
    assert await state(world, world.shirt, world.hamburg) == (2, 0, 0)
    assert await world.points(await world.order()) == 180
    await world.assert_sound()


async def test_bundles_are_split_over_stores_each_whole(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=2, shirt=3)
    await stock(world, world.hamburg, shoe=1, shirt=9)
    order_id = await capture(world)
    await route_order(world.database, order_id)
    items = await world.queue(order_id)
    async with world.database.read() as session:
        grouped = await lines_by_fulfillment_order_ids(session, [item.id for item in items])
    assert sorted(line.quantity for lines in grouped.values() for line in lines) == [1, 1]
    assert {line.variant_id for lines in grouped.values() for line in lines} == {outfit}
    assert await state(world, world.shirt, world.berlin) == (3, 0, 2)
    await hand_out(world, items[0])
    assert (await world.order()).status == "OPEN"
    await hand_out(world, items[1])
    assert (await world.order()).status == "COMPLETED"
    await world.assert_sound()


async def test_a_bundle_and_a_single_of_one_order_share_a_component(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=2)
    await stock(world, world.hamburg, shoe=0, shirt=1)
    order_id = await place(world, (world.shirt, 1), (outfit, 1))
    await route_order(world.database, order_id)
    items = {item.location_id: item for item in await world.queue(order_id)}
    assert items.keys() == {world.berlin, world.hamburg}
    assert await state(world, world.shirt, world.berlin) == (2, 0, 2)
    assert await state(world, world.shirt, world.hamburg) == (1, 0, 1)
    await world.assert_sound()


async def test_a_placed_bundle_without_all_of_its_components_is_refused(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=5, shirt=1)
    await stock(world, world.hamburg, shoe=5, shirt=1)
    command = PlaceOrder(world.channel.id, (PlaceOrderLine(outfit, 1),), OrderMethod.SHIP, "EUR")
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key="k")
    assert answer.refusal is not None
    assert answer.refusal.code == "INSUFFICIENT_STOCK"
    details = answer.refusal.details
    assert details is not None
    [line] = details["lines"]
    assert (line["variant_id"], line["requested"], line["available"]) == (str(outfit), 1, 0)


async def test_due_holds_of_a_component_lapse_for_an_ordered_bundle(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=2)
    cart = CreateReservation(
        ReservationOwner.CART, (ReservationLineInput(world.shirt, 1),), ttl_seconds=60, channel_id=world.channel.id
    )
    (await create_reservation(world.database, world.staff, cart, idempotency_key="cart")).unwrap()
    async with world.database.write() as session:
        await session.execute(text("UPDATE reservations SET expires_at = hub_now() - interval '1 second'"))
    await place(world, (outfit, 1))
    await world.assert_sound()


async def test_a_carts_bundle_becomes_the_orders(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=2, shirt=4)
    cart = CreateReservation(ReservationOwner.CART, (ReservationLineInput("OUTFIT", 2),), channel_id=world.channel.id)
    made = (await create_reservation(world.database, world.staff, cart, idempotency_key="cart")).unwrap()
    order_id = await place(world, (outfit, 2), reservation_id=UUID(made["reservation_id"]))
    assert await state(world, world.shirt, world.berlin) == (4, 4, 0)
    await route_order(world.database, order_id)
    assert await state(world, world.shirt, world.berlin) == (4, 0, 4)
    await world.assert_sound()


async def test_what_no_store_has_whole_waits_as_components_and_is_served_when_they_are_together(
    world: World, outfit: UUID
) -> None:
    await stock(world, world.berlin, shoe=3, shirt=3)
    order_id = await capture(world, 2)
    assert await unfilled(world) == {world.shoe: 1, world.shirt: 2}
    async with world.database.read() as session:
        told = await available_to_sell(session, [(world.shoe, world.channel.id)])
    assert told[world.shoe, world.channel.id].quantity == 1
    run = await route_order(world.database, order_id)
    assert not run.complete
    await world.assert_sound()
    await let_events_flow(world.database)
    await forget_work(world.database)
    # One shirt more makes two there, but the other store has no shoe: only together do they make an outfit.
    await set_stock(world.database, world.shirt, world.hamburg, 5)
    await let_events_flow(world.database)
    assert not await is_asked_for(world, order_id)
    await set_stock(world.database, world.shirt, world.berlin, 4)
    await let_events_flow(world.database)
    assert await is_asked_for(world, order_id)
    assert (await route_order(world.database, order_id)).complete
    assert await unfilled(world) == {}
    await world.assert_sound()


async def test_a_cancelled_bundle_gives_all_of_its_components_back(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=3)
    order_id = await capture(world, 2)
    await route_order(world.database, order_id)
    (
        await cancel_order(world.database, world.staff, order_id=order_id, reason="CUSTOMER", idempotency_key="c")
    ).unwrap()
    assert await state(world, world.shirt, world.berlin) == (3, 0, 0)
    assert await unfilled(world) == {}
    await world.assert_sound()


async def test_a_bundle_that_a_store_finds_damaged_leaves_its_shelf_as_components(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=3)
    order_id = await capture(world, 1)
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    (await reject(world.database, world.staff, step(item), reason=RejectReason.DAMAGED)).unwrap()
    assert await state(world, world.shirt, world.berlin) == (1, 0, 0)
    await route_order(world.database, order_id)
    await world.assert_sound()


async def test_a_bundle_comes_back_whole_in_the_components_it_was_sold_with(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=2, shirt=4)
    order_id = await capture(world, 2)
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    await hand_out(world, item)
    await compose(world, outfit, Part(world.shoe, 3))
    [line] = await lines_of(world, order_id)
    returned = ReturnOrder(order_id, world.hamburg, (ReturnLineInput(line.id, 1, ReturnCondition.SELLABLE),))
    (await return_order(world.database, world.staff, returned, idempotency_key="r")).unwrap()
    assert (await state(world, world.shoe, world.hamburg))[0] == 1
    assert (await state(world, world.shirt, world.hamburg))[0] == 2
    assert await world.points(await world.order()) == 90
    await world.assert_sound()


async def test_a_bundle_sold_over_the_counter_takes_its_components_off_the_shelf(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=1, shirt=3)
    wanted = (PlaceOrderLine(outfit, 2),)
    command = PlaceOrder(world.channel.id, wanted, OrderMethod.HANDED_OVER, "EUR", handed_over_at=world.berlin)
    (await place_order(world.database, world.staff, command, SEALER, idempotency_key="k")).unwrap()
    assert (await state(world, world.shoe, world.berlin))[0] == -1
    assert (await state(world, world.shirt, world.berlin))[0] == -1
    await world.assert_sound()


async def test_a_line_that_is_mapped_late_to_a_bundle_is_claimed_as_components(world: World) -> None:
    await stock(world, world.berlin, shoe=2, shirt=4)
    order = world.channel_order(lines=(OUTFIT,), total=Money(18000, "EUR"))
    await world.capture(order)
    assert (await world.order()).hold == "UNMAPPED_LINE"
    async with world.database.write() as session:
        bundle = await make_variant(session, "OUTFIT", price_minor=9000)
    await compose(world, bundle, Part(world.shoe, 1), Part(world.shirt, 2))
    assert await world.capture(order) is CaptureResult.UPDATED
    assert await state(world, world.shirt, world.berlin) == (4, 4, 0)
    known = await world.order()
    assert known.hold is None
    async with world.database.read() as session:
        lines = await order_lines(session, known.id)
        assert await components_of(session, lines) == {lines[0].id: (Part(world.shoe, 1), Part(world.shirt, 2))}
    await world.assert_sound()


async def test_the_channels_own_words_about_an_ordered_bundle_are_no_conflict(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=2, shirt=4)
    await capture(world, state=OrderState.PENDING_PAYMENT)
    newer = world.channel_order(
        lines=(OUTFIT,), total=Money(18000, "EUR"), source_version="2026-11-02T10:00:00", content_hash="b"
    )
    assert await world.capture(newer) is CaptureResult.UPDATED
    assert (await world.order()).hold is None
    assert await state(world, world.shirt, world.berlin) == (4, 4, 0)
    await world.assert_sound()


async def test_orders_of_a_bundle_and_of_its_component_at_once_sell_nothing_twice(world: World, outfit: UUID) -> None:
    await stock(world, world.berlin, shoe=20, shirt=9)
    wanted = [(outfit, 1) if number % 2 else (world.shirt, 1) for number in range(16)]
    who = make_principal()

    async def order(line: tuple[UUID, int]) -> bool:
        command = PlaceOrder(world.channel.id, (PlaceOrderLine(*line),), OrderMethod.SHIP, "EUR")
        answer = await place_order(world.database, who, command, SEALER, idempotency_key=str(new_id()))
        return answer.refusal is None

    served = await asyncio.gather(*(order(line) for line in wanted), return_exceptions=True)
    taken = sum(2 if line[0] == outfit else 1 for line, got in zip(wanted, served, strict=True) if got is True)
    assert (await state(world, world.shirt, world.berlin))[1] == taken <= 9
    await world.assert_sound()
