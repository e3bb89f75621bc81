"""The pure decision: given locked levels and claims, what each command does, in order of arrival.

No I/O. A command either posts all its movements or none; later commands see what earlier ones posted.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from hub.inventory import commands as c
from hub.inventory.books import Attempt, Books, Refusal
from hub.inventory.buckets import BUCKETS
from hub.inventory.claiming import CLAIMS, acted_on_by, usable
from hub.inventory.commands import RefusalCode, Refused
from hub.inventory.expecting import EXPECTATIONS
from hub.inventory.models import ReservationStatus
from hub.inventory.rules import Deltas, Effect, HeldReservation, Level, MovementKind
from hub.inventory.units import LevelKey, Units, summed


def decide(books: Books, request: c.StockRequest) -> c.Outcome:
    """Decide one request and, when it is granted, enter it into the books."""
    command = request.command
    attempt = Attempt(books, request.actor, getattr(command, "reference_id", None))
    try:
        outcome = _HANDLERS[type(command)](attempt, command)
    except Refusal as refusal:
        return refusal.refused
    attempt.keep()
    return outcome


def expire(books: Books, held: HeldReservation, actor: c.Actor) -> bool:
    """Give back a due reservation's units. Its levels must be in the books.

    False, and nothing is entered, when a level does not hold what the reservation says: the checker's business.
    """
    attempt = Attempt(books, actor, held.reservation_id)
    try:
        for key, quantity in held.units.items():
            attempt.post(Effect.EXPIRE, key, quantity)
    except Refusal:
        return False
    attempt.keep()
    books.resolve(held, ReservationStatus.EXPIRED)
    return True


def _allocate(attempt: Attempt, command: c.Allocate) -> c.Outcome:
    attempt.reference_id = command.outcome_id
    held = usable(attempt, command.reservation_id) if command.reservation_id is not None else None
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
        attempt.books.hold(holder, key, attempt.books.holdings.get((holder, key), 0) + quantity)
    if held is not None:
        attempt.books.resolve(held, ReservationStatus.COMMITTED, command.outcome_id)
    return c.Done()


def _let_go(attempt: Attempt, holder_ids: tuple[UUID, ...], effect: Effect) -> c.Outcome:
    wanted = set(holder_ids)
    held = [
        (holder, key, quantity)
        for (holder, key), quantity in sorted(attempt.books.holdings.items())
        if holder in wanted and quantity
    ]
    for _holder, key, quantity in held:
        attempt.post(effect, key, quantity)
    for holder, key, _quantity in held:
        attempt.books.hold(holder, key, 0)
    return c.Done()


def _deallocate(attempt: Attempt, command: c.Deallocate) -> c.Outcome:
    return _let_go(attempt, command.holder_ids, Effect.DEALLOCATE)


def _fulfill(attempt: Attempt, command: c.Fulfill) -> c.Outcome:
    return _let_go(attempt, command.holder_ids, Effect.FULFILL)


def _sell(attempt: Attempt, command: c.Sell) -> c.Outcome:
    attempt.reference_id = command.receipt_id
    attempt.occurred_at = command.occurred_at
    held = usable(attempt, command.reservation_id) if command.reservation_id is not None else None
    left = dict(held.units) if held is not None else {}
    for key, quantity in summed(command.units).items():
        from_reservation = min(quantity, left.get(key, 0))
        if from_reservation:
            left[key] -= from_reservation
            attempt.post(Effect.SELL_RESERVED, key, from_reservation)
        if quantity > from_reservation:
            attempt.post(Effect.SELL, key, quantity - from_reservation)
        _count_saw_it(attempt, key, -quantity)
    for key, quantity in left.items():
        if quantity:
            attempt.post(Effect.RELEASE, key, quantity)
    if held is not None:
        attempt.books.resolve(held, ReservationStatus.COMMITTED, command.receipt_id)
    return c.Done()


def _sell_held(attempt: Attempt, command: c.SellHeld) -> c.Outcome:
    held = acted_on_by(attempt, command.reservation_id, command.claimant)
    units = tuple(Units(key, quantity) for key, quantity in held.units.items())
    return _sell(attempt, c.Sell(command.receipt_id, units, command.reservation_id))


def _count_saw_it(attempt: Attempt, key: LevelKey, on_hand: int) -> None:
    """What moved onHand before the level's last count: what was counted already lacked, or held, these units."""
    counted_at = attempt.level(key).counted_at
    if attempt.occurred_at is not None and counted_at is not None and attempt.occurred_at < counted_at:
        attempt.post_deltas(MovementKind.COUNT_CORRECTION, key, Deltas(on_hand=-on_hand))


def _receive(attempt: Attempt, command: c.Receive) -> c.Outcome:
    for key, quantity in summed(command.units).items():
        attempt.post(Effect.RECEIVE, key, quantity)
    return c.Done()


def _adjust(attempt: Attempt, command: c.Adjust) -> c.Outcome:
    _expect(attempt.level(command.key), command.expected_quantity)
    attempt.post_deltas(MovementKind.ADJUST, command.key, Deltas(on_hand=command.delta), command.reason)
    return c.Done()


def _count(attempt: Attempt, command: c.Count) -> c.Outcome:
    level = attempt.level(command.key)
    _expect(level, command.expected_quantity)
    change = Deltas(on_hand=command.counted - level.on_hand)
    attempt.post_deltas(MovementKind.COUNT, command.key, change, command.reason)
    attempt.books.counted[command.key] = command.counted_at
    attempt.books.contradicted.discard(command.key)
    return c.Done()


def _set_safety_stock(attempt: Attempt, command: c.SetSafetyStock) -> c.Outcome:
    attempt.protect(command.key, command.safety_stock)
    attempt.books.safety_stocks[command.key] = command.safety_stock
    return c.Done()


_RETURN_EFFECTS = {
    c.ReturnCondition.SELLABLE: Effect.RETURN_SELLABLE,
    c.ReturnCondition.INSPECT: Effect.RETURN_INSPECT,
    c.ReturnCondition.DAMAGED: Effect.RETURN_DAMAGED,
}


def _take_back(attempt: Attempt, command: c.TakeBack) -> c.Outcome:
    attempt.occurred_at = command.occurred_at
    for key, quantity in summed(command.units).items():
        attempt.post(_RETURN_EFFECTS[command.condition], key, quantity)
        if command.condition is c.ReturnCondition.SELLABLE:
            _count_saw_it(attempt, key, quantity)
    return c.Done()


def _mark_damaged(attempt: Attempt, command: c.MarkDamaged) -> c.Outcome:
    for key, quantity in summed(command.units).items():
        attempt.post(Effect.DAMAGE, key, quantity, command.reason)
    return c.Done()


def _move(attempt: Attempt, command: c.Move) -> c.Outcome:
    source = LevelKey(command.variant_id, command.from_location_id)
    target = LevelKey(command.variant_id, command.to_location_id)
    attempt.claim(Effect.ALLOCATE, [Units(source, command.quantity)], respecting_safety_stock=False)
    attempt.post(Effect.TRANSFER_OUT, source, command.quantity)
    attempt.post(Effect.TRANSFER_ANNOUNCE, target, command.quantity)
    attempt.post(Effect.TRANSFER_IN, target, command.quantity)
    return c.Done()


_HANDLERS: Mapping[type[Any], Callable[[Attempt, Any], c.Outcome]] = {
    **CLAIMS,
    **EXPECTATIONS,
    **BUCKETS,
    c.Allocate: _allocate,
    c.Deallocate: _deallocate,
    c.Fulfill: _fulfill,
    c.Sell: _sell,
    c.SellHeld: _sell_held,
    c.Receive: _receive,
    c.Adjust: _adjust,
    c.Count: _count,
    c.SetSafetyStock: _set_safety_stock,
    c.TakeBack: _take_back,
    c.MarkDamaged: _mark_damaged,
    c.Move: _move,
}


def _expect(level: Level, expected: int | None) -> None:
    if expected is not None and expected != level.on_hand:
        raise Refusal(
            Refused(
                RefusalCode.STALE_QUANTITY,
                f"onHand is {level.on_hand}, not the expected {expected}; read it again and decide anew",
            )
        )
