"""Choosing the levels that a claim on a channel's pool takes: the same selector that routes orders.

Reads without locks; the engine decides again under locks. The pool may promise Σ available over the locations with
the method's capability − unfilled demand − buffer, at most the listing's cap: the arithmetic of `availability`. A
claim beyond that is short even when single levels could serve it; an inactive channel promises nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.infra.database import AnySession, raw_connection
from hub.inventory.commands import LevelKey, Shortfall, Units
from hub.inventory.demand import SHARED_DEMAND
from hub.kernel.clock import utc_now
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from routing import POOL_RULES, Candidate, LineDemand, RoutingMethod, RoutingRequest, select

NO_LOCATION = UUID(int=0)
"""Names the pool as a whole where a shortfall has no single location."""

_POOL = """
SELECT l.id AS location_id, l.name, l.latitude, l.longitude, l.time_zone, l.capabilities,
       s.variant_id, greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) AS available
FROM channels AS c
JOIN channel_locations AS cl ON cl.channel_id = c.id
JOIN locations AS l ON l.id = cl.location_id
JOIN stock_levels AS s ON s.location_id = l.id AND s.variant_id = ANY($1::uuid[])
WHERE c.id = $2 AND c.active AND l.active AND l.kind <> 'EXTERNAL'
"""

_POOL_LEVELS = """
SELECT s.variant_id, s.location_id
FROM channel_locations AS cl
JOIN stock_levels AS s ON s.location_id = cl.location_id AND s.variant_id = ANY($1::uuid[])
WHERE cl.channel_id = $2
"""

_TERMS = f"""
SELECT v.id AS variant_id, i.cap,
       coalesce(({SHARED_DEMAND.format(variant="v.id", channel="c.id")}), 0)
       + coalesce(i.buffer, c.stock_buffer) AS held_back
FROM unnest($1::uuid[]) AS v (id)
JOIN channels AS c ON c.id = $2
LEFT JOIN listings AS i ON i.variant_id = v.id AND i.channel_id = c.id
"""


@dataclass(frozen=True, slots=True)
class PoolClaim:
    """Units wanted from a channel's pool, by whichever location serves best.

    `placed` are units wanted at named locations of the pool: they count against what it may promise.
    """

    channel_id: UUID
    demand: Mapping[UUID, int]
    method: RoutingMethod = RoutingMethod.SHIP
    pickup_location_id: UUID | None = None
    near: GeoPoint | None = None
    placed: tuple[Units, ...] = ()

    @property
    def wanted(self) -> dict[UUID, int]:
        """Units per variant, wherever they are wanted."""
        return _per_variant((*self.placed, *(Units(LevelKey(one, NO_LOCATION), n) for one, n in self.demand.items())))


@dataclass(frozen=True, slots=True)
class Pinned:
    """`units` to claim now; `short` is what the pool cannot promise."""

    units: tuple[Units, ...]
    short: tuple[Shortfall, ...]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What of the pool a channel may not promise, and how much it may promise at most."""

    held_back: int
    cap: int | None


@dataclass(slots=True)
class _Place:
    name: str
    geo: GeoPoint | None
    time_zone: str
    capabilities: frozenset[str]
    available: dict[UUID, int]


async def pin(session: AnySession, claim: PoolClaim) -> Pinned:
    """Concrete levels for the claim, from an unlocked read."""
    places = await _places(session, claim)
    promised = _within_promise(claim, places, await _terms(session, claim))
    elsewhere = _take_placed(claim, places)
    if elsewhere:
        return Pinned((), elsewhere)
    named = _per_variant(claim.placed)
    left = {one: min(units, max(0, promised[one] - named.get(one, 0))) for one, units in claim.demand.items()}
    units = (*claim.placed, *_choose(claim, left, places))
    return Pinned(units, _shortfalls(claim.wanted, promised, units))


async def _places(session: AnySession, claim: PoolClaim) -> dict[UUID, _Place]:
    found: dict[UUID, _Place] = {}
    for row in await _fetch(session, _POOL, claim):
        location_id, name, latitude, longitude, time_zone, capabilities, variant_id, available = row
        geo = None if latitude is None or longitude is None else GeoPoint(latitude, longitude)
        place = found.setdefault(location_id, _Place(name, geo, time_zone, frozenset(capabilities), {}))
        place.available[variant_id] = available
    return found


async def pool_levels(session: AnySession, claim: PoolClaim) -> set[LevelKey]:
    """Every level that the claim could take units from."""
    return {LevelKey(row[0], row[1]) for row in await _fetch(session, _POOL_LEVELS, claim)}


async def _terms(session: AnySession, claim: PoolClaim) -> dict[UUID, _Terms]:
    return {row[0]: _Terms(row[2], row[1]) for row in await _fetch(session, _TERMS, claim)}


async def _fetch(session: AnySession, statement: str, claim: PoolClaim) -> list[Any]:
    """On the raw driver: `reservation_random` shows what the compiler would cost."""
    driver = await raw_connection(session)
    rows: list[Any] = await driver.fetch(statement, sorted(claim.wanted), claim.channel_id)
    return rows


def _within_promise(claim: PoolClaim, places: Mapping[UUID, _Place], terms: Mapping[UUID, _Terms]) -> dict[UUID, int]:
    total: dict[UUID, int] = {}
    for place in places.values():
        if claim.method.value not in place.capabilities:
            continue
        for variant_id, available in place.available.items():
            total[variant_id] = total.get(variant_id, 0) + available
    return {
        variant_id: max(0, min(quantity, _promise(total.get(variant_id, 0), terms.get(variant_id))))
        for variant_id, quantity in claim.wanted.items()
    }


def _take_placed(claim: PoolClaim, places: Mapping[UUID, _Place]) -> tuple[Shortfall, ...]:
    """Set aside what is wanted at named locations; answers where they cannot give it."""
    wanted: dict[LevelKey, int] = {}
    for key, quantity in claim.placed:
        wanted[key] = wanted.get(key, 0) + quantity
    short = []
    for key, quantity in wanted.items():
        place = places.get(key.location_id)
        serves = place is not None and claim.method.value in place.capabilities
        free = place.available.get(key.variant_id, 0) if place is not None and serves else 0
        if quantity > free:
            short.append(Shortfall(key, quantity, free))
        elif place is not None:
            place.available[key.variant_id] = free - quantity
    return tuple(short)


def _promise(available: int, terms: _Terms | None) -> int:
    if terms is None:
        return available
    left = available - terms.held_back
    return left if terms.cap is None else min(left, terms.cap)


def _choose(claim: PoolClaim, promised: Mapping[UUID, int], places: Mapping[UUID, _Place]) -> tuple[Units, ...]:
    lines = tuple(LineDemand(variant, variant, quantity) for variant, quantity in promised.items() if quantity)
    if not lines or not places:
        return ()
    request = RoutingRequest(
        order_id=new_id(),
        lines=lines,
        method=claim.method,
        channel_id=claim.channel_id,
        at=utc_now(),
        pickup_location_id=claim.pickup_location_id,
        destination=claim.near,
    )
    candidates = tuple(
        Candidate(location_id, item.name, item.geo, True, item.capabilities, item.time_zone, item.available)
        for location_id, item in places.items()
    )
    return tuple(
        Units(LevelKey(line.variant_id, chosen.location_id), line.quantity)
        for chosen in select(request, candidates, POOL_RULES).assignments
        for line in chosen.lines
    )


def _shortfalls(
    wanted: Mapping[UUID, int], promised: Mapping[UUID, int], units: Sequence[Units]
) -> tuple[Shortfall, ...]:
    chosen = _per_variant(units)
    got = {variant_id: min(promised[variant_id], chosen.get(variant_id, 0)) for variant_id in wanted}
    return tuple(
        Shortfall(LevelKey(variant_id, NO_LOCATION), quantity, got[variant_id])
        for variant_id, quantity in wanted.items()
        if quantity > got[variant_id]
    )


def _per_variant(units: Iterable[Units]) -> dict[UUID, int]:
    total: dict[UUID, int] = {}
    for key, quantity in units:
        total[key.variant_id] = total.get(key.variant_id, 0) + quantity
    return total
