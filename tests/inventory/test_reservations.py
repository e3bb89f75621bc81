"""Reservations on a real Postgres: nobody is oversold, nothing happens twice, nothing is kept too long."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest

from hub.infra.database import Database
from hub.infra.idempotency import IdempotencyKeyReusedError
from hub.inventory import (
    CreateReservation,
    InsufficientStockError,
    ReservationLineInput,
    ReservationOwner,
    check_stock,
    create_reservation,
    expire_due_reservations,
    extend_reservation,
    levels,
    release_reservation,
)
from hub.inventory.errors import ReservationExpiredError, TooManyLinesError, TtlError
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import LocationNotAllowedError, Principal
from hub.kernel.quantity import QuantityError
from tests.factories import make_channel, make_location, make_principal, make_variant, move_clock, set_stock


@dataclass(frozen=True)
class Shop:
    database: Database
    principal: Principal
    channel_id: UUID
    berlin: UUID
    hamburg: UUID
    variant_id: UUID

    def command(
        self, quantity: int = 1, *, location_id: UUID | None = None, ttl_seconds: int = 900
    ) -> CreateReservation:
        line = ReservationLineInput(self.variant_id, quantity, location_id)
        return CreateReservation(ReservationOwner.CART, (line,), ttl_seconds, self.channel_id)

    async def reserve(self, quantity: int = 1, *, key: str | None = None, location_id: UUID | None = None) -> UUID:
        answer = await create_reservation(
            self.database,
            self.principal,
            self.command(quantity, location_id=location_id),
            idempotency_key=key or str(new_id()),
        )
        return UUID(answer.unwrap()["reservation_id"])

    async def reserved(self) -> int:
        async with self.database.read() as session:
            return sum(level.reserved for level in await levels(session, [self.variant_id]))

    async def assert_sound(self) -> None:
        async with self.database.read() as session:
            assert await check_stock(session) == []


@pytest.fixture
async def shop(database: Database) -> Shop:
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
        channel = await make_channel(session, locations=[berlin, hamburg])
        variant = await make_variant(session)
    return Shop(database, make_principal(channel_id=channel), channel, berlin, hamburg, variant)


async def test_the_last_unit_goes_to_exactly_one_of_many(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 1)

    async def attempt() -> bool:
        try:
            await shop.reserve(location_id=shop.berlin)
        except InsufficientStockError:
            return False
        return True

    wins = await asyncio.gather(*(attempt() for _ in range(64)))
    assert sum(wins) == 1
    await shop.assert_sound()


async def test_a_claim_on_the_pool_never_exceeds_it(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 7)
    await set_stock(shop.database, shop.variant_id, shop.hamburg, 5)
    outcomes = await asyncio.gather(*(shop.reserve() for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(outcome, UUID) for outcome in outcomes) == 12
    assert all(isinstance(outcome, UUID | InsufficientStockError) for outcome in outcomes)
    await shop.assert_sound()


async def test_a_pool_claim_may_be_split_over_locations(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 2)
    await set_stock(shop.database, shop.variant_id, shop.hamburg, 2)
    await shop.reserve(3)
    assert await shop.reserved() == 3
    await shop.assert_sound()


async def test_a_refusal_names_what_was_asked_and_what_is_there(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 2)
    with pytest.raises(InsufficientStockError) as caught:
        await shop.reserve(3, location_id=shop.berlin)
    assert caught.value.details == {
        "lines": [{"variant_id": str(shop.variant_id), "location_id": str(shop.berlin), "requested": 3, "available": 2}]
    }
    assert await shop.reserved() == 0


async def test_the_same_level_named_twice_is_one_demand(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 3)
    line = ReservationLineInput(shop.variant_id, 2, shop.berlin)
    command = CreateReservation(ReservationOwner.CART, (line, line), channel_id=shop.channel_id)
    answer = await create_reservation(shop.database, shop.principal, command, idempotency_key="twice")
    assert isinstance(answer.refusal, InsufficientStockError)
    assert await shop.reserved() == 0


async def test_a_replay_gets_the_first_answer_and_changes_nothing(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 5)
    first = await create_reservation(shop.database, shop.principal, shop.command(), idempotency_key="k")
    again = await create_reservation(shop.database, shop.principal, shop.command(), idempotency_key="k")
    assert again.replayed
    assert again.outcome == first.outcome
    assert await shop.reserved() == 1


async def test_a_refusal_is_replayed_even_when_stock_has_come(shop: Shop) -> None:
    first = await create_reservation(shop.database, shop.principal, shop.command(), idempotency_key="k")
    await set_stock(shop.database, shop.variant_id, shop.berlin, 5)
    again = await create_reservation(shop.database, shop.principal, shop.command(), idempotency_key="k")
    assert first.refusal is not None
    assert again.refusal is not None
    assert (again.refusal.code, again.refusal.details) == (first.refusal.code, first.refusal.details)


async def test_a_key_used_for_another_input_is_refused(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 5)
    await shop.reserve(1, key="k")
    with pytest.raises(IdempotencyKeyReusedError):
        await shop.reserve(2, key="k")
    assert await shop.reserved() == 1


async def test_the_same_key_at_once_claims_once(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 5)
    outcomes = await asyncio.gather(*(shop.reserve(key="same") for _ in range(8)), return_exceptions=True)
    made = {outcome for outcome in outcomes if isinstance(outcome, UUID)}
    refused = [outcome for outcome in outcomes if isinstance(outcome, HubError)]
    assert len(made) == 1
    assert {error.code for error in refused} <= {"IDEMPOTENCY_CONCURRENT_REQUEST"}
    assert await shop.reserved() == 1


async def test_a_lapsed_hold_gives_way_to_the_next_claim_without_the_sweeper(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 1)
    await shop.reserve()
    with pytest.raises(InsufficientStockError):
        await shop.reserve()
    await move_clock(shop.database, 901)
    await shop.reserve(location_id=shop.berlin)
    await move_clock(shop.database, 1900)
    await shop.reserve()
    assert await shop.reserved() == 1
    await shop.assert_sound()


async def test_the_sweeper_gives_back_what_is_due_and_nothing_else(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 10)
    for _ in range(3):
        await shop.reserve()
    await move_clock(shop.database, 600)
    await shop.reserve()
    await move_clock(shop.database, 901)
    async with shop.database.write() as session:
        assert await expire_due_reservations(session, limit=100) == 3
    assert await shop.reserved() == 1
    await shop.assert_sound()


async def test_a_lapsed_reservation_cannot_be_extended(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 1)
    reservation_id = await shop.reserve()
    await move_clock(shop.database, 901)
    answer = await extend_reservation(
        shop.database, shop.principal, reservation_id=reservation_id, ttl_seconds=60, idempotency_key="x"
    )
    assert isinstance(answer.refusal, ReservationExpiredError)


async def test_releasing_twice_gives_back_once(shop: Shop) -> None:
    await set_stock(shop.database, shop.variant_id, shop.berlin, 2)
    reservation_id = await shop.reserve(2)
    for key in ("a", "b"):
        answer = await release_reservation(
            shop.database, shop.principal, reservation_id=reservation_id, idempotency_key=key
        )
        answer.unwrap()
    assert await shop.reserved() == 0
    await shop.assert_sound()


@pytest.mark.parametrize("ttl_seconds", [0, -1, 14_401])
async def test_a_time_to_live_out_of_bounds_is_refused(shop: Shop, ttl_seconds: int) -> None:
    with pytest.raises(TtlError):
        await create_reservation(
            shop.database, shop.principal, shop.command(ttl_seconds=ttl_seconds), idempotency_key="k"
        )


@pytest.mark.parametrize("count", [0, 101])
async def test_a_reservation_has_one_to_a_hundred_lines(shop: Shop, count: int) -> None:
    line = ReservationLineInput(shop.variant_id, 1, shop.berlin)
    command = CreateReservation(ReservationOwner.CART, (line,) * count)
    with pytest.raises(TooManyLinesError):
        await create_reservation(shop.database, shop.principal, command, idempotency_key="k")


@pytest.mark.parametrize("quantity", [0, -3, 10**12])
async def test_an_absurd_quantity_is_refused(shop: Shop, quantity: int) -> None:
    with pytest.raises(QuantityError):
        await shop.reserve(quantity)


async def test_a_till_cannot_claim_at_another_location(shop: Shop) -> None:
    till = make_principal(channel_id=shop.channel_id, location_ids=frozenset({shop.hamburg}))
    with pytest.raises(LocationNotAllowedError):
        await create_reservation(shop.database, till, shop.command(location_id=shop.berlin), idempotency_key="k")
