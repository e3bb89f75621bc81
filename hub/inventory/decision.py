"""The pure decision: given locked levels and claims, what each command does, in order of arrival.

No I/O. A command either posts all its movements or none; later commands see what earlier ones posted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.inventory import commands as c
from hub.inventory.commands import LevelKey, RefusalCode, Refused, Shortfall, Units
from hub.inventory.models import ReservationStatus
from hub.inventory.rules import EFFECTS, Deltas, Effect, HeldReservation, Level, MovementKind, moved


@dataclass(frozen=True, slots=True)
class Posting:
    """One ledger row to write: `level` is the level as this movement leaves it."""

    level: Level
    kind: MovementKind
    deltas: Deltas
    actor: c.Actor
    reason: str | None = None
    reference_id: UUID | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """A reservation leaves ACTIVE."""

    reservation_id: UUID
    status: ReservationStatus
    outcome_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """A holder's allocation is now `quantity` (0: gone)."""

    holder_id: UUID
    key: LevelKey
    quantity: int


@dataclass(slots=True)
class Books:
    """Locked state while commands are decided, and everything they want written."""

    levels: dict[LevelKey, Level]
    reservations: dict[UUID, HeldReservation] = field(default_factory=dict)
    holdings: dict[tuple[UUID, LevelKey], int] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    reserved: list[tuple[c.Actor, c.Reserve, tuple[Units, ...]]] = field(default_factory=list)
    resolutions: list[Resolution] = field(default_factory=list)
    extensions: list[c.Extend] = field(default_factory=list)
    adoptions: list[UUID] = field(default_factory=list)
    changed_holdings: dict[tuple[UUID, LevelKey], int] = field(default_factory=dict)
    safety_stocks: dict[LevelKey, int] = field(default_factory=dict)
    counted: set[LevelKey] = field(default_factory=set)
    contradicted: set[LevelKey] = field(default_factory=set)
    """Levels that were taken below zero since they were last counted: somebody has to count."""


class _Refusal(Exception):  # noqa: N818 (control flow inside this module: unwinds one command)
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


class _Attempt:
    """One command's postings on copies; `keep` makes them part of the books."""

    def __init__(self, books: Books, actor: c.Actor, reference_id: UUID | None) -> None:
        self.books = books
        self.actor = actor
        self.reference_id = reference_id
        self.occurred_at: datetime | None = None
        self._levels: dict[LevelKey, Level] = {}
        self._postings: list[Posting] = []

    def level(self, key: LevelKey) -> Level:
        found = self._levels.get(key) or self.books.levels.get(key)
        return found if found is not None else Level(key)

    def post(self, effect: Effect, key: LevelKey, quantity: int) -> None:
        """Post an effect that the caller has already shown to be allowed."""
        kind, unit = EFFECTS[effect]
        self.post_deltas(kind, key, unit.times(quantity))

    def post_deltas(self, kind: MovementKind, key: LevelKey, deltas: Deltas, reason: str | None = None) -> None:
        after = moved(self.level(key), kind, deltas)
        if after is None:
            raise _Refusal(_short([Shortfall(key, max(1, -min(deltas.on_hand, deltas.reserved, 0)), 0)]))
        self._levels[key] = after
        self._postings.append(Posting(after, kind, deltas, self.actor, reason, self.reference_id, self.occurred_at))

    def claim(self, effect: Effect, units: Iterable[Units], *, respecting_safety_stock: bool) -> None:
        """Post a claim on free units; refuses with every level that is short."""
        wanted = _summed(units)
        short = [
            Shortfall(key, quantity, free)
            for key, quantity in wanted.items()
            if quantity > (free := self.level(key).free(respecting_safety_stock=respecting_safety_stock))
        ]
        if short:
            raise _Refusal(_short(short))
        for key, quantity in wanted.items():
            self.post(effect, key, quantity)

    def protect(self, key: LevelKey, safety_stock: int) -> None:
        self._levels[key] = replace(self.level(key), safety_stock=safety_stock)

    def keep(self) -> None:
        for key, after in self._levels.items():
            before = self.books.levels.get(key)
            if after.on_hand < min(0, before.on_hand if before is not None else 0):
                self.books.contradicted.add(key)
        self.books.levels.update(self._levels)
        self.books.postings.extend(self._postings)


def decide(books: Books, request: c.StockRequest) -> c.Outcome:
    """Decide one request and, when it is granted, enter it into the books."""
    command = request.command
    attempt = _Attempt(books, request.actor, getattr(command, "reference_id", None))
    try:
        outcome = _HANDLERS[type(command)](attempt, command)
    except _Refusal as refusal:
        return refusal.refused
    attempt.keep()
    return outcome


def expire(books: Books, held: HeldReservation, actor: c.Actor) -> bool:
    """Give back a due reservation's units. Its levels must be in the books.

    False, and nothing is entered, when a level does not hold what the reservation says: the checker's business.
    """
    attempt = _Attempt(books, actor, held.reservation_id)
    try:
        for key, quantity in held.units.items():
            attempt.post(Effect.EXPIRE, key, quantity)
    except _Refusal:
        return False
    attempt.keep()
    _resolve(books, held, ReservationStatus.EXPIRED)
    return True


def _reserve(attempt: _Attempt, command: c.Reserve) -> c.Outcome:
    attempt.reference_id = command.reservation_id
    attempt.claim(Effect.RESERVE, command.units, respecting_safety_stock=command.respects_safety_stock)
    units = tuple(Units(key, quantity) for key, quantity in _summed(command.units).items())
    attempt.books.reserved.append((attempt.actor, command, units))
    attempt.books.reservations[command.reservation_id] = HeldReservation(
        command.reservation_id, ReservationStatus.ACTIVE, due=False, units=_summed(units)
    )
    return c.Done()


def _release(attempt: _Attempt, command: c.Release) -> c.Outcome:
    held = _held(attempt, command.reservation_id)
    if held.status in {ReservationStatus.RELEASED, ReservationStatus.EXPIRED}:
        return c.Done()
    if held.status is ReservationStatus.COMMITTED:
        raise _Refusal(_not_active(held))
    attempt.reference_id = held.reservation_id
    for key, quantity in held.units.items():
        attempt.post(Effect.RELEASE, key, quantity)
    _resolve(attempt.books, held, ReservationStatus.RELEASED)
    return c.Done()


def _extend(attempt: _Attempt, command: c.Extend) -> c.Outcome:
    _usable(attempt, command.reservation_id)
    attempt.books.extensions.append(command)
    return c.Done()


def _adopt(attempt: _Attempt, command: c.Adopt) -> c.Outcome:
    _usable(attempt, command.reservation_id)
    attempt.books.adoptions.append(command.reservation_id)
    return c.Done()


def _allocate(attempt: _Attempt, command: c.Allocate) -> c.Outcome:
    attempt.reference_id = command.outcome_id
    held = _usable(attempt, command.reservation_id) if command.reservation_id is not None else None
    left = dict(held.units) if held is not None else {}
    fresh: list[Units] = []
    for _holder, (key, quantity) in command.holders:
        from_reservation = min(quantity, left.get(key, 0))
        if from_reservation:
            left[key] -= from_reservation
            attempt.post(Effect.ALLOCATE_RESERVED, key, from_reservation)
        if quantity > from_reservation:
            fresh.append(Units(key, quantity - from_reservation))
    for key, quantity in left.items():
        if quantity:
            attempt.post(Effect.RELEASE, key, quantity)
    attempt.claim(Effect.ALLOCATE, fresh, respecting_safety_stock=command.respects_safety_stock)
    for holder, (key, quantity) in command.holders:
        _hold(attempt.books, holder, key, attempt.books.holdings.get((holder, key), 0) + quantity)
    if held is not None:
        _resolve(attempt.books, held, ReservationStatus.COMMITTED, command.outcome_id)
    return c.Done()


def _let_go(attempt: _Attempt, holder_ids: tuple[UUID, ...], effect: Effect) -> c.Outcome:
    wanted = set(holder_ids)
    held = [
        (holder, key, quantity)
        for (holder, key), quantity in sorted(attempt.books.holdings.items())
        if holder in wanted and quantity
    ]
    for _holder, key, quantity in held:
        attempt.post(effect, key, quantity)
    for holder, key, _quantity in held:
        _hold(attempt.books, holder, key, 0)
    return c.Done()


def _deallocate(attempt: _Attempt, command: c.Deallocate) -> c.Outcome:
    return _let_go(attempt, command.holder_ids, Effect.DEALLOCATE)


def _fulfill(attempt: _Attempt, command: c.Fulfill) -> c.Outcome:
    return _let_go(attempt, command.holder_ids, Effect.FULFILL)


def _sell(attempt: _Attempt, command: c.Sell) -> c.Outcome:
    attempt.reference_id = command.receipt_id
    attempt.occurred_at = command.occurred_at
    held = _usable(attempt, command.reservation_id) if command.reservation_id is not None else None
    left = dict(held.units) if held is not None else {}
    for key, quantity in _summed(command.units).items():
        from_reservation = min(quantity, left.get(key, 0))
        if from_reservation:
            left[key] -= from_reservation
            attempt.post(Effect.SELL_RESERVED, key, from_reservation)
        if quantity > from_reservation:
            attempt.post(Effect.SELL, key, quantity - from_reservation)
        _count_saw_it_gone(attempt, key, quantity)
    for key, quantity in left.items():
        if quantity:
            attempt.post(Effect.RELEASE, key, quantity)
    if held is not None:
        _resolve(attempt.books, held, ReservationStatus.COMMITTED, command.receipt_id)
    return c.Done()


def _count_saw_it_gone(attempt: _Attempt, key: LevelKey, quantity: int) -> None:
    """A sale from before the level's last count: what was counted already lacked these units."""
    counted_at = attempt.level(key).counted_at
    if attempt.occurred_at is not None and counted_at is not None and attempt.occurred_at < counted_at:
        attempt.post_deltas(MovementKind.COUNT_CORRECTION, key, Deltas(on_hand=quantity))


def _receive(attempt: _Attempt, command: c.Receive) -> c.Outcome:
    for key, quantity in _summed(command.units).items():
        attempt.post(Effect.RECEIVE, key, quantity)
    return c.Done()


def _adjust(attempt: _Attempt, command: c.Adjust) -> c.Outcome:
    _expect(attempt.level(command.key), command.expected_quantity)
    attempt.post_deltas(MovementKind.ADJUST, command.key, Deltas(on_hand=command.delta), command.reason)
    return c.Done()


def _count(attempt: _Attempt, command: c.Count) -> c.Outcome:
    level = attempt.level(command.key)
    _expect(level, command.expected_quantity)
    attempt.post_deltas(MovementKind.COUNT, command.key, Deltas(on_hand=command.counted - level.on_hand))
    attempt.books.counted.add(command.key)
    attempt.books.contradicted.discard(command.key)
    return c.Done()


def _set_safety_stock(attempt: _Attempt, command: c.SetSafetyStock) -> c.Outcome:
    attempt.protect(command.key, command.safety_stock)
    attempt.books.safety_stocks[command.key] = command.safety_stock
    return c.Done()


_RETURN_EFFECTS = {
    c.ReturnCondition.SELLABLE: Effect.RETURN_SELLABLE,
    c.ReturnCondition.INSPECT: Effect.RETURN_INSPECT,
    c.ReturnCondition.DAMAGED: Effect.RETURN_DAMAGED,
}


def _take_back(attempt: _Attempt, command: c.TakeBack) -> c.Outcome:
    for key, quantity in _summed(command.units).items():
        attempt.post(_RETURN_EFFECTS[command.condition], key, quantity)
    return c.Done()


def _mark_damaged(attempt: _Attempt, command: c.MarkDamaged) -> c.Outcome:
    for key, quantity in _summed(command.units).items():
        attempt.post(Effect.DAMAGE, key, quantity)
    return c.Done()


def _move(attempt: _Attempt, command: c.Move) -> c.Outcome:
    source = LevelKey(command.variant_id, command.from_location_id)
    target = LevelKey(command.variant_id, command.to_location_id)
    attempt.claim(Effect.ALLOCATE, [Units(source, command.quantity)], respecting_safety_stock=False)
    attempt.post(Effect.TRANSFER_OUT, source, command.quantity)
    attempt.post(Effect.TRANSFER_ANNOUNCE, target, command.quantity)
    attempt.post(Effect.TRANSFER_IN, target, command.quantity)
    return c.Done()


_HANDLERS: Mapping[type[Any], Callable[[_Attempt, Any], c.Outcome]] = {
    c.Reserve: _reserve,
    c.Release: _release,
    c.Extend: _extend,
    c.Adopt: _adopt,
    c.Allocate: _allocate,
    c.Deallocate: _deallocate,
    c.Fulfill: _fulfill,
    c.Sell: _sell,
    c.Receive: _receive,
    c.Adjust: _adjust,
    c.Count: _count,
    c.SetSafetyStock: _set_safety_stock,
    c.TakeBack: _take_back,
    c.MarkDamaged: _mark_damaged,
    c.Move: _move,
}


def _summed(units: Iterable[Units]) -> dict[LevelKey, int]:
    """Demand per level, in lock order; the same level named twice is one demand."""
    total: dict[LevelKey, int] = {}
    for key, quantity in sorted(units):
        total[key] = total.get(key, 0) + quantity
    return total


def _held(attempt: _Attempt, reservation_id: UUID) -> HeldReservation:
    held = attempt.books.reservations.get(reservation_id)
    if held is None:
        raise _Refusal(Refused(RefusalCode.RESERVATION_NOT_FOUND, f"there is no reservation {reservation_id}"))
    return held


def _usable(attempt: _Attempt, reservation_id: UUID) -> HeldReservation:
    held = _held(attempt, reservation_id)
    if held.status is not ReservationStatus.ACTIVE:
        raise _Refusal(_not_active(held))
    if held.due:
        raise _Refusal(
            Refused(RefusalCode.RESERVATION_EXPIRED, f"reservation {reservation_id} has lapsed; make a new one")
        )
    return held


def _not_active(held: HeldReservation) -> Refused:
    code = (
        RefusalCode.RESERVATION_EXPIRED
        if held.status is ReservationStatus.EXPIRED
        else RefusalCode.RESERVATION_NOT_ACTIVE
    )
    return Refused(code, f"reservation {held.reservation_id} is {held.status.value.lower()}; make a new one")


def _resolve(books: Books, held: HeldReservation, status: ReservationStatus, outcome_id: UUID | None = None) -> None:
    books.resolutions.append(Resolution(held.reservation_id, status, outcome_id))
    books.reservations[held.reservation_id] = HeldReservation(held.reservation_id, status, due=False, units=held.units)


def _hold(books: Books, holder: UUID, key: LevelKey, quantity: int) -> None:
    books.holdings[holder, key] = quantity
    books.changed_holdings[holder, key] = quantity


def _expect(level: Level, expected: int | None) -> None:
    if expected is not None and expected != level.on_hand:
        raise _Refusal(
            Refused(
                RefusalCode.STALE_QUANTITY,
                f"onHand is {level.on_hand}, not the expected {expected}; read it again and decide anew",
            )
        )


def _short(short: list[Shortfall]) -> Refused:
    return Refused(RefusalCode.INSUFFICIENT_STOCK, "not enough stock for every line", tuple(short))
