"""What can be asked of the stock engine, as frozen data.

Every command is all or nothing. `reference_id` ties its movements to what caused them (an order, a receipt, a
return). Commands name levels by (variant, location); choosing the location happens before (`pinning`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from hub.inventory.models import ReservationOwner
from hub.inventory.pool import Pool, PoolClaim
from hub.inventory.units import Bundles, LevelKey, Listed, Shortfall, Units, exploded


class AdjustmentReason(StrEnum):
    CORRECTION = "CORRECTION"
    FOUND = "FOUND"
    LOST = "LOST"
    THEFT = "THEFT"
    SAMPLE = "SAMPLE"
    DAMAGED = "DAMAGED"
    EXPIRED_GOODS = "EXPIRED_GOODS"
    OPENING_BALANCE = "OPENING_BALANCE"
    OTHER = "OTHER"


class ReturnCondition(StrEnum):
    """Where returned units go: back on sale, to inspection, or out as damaged."""

    SELLABLE = "SELLABLE"
    INSPECT = "INSPECT"
    DAMAGED = "DAMAGED"


class Bucket(StrEnum):
    """Where units lie at a location: on sale, held for inspection, or set aside as damaged."""

    ON_HAND = "ON_HAND"
    QUALITY_CONTROL = "QUALITY_CONTROL"
    DAMAGED = "DAMAGED"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose hand moved the stock, and through which channel."""

    principal_id: UUID
    channel_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who acts on a reservation: a `bound` one on its own only, and nobody on one that an order has taken over."""

    principal_id: UUID
    bound: bool


@dataclass(frozen=True, slots=True)
class FromPool:
    """A claim whose levels are chosen under the locks of the whole pool."""

    claim: PoolClaim
    pool: Pool

    @property
    def keys(self) -> list[LevelKey]:
        return self.pool.keys(self.claim.stocked)


@dataclass(frozen=True, slots=True)
class Reserve:
    """Claim units until the time to live runs out (`None`: an order's claim, which does not lapse).

    `respects_safety_stock`: CART and ORDER claims leave the safety stock alone; TERMINAL and STAFF may take it.
    `partial`: take what there is of each line, and refuse only when that is nothing. `bundles`: what those among the
    named variants that are bundles are made of; their units are held as parts, whole bundles at one location.
    """

    reservation_id: UUID
    owner: ReservationOwner
    units: tuple[Units, ...]
    ttl_seconds: int | None
    respects_safety_stock: bool = True
    customer_id: UUID | None = None
    listed: tuple[Listed, ...] = ()
    from_pool: FromPool | None = None
    partial: bool = False
    bundles: Bundles = field(default_factory=dict)

    @property
    def keys(self) -> set[LevelKey]:
        """Every level that it may take units from."""
        named = [*self.units, *(Units(key, 1) for line in self.listed for key in line.keys)]
        levels = {item.key for item in exploded(named, self.bundles)}
        return levels if self.from_pool is None else levels | set(self.from_pool.keys)


@dataclass(frozen=True, slots=True)
class Release:
    """Give the units back. With `claimant`, only a reservation that this principal made and no order has taken over."""

    reservation_id: UUID
    claimant: Claimant | None = None


@dataclass(frozen=True, slots=True)
class Extend:
    """Move the expiry to `ttl_seconds` from now, never beyond the reservation's cap."""

    reservation_id: UUID
    ttl_seconds: int
    claimant: Claimant | None = None


@dataclass(frozen=True, slots=True)
class Relocate:
    """Move every unit that is held elsewhere to one location: all or nothing."""

    reservation_id: UUID
    to_location_id: UUID
    claimant: Claimant | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """An order takes over a cart's reservation: from now on it does not lapse."""

    reservation_id: UUID


@dataclass(frozen=True, slots=True)
class Allocate:
    """Bind units to holders (fulfillment-order lines). With a reservation its units are converted first and the
    rest is claimed fresh; reserved units that no holder wants are released."""

    holders: tuple[tuple[UUID, Units], ...]
    outcome_id: UUID
    reservation_id: UUID | None = None
    respects_safety_stock: bool = True


@dataclass(frozen=True, slots=True)
class Deallocate:
    """Give back everything the holders still hold."""

    holder_ids: tuple[UUID, ...]
    reference_id: UUID


@dataclass(frozen=True, slots=True)
class Fulfill:
    """The held units have left the building."""

    holder_ids: tuple[UUID, ...]
    reference_id: UUID


@dataclass(frozen=True, slots=True)
class Sell:
    """A fact: units were handed over. Never refused for lack of stock; may open a count task."""

    receipt_id: UUID
    units: tuple[Units, ...]
    reservation_id: UUID | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SellHeld:
    """What a reservation holds was handed over: its units leave onHand, no more and no fewer."""

    receipt_id: UUID
    reservation_id: UUID
    claimant: Claimant | None = None


@dataclass(frozen=True, slots=True)
class Receive:
    units: tuple[Units, ...]
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Adjust:
    """Change onHand by `delta` (not zero). With `expected_quantity`, only if onHand still has that value."""

    key: LevelKey
    delta: int
    reason: AdjustmentReason
    expected_quantity: int | None = None
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """onHand was counted. A fact: a lower count may leave promises that cannot be kept (shortage)."""

    key: LevelKey
    counted: int
    expected_quantity: int | None = None
    reference_id: UUID | None = None
    reason: AdjustmentReason | None = None
    counted_at: datetime | None = None
    """When it was counted; None: now."""


@dataclass(frozen=True, slots=True)
class SetSafetyStock:
    key: LevelKey
    safety_stock: int


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Returned units arrive at a location; those of before the level's last count were counted already."""

    units: tuple[Units, ...]
    condition: ReturnCondition
    reference_id: UUID
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MarkDamaged:
    """Sellable units turned out to be damaged. A fact."""

    units: tuple[Units, ...]
    reference_id: UUID | None = None
    reason: AdjustmentReason = AdjustmentReason.DAMAGED


@dataclass(frozen=True, slots=True)
class ChangeBucket:
    """Units change between sellable, inspection and damaged. Sellable units that are promised stay, except when they
    turn out to be damaged, which is a fact."""

    key: LevelKey
    source: Bucket
    target: Bucket
    quantity: int
    reason: AdjustmentReason
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Units under inspection or damaged are given up."""

    key: LevelKey
    source: Bucket
    quantity: int
    reason: AdjustmentReason
    reference_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Free units leave their location and are announced at another."""

    units: tuple[Units, ...]
    to_location_id: UUID
    reference_id: UUID

    @property
    def keys(self) -> list[LevelKey]:
        sources = [item.key for item in self.units]
        return sources + [LevelKey(key.variant_id, self.to_location_id) for key in sources]


@dataclass(frozen=True, slots=True)
class Announce:
    """Units are expected."""

    units: tuple[Units, ...]
    reference_id: UUID

    @property
    def keys(self) -> list[LevelKey]:
        return [item.key for item in self.units]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Announced units will not come."""

    units: tuple[Units, ...]
    reference_id: UUID

    @property
    def keys(self) -> list[LevelKey]:
        return [item.key for item in self.units]


class ArrivalKind(StrEnum):
    TRANSFER = "TRANSFER"
    PURCHASE = "PURCHASE"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came at one level: announced units, others beyond them, and announced units that never will."""

    key: LevelKey
    announced: int
    extra: int = 0
    missing: int = 0
    condition: ReturnCondition = ReturnCondition.SELLABLE
    reason: AdjustmentReason | None = None


@dataclass(frozen=True, slots=True)
class Arrive:
    """Announced units arrived. From a transfer extra units are found and missing ones lost; a supplier's extra units
    are received like the others and its missing ones no longer announced."""

    arrivals: tuple[Arrival, ...]
    kind: ArrivalKind
    reference_id: UUID

    @property
    def keys(self) -> list[LevelKey]:
        return [item.key for item in self.arrivals]


@dataclass(frozen=True, slots=True)
class Move:
    """Move free units from one location to another in one step."""

    variant_id: UUID
    from_location_id: UUID
    to_location_id: UUID
    quantity: int
    reference_id: UUID


StockCommand = (
    Reserve
    | Release
    | Extend
    | Relocate
    | Adopt
    | Allocate
    | Deallocate
    | Fulfill
    | Sell
    | SellHeld
    | Receive
    | Adjust
    | Count
    | SetSafetyStock
    | TakeBack
    | MarkDamaged
    | ChangeBucket
    | WriteOff
    | Dispatch
    | Announce
    | Withdraw
    | Arrive
    | Move
)


@dataclass(frozen=True, slots=True)
class StockRequest:
    actor: Actor
    command: StockCommand


class RefusalCode(StrEnum):
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    RESERVATION_NOT_FOUND = "RESERVATION_NOT_FOUND"
    RESERVATION_NOT_ACTIVE = "RESERVATION_NOT_ACTIVE"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    STALE_QUANTITY = "STALE_QUANTITY"


@dataclass(frozen=True, slots=True)
class Done:
    """For reservations: when they lapse, the units they hold, and what a partial claim did not get."""

    expires_at: datetime | None = None
    units: tuple[Units, ...] = ()
    short: tuple[Shortfall, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed. `shortfalls` names every level that could not serve the claim."""

    code: RefusalCode
    message: str
    shortfalls: tuple[Shortfall, ...] = ()


Outcome = Done | Refused
