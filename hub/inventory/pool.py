"""What a channel's pool may promise, and which levels a claim on it takes: pure, the same selector that routes orders.

The pool may promise Σ available over the locations with the method's capability − unfilled demand − buffer, at most
the listing's cap: the arithmetic of `availability`. A claim beyond that is short even when single levels could serve
it; an inactive channel promises nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.inventory.units import NO_LOCATION, LevelKey, Listed, Shortfall, Units, per_variant, spread, summed
from hub.kernel.clock import utc_now
from hub.kernel.geo import GeoPoint
from routing import POOL_RULES, Candidate, LineDemand, RoutingMethod, RoutingRequest, select

Free = Callable[[LevelKey], int]
"""How many units of a level a claim that leaves the safety stock alone may take."""


@dataclass(frozen=True, slots=True)
class PoolClaim:
    """Units wanted from a channel's pool, by whichever location serves best.

    `placed` are units wanted at named locations of the pool and `listed` at several in order of preference: they count
    against what it may promise. `partial`: what cannot be had is left out of the choice.
    """

    channel_id: UUID
    demand: Mapping[UUID, int]
    method: RoutingMethod = RoutingMethod.SHIP
    pickup_location_id: UUID | None = None
    near: GeoPoint | None = None
    placed: tuple[Units, ...] = ()
    listed: tuple[Listed, ...] = ()
    partial: bool = False

    @property
    def wanted(self) -> dict[UUID, int]:
        """Units per variant, wherever they are wanted."""
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
    """What of the pool a channel may not promise, and how much it may promise at most."""

    held_back: int
    cap: int | None

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


def choose(claim: PoolClaim, pool: Pool, free: Free) -> Pinned:
    """Concrete levels for the claim. A named location that cannot give its units makes the whole claim short."""
    choice = _begin(claim, pool, free)
    placed, elsewhere = _take_placed(choice)
    if elsewhere and not claim.partial:
        return Pinned((), elsewhere)
    units = (*placed, *_take_listed(choice), *_select(choice))
    return Pinned(units, (*elsewhere, *_shortfalls(choice, units, elsewhere)))


def _begin(claim: PoolClaim, pool: Pool, free: Free) -> _Choice:
    wanted = claim.wanted
    at_places: dict[UUID, dict[UUID, int]] = {}
    total: dict[UUID, int] = {}
    for place in pool.places.values():
        if claim.method.value not in place.capabilities:
            continue
        for variant_id in wanted:
            quantity = free(LevelKey(variant_id, place.location_id))
            if quantity > 0:
                at_places.setdefault(place.location_id, {})[variant_id] = quantity
                total[variant_id] = total.get(variant_id, 0) + quantity
    promised = {
        variant_id: max(0, min(quantity, pool.terms_of(variant_id).promise(total.get(variant_id, 0))))
        for variant_id, quantity in wanted.items()
    }
    return _Choice(claim, pool, at_places, promised, dict(promised))


def _take_placed(choice: _Choice) -> tuple[list[Units], tuple[Shortfall, ...]]:
    """Set aside what is wanted at named locations and may be promised; says where they cannot give it."""
    units, short = [], []
    for key, quantity in summed(choice.claim.placed).items():
        place = choice.free.get(key.location_id, {})
        free = place.get(key.variant_id, 0)
        if quantity > free:
            short.append(Shortfall(key, quantity, free))
        given = min(quantity, free, choice.left[key.variant_id])
        if given:
            units.append(Units(key, given))
            place[key.variant_id] -= given
            choice.left[key.variant_id] -= given
    return units, tuple(short)


def _take_listed(choice: _Choice) -> list[Units]:
    units: list[Units] = []
    for line in choice.claim.listed:
        wanted = min(line.quantity, choice.left[line.variant_id])
        free = [(key, choice.free.get(key.location_id, {}).get(key.variant_id, 0)) for key in line.keys]
        for key, given in spread(wanted, free):
            units.append(Units(key, given))
            choice.free[key.location_id][key.variant_id] -= given
            choice.left[key.variant_id] -= given
    return units


def _select(choice: _Choice) -> tuple[Units, ...]:
    claim = choice.claim
    demand = ((variant, min(units, choice.left[variant])) for variant, units in claim.demand.items())
    lines = tuple(LineDemand(variant, variant, quantity) for variant, quantity in demand if quantity)
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
        Units(LevelKey(line.variant_id, chosen.location_id), line.quantity)
        for chosen in select(request, candidates, POOL_RULES).assignments
        for line in chosen.lines
    )


def _candidate(place: Place, free: Mapping[UUID, int]) -> Candidate:
    return Candidate(place.location_id, place.name, place.geo, True, place.capabilities, place.time_zone, free)


def _shortfalls(choice: _Choice, units: Sequence[Units], told: Sequence[Shortfall]) -> tuple[Shortfall, ...]:
    chosen = per_variant(units)
    known = {short.key.variant_id for short in told}
    got = {one: min(promised, chosen.get(one, 0)) for one, promised in choice.promised.items()}
    return tuple(
        Shortfall(LevelKey(variant_id, NO_LOCATION), quantity, got[variant_id])
        for variant_id, quantity in choice.claim.wanted.items()
        if quantity > got[variant_id] and variant_id not in known
    )
