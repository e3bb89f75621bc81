"""Claims that take what there is, that prefer some locations, and that move: nothing beyond what may be promised."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    CreateReservation,
    Release,
    ReservationLineInput,
    ReservationOwner,
    Units,
    create_reservation,
    transfer_reservation,
)
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind
from tests.factories import make_principal, move_clock
from tests.inventory.asks import PATIENCE_SECONDS, connected, queued
from tests.inventory.stage import Stage, make_stage

CLIENTS = 32
STAFF = make_principal(kind=PrincipalKind.STAFF)


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database, locations=3, variants=2)


def line(stage: Stage, quantity: int, *places: int, variant: int = 0) -> ReservationLineInput:
    chosen = tuple(stage.locations[place] for place in places)
    return ReservationLineInput(stage.variants[variant], quantity, location_ids=chosen)


async def claim(
    stage: Stage, *lines: ReservationLineInput, who: Principal = STAFF, partial: bool = True, cart: bool = False
) -> Answer:
    owner = ReservationOwner.CART if cart else ReservationOwner.STAFF
    command = CreateReservation(owner, lines, channel_id=stage.channel_id, partial=partial)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await create_reservation(stage.database, who, command, idempotency_key=str(new_id()))


def got(stage: Stage, answer: Answer) -> list[tuple[int, int, int]]:
    """(variant, location, units) of what was claimed, by number."""
    return sorted(
        (stage.variants.index(UUID(variant)), stage.locations.index(UUID(location)), units)
        for variant, location, units in answer.unwrap()["lines"]
    )


def short(answer: Answer) -> list[tuple[int, int]]:
    lines: list[dict[str, Any]] = answer.unwrap()["short"]
    return [(item["requested"], item["available"]) for item in lines]


async def buffer(stage: Stage, units: int) -> None:
    async with connected(stage.database) as connection:
        await connection.execute("UPDATE channels SET stock_buffer = $1", units)


async def test_a_partial_claim_takes_what_there_is_and_says_what_it_did_not_get(stage: Stage) -> None:
    await stage.stock(2)
    await stage.stock(9, variant=1)
    answer = await claim(stage, line(stage, 5, 0), line(stage, 4, 0, variant=1))
    assert got(stage, answer) == [(0, 0, 2), (1, 0, 4)]
    assert short(answer) == [(5, 2)]
    await stage.assert_sound()


async def test_a_partial_claim_that_gets_nothing_is_refused(stage: Stage) -> None:
    answer = await claim(stage, line(stage, 5, 0), line(stage, 4, 1))
    assert answer.refusal is not None
    assert answer.refusal.code == "INSUFFICIENT_STOCK"
    assert answer.refusal.details is not None
    assert len(answer.refusal.details["lines"]) == 2
    await stage.assert_sound()


async def test_a_partial_claim_sees_lapsed_holds_as_free(stage: Stage) -> None:
    key = await stage.stock(5)
    await stage.reserve([Units(key, 4)], ttl_seconds=60)
    await move_clock(stage.database, 61)
    answer = await claim(stage, line(stage, 5, 0))
    assert (got(stage, answer), short(answer)) == ([(0, 0, 5)], [])
    await stage.assert_sound()


async def test_a_partial_claim_looks_elsewhere_in_the_pool_when_its_choice_was_taken_meanwhile(stage: Stage) -> None:
    first = await stage.stock(5)
    await stage.stock(4, location=1)
    async with stage.database.write() as session:
        await session.execute(
            text("SELECT FROM stock_levels WHERE (variant_id, location_id) = (:v, :l) FOR UPDATE"),
            {"v": first.variant_id, "l": first.location_id},
        )
        claiming = asyncio.create_task(claim(stage, line(stage, 5), cart=True, who=make_principal()))
        await queued(stage.database, 1)
        await stage.apply_in(session, Adjust(first, -3, AdjustmentReason.LOST))
    answer = await claiming
    assert (got(stage, answer), short(answer)) == ([(0, 0, 1), (0, 1, 4)], [])
    await stage.assert_sound()


async def test_a_preferred_location_that_has_everything_serves_alone(stage: Stage) -> None:
    for location, units in enumerate((2, 9, 9)):
        await stage.stock(units, location=location)
    assert got(stage, await claim(stage, line(stage, 5, 0, 2, 1), partial=False)) == [(0, 2, 5)]
    assert got(stage, await claim(stage, line(stage, 8, 0, 2, 1), partial=False)) == [(0, 1, 8)]


async def test_locations_are_used_up_in_the_order_of_preference_when_none_has_everything(stage: Stage) -> None:
    for location, units in enumerate((2, 3, 4)):
        await stage.stock(units, location=location)
    assert got(stage, await claim(stage, line(stage, 5, 2, 0, 1), partial=False)) == [(0, 0, 1), (0, 2, 4)]


async def test_lines_that_prefer_the_same_locations_are_summed_before_they_are_promised(stage: Stage) -> None:
    await stage.stock(3)
    await stage.stock(2, location=1)
    refused = await claim(stage, line(stage, 3, 0, 1), line(stage, 3, 0, 1), partial=False)
    assert refused.refusal is not None
    answer = await claim(stage, line(stage, 3, 0, 1), line(stage, 3, 0, 1))
    assert got(stage, answer) == [(0, 0, 3), (0, 1, 2)]
    assert short(answer) == [(3, 2)]


@pytest.mark.parametrize("cart", [True, False])
@pytest.mark.parametrize("partial", [True, False])
async def test_the_buffer_is_exact_however_many_claim_at_once(stage: Stage, cart: bool, partial: bool) -> None:
    await buffer(stage, 7)
    for location in range(3):
        await stage.stock(20, location=location)
    who = make_principal(kind=PrincipalKind.MACHINE if cart else PrincipalKind.STAFF)

    async def client() -> int:
        units = 0
        for _ in range(2):
            answer = await claim(stage, line(stage, 2), cart=cart, who=who, partial=partial)
            units += 0 if answer.refusal else sum(unit for _, _, unit in got(stage, answer))
        return units

    granted = sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))
    assert granted == (53 if partial else 52)
    row = await stage.row("SELECT sum(reserved)::int FROM stock_levels")
    assert row[0] == granted
    await stage.assert_sound()


async def test_a_cap_is_what_one_claim_may_have_wherever_its_lines_look(stage: Stage) -> None:
    await stage.stock(9)
    await stage.stock(9, location=1)
    async with connected(stage.database) as connection:
        await connection.execute(
            "INSERT INTO listings (id, variant_id, channel_id, row_key, status, currency, cap)"
            " VALUES (uuidv7(), $1, $2, 'row', 'ACTIVE', 'EUR', 4)",
            stage.variants[0],
            stage.channel_id,
        )
    mixed = (line(stage, 2, 0), line(stage, 2, 1, 0), line(stage, 2))
    assert (await claim(stage, *mixed, cart=True, who=make_principal(), partial=False)).refusal is not None
    answer = await claim(stage, *mixed, cart=True, who=make_principal())
    assert sum(units for _, _, units in got(stage, answer)) == 4


async def move(stage: Stage, reservation_id: UUID, location: int) -> Answer:
    return await transfer_reservation(
        stage.database,
        STAFF,
        reservation_id=reservation_id,
        to_location_id=stage.locations[location],
        idempotency_key=str(new_id()),
    )


async def test_a_reservation_moves_whole_or_not_at_all(stage: Stage) -> None:
    units = [Units(await stage.stock(5, variant=variant), 3) for variant in (0, 1)]
    held = await stage.reserve(units)
    await stage.stock(3, location=1)
    await stage.stock(2, variant=1, location=1)
    refused = await move(stage, held, 1)
    assert refused.refusal is not None
    assert refused.refusal.details is not None
    assert refused.refusal.details["lines"] == [
        {
            "variant_id": str(stage.variants[1]),
            "location_id": str(stage.locations[1]),
            "requested": 3,
            "available": 2,
        }
    ]
    assert (await stage.level(stage.key(0, 0)))["reserved"] == 3
    await stage.stock(3, variant=1, location=1)
    assert got(stage, await move(stage, held, 1)) == [(0, 1, 3), (1, 1, 3)]
    assert (await stage.level(stage.key(0, 0)))["reserved"] == 0
    assert got(stage, await move(stage, held, 1)) == [(0, 1, 3), (1, 1, 3)]
    await stage.assert_sound()


async def test_a_spread_reservation_comes_together_where_part_of_it_lies(stage: Stage) -> None:
    units = [Units(await stage.stock(2, location=location), 2) for location in (0, 1)]
    held = await stage.reserve(units)
    assert (await move(stage, held, 1)).refusal is not None
    await stage.stock(4, location=1)
    assert got(stage, await move(stage, held, 1)) == [(0, 1, 4)]
    await stage.assert_sound()


async def test_reservations_that_swap_places_neither_lose_a_unit_nor_wait_for_each_other(stage: Stage) -> None:
    for location in (0, 1):
        await stage.stock(20, location=location)
    held = [await stage.reserve([Units(stage.key(0, number % 2), 1)]) for number in range(CLIENTS)]

    async def wander(number: int) -> None:
        for step in range(4):
            answer = await move(stage, held[number], (number + step + 1) % 2)
            assert answer.refusal is None or answer.refusal.code == "INSUFFICIENT_STOCK"

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(wander(number) for number in range(CLIENTS)))
    row = await stage.row("SELECT sum(reserved)::int FROM stock_levels")
    assert row[0] == CLIENTS
    await stage.assert_sound()
    await stage.apply(*(Release(name) for name in held))
    await stage.assert_sound()


@pytest.mark.parametrize("ended", ["released", "lapsed"])
async def test_what_holds_nothing_any_more_does_not_move(stage: Stage, ended: str) -> None:
    held = await stage.reserve([Units(await stage.stock(2), 1)], ttl_seconds=60)
    await stage.stock(2, location=1)
    if ended == "released":
        await stage.apply(Release(held))
    else:
        await move_clock(stage.database, 61)
    answer = await move(stage, held, 1)
    assert answer.refusal is not None
    expected = "RESERVATION_NOT_ACTIVE" if ended == "released" else "RESERVATION_EXPIRED"
    assert answer.refusal.code == expected
    await stage.assert_sound()


@pytest.mark.parametrize("change", ["active = false", "kind = 'EXTERNAL'"])
async def test_nothing_moves_to_where_nothing_is_kept(stage: Stage, change: str) -> None:
    await stage.stock(3)
    await stage.stock(3, location=1)
    made = UUID((await claim(stage, line(stage, 2, 0))).unwrap()["reservation_id"])
    async with stage.database.write() as session:
        await session.execute(text(f"UPDATE locations SET {change} WHERE id = :id"), {"id": stage.locations[1]})
    refused = (await move(stage, made, 1)).refusal
    assert refused is not None
    assert (refused.code, refused.path) == ("UNKNOWN_LOCATION", ("toLocationId",))
    await stage.assert_sound()
