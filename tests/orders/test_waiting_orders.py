"""Orders that wait for stock: none is forgotten, whoever waits before it and whenever the stock comes."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.types import ChannelOrderLine
from hub.channel_sync import on_events
from hub.fulfillment import RejectReason, reject, route_order
from hub.fulfillment.waiting import MAX_ORDERS_A_TIME
from hub.infra import events, relay
from hub.infra.database import Database
from hub.inventory import Actor, LevelKey, Receive, StockRequest, Units, apply
from hub.kernel.money import Money
from hub.orders import OrderMethod
from tests.factories import set_stock
from tests.orders.stage import World, place, step, until_somebody_waits_for_a_lock

SHIRT = ChannelOrderLine("l1", "Shirt", 1, Money(1990, "EUR"), sku="SHIRT")
UNKNOWN = ChannelOrderLine("l2", "Hat", 1, Money(500, "EUR"), sku="HAT")


async def let_events_flow(database: Database) -> None:
    """Relay what this database holds, and consume it. A transaction of another database may hold the guard back."""
    async with asyncio.timeout(20):
        while await relay.lag_seconds(database):
            await relay.drain(database)
            while await events.consume(database, "channel stock", on_events):
                pass


async def forget_work(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE work_items SET state = 'DONE', finished_at = hub_now()"))


async def is_asked_for(world: World, order_id: UUID) -> bool:
    async with world.database.read() as session:
        found = await session.execute(
            text("SELECT state FROM work_items WHERE kind = 'order.route' AND subject = :id"), {"id": str(order_id)}
        )
        return bool(found.scalar_one() == "READY")


async def test_orders_that_wait_for_a_person_do_not_stand_in_the_way_of_others(world: World) -> None:
    for number in range(MAX_ORDERS_A_TIME + 1):
        await world.capture(world.channel_order(f"held-{number}", lines=(SHIRT, UNKNOWN), customer=None))
    await world.capture(world.channel_order("last", lines=(SHIRT,), placed_at=datetime(2026, 11, 5, tzinfo=UTC)))
    order = await world.order("last")
    assert not (await route_order(world.database, order.id)).complete
    await forget_work(world.database)
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await let_events_flow(world.database)
    assert await is_asked_for(world, order.id)


async def test_an_order_waiting_at_one_counter_is_not_asked_about_stock_of_another(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 1)
    order_id = await place(world, method=OrderMethod.PICKUP, pickup_location_id=world.berlin)
    await set_stock(world.database, world.shirt, world.berlin, 0)
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    (await reject(world.database, world.staff, step(item), reason=RejectReason.NOT_FOUND)).unwrap()
    await route_order(world.database, order_id)
    await let_events_flow(world.database)
    await forget_work(world.database)
    await set_stock(world.database, world.shirt, world.hamburg, 5)
    await let_events_flow(world.database)
    assert not await is_asked_for(world, order_id)


async def test_stock_that_comes_while_an_order_is_routed_is_not_missed(world: World) -> None:
    """Its event is handled before the run has committed what it left unfilled."""
    database = world.database
    await set_stock(database, world.shirt, world.berlin, 2)
    order_id = await place(world, method=OrderMethod.SHIP)
    await route_order(database, order_id)
    [item] = await world.queue(order_id)
    (await reject(database, world.staff, step(item), reason=RejectReason.TOO_BUSY)).unwrap()
    await set_stock(database, world.shirt, world.hamburg, 0)
    await let_events_flow(database)
    await forget_work(database)
    async with database.write() as gate:
        await gate.execute(text("LOCK TABLE unfilled_demand IN SHARE ROW EXCLUSIVE MODE"))
        async with database.write() as receipt:
            command = Receive((Units(LevelKey(world.shirt, world.hamburg), 3),))
            await apply(receipt, [StockRequest(Actor(UUID(int=0)), command)])
            run = asyncio.create_task(route_order(database, order_id))
            await until_somebody_waits_for_a_lock(database)
        await let_events_flow(database)
    assert (await run).complete
    assert [found.location_id for found in await world.queue(order_id) if found.status == "OPEN"] == [world.hamburg]
    await world.assert_sound()
