"""What stock cannot serve any more leaves the store's queue, the newest promise first, and is routed anew."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from hub.fulfillment import FulfillmentStatus, accept, ask_for_relief, relieve, route_order
from hub.infra.database import Database
from hub.inventory import Actor, LevelKey, Sell, SetComponents, StockRequest, Units, apply, set_components
from hub.kernel.ids import new_id
from hub.orders import OrderMethod, PlaceOrder, PlaceOrderLine, place_order
from routing import Part
from tests.factories import make_variant, set_stock
from tests.orders.stage import SEALER, World, make_world, place, step


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def promised(world: World, count: int) -> list[UUID]:
    """Routed orders of a shirt each, in the order in which they were placed."""
    orders = []
    for _ in range(count):
        orders.append(await place(world, method=OrderMethod.SHIP))
        await route_order(world.database, orders[-1])
    return orders


async def sold_over_the_counter(world: World, quantity: int = 1) -> None:
    async with world.database.write() as session:
        units = (Units(LevelKey(world.shirt, world.berlin), quantity),)
        sell = Sell(new_id(), units, occurred_at=datetime(2100, 1, 1, tzinfo=UTC))
        await apply(session, [StockRequest(Actor(world.staff.id), sell)])


async def relieved(world: World) -> list[UUID]:
    """What the worker would do: the orders that were asked for, and then are relieved."""
    async with world.database.write() as session:
        await ask_for_relief(session, [world.shirt])
    async with world.database.read() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql("SELECT subject FROM work_items WHERE kind = 'fulfillment.relieve'")
        subjects = [UUID(row[0]) for row in rows]
    return [subject for subject in subjects if await relieve(world.database, subject)]


async def test_the_newest_order_finds_another_place(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    older, newer = await promised(world, 2)
    await set_stock(world.database, world.shirt, world.hamburg, 1)
    await sold_over_the_counter(world)
    [gone] = await world.queue(newer)
    assert await relieved(world) == [gone.id]
    assert not await relieve(world.database, gone.id)
    await route_order(world.database, newer)
    assert [item.location_id for item in await world.queue(newer)] == [world.berlin, world.hamburg]
    assert [item.status for item in await world.queue(newer)] == ["CANCELLED", "OPEN"]
    assert [item.status for item in await world.queue(older)] == ["OPEN"]
    await world.assert_sound()


async def test_a_bundle_gives_way_when_one_of_its_components_is_gone(world: World) -> None:
    async with world.database.write() as session:
        outfit = await make_variant(session, "OUTFIT")
    made_of = SetComponents(outfit, (Part(world.shoe, 1), Part(world.shirt, 2)))
    (await set_components(world.database, world.staff, made_of, idempotency_key="made of")).unwrap()
    for variant, units in ((world.shoe, 1), (world.shirt, 2)):
        await set_stock(world.database, variant, world.berlin, units)
    command = PlaceOrder(world.channel.id, (PlaceOrderLine(outfit, 1),), OrderMethod.SHIP, "EUR")
    placed = await place_order(world.database, world.staff, command, SEALER, idempotency_key="order")
    order_id = UUID(placed.unwrap()["order_id"])
    await route_order(world.database, order_id)
    [gone] = await world.queue(order_id)
    for variant, units in ((world.shoe, 1), (world.shirt, 2)):
        await set_stock(world.database, variant, world.hamburg, units)
    await sold_over_the_counter(world)
    assert await relieved(world) == [gone.id]
    await route_order(world.database, order_id)
    assert [item.location_id for item in await world.queue(order_id)] == [world.berlin, world.hamburg]
    await world.assert_sound()


async def test_without_another_place_it_waits_for_stock(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 1)
    [order] = await promised(world, 1)
    await sold_over_the_counter(world)
    assert len(await relieved(world)) == 1
    assert not (await route_order(world.database, order)).complete
    await set_stock(world.database, world.shirt, world.berlin, 1)
    assert (await route_order(world.database, order)).complete
    await world.assert_sound()


async def test_what_a_store_has_taken_on_stays_with_it(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 1)
    [order] = await promised(world, 1)
    [item] = await world.queue(order)
    (await accept(world.database, world.staff, step(item))).unwrap()
    await sold_over_the_counter(world)
    assert await relieved(world) == []
    assert [item.status for item in await world.queue(order)] == [FulfillmentStatus.IN_PROGRESS]


async def test_nothing_moves_where_every_promise_can_be_kept(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    await promised(world, 1)
    await sold_over_the_counter(world)
    assert await relieved(world) == []
    await world.assert_sound()
