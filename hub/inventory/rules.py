"""What a movement does to a level, and when a level may give: the one place that knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.units import LevelKey


class MovementKind(StrEnum):
    OPENING = "OPENING"
    ANNOUNCE = "ANNOUNCE"
    RECEIVE = "RECEIVE"
    COUNT = "COUNT"
    COUNT_CORRECTION = "COUNT_CORRECTION"
    ADJUST = "ADJUST"
    RESERVE = "RESERVE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    ALLOCATE = "ALLOCATE"
    DEALLOCATE = "DEALLOCATE"
    FULFILL = "FULFILL"
    SELL = "SELL"
    RETURN = "RETURN"
    DAMAGE = "DAMAGE"
    INSPECT = "INSPECT"
    WRITE_OFF = "WRITE_OFF"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_LOSS = "TRANSFER_LOSS"


FACTS = frozenset(
    {
        MovementKind.COUNT,
        MovementKind.COUNT_CORRECTION,
        MovementKind.ADJUST,
        MovementKind.SELL,
        MovementKind.DAMAGE,
        MovementKind.TRANSFER_LOSS,
    }
)
"""Movements that report what already happened: they may lower onHand below what was promised."""


@dataclass(frozen=True, slots=True)
class Deltas:
    """What one movement adds to each posted state of one level."""

    on_hand: int = 0
    reserved: int = 0
    allocated: int = 0
    incoming: int = 0
    damaged: int = 0
    quality_control: int = 0

    def times(self, quantity: int) -> "Deltas":
        return Deltas(
            self.on_hand * quantity,
            self.reserved * quantity,
            self.allocated * quantity,
            self.incoming * quantity,
            self.damaged * quantity,
            self.quality_control * quantity,
        )


class Effect(StrEnum):
    """A movement kind together with where its units come from or go to."""

    ANNOUNCE = "ANNOUNCE"
    WITHDRAW = "WITHDRAW"
    RECEIVE = "RECEIVE"
    RECEIVE_INSPECT = "RECEIVE_INSPECT"
    RECEIVE_DAMAGED = "RECEIVE_DAMAGED"
    RECEIVE_ANNOUNCED = "RECEIVE_ANNOUNCED"
    RECEIVE_ANNOUNCED_INSPECT = "RECEIVE_ANNOUNCED_INSPECT"
    RECEIVE_ANNOUNCED_DAMAGED = "RECEIVE_ANNOUNCED_DAMAGED"
    FIND = "FIND"
    FIND_INSPECT = "FIND_INSPECT"
    FIND_DAMAGED = "FIND_DAMAGED"
    RESERVE = "RESERVE"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    ALLOCATE = "ALLOCATE"
    ALLOCATE_RESERVED = "ALLOCATE_RESERVED"
    DEALLOCATE = "DEALLOCATE"
    FULFILL = "FULFILL"
    SELL = "SELL"
    SELL_RESERVED = "SELL_RESERVED"
    RETURN_SELLABLE = "RETURN_SELLABLE"
    RETURN_INSPECT = "RETURN_INSPECT"
    RETURN_DAMAGED = "RETURN_DAMAGED"
    DAMAGE = "DAMAGE"
    HOLD_FOR_INSPECTION = "HOLD_FOR_INSPECTION"
    PASS_INSPECTION = "PASS_INSPECTION"  # noqa: S105 (units that pass)
    FAIL_INSPECTION = "FAIL_INSPECTION"
    REPAIR = "REPAIR"
    INSPECT_DAMAGED = "INSPECT_DAMAGED"
    WRITE_OFF_DAMAGED = "WRITE_OFF_DAMAGED"
    WRITE_OFF_INSPECTED = "WRITE_OFF_INSPECTED"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_ANNOUNCE = "TRANSFER_ANNOUNCE"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_IN_INSPECT = "TRANSFER_IN_INSPECT"
    TRANSFER_IN_DAMAGED = "TRANSFER_IN_DAMAGED"
    TRANSFER_LOSS = "TRANSFER_LOSS"


EFFECTS: Mapping[Effect, tuple[MovementKind, Deltas]] = MappingProxyType(
    {
        Effect.ANNOUNCE: (MovementKind.ANNOUNCE, Deltas(incoming=1)),
        Effect.WITHDRAW: (MovementKind.ANNOUNCE, Deltas(incoming=-1)),
        Effect.RECEIVE: (MovementKind.RECEIVE, Deltas(on_hand=1)),
        Effect.RECEIVE_INSPECT: (MovementKind.RECEIVE, Deltas(quality_control=1)),
        Effect.RECEIVE_DAMAGED: (MovementKind.RECEIVE, Deltas(damaged=1)),
        Effect.RECEIVE_ANNOUNCED: (MovementKind.RECEIVE, Deltas(on_hand=1, incoming=-1)),
        Effect.RECEIVE_ANNOUNCED_INSPECT: (MovementKind.RECEIVE, Deltas(quality_control=1, incoming=-1)),
        Effect.RECEIVE_ANNOUNCED_DAMAGED: (MovementKind.RECEIVE, Deltas(damaged=1, incoming=-1)),
        Effect.FIND: (MovementKind.ADJUST, Deltas(on_hand=1)),
        Effect.FIND_INSPECT: (MovementKind.ADJUST, Deltas(quality_control=1)),
        Effect.FIND_DAMAGED: (MovementKind.ADJUST, Deltas(damaged=1)),
        Effect.RESERVE: (MovementKind.RESERVE, Deltas(reserved=1)),
        Effect.RELEASE: (MovementKind.RELEASE, Deltas(reserved=-1)),
        Effect.EXPIRE: (MovementKind.EXPIRE, Deltas(reserved=-1)),
        Effect.ALLOCATE: (MovementKind.ALLOCATE, Deltas(allocated=1)),
        Effect.ALLOCATE_RESERVED: (MovementKind.ALLOCATE, Deltas(reserved=-1, allocated=1)),
        Effect.DEALLOCATE: (MovementKind.DEALLOCATE, Deltas(allocated=-1)),
        Effect.FULFILL: (MovementKind.FULFILL, Deltas(on_hand=-1, allocated=-1)),
        Effect.SELL: (MovementKind.SELL, Deltas(on_hand=-1)),
        Effect.SELL_RESERVED: (MovementKind.SELL, Deltas(on_hand=-1, reserved=-1)),
        Effect.RETURN_SELLABLE: (MovementKind.RETURN, Deltas(on_hand=1)),
        Effect.RETURN_INSPECT: (MovementKind.RETURN, Deltas(quality_control=1)),
        Effect.RETURN_DAMAGED: (MovementKind.RETURN, Deltas(damaged=1)),
        Effect.DAMAGE: (MovementKind.DAMAGE, Deltas(on_hand=-1, damaged=1)),
        Effect.HOLD_FOR_INSPECTION: (MovementKind.INSPECT, Deltas(on_hand=-1, quality_control=1)),
        Effect.PASS_INSPECTION: (MovementKind.INSPECT, Deltas(on_hand=1, quality_control=-1)),
        Effect.FAIL_INSPECTION: (MovementKind.INSPECT, Deltas(damaged=1, quality_control=-1)),
        Effect.REPAIR: (MovementKind.INSPECT, Deltas(on_hand=1, damaged=-1)),
        Effect.INSPECT_DAMAGED: (MovementKind.INSPECT, Deltas(quality_control=1, damaged=-1)),
        Effect.WRITE_OFF_DAMAGED: (MovementKind.WRITE_OFF, Deltas(damaged=-1)),
        Effect.WRITE_OFF_INSPECTED: (MovementKind.WRITE_OFF, Deltas(quality_control=-1)),
        Effect.TRANSFER_OUT: (MovementKind.TRANSFER_OUT, Deltas(on_hand=-1, allocated=-1)),
        Effect.TRANSFER_ANNOUNCE: (MovementKind.TRANSFER_OUT, Deltas(incoming=1)),
        Effect.TRANSFER_IN: (MovementKind.TRANSFER_IN, Deltas(on_hand=1, incoming=-1)),
        Effect.TRANSFER_IN_INSPECT: (MovementKind.TRANSFER_IN, Deltas(quality_control=1, incoming=-1)),
        Effect.TRANSFER_IN_DAMAGED: (MovementKind.TRANSFER_IN, Deltas(damaged=1, incoming=-1)),
        Effect.TRANSFER_LOSS: (MovementKind.TRANSFER_LOSS, Deltas(incoming=-1)),
    }
)


@dataclass(frozen=True, slots=True)
class Level:
    """A stock level as the rules see it."""

    key: LevelKey
    on_hand: int = 0
    reserved: int = 0
    allocated: int = 0
    incoming: int = 0
    damaged: int = 0
    quality_control: int = 0
    safety_stock: int = 0
    shortage: int = 0
    version: int = 0
    counted_at: datetime | None = None

    def free(self, *, respecting_safety_stock: bool) -> int:
        """Units a new claim may take, never below 0."""
        kept = self.safety_stock if respecting_safety_stock else 0
        return max(0, self.on_hand - self.reserved - self.allocated - kept)


def available(on_hand: int, reserved: int, allocated: int, safety_stock: int) -> int:
    """The word `available` of the glossary: onHand − reserved − allocated − safetyStock, floored at 0."""
    return max(0, on_hand - reserved - allocated - safety_stock)


def moved(level: Level, kind: MovementKind, deltas: Deltas) -> Level | None:
    """The level after one movement, numbered one higher; None when a promise would break.

    A fact sets shortage to what can no longer be kept; every other movement may only lower it.
    """
    on_hand = level.on_hand + deltas.on_hand
    reserved = level.reserved + deltas.reserved
    allocated = level.allocated + deltas.allocated
    others = (
        level.incoming + deltas.incoming,
        level.damaged + deltas.damaged,
        level.quality_control + deltas.quality_control,
    )
    if min(reserved, allocated, *others) < 0:
        return None
    gap = max(0, reserved + allocated - on_hand)
    if kind not in FACTS and gap > level.shortage:
        return None
    return Level(
        level.key, on_hand, reserved, allocated, *others, level.safety_stock, gap, level.version + 1, level.counted_at
    )


@dataclass(frozen=True, slots=True)
class HeldReservation:
    """A reservation under its row lock. `due` was judged by the database's clock after the last lock."""

    reservation_id: UUID
    status: ReservationStatus
    due: bool
    units: Mapping[LevelKey, int]
    expires_at: datetime | None = None
    principal_id: UUID | None = None
    owner: ReservationOwner = ReservationOwner.CART

    @property
    def respects_safety_stock(self) -> bool:
        return self.owner in {ReservationOwner.CART, ReservationOwner.ORDER}
