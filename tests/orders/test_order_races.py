"""Two hands on one order at once: exactly one wins, and nothing is lost, doubled or left claimed."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelOrderLine
from hub.fulfillment import (
    QueueStep,
    RejectReason,
    Tracking,
    accept,
    cancel_order,
    collect,
    pickup_code,
    ready,
    reject,
    route_order,
    ship,
)
from hub.inventory import CreateReservation, ReservationLineInput, ReservationOwner, create_reservation, levels
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.money import Money
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.loyalty import CreateProgramme, create_programme
from hub.orders import OrderMethod, PlaceOrder, PlaceOrderLine, place_order
from tests.factories import set_stock
from tests.orders.stage import SEALER, World, place, step, until_somebody_waits_for_a_lock


async def claimed(world: World) -> int:
    async with world.database.read() as session:
        return sum(level.reserved + level.allocated for level in await levels(session, [world.shirt]))


def order_of(world: World, **changes: object) -> PlaceOrder:
    given = {"channel_id": world.channel.id, "lines": (PlaceOrderLine(world.shirt, 1),), "method": OrderMethod.SHIP}
    return PlaceOrder(**(given | {"currency": "EUR"} | changes))  # type: ignore[arg-type]


async def waiting_for_pickup(world: World) -> tuple[UUID, QueueStep, str]:
    await set_stock(world.database, world.shirt, world.hamburg, 3)
    order_id = await place(world, method=OrderMethod.PICKUP, pickup_location_id=world.hamburg)
    await route_order(world.database, order_id)
    [item] = await world.queue(order_id)
    (await accept(world.database, world.staff, step(item))).unwrap()
    (await ready(world.database, world.staff, step(item))).unwrap()
    return order_id, step(item), pickup_code(SEALER, item.id)


async def test_two_tills_that_hand_over_the_same_parcel_do_it_once(world: World) -> None:
    _, asked, code = await waiting_for_pickup(world)
    tries = [QueueStep(asked.fulfillment_order_id, str(new_id())) for _ in range(4)]
    answers = await asyncio.gather(*(collect(world.database, world.staff, one, SEALER, code=code) for one in tries))
    assert sorted(answer.refusal.code for answer in answers if answer.refusal) == ["INVALID_TRANSITION"] * 3
    assert await world.on_hand(world.shirt) == 2
    await world.assert_sound()


async def test_a_parcel_is_either_collected_or_cancelled(world: World) -> None:
    order_id, asked, code = await waiting_for_pickup(world)
    collected, cancelled = await asyncio.gather(
        collect(world.database, world.staff, asked, SEALER, code=code),
        cancel_order(world.database, world.staff, order_id=order_id, reason="BUYER", idempotency_key="c"),
    )
    assert [collected.refusal, cancelled.refusal].count(None) == 1
    assert await world.on_hand(world.shirt) == (2 if collected.refusal is None else 3)
    assert await claimed(world) == 0
    await world.assert_sound()


async def test_an_order_cancelled_while_it_is_routed_leaves_nothing_claimed(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 3)
    for number in range(4):
        order_id = await place(world, method=OrderMethod.SHIP)
        await asyncio.gather(
            route_order(world.database, order_id),
            cancel_order(world.database, world.staff, order_id=order_id, reason="BUYER", idempotency_key=str(number)),
        )
    assert await claimed(world) == 0
    await world.assert_sound()


async def test_a_carts_reservation_becomes_one_order_only(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 3)
    line = ReservationLineInput(world.shirt, 1)
    cart = CreateReservation(ReservationOwner.CART, (line,), channel_id=world.channel.id)
    made = (await create_reservation(world.database, world.staff, cart, idempotency_key="cart")).unwrap()
    command = order_of(world, reservation_id=UUID(made["reservation_id"]))
    answers = await asyncio.gather(
        *(place_order(world.database, world.staff, command, SEALER, idempotency_key=str(n)) for n in range(3))
    )
    codes = sorted(answer.refusal.code if answer.refusal else "" for answer in answers)
    assert codes == ["", "RESERVATION_NOT_ACTIVE", "RESERVATION_NOT_ACTIVE"]
    assert await claimed(world) == 1
    [order_id] = [UUID(answer.unwrap()["order_id"]) for answer in answers if answer.refusal is None]
    (await cancel_order(world.database, world.staff, order_id=order_id, reason="BUYER", idempotency_key="c")).unwrap()
    assert await claimed(world) == 0
    await world.assert_sound()


async def test_the_shop_and_its_webhook_tell_of_one_order(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 9)
    await set_stock(world.database, world.shoe, world.berlin, 9)
    command = order_of(world, lines=(PlaceOrderLine(world.shirt, 2), PlaceOrderLine(world.shoe, 1)), external_id="1001")
    await asyncio.gather(
        place_order(world.database, world.staff, command, SEALER, idempotency_key="p"),
        *(world.capture(world.channel_order()) for _ in range(4)),
    )
    order = await world.order()
    assert order.hold is None
    assert await claimed(world) == 2
    assert (await route_order(world.database, order.id)).complete
    await world.assert_sound()


async def test_one_store_rejects_while_another_packs_and_nothing_is_sent_twice(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    await set_stock(world.database, world.shoe, world.hamburg, 1)
    await world.capture(world.channel_order())
    order = await world.order()
    await route_order(world.database, order.id)
    queue = {item.location_id: item for item in await world.queue(order.id)}
    (await accept(world.database, world.staff, step(queue[world.berlin]))).unwrap()
    (await reject(world.database, world.staff, step(queue[world.hamburg]), reason=RejectReason.DAMAGED)).unwrap()
    again = await route_order(world.database, order.id, cause="REJECTED")
    assert not again.complete
    await world.assert_sound()
    await set_stock(world.database, world.shoe, world.berlin, 1)
    assert (await route_order(world.database, order.id, cause="STOCK_ARRIVED")).complete
    assert (await world.order()).status == "OPEN"
    for item in await world.queue(order.id):
        if item.status == "OPEN":
            (await accept(world.database, world.staff, step(item))).unwrap()
        if item.status != "REJECTED":
            (await ship(world.database, world.staff, step(item), tracking=Tracking())).unwrap()
    assert (await world.order()).status == "COMPLETED"
    assert await world.points(order) == 109
    await world.assert_sound()


async def test_a_part_that_was_cancelled_earns_no_points(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    await world.capture(world.channel_order())
    order = await world.order()
    await route_order(world.database, order.id)
    [item] = await world.queue(order.id)
    (await accept(world.database, world.staff, step(item))).unwrap()
    (await ship(world.database, world.staff, step(item), tracking=Tracking())).unwrap()
    (await cancel_order(world.database, world.staff, order_id=order.id, reason="LATE", idempotency_key="c")).unwrap()
    assert (await world.order()).status == "COMPLETED"
    assert await world.points(order) == 40
    await world.assert_sound()


async def test_orders_that_share_goods_in_any_order_never_deadlock(world: World) -> None:
    for variant in (world.shirt, world.shoe):
        await set_stock(world.database, variant, world.berlin, 40)
        await set_stock(world.database, variant, world.hamburg, 40)

    async def one(number: int) -> None:
        order = world.channel_order(str(number))
        await world.capture(order if number % 2 else world.channel_order(str(number), lines=order.lines[::-1]))
        known = await world.order(str(number))
        await route_order(world.database, known.id)
        [item] = await world.queue(known.id)
        (await accept(world.database, world.staff, step(item))).unwrap()
        (await ship(world.database, world.staff, step(item), tracking=Tracking())).unwrap()

    await asyncio.gather(*(one(number) for number in range(10)))
    assert await world.on_hand(world.shirt) == 60
    assert await world.points(await world.order("1")) == 1090
    await world.assert_sound()


async def test_a_pickup_outside_the_pool_is_refused(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 3)
    command = order_of(world, method=OrderMethod.PICKUP, pickup_location_id=new_id())
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key="p")
    assert answer.refusal is not None
    assert answer.refusal.code == "UNKNOWN_LOCATION"


async def test_a_sale_over_a_counter_that_does_not_exist_is_refused(world: World) -> None:
    command = order_of(world, method=OrderMethod.HANDED_OVER, handed_over_at=new_id())
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key="p")
    assert answer.refusal is not None
    assert answer.refusal.code == "UNKNOWN_LOCATION"


async def test_a_customer_orders_for_themselves(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await set_stock(world.database, world.shoe, world.berlin, 5)
    await world.capture(world.channel_order())
    ada = (await world.order()).customer_id
    assert ada is not None
    scopes = frozenset({Scope.ORDERS_WRITE})
    me = Principal(ada, PrincipalKind.CUSTOMER, "c", scopes, world.channel.id, customer_id=ada)
    command = order_of(world, lines=(PlaceOrderLine(world.shirt, 1, Money(1990, "EUR")),), external_id="mine")
    (await place_order(world.database, me, command, SEALER, idempotency_key="a")).unwrap()
    assert (await world.order("mine")).customer_id == ada
    stranger = Principal(new_id(), PrincipalKind.CUSTOMER, "s", scopes, world.channel.id, customer_id=new_id())
    with pytest.raises(HubError) as caught:
        await place_order(world.database, stranger, order_of(world, customer_id=ada), SEALER, idempotency_key="b")
    assert caught.value.code == "CUSTOMER_NOT_ALLOWED"


async def test_points_in_two_programmes_are_locked_in_one_order_whichever_line_comes_first(world: World) -> None:
    """The first line earns in the second programme only: its account must not be taken before the first one's."""
    database = world.database
    async with database.write() as session:
        await session.execute(text("UPDATE loyalty_programmes SET minor_units = 100000"))
        await create_programme(session, CreateProgramme("Second", "EUR"))
    cheap = ChannelOrderLine("l1", "Shirt", 1, Money(100, "EUR"), sku="SHIRT")
    dear = ChannelOrderLine("l2", "Shoe", 1, Money(9_900_000, "EUR"), sku="SHOE")
    await set_stock(database, world.shirt, world.berlin, 1)
    await set_stock(database, world.shoe, world.berlin, 1)
    await world.capture(world.channel_order(lines=(cheap, dear)))
    order_id = (await world.order()).id
    await route_order(database, order_id)
    [item] = await world.queue(order_id)
    (await accept(database, world.staff, step(item))).unwrap()
    lock = text("SELECT id FROM loyalty_accounts ORDER BY programme_id LIMIT 1 OFFSET :nth FOR NO KEY UPDATE")
    async with database.write() as other:
        await other.execute(lock, {"nth": 0})
        shipping = asyncio.create_task(ship(database, world.staff, step(item), tracking=Tracking()))
        await until_somebody_waits_for_a_lock(database)
        await other.execute(lock, {"nth": 1})
    (await shipping).unwrap()
    await world.assert_sound()
