"""A claim on a channel's pool takes no more than the channel may promise, and only in the claimant's own name."""

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.inventory import (
    CreateReservation,
    ReservationLineInput,
    ReservationOwner,
    available_to_sell,
    create_reservation,
)
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import PrincipalKind
from tests.factories import make_channel, make_location, make_principal, make_variant, set_stock
from tests.inventory.stage import Stage, make_stage


async def claim(stage: Stage, quantity: int, *, owner: ReservationOwner = ReservationOwner.CART) -> str | None:
    """The refusal's code, if any."""
    command = CreateReservation(
        owner, (ReservationLineInput(stage.variants[0], quantity),), channel_id=stage.channel_id
    )
    who = make_principal(channel_id=stage.channel_id)
    answer = await create_reservation(stage.database, who, command, idempotency_key=str(new_id()))
    return None if answer.refusal is None else answer.refusal.code


async def test_places_that_cannot_ship_do_not_pay_for_the_buffer_of_those_that_can(database: Database) -> None:
    async with database.write() as session:
        ships = await make_location(session, "warehouse", capabilities=["SHIP"])
        counter = await make_location(session, "counter", capabilities=["PICKUP"])
        channel = await make_channel(session, locations=[ships, counter])
        await session.execute(text("UPDATE channels SET stock_buffer = 5"))
        variant = await make_variant(session)
    stage = Stage(database, channel, (ships, counter), (variant,))
    for location in stage.locations:
        await set_stock(database, variant, location, 6)
    async with database.read() as session:
        [told] = (await available_to_sell(session, [(variant, channel)], method="SHIP")).values()
    assert told.quantity == 1
    assert await claim(stage, 2) == "INSUFFICIENT_STOCK"
    assert await claim(stage, 1) is None


async def test_a_listings_cap_bounds_a_claim(database: Database) -> None:
    stage = await make_stage(database)
    await stage.stock(10)
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO listings (id, variant_id, channel_id, row_key, status, currency, cap)"
                " VALUES (uuidv7(), :variant, :channel, 'row', 'ACTIVE', 'EUR', 3)"
            ),
            {"variant": stage.variants[0], "channel": stage.channel_id},
        )
    assert await claim(stage, 4) == "INSUFFICIENT_STOCK"
    assert await claim(stage, 3) is None


@pytest.mark.parametrize("owner", [ReservationOwner.TERMINAL, ReservationOwner.STAFF])
async def test_a_shop_cannot_claim_as_a_till_or_as_staff(database: Database, owner: ReservationOwner) -> None:
    stage = await make_stage(database)
    with pytest.raises(HubError) as caught:
        await claim(stage, 1, owner=owner)
    assert caught.value.code == "OWNER_NOT_ALLOWED"


async def test_staff_may_take_safety_stock(database: Database) -> None:
    stage = await make_stage(database)
    key = await stage.stock(2)
    async with database.write() as session:
        await session.execute(text("UPDATE stock_levels SET safety_stock = 2"))
    command = CreateReservation(ReservationOwner.STAFF, (ReservationLineInput(key.variant_id, 2, key.location_id),))
    who = make_principal(kind=PrincipalKind.STAFF)
    (await create_reservation(database, who, command, idempotency_key="k")).unwrap()
    await stage.assert_sound()


async def test_a_claim_at_a_place_that_nobody_knows_says_so(database: Database) -> None:
    stage = await make_stage(database)
    line = ReservationLineInput(stage.variants[0], 1, new_id())
    command = CreateReservation(ReservationOwner.CART, (line,), channel_id=stage.channel_id)
    answer = await create_reservation(database, make_principal(), command, idempotency_key="k")
    assert answer.refusal is not None
    assert answer.refusal.code == "UNKNOWN_LOCATION"
