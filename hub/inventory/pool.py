"""What a channel's pool may promise, and which levels a claim on it takes: pure, the same selector that routes orders.

The pool may promise Σ available over the locations with the method's capability − unfilled demand − buffer, at most
the listing's cap: the arithmetic of `availability`. A claim beyond that is short even when single levels could serve
it; an inactive channel promises nothing.

Of a bundle it may promise the whole bundles that its locations make, no more than what unfilled demand leaves of each
part, on the bundle's own terms; of a variant in the same claim then what the bundles leave of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hub.inventory.units import (
    NO_LOCATION,
    Bundles,
    LevelKey,
    Listed,
    Shortfall,
    Units,
    exploded,
    parts_of,
    per_variant,
    spread,
    summed,
    whole,
)
from hub.kernel.clock import utc_now
from hub.kernel.geo import GeoPoint
from routing import POOL_RULES, Candidate, LineDemand, RoutingMethod, RoutingRequest, select

Free = Callable[[LevelKey], int]
"""How many units of a level a claim that leaves the safety stock alone may take."""


@dataclass(frozen=True, slots=True)
class PoolClaim:
    """Units wanted from a channel's pool, by whichever location serves best.

    `placed` are units wanted at named locations of the pool and `listed` at several in order of preference: they count
    against what it may promise. `partial`: what cannot be had is left out of the choice. `bundles`: what the bundles
    among the wanted variants are made of.
    """

    channel_id: UUID
    demand: Mapping[UUID, int]
    method: RoutingMethod = RoutingMethod.SHIP
    pickup_location_id: UUID | None = None
    near: GeoPoint | None = None
    placed: tuple[Units, ...] = ()
    listed: tuple[Listed, ...] = ()
    partial: bool = False
    bundles: Bundles = field(default_factory=dict)

    @property
    def stocked(self) -> set[UUID]:
        """The variants whose levels it takes units from: bundles as their parts."""
        return {part.variant_id for variant_id in self.wanted for part in parts_of(variant_id, self.bundles)}

    @property
    def wanted(self) -> dict[UUID, int]:
        """Units per variant, wherever they are wanted; bundles as such."""
        total = per_variant(self.placed)
        for variant_id, quantity in (*self.demand.items(), *((line.variant_id, line.quantity) for line in self.listed)):
            total[variant_id] = total.get(variant_id, 0) + quantity
        return total


@dataclass(frozen=True, slots=True)
class Pinned:
    """`units` to claim now; `short` is what the pool cannot promise."""

    units: tuple[Units, ...]
    short: tuple[Shortfall, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What of the pool a channel may not promise (`demand`: of that, unfilled demand), and how much it may at most."""

    held_back: int
    cap: int | None
    demand: int = 0

    def promise(self, available: int) -> int:
        left = available - self.held_back
        return left if self.cap is None else min(left, self.cap)


_FREE_OF_TERMS = Terms(0, None)


@dataclass(frozen=True, slots=True)
class Place:
    """An open location of the pool."""

    location_id: UUID
    name: str
    geo: GeoPoint | None
    time_zone: str
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pool:
    """A channel's open locations, and its terms per variant. An inactive channel has no locations."""

    places: Mapping[UUID, Place]
    terms: Mapping[UUID, Terms]

    def terms_of(self, variant_id: UUID) -> Terms:
        return self.terms.get(variant_id, _FREE_OF_TERMS)

    def keys(self, variant_ids: Iterable[UUID]) -> list[LevelKey]:
        """Every level that a claim on these variants could take units from."""
        return [LevelKey(variant_id, location_id) for variant_id in variant_ids for location_id in self.places]


@dataclass(slots=True)
class _Choice:
    """A claim while it is served: free units per place, and what may still be promised per variant."""

    claim: PoolClaim
    pool: Pool
    free: dict[UUID, dict[UUID, int]]
    promised: dict[UUID, int]
    left: dict[UUID, int]
    got: dict[UUID, int] = field(default_factory=dict)

    def at(self, key: LevelKey) -> int:
        """Units of a variant, or whole bundles, that can be taken there."""
        return _makeable(self.claim, self.free, key)

    def take(self, key: LevelKey, quantity: int) -> list[Units]:
        """Set units aside; bundles come back as their parts."""
        units = exploded([Units(key, quantity)], self.claim.bundles)
        for level, given in units:
            self.free[level.location_id][level.variant_id] -= given
        self.left[key.variant_id] -= quantity
        self.got[key.variant_id] = self.got.get(key.variant_id, 0) + quantity
        return units


def choose(claim: PoolClaim, pool: Pool, free: Free) -> Pinned:
    """Concrete levels for the claim. A named location that cannot give its units makes the whole claim short."""
    choice = _begin(claim, pool, free)
    placed, elsewhere = _take_placed(choice)
    if elsewhere and not claim.partial:
        return Pinned((), elsewhere)
    units = (*placed, *_take_listed(choice), *_select(choice))
    return Pinned(units, (*elsewhere, *_shortfalls(choice, elsewhere)))


def _begin(claim: PoolClaim, pool: Pool, free: Free) -> _Choice:
    stocked = claim.stocked
    at_places: dict[UUID, dict[UUID, int]] = {}
    total: dict[UUID, int] = {}
    for place in pool.places.values():
        if claim.method.value not in place.capabilities:
            continue
        for variant_id in stocked:
            quantity = free(LevelKey(variant_id, place.location_id))
            if quantity > 0:
                at_places.setdefault(place.location_id, {})[variant_id] = quantity
                total[variant_id] = total.get(variant_id, 0) + quantity
    promised = _promises(claim, pool, at_places, total)
    return _Choice(claim, pool, at_places, promised, dict(promised))


def _promises(
    claim: PoolClaim, pool: Pool, free: Mapping[UUID, Mapping[UUID, int]], total: Mapping[UUID, int]
) -> dict[UUID, int]:
    """What may be promised of each wanted variant: of bundles first, then of what they leave."""
    left = dict(total)
    promised: dict[UUID, int] = {}
    for variant_id, quantity in sorted(claim.wanted.items(), key=lambda item: item[0] not in claim.bundles):
        available = left.get(variant_id, 0)
        if variant_id in claim.bundles:
            made = sum(_makeable(claim, free, LevelKey(variant_id, place)) for place in free)
            available = min(
                made,
                *(
                    (left.get(part.variant_id, 0) - pool.terms_of(part.variant_id).demand) // part.quantity
                    for part in claim.bundles[variant_id]
                ),
            )
        units = max(0, min(quantity, pool.terms_of(variant_id).promise(available)))
        promised[variant_id] = units
        for part in parts_of(variant_id, claim.bundles):
            left[part.variant_id] = left.get(part.variant_id, 0) - units * part.quantity
    return promised


def _makeable(claim: PoolClaim, free: Mapping[UUID, Mapping[UUID, int]], key: LevelKey) -> int:
    return whole(key, claim.bundles, lambda level: free.get(level.location_id, {}).get(level.variant_id, 0))


def _take_placed(choice: _Choice) -> tuple[list[Units], tuple[Shortfall, ...]]:
    """Set aside what is wanted at named locations and may be promised; says where they cannot give it."""
    units: list[Units] = []
    short: list[Shortfall] = []
    for key, quantity in summed(choice.claim.placed).items():
        free = choice.at(key)
        if quantity > free:
            short.append(Shortfall(key, quantity, free))
        given = min(quantity, free, choice.left[key.variant_id])
        if given:
            units += choice.take(key, given)
    return units, tuple(short)


def _take_listed(choice: _Choice) -> list[Units]:
    units: list[Units] = []
    for line in choice.claim.listed:
        wanted = min(line.quantity, choice.left[line.variant_id])
        for key, given in spread(wanted, [(key, choice.at(key)) for key in line.keys]):
            units += choice.take(key, given)
    return units


def _select(choice: _Choice) -> tuple[Units, ...]:
    claim = choice.claim
    demand = ((variant, min(units, choice.left[variant])) for variant, units in claim.demand.items())
    lines = tuple(
        LineDemand(variant, variant, quantity, claim.bundles.get(variant, ()))
        for variant, quantity in demand
        if quantity
    )
    if not lines or not choice.free:
        return ()
    request = RoutingRequest(
        order_id=NO_LOCATION,
        lines=lines,
        method=claim.method,
        channel_id=claim.channel_id,
        at=utc_now(),
        pickup_location_id=claim.pickup_location_id,
        destination=claim.near,
    )
    candidates = tuple(_candidate(choice.pool.places[place], free) for place, free in choice.free.items())
    return tuple(
        units
        for chosen in select(request, candidates, POOL_RULES).assignments
        for line in chosen.lines
        for units in choice.take(LevelKey(line.variant_id, chosen.location_id), line.quantity)
    )


def _candidate(place: Place, free: Mapping[UUID, int]) -> Candidate:
    return Candidate(place.location_id, place.name, place.geo, True, place.capabilities, place.time_zone, free)


def _shortfalls(choice: _Choice, told: Sequence[Shortfall]) -> tuple[Shortfall, ...]:
    known = {short.key.variant_id for short in told}
    got = {one: min(promised, choice.got.get(one, 0)) for one, promised in choice.promised.items()}
    return tuple(
        Shortfall(LevelKey(variant_id, NO_LOCATION), quantity, got[variant_id])
        for variant_id, quantity in choice.claim.wanted.items()
        if quantity > got[variant_id] and variant_id not in known
    )
