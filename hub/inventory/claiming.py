"""What claims do to the books: reserve, release, extend, relocate, adopt. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from hub.inventory import commands as c
from hub.inventory.books import Attempt, Refusal, short_of
from hub.inventory.commands import RefusalCode, Refused
from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.pool import choose
from hub.inventory.rules import Effect, HeldReservation
from hub.inventory.units import LevelKey, Listed, Shortfall, Units, exploded, spread, summed, whole


def usable(attempt: Attempt, reservation_id: UUID) -> HeldReservation:
    """The reservation, while it holds its units; refuses otherwise."""
    held = _held(attempt, reservation_id)
    if held.status is not ReservationStatus.ACTIVE:
        raise Refusal(_not_active(held))
    if held.due:
        raise Refusal(
            Refused(RefusalCode.RESERVATION_EXPIRED, f"reservation {reservation_id} has lapsed; make a new one")
        )
    return held


def acted_on_by(attempt: Attempt, reservation_id: UUID, claimant: c.Claimant | None) -> HeldReservation:
    """The reservation, if the claimant may act on it; one that it may not see does not exist for it."""
    held = _held(attempt, reservation_id)
    if claimant is None:
        return held
    if claimant.bound and held.principal_id != claimant.principal_id:
        raise Refusal(_not_found(reservation_id))
    if held.owner is ReservationOwner.ORDER:
        message = f"reservation {reservation_id} belongs to an order; cancel the order instead"
        raise Refusal(Refused(RefusalCode.RESERVATION_NOT_ACTIVE, message))
    return held


def _reserve(attempt: Attempt, command: c.Reserve) -> c.Outcome:
    attempt.reference_id = command.reservation_id
    units, short = _granted(attempt, command) if command.partial else (_every_unit(attempt, command), ())
    held = tuple(Units(key, quantity) for key, quantity in units.items())
    attempt.claim(Effect.RESERVE, held, respecting_safety_stock=command.respects_safety_stock)
    books = attempt.books
    books.reserved.append((attempt.actor, command, held))
    books.reservations[command.reservation_id] = HeldReservation(
        command.reservation_id,
        ReservationStatus.ACTIVE,
        due=False,
        units=units,
        principal_id=attempt.actor.principal_id,
        owner=command.owner,
    )
    return c.Done(units=held, short=short)


def _every_unit(attempt: Attempt, command: c.Reserve) -> dict[LevelKey, int]:
    """All levels of a claim that takes every line or nothing; refuses with what is short."""
    if not command.listed and command.from_pool is None:
        return summed(exploded(command.units, command.bundles))
    units, short = exploded(command.units, command.bundles), []
    for line in command.listed:
        given, missing = _from_list(attempt, command, line, summed(units))
        units += given
        short += missing
    pooled, pool_short = _from_pool(attempt, command)
    if short or pool_short:
        raise Refusal(short_of([*short, *pool_short]))
    return summed([*units, *pooled])


def _granted(attempt: Attempt, command: c.Reserve) -> tuple[dict[LevelKey, int], tuple[Shortfall, ...]]:
    """What a partial claim gets, and what not; refuses when it gets nothing."""
    units: list[Units] = []
    short: list[Shortfall] = []
    for key, quantity in summed(command.units).items():
        free = _free(attempt, command, key, summed(units))
        if free:
            units += exploded([Units(key, min(free, quantity))], command.bundles)
        if free < quantity:
            short.append(Shortfall(key, quantity, free))
    for line in command.listed:
        given, missing = _from_list(attempt, command, line, summed(units))
        units += given
        short += missing
    pooled, pool_short = _from_pool(attempt, command)
    units += pooled
    short += pool_short
    if not units:
        raise Refusal(short_of(short))
    return summed(units), tuple(short)


def _from_list(
    attempt: Attempt, command: c.Reserve, line: Listed, taken: Mapping[LevelKey, int]
) -> tuple[list[Units], list[Shortfall]]:
    units = spread(line.quantity, [(key, _free(attempt, command, key, taken)) for key in line.keys])
    got = sum(quantity for _, quantity in units)
    short = [] if got == line.quantity else [Shortfall(line.keys[0], line.quantity, got)]
    return exploded(units, command.bundles), short


def _from_pool(attempt: Attempt, command: c.Reserve) -> tuple[Iterable[Units], Iterable[Shortfall]]:
    if command.from_pool is None:
        return (), ()
    pinned = choose(
        command.from_pool.claim,
        command.from_pool.pool,
        lambda key: attempt.level(key).free(respecting_safety_stock=True),
    )
    return pinned.units, pinned.short


def _free(attempt: Attempt, command: c.Reserve, key: LevelKey, taken: Mapping[LevelKey, int]) -> int:
    """Units of the named variant, or whole bundles, that the claim can still have there beside what it has `taken`."""

    def left(level: LevelKey) -> int:
        free = attempt.level(level).free(respecting_safety_stock=command.respects_safety_stock)
        return max(0, free - taken.get(level, 0))

    return whole(key, command.bundles, left)


def _release(attempt: Attempt, command: c.Release) -> c.Outcome:
    held = acted_on_by(attempt, command.reservation_id, command.claimant)
    if held.status in {ReservationStatus.RELEASED, ReservationStatus.EXPIRED}:
        return c.Done()
    if held.status is ReservationStatus.COMMITTED:
        raise Refusal(_not_active(held))
    attempt.reference_id = held.reservation_id
    for key, quantity in held.units.items():
        attempt.post(Effect.RELEASE, key, quantity)
    attempt.books.resolve(held, ReservationStatus.RELEASED)
    return c.Done()


def _extend(attempt: Attempt, command: c.Extend) -> c.Outcome:
    acted_on_by(attempt, command.reservation_id, command.claimant)
    usable(attempt, command.reservation_id)
    attempt.books.extensions.append(command)
    return c.Done()


def _relocate(attempt: Attempt, command: c.Relocate) -> c.Outcome:
    held = acted_on_by(attempt, command.reservation_id, command.claimant)
    usable(attempt, command.reservation_id)
    attempt.reference_id = held.reservation_id
    moving = [(key, quantity) for key, quantity in held.units.items() if key.location_id != command.to_location_id]
    wanted = [Units(LevelKey(key.variant_id, command.to_location_id), quantity) for key, quantity in moving]
    attempt.claim(Effect.RESERVE, wanted, respecting_safety_stock=held.respects_safety_stock)
    for key, quantity in moving:
        attempt.post(Effect.RELEASE, key, quantity)
    staying = [
        Units(key, quantity) for key, quantity in held.units.items() if key.location_id == command.to_location_id
    ]
    units = summed([*staying, *wanted])
    lines = tuple(Units(key, quantity) for key, quantity in units.items())
    attempt.books.relocations[held.reservation_id] = lines
    attempt.books.reservations[held.reservation_id] = replace(held, units=units)
    return c.Done(expires_at=held.expires_at, units=lines)


def _adopt(attempt: Attempt, command: c.Adopt) -> c.Outcome:
    held = usable(attempt, command.reservation_id)
    attempt.books.adoptions.append(command.reservation_id)
    attempt.books.reservations[command.reservation_id] = replace(held, owner=ReservationOwner.ORDER, expires_at=None)
    return c.Done()


CLAIMS: Mapping[type[Any], Callable[[Attempt, Any], c.Outcome]] = MappingProxyType(
    {c.Reserve: _reserve, c.Release: _release, c.Extend: _extend, c.Relocate: _relocate, c.Adopt: _adopt}
)


def _held(attempt: Attempt, reservation_id: UUID) -> HeldReservation:
    held = attempt.books.reservations.get(reservation_id)
    if held is None:
        raise Refusal(_not_found(reservation_id))
    return held


def _not_found(reservation_id: UUID) -> Refused:
    return Refused(RefusalCode.RESERVATION_NOT_FOUND, f"there is no reservation {reservation_id}")


def _not_active(held: HeldReservation) -> Refused:
    code = (
        RefusalCode.RESERVATION_EXPIRED
        if held.status is ReservationStatus.EXPIRED
        else RefusalCode.RESERVATION_NOT_ACTIVE
    )
    return Refused(code, f"reservation {held.reservation_id} is {held.status.value.lower()}; make a new one")
