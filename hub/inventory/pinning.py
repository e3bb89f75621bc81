"""Reading what a claim on a channel's pool is chosen from: its open locations, terms and free units, without locks.

The engine decides again under locks. A claim for which that is not enough is chosen under the locks of the whole pool
(`commands.FromPool`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from hub.infra.database import AnySession, raw_connection
from hub.inventory.demand import SHARED_DEMAND
from hub.inventory.pool import Pinned, Place, Pool, PoolClaim, Terms, choose
from hub.inventory.units import LevelKey
from hub.kernel.geo import GeoPoint

_PLACES = """
SELECT c.id, l.id, l.name, l.latitude, l.longitude, l.time_zone, l.capabilities
FROM channels AS c
JOIN channel_locations AS cl ON cl.channel_id = c.id
JOIN locations AS l ON l.id = cl.location_id
WHERE c.id = ANY($1::uuid[]) AND c.active AND l.active AND l.kind <> 'EXTERNAL'
"""

_TERMS = f"""
SELECT c.id, v.variant_id, i.cap, coalesce(demand.quantity, 0), coalesce(i.buffer, c.stock_buffer)
FROM unnest($1::uuid[], $2::uuid[]) AS v (channel_id, variant_id)
JOIN channels AS c ON c.id = v.channel_id
LEFT JOIN listings AS i ON i.variant_id = v.variant_id AND i.channel_id = c.id
LEFT JOIN LATERAL (
    {SHARED_DEMAND.format(variant="v.variant_id", channel="c.id")}
) AS demand (quantity) ON true
"""

_FREE = """
SELECT variant_id, location_id, greatest(0, on_hand - reserved - allocated - safety_stock)
FROM stock_levels WHERE variant_id = ANY($1::uuid[])
"""

Wanted = Mapping[UUID, Collection[UUID]]
"""Channel → the variants that are claimed from its pool."""


async def pin(session: AnySession, claim: PoolClaim) -> Pinned:
    """Concrete levels for the claim, from an unlocked read."""
    stocked = claim.stocked
    pools = await read_pools(session, {claim.channel_id: claim.wanted.keys() | stocked})
    free = await read_free(session, sorted(stocked))
    return choose(claim, pools[claim.channel_id], lambda key: free.get(key, 0))


async def read_pools(session: AnySession, wanted: Wanted) -> dict[UUID, Pool]:
    """The pools of these channels, with the terms of the wanted variants. Unknown channels have empty pools."""
    places: dict[UUID, dict[UUID, Place]] = {channel_id: {} for channel_id in wanted}
    for row in await _fetch(session, _PLACES, sorted(wanted)):
        channel_id, location_id, name, latitude, longitude, time_zone, capabilities = row
        geo = None if latitude is None or longitude is None else GeoPoint(latitude, longitude)
        places[channel_id][location_id] = Place(location_id, name, geo, time_zone, frozenset(capabilities))
    pairs = [(channel_id, variant_id) for channel_id, variants in wanted.items() for variant_id in variants]
    terms: dict[UUID, dict[UUID, Terms]] = {channel_id: {} for channel_id in wanted}
    for channel_id, variant_id, cap, demand, buffer in await _fetch(
        session, _TERMS, [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ):
        terms[channel_id][variant_id] = Terms(demand + buffer, cap, demand)
    return {channel_id: Pool(places[channel_id], terms[channel_id]) for channel_id in wanted}


async def read_free(session: AnySession, variant_ids: Sequence[UUID]) -> dict[LevelKey, int]:
    """Units that a claim could take, per level of these variants, as of now and without a lock."""
    return {LevelKey(row[0], row[1]): row[2] for row in await _fetch(session, _FREE, sorted(variant_ids))}


async def _fetch(session: AnySession, statement: str, *arguments: Any) -> list[Any]:
    """On the raw driver: `reservation.engine` shows what the compiler would cost."""
    driver = await raw_connection(session)
    rows: list[Any] = await driver.fetch(statement, *arguments)
    return rows
