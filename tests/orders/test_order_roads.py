"""An order's whole way, on a real Postgres: captured once, routed, collected or shipped, returned, with its points."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from adapters.sdk.types import (
    ChannelOrderLine,
    FulfillmentMethod,
    OrderState,
)
from hub.fulfillment import (
    RejectReason,
    Tracking,
    accept,
    collect,
    decisions_by_order_ids,
    pickup_code,
    ready,
    reject,
    route_order,
    ship,
)
from hub.inventory import InsufficientStockError, ReturnCondition, levels
from hub.kernel.ids import new_id
from hub.kernel.money import AmountError, Money
from hub.orders import (
    CaptureResult,
    OrderMethod,
    PlaceOrder,
    PlaceOrderLine,
    ReturnLineInput,
    ReturnOrder,
    order_lines,
    place_order,
    return_order,
)
from hub.orders.errors import PriceChangedError, ReturnTooManyError
from tests.factories import make_principal, set_stock
from tests.orders.stage import SEALER, World, place, step


async def test_the_nearest_store_with_everything_gets_the_order_and_ships_it(world: World) -> None:
    for variant in (world.shirt, world.shoe):
        await set_stock(world.database, variant, world.berlin, 5)
        await set_stock(world.database, variant, world.hamburg, 5)
    assert await world.capture(world.channel_order()) is CaptureResult.CREATED
    order = await world.order()
    await route_order(world.database, order.id)
    [item] = await world.queue(order.id)
    assert item.location_id == world.berlin
    await world.assert_sound()
    (await accept(world.database, world.staff, step(item))).unwrap()
    (await ship(world.database, world.staff, step(item), tracking=Tracking("DHL", "123"))).unwrap()
    assert (await world.order()).status == "COMPLETED"
    assert await world.on_hand(world.shirt) == 8
    assert await world.points(order) == 109
    await world.assert_sound()


async def test_the_same_order_by_many_roads_at_once_is_one_order(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 10)
    await set_stock(world.database, world.shoe, world.berlin, 10)
    results = await asyncio.gather(*(world.capture(world.channel_order()) for _ in range(7)))
    assert sorted(results).count(CaptureResult.CREATED) == 1
    order = await world.order()
    await asyncio.gather(*(route_order(world.database, order.id) for _ in range(4)))
    assert len(await world.queue(order.id)) == 1
    async with world.database.read() as session:
        assert sum(level.allocated for level in await levels(session, [world.shirt])) == 2
    await world.assert_sound()


async def test_a_rejected_order_goes_to_the_next_store_with_a_reason_kept(world: World) -> None:
    for variant in (world.shirt, world.shoe):
        await set_stock(world.database, variant, world.berlin, 5)
        await set_stock(world.database, variant, world.hamburg, 5)
    await world.capture(world.channel_order())
    order = await world.order()
    await route_order(world.database, order.id)
    [first] = await world.queue(order.id)
    (await reject(world.database, world.staff, step(first), reason=RejectReason.NOT_FOUND)).unwrap()
    await route_order(world.database, order.id, cause="REJECTED")
    [_, second] = await world.queue(order.id)
    assert second.location_id == world.hamburg
    async with world.database.read() as session:
        decisions = (await decisions_by_order_ids(session, [order.id]))[order.id]
    assert [row.run for row in decisions] == [1, 2]
    codes = {
        reason["code"]
        for candidate in decisions[1].decision["candidates"]
        for reason in candidate["reasons"]
        if candidate["location_id"] == str(world.berlin)
    }
    assert codes == {"EXCLUDED"}
    await world.assert_sound()


async def test_what_no_stock_covers_waits_and_is_routed_when_it_arrives(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 1)
    await set_stock(world.database, world.shoe, world.berlin, 1)
    await world.capture(world.channel_order())
    order = await world.order()
    run = await route_order(world.database, order.id)
    assert not run.complete
    await world.assert_sound()
    await set_stock(world.database, world.shirt, world.berlin, 9)
    again = await route_order(world.database, order.id, cause="STOCK_ARRIVED")
    assert again.complete
    assert len(await world.queue(order.id)) == 2
    await world.assert_sound()


async def test_a_pickup_order_is_collected_with_its_code_and_earns_points(world: World) -> None:
    await set_stock(world.database, world.shirt, world.hamburg, 3)
    order_id = await place(world, method=OrderMethod.PICKUP, pickup_location_id=world.hamburg)
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    assert item.location_id == world.hamburg
    (await accept(world.database, world.staff, step(item))).unwrap()
    (await ready(world.database, world.staff, step(item))).unwrap()
    wrong = await collect(world.database, world.staff, step(item), SEALER, code="nope")
    assert wrong.refusal is not None
    assert wrong.refusal.code == "WRONG_PICKUP_CODE"
    right = pickup_code(SEALER, item.id)
    (await collect(world.database, world.staff, step(item), SEALER, code=right)).unwrap()
    assert await world.on_hand(world.shirt) == 2
    again = await collect(world.database, world.staff, step(item), SEALER, code=right)
    assert again.refusal is not None
    assert again.refusal.code == "INVALID_TRANSITION"
    await world.assert_sound()


async def test_a_return_in_another_store_takes_back_its_points_once(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await set_stock(world.database, world.shoe, world.berlin, 5)
    sale = world.channel_order(
        method=FulfillmentMethod.HANDED_OVER, external_location_id=str(world.berlin), placed_at=datetime.now(UTC)
    )
    await world.capture(sale)
    order = await world.order()
    assert order.status == "COMPLETED"
    assert await world.on_hand(world.shirt) == 3
    before = await world.points(order)
    async with world.database.read() as session:
        lines = await order_lines(session, order.id)
    command = ReturnOrder(order.id, world.hamburg, (ReturnLineInput(lines[0].id, 1, ReturnCondition.SELLABLE),))
    for _ in range(2):
        (await return_order(world.database, world.staff, command, idempotency_key="r1")).unwrap()
    assert await world.on_hand(world.shirt) == 4
    assert before - await world.points(order) in {19, 20}
    too_many = ReturnOrder(order.id, world.hamburg, (ReturnLineInput(lines[0].id, 5),))
    answer = await return_order(world.database, world.staff, too_many, idempotency_key="r2")
    assert isinstance(answer.refusal, ReturnTooManyError)
    await world.assert_sound()


async def test_an_older_version_never_overwrites_and_a_cancel_gives_everything_back(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await set_stock(world.database, world.shoe, world.berlin, 5)
    await world.capture(world.channel_order())
    order = await world.order()
    await route_order(world.database, order.id)
    old = world.channel_order(source_version="2026-10-01T00:00:00", content_hash="b", state=OrderState.CANCELLED)
    assert await world.capture(old) is CaptureResult.IGNORED
    assert await world.capture(world.channel_order(content_hash="other")) is CaptureResult.REREAD
    new = world.channel_order(source_version="2026-11-02T00:00:00", content_hash="c", state=OrderState.CANCELLED)
    assert await world.capture(new) is CaptureResult.UPDATED
    assert (await world.order()).status == "CANCELLED"
    async with world.database.read() as session:
        assert sum(level.allocated + level.reserved for level in await levels(session, [world.shirt])) == 0
    await world.assert_sound()


async def test_an_order_from_before_going_live_is_history(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await world.capture(world.channel_order(placed_at=datetime(2019, 1, 1, tzinfo=UTC), state=OrderState.COMPLETED))
    order = await world.order()
    assert order.is_history
    assert await world.on_hand(world.shirt) == 5
    assert await world.points(order) == 0
    await world.assert_sound()


async def test_an_unknown_sku_is_kept_and_held(world: World) -> None:
    line = ChannelOrderLine("l1", "Mystery", 1, Money(500, "EUR"), sku="NOBODY-KNOWS")
    await world.capture(world.channel_order(lines=(line,)))
    order = await world.order()
    assert order.hold == "UNMAPPED_LINE"
    assert await route_order(world.database, order.id) is not None
    assert await world.queue(order.id) == []


async def test_personal_data_is_sealed(world: World) -> None:
    await world.capture(world.channel_order())
    async with world.database.read() as session:
        for table in ("orders", "order_lines", "order_events", "outbox", "audit_log", "work_items"):
            rows = (await session.execute(text(f"SELECT t::text FROM {table} AS t"))).scalars().all()
            for row in rows:
                assert "Secret Street" not in row
                assert "ada@example.org" not in row


async def test_placing_an_order_without_stock_is_refused(world: World) -> None:
    with pytest.raises(InsufficientStockError):
        await place(world, method=OrderMethod.SHIP)


async def test_a_total_that_no_order_can_have_is_refused(world: World) -> None:
    lines = (PlaceOrderLine(world.shirt, 10**9, Money(10**15, "EUR")),)
    command = PlaceOrder(world.channel.id, lines, OrderMethod.HANDED_OVER, "EUR", handed_over_at=world.berlin)
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key="p")
    assert isinstance(answer.refusal, AmountError)


async def test_goods_cannot_come_back_to_a_place_that_does_not_exist(world: World) -> None:
    await world.capture(
        world.channel_order(method=FulfillmentMethod.HANDED_OVER, external_location_id=str(world.berlin))
    )
    order = await world.order()
    async with world.database.read() as session:
        [line, _] = await order_lines(session, order.id)
    command = ReturnOrder(order.id, new_id(), (ReturnLineInput(line.id, 1),))
    answer = await return_order(world.database, world.staff, command, idempotency_key="r")
    assert answer.refusal is not None
    assert answer.refusal.code == "UNKNOWN_LOCATION"


async def test_a_price_that_is_not_ours_is_refused_without_the_scope(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    shop = make_principal(scopes=frozenset(scope for scope in world.staff.scopes if scope != "orders:price"))
    command = PlaceOrder(world.channel.id, (PlaceOrderLine(world.shirt, 1, Money(1, "EUR")),), OrderMethod.SHIP, "EUR")
    answer = await place_order(world.database, shop, command, SEALER, idempotency_key="p")
    assert isinstance(answer.refusal, PriceChangedError)
