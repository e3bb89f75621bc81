"""Sales over the counter: facts that use up the till's own hold, and only that."""

from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.idempotency import Answer
from hub.inventory import (
    CreateReservation,
    ReservationLineInput,
    ReservationOwner,
    create_reservation,
    levels,
    release_reservation,
)
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders import OrderMethod, PlaceOrder, PlaceOrderLine, place_order
from tests.factories import make_principal, make_terminal, move_clock, set_stock
from tests.orders.stage import SEALER, World


@pytest.fixture
async def till(world: World) -> Principal:
    async with world.database.write() as session:
        terminal = await make_terminal(session, world.channel.id, world.berlin)
    return make_principal(channel_id=world.channel.id, terminal_id=terminal, location_ids=frozenset({world.berlin}))


async def hold(world: World, till: Principal, quantity: int = 1, ttl_seconds: int = 60) -> UUID:
    line = ReservationLineInput(world.shirt, quantity, world.berlin)
    command = CreateReservation(ReservationOwner.TERMINAL, (line,), ttl_seconds, world.channel.id)
    answer = await create_reservation(world.database, till, command, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["reservation_id"])


async def sell(world: World, till: Principal, reservation_id: UUID | None) -> Answer:
    command = PlaceOrder(
        world.channel.id,
        (PlaceOrderLine(world.shirt, 1),),
        OrderMethod.HANDED_OVER,
        "EUR",
        handed_over_at=world.berlin,
        reservation_id=reservation_id,
    )
    return await place_order(world.database, till, command, SEALER, idempotency_key=str(new_id()))


async def state(world: World) -> tuple[int, int, int]:
    async with world.database.read() as session:
        [level] = [each for each in await levels(session, [world.shirt]) if each.location_id == world.berlin]
    return level.on_hand, level.reserved, level.shortage


async def test_the_sale_of_the_last_unit_uses_up_its_hold(world: World, till: Principal) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 1)
    reservation_id = await hold(world, till)
    (await sell(world, till, reservation_id)).unwrap()
    assert await state(world) == (0, 0, 0)
    async with world.database.read() as session:
        status = await session.execute(text("SELECT status FROM reservations WHERE id = :id"), {"id": reservation_id})
        assert status.scalar_one() == "COMMITTED"
    await world.assert_sound()


async def test_what_a_hold_had_besides_is_given_back(world: World, till: Principal) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    (await sell(world, till, await hold(world, till, quantity=3))).unwrap()
    assert await state(world) == (4, 0, 0)
    await world.assert_sound()


async def test_a_sale_whose_hold_has_lapsed_is_still_a_fact(world: World, till: Principal) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    reservation_id = await hold(world, till)
    await move_clock(world.database, 61)
    (await sell(world, till, reservation_id)).unwrap()
    on_hand, _, shortage = await state(world)
    assert (on_hand, shortage) == (1, 0)
    await world.assert_sound()


async def test_a_hold_that_was_put_back_cannot_be_sold(world: World, till: Principal) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 2)
    reservation_id = await hold(world, till)
    (await release_reservation(world.database, till, reservation_id=reservation_id, idempotency_key="back")).unwrap()
    answer = await sell(world, till, reservation_id)
    assert answer.refusal is not None
    assert answer.refusal.code == "RESERVATION_NOT_ACTIVE"
    assert await state(world) == (2, 0, 0)
