"""A cart that names its location is bound by what the channel may promise, exactly as one that names none."""

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.inventory import (
    CreateReservation,
    ReservationLineInput,
    ReservationOwner,
    Unfilled,
    Units,
    available_to_sell,
    create_reservation,
    release_reservation,
    replace_unfilled,
)
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from tests.factories import make_channel, make_location, make_principal, make_variant, set_stock
from tests.inventory.stage import Stage, make_stage

ANYWHERE = None


async def refusal(stage: Stage, *wanted: tuple[int, int | None], who: Principal | None = None) -> HubError | None:
    """Claim (quantity, number of the location) lines of the first variant as a cart."""
    lines = tuple(
        ReservationLineInput(stage.variants[0], quantity, None if place is None else stage.locations[place])
        for quantity, place in wanted
    )
    command = CreateReservation(ReservationOwner.CART, lines, channel_id=stage.channel_id)
    answer = await create_reservation(stage.database, who or make_principal(), command, idempotency_key=str(new_id()))
    return answer.refusal


async def promise(stage: Stage) -> int | None:
    async with stage.database.read() as session:
        [told] = (await available_to_sell(session, [(stage.variants[0], stage.channel_id)])).values()
    return told.quantity


async def run(database: Database, statement: str, **values: object) -> None:
    async with database.write() as session:
        await session.execute(text(statement), values)


async def demand_of_another_channel(stage: Stage, *, shares_location: bool) -> None:
    async with stage.database.write() as session:
        place = stage.locations[0] if shares_location else await make_location(session, "far")
        other = await make_channel(session, "other", locations=[place])
        order = await session.execute(text("SELECT hub_now()"))
        row = Unfilled(new_id(), stage.variants[0], other, 3, order.scalar_one())
        await replace_unfilled(session, [row.order_line_id], [row])


async def test_a_cart_at_a_named_place_leaves_the_buffer(database: Database) -> None:
    stage = await make_stage(database)
    await stage.stock(5)
    await run(database, "UPDATE channels SET stock_buffer = 2")
    refused = await refusal(stage, (4, 0))
    assert refused is not None
    assert refused.code == "INSUFFICIENT_STOCK"
    assert refused.details is not None
    assert refused.details["lines"][0]["available"] == 3
    assert await refusal(stage, (3, 0)) is None
    assert await promise(stage) == 0
    await stage.assert_sound()


async def test_named_and_free_lines_share_one_promise(database: Database) -> None:
    stage = await make_stage(database)
    await stage.stock(3)
    await stage.stock(3, location=1)
    await run(database, "UPDATE channels SET stock_buffer = 1")
    assert (await refusal(stage, (3, 0), (3, ANYWHERE))) is not None
    assert await refusal(stage, (3, 0), (2, ANYWHERE)) is None
    assert (await stage.level(stage.key(0, 0)))["reserved"] == 3
    assert (await stage.level(stage.key(0, 1)))["reserved"] == 2
    await stage.assert_sound()


@pytest.mark.parametrize("change", ["active = false", "kind = 'EXTERNAL'"])
async def test_a_cart_takes_nothing_from_a_place_that_the_pool_lacks(database: Database, change: str) -> None:
    stage = await make_stage(database)
    await stage.stock(5)
    await stage.stock(5, location=1)
    await run(database, f"UPDATE locations SET {change} WHERE id = :id", id=stage.locations[0])
    refused = await refusal(stage, (1, 0))
    assert refused is not None
    assert refused.code == "UNKNOWN_LOCATION"


async def test_a_cart_takes_nothing_from_a_place_of_another_channel(database: Database) -> None:
    stage = await make_stage(database, locations=1)
    async with database.write() as session:
        far = await make_location(session, "far")
    await set_stock(database, stage.variants[0], far, 5)
    stage = Stage(database, stage.channel_id, (far,), stage.variants)
    refused = await refusal(stage, (1, 0))
    assert refused is not None
    assert refused.code == "UNKNOWN_LOCATION"


async def test_a_cart_without_a_channel_is_refused(database: Database) -> None:
    stage = await make_stage(database)
    key = await stage.stock(5)
    command = CreateReservation(ReservationOwner.CART, (ReservationLineInput(key.variant_id, 1, key.location_id),))
    answer = await create_reservation(database, make_principal(), command, idempotency_key="k")
    assert answer.refusal is not None
    assert answer.refusal.path == ("channel",)


@pytest.mark.parametrize(("shares", "left"), [(True, 2), (False, 5)])
async def test_only_demand_on_shared_places_lowers_a_promise(database: Database, shares: bool, left: int) -> None:
    stage = await make_stage(database)
    await stage.stock(5)
    await demand_of_another_channel(stage, shares_location=shares)
    assert await promise(stage) == left
    assert (await refusal(stage, (left + 1, ANYWHERE))) is not None
    assert await refusal(stage, (left, ANYWHERE)) is None


async def test_an_inactive_channel_promises_nothing_and_claims_nothing(database: Database) -> None:
    stage = await make_stage(database)
    await stage.stock(5)
    await run(database, "UPDATE channels SET active = false")
    assert await promise(stage) == 0
    assert (await refusal(stage, (1, ANYWHERE))) is not None
    assert (await refusal(stage, (1, 0))) is not None


async def test_a_customer_claims_for_themselves_only(database: Database) -> None:
    stage = await make_stage(database)
    await stage.stock(5)
    me = new_id()
    customer = Principal(
        me, PrincipalKind.CUSTOMER, "c", frozenset({Scope.RESERVATIONS_WRITE}), stage.channel_id, customer_id=me
    )
    line = ReservationLineInput(stage.variants[0], 1)
    other = CreateReservation(ReservationOwner.CART, (line,), channel_id=stage.channel_id, customer_id=new_id())
    with pytest.raises(HubError) as caught:
        await create_reservation(database, customer, other, idempotency_key="a")
    assert caught.value.code == "CUSTOMER_NOT_ALLOWED"
    assert await refusal(stage, (1, ANYWHERE), who=customer) is None
    assert (await stage.row("SELECT customer_id FROM reservations"))[0] == me


async def test_what_an_order_holds_is_not_released_by_who_once_reserved_it(database: Database) -> None:
    async with database.write() as session:
        place = await make_location(session)
        channel = await make_channel(session, locations=[place])
        variant = await make_variant(session)
    stage = Stage(database, channel, (place,), (variant,))
    await stage.stock(1)
    held = await stage.reserve([Units(stage.key(), 1)])
    await run(database, "UPDATE reservations SET owner = 'ORDER', expires_at = NULL, extendable_until = NULL")
    answer = await release_reservation(database, make_principal(), reservation_id=held, idempotency_key="k")
    assert answer.refusal is not None
    assert answer.refusal.code == "RESERVATION_NOT_ACTIVE"
    assert (await stage.level(stage.key()))["reserved"] == 1
