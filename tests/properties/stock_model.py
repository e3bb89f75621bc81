"""What the stock of a small retailer should be: no counters, only what lies where and who holds what until when.

Time counts in seconds from the start of an example. Holds last half a thousand seconds more than whole thousands, and
time moves by whole thousands, so that what an example itself takes decides nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from hub.inventory import LevelKey, RefusalCode, ReservationOwner, ReservationStatus

EXTENDABLE_SECONDS = 86_400
Held = Counter[LevelKey]


@dataclass(frozen=True)
class Pool:
    """A channel's locations, what it keeps back of each variant, and how much of one it promises at most."""

    locations: tuple[UUID, ...]
    buffer: int = 0
    caps: Mapping[UUID, int] = field(default_factory=dict)


@dataclass
class Hold:
    owner: ReservationOwner
    principal_id: UUID
    units: Held
    made: int
    ends: int | None
    status: ReservationStatus = ReservationStatus.ACTIVE

    @property
    def respects_safety(self) -> bool:
        return self.owner in {ReservationOwner.CART, ReservationOwner.ORDER}


@dataclass(frozen=True)
class Wish:
    """Units of a variant: anywhere in the pool, or at these locations only."""

    variant_id: UUID
    quantity: int
    locations: tuple[UUID, ...]


@dataclass
class StockModel:
    pools: Mapping[UUID, Pool]
    now: int = 0
    on_hand: Held = field(default_factory=Counter)
    damaged: Held = field(default_factory=Counter)
    quality_control: Held = field(default_factory=Counter)
    safety: Held = field(default_factory=Counter)
    counted: dict[LevelKey, int] = field(default_factory=dict)
    to_count: set[LevelKey] = field(default_factory=set)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    holders: dict[UUID, Held] = field(default_factory=dict)

    def due(self, hold: Hold) -> bool:
        return hold.status is ReservationStatus.ACTIVE and hold.ends is not None and hold.ends <= self.now

    def reserved(self, key: LevelKey, *, lapsed: bool = False) -> int:
        """`lapsed`: as if every due hold had lapsed."""
        return sum(
            hold.units[key]
            for hold in self.holds.values()
            if hold.status is ReservationStatus.ACTIVE and not (lapsed and self.due(hold))
        )

    def allocated(self, key: LevelKey) -> int:
        return sum(held[key] for held in self.holders.values())

    def free(self, key: LevelKey, *, respecting: bool, lapsed: bool = True) -> int:
        """What a claim may take. One that falls short makes due holds lapse, so that they are as good as free."""
        kept = self.safety[key] if respecting else 0
        return max(0, self.on_hand[key] - self.reserved(key, lapsed=lapsed) - self.allocated(key) - kept)

    def promise(self, channel_id: UUID, variant_id: UUID, *, lapsed: bool = True) -> int:
        pool = self.pools[channel_id]
        keys = [LevelKey(variant_id, location_id) for location_id in pool.locations]
        total = sum(self.free(key, respecting=True, lapsed=lapsed) for key in keys) - pool.buffer
        return max(0, min(total, pool.caps.get(variant_id, total)))

    def granted(
        self, owner: ReservationOwner, channel_id: UUID, wishes: Iterable[Wish], *, partial: bool
    ) -> Counter[UUID] | None:
        """How many units of each variant a claim gets; None: it is refused. One wish a variant."""
        cart, got, whole = owner is ReservationOwner.CART, Counter[UUID](), True
        for wish in wishes:
            room = [wish.quantity]
            if cart or not wish.locations:
                room.append(self.promise(channel_id, wish.variant_id))
            if wish.locations:
                keys = [LevelKey(wish.variant_id, location_id) for location_id in wish.locations]
                room.append(sum(self.free(key, respecting=cart) for key in keys))
            got[wish.variant_id] = min(room)
            whole = whole and min(room) == wish.quantity
        return got if whole or (partial and got.total() > 0) else None

    def usable(self, name: UUID) -> RefusalCode | None:
        """Why a reservation cannot be used; None: it can."""
        hold = self.holds.get(name)
        if hold is None:
            return RefusalCode.RESERVATION_NOT_FOUND
        if hold.status is ReservationStatus.EXPIRED or self.due(hold):
            return RefusalCode.RESERVATION_EXPIRED
        return None if hold.status is ReservationStatus.ACTIVE else RefusalCode.RESERVATION_NOT_ACTIVE

    def reach(self, name: UUID, principal_id: UUID, *, bound: bool) -> RefusalCode | None:
        """Why somebody may not act on a reservation, whatever its state."""
        hold = self.holds.get(name)
        if hold is None or (bound and hold.principal_id != principal_id):
            return RefusalCode.RESERVATION_NOT_FOUND
        return RefusalCode.RESERVATION_NOT_ACTIVE if hold.owner is ReservationOwner.ORDER else None

    def extend(self, name: UUID, seconds: int) -> None:
        hold = self.holds[name]
        if hold.ends is not None:
            hold.ends = max(hold.ends, min(self.now + seconds, hold.made + EXTENDABLE_SECONDS))

    def allocates(self, name: UUID | None, wanted: Held) -> bool:
        mine = self.holds[name].units if name is not None else Counter[LevelKey]()
        return all(
            quantity <= mine[key] or quantity - mine[key] <= self.free(key, respecting=True)
            for key, quantity in wanted.items()
        )

    def take(self, units: Held) -> None:
        """Units leave onHand; somebody has to count where that says more is gone than was there."""
        for key, quantity in units.items():
            self.on_hand[key] -= quantity
            if quantity > 0 and self.on_hand[key] < 0:
                self.to_count.add(key)

    def count(self, key: LevelKey, counted: int) -> None:
        self.on_hand[key] = counted
        self.counted[key] = self.now
        self.to_count.discard(key)

    def shortage(self, key: LevelKey) -> int:
        return max(0, self.reserved(key) + self.allocated(key) - self.on_hand[key])
