"""How announced units come and go: dispatch, announcement, withdrawal and arrival."""

from collections.abc import Callable, Mapping
from typing import Any

from hub.inventory import commands as c
from hub.inventory.books import Attempt
from hub.inventory.commands import ArrivalKind, ReturnCondition
from hub.inventory.rules import Effect
from hub.inventory.units import LevelKey, summed

_ANNOUNCED: Mapping[tuple[ArrivalKind, ReturnCondition], Effect] = {
    (ArrivalKind.TRANSFER, ReturnCondition.SELLABLE): Effect.TRANSFER_IN,
    (ArrivalKind.TRANSFER, ReturnCondition.INSPECT): Effect.TRANSFER_IN_INSPECT,
    (ArrivalKind.TRANSFER, ReturnCondition.DAMAGED): Effect.TRANSFER_IN_DAMAGED,
    (ArrivalKind.PURCHASE, ReturnCondition.SELLABLE): Effect.RECEIVE_ANNOUNCED,
    (ArrivalKind.PURCHASE, ReturnCondition.INSPECT): Effect.RECEIVE_ANNOUNCED_INSPECT,
    (ArrivalKind.PURCHASE, ReturnCondition.DAMAGED): Effect.RECEIVE_ANNOUNCED_DAMAGED,
}
_EXTRA: Mapping[tuple[ArrivalKind, ReturnCondition], Effect] = {
    (ArrivalKind.TRANSFER, ReturnCondition.SELLABLE): Effect.FIND,
    (ArrivalKind.TRANSFER, ReturnCondition.INSPECT): Effect.FIND_INSPECT,
    (ArrivalKind.TRANSFER, ReturnCondition.DAMAGED): Effect.FIND_DAMAGED,
    (ArrivalKind.PURCHASE, ReturnCondition.SELLABLE): Effect.RECEIVE,
    (ArrivalKind.PURCHASE, ReturnCondition.INSPECT): Effect.RECEIVE_INSPECT,
    (ArrivalKind.PURCHASE, ReturnCondition.DAMAGED): Effect.RECEIVE_DAMAGED,
}
_MISSING = {ArrivalKind.TRANSFER: Effect.TRANSFER_LOSS, ArrivalKind.PURCHASE: Effect.WITHDRAW}


def _dispatch(attempt: Attempt, command: c.Dispatch) -> c.Outcome:
    attempt.claim(Effect.ALLOCATE, command.units, respecting_safety_stock=False)
    for key, quantity in summed(command.units).items():
        attempt.post(Effect.TRANSFER_OUT, key, quantity)
        attempt.post(Effect.TRANSFER_ANNOUNCE, LevelKey(key.variant_id, command.to_location_id), quantity)
    return c.Done()


def _announce(attempt: Attempt, command: c.Announce) -> c.Outcome:
    for key, quantity in summed(command.units).items():
        attempt.post(Effect.ANNOUNCE, key, quantity)
    return c.Done()


def _withdraw(attempt: Attempt, command: c.Withdraw) -> c.Outcome:
    for key, quantity in summed(command.units).items():
        attempt.post(Effect.WITHDRAW, key, quantity)
    return c.Done()


def _arrive(attempt: Attempt, command: c.Arrive) -> c.Outcome:
    for item in command.arrivals:
        posts = (
            (_ANNOUNCED[command.kind, item.condition], item.announced, None),
            (_EXTRA[command.kind, item.condition], item.extra, item.reason),
            (_MISSING[command.kind], item.missing, item.reason),
        )
        for effect, quantity, reason in posts:
            if quantity:
                attempt.post(effect, item.key, quantity, reason)
    return c.Done()


EXPECTATIONS: Mapping[type[Any], Callable[[Attempt, Any], c.Outcome]] = {
    c.Dispatch: _dispatch,
    c.Announce: _announce,
    c.Withdraw: _withdraw,
    c.Arrive: _arrive,
}
