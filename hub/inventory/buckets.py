"""How units change between sellable, inspection and damaged, and how they are given up."""

from collections.abc import Callable, Mapping
from typing import Any

from hub.inventory import commands as c
from hub.inventory.books import Attempt, Refusal, short_of
from hub.inventory.commands import Bucket
from hub.inventory.rules import Effect
from hub.inventory.units import LevelKey, Shortfall

_CHANGES: Mapping[tuple[Bucket, Bucket], Effect] = {
    (Bucket.ON_HAND, Bucket.QUALITY_CONTROL): Effect.HOLD_FOR_INSPECTION,
    (Bucket.ON_HAND, Bucket.DAMAGED): Effect.DAMAGE,
    (Bucket.QUALITY_CONTROL, Bucket.ON_HAND): Effect.PASS_INSPECTION,
    (Bucket.QUALITY_CONTROL, Bucket.DAMAGED): Effect.FAIL_INSPECTION,
    (Bucket.DAMAGED, Bucket.ON_HAND): Effect.REPAIR,
    (Bucket.DAMAGED, Bucket.QUALITY_CONTROL): Effect.INSPECT_DAMAGED,
}
_WRITE_OFFS = {
    Bucket.QUALITY_CONTROL: Effect.WRITE_OFF_INSPECTED,
    Bucket.DAMAGED: Effect.WRITE_OFF_DAMAGED,
}


def _change(attempt: Attempt, command: c.ChangeBucket) -> c.Outcome:
    effect = _CHANGES[command.source, command.target]
    if effect is not Effect.DAMAGE:
        _require(attempt, command.key, command.source, command.quantity)
    attempt.post(effect, command.key, command.quantity, command.reason)
    return c.Done()


def _write_off(attempt: Attempt, command: c.WriteOff) -> c.Outcome:
    _require(attempt, command.key, command.source, command.quantity)
    attempt.post(_WRITE_OFFS[command.source], command.key, command.quantity, command.reason)
    return c.Done()


def _require(attempt: Attempt, key: LevelKey, source: Bucket, quantity: int) -> None:
    level = attempt.level(key)
    there = {
        Bucket.ON_HAND: level.free(respecting_safety_stock=False),
        Bucket.QUALITY_CONTROL: level.quality_control,
        Bucket.DAMAGED: level.damaged,
    }[source]
    if quantity > there:
        raise Refusal(short_of([Shortfall(key, quantity, there)]))


BUCKETS: Mapping[type[Any], Callable[[Attempt, Any], c.Outcome]] = {
    c.ChangeBucket: _change,
    c.WriteOff: _write_off,
}
