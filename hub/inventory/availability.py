"""What may be promised: per location, and per channel as available to sell. Read paths, one statement each.

Of a bundle: the whole bundles that the parts at each location make.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession, raw_connection
from hub.inventory.demand import SHARED_DEMAND

MAX_VARIANTS = 100

_AT_LOCATIONS = text(
    """
    SELECT s.variant_id, s.location_id, s.on_hand, s.reserved, s.allocated, s.incoming, s.damaged,
           s.quality_control, s.safety_stock, s.shortage, s.version, s.counted_at,
           greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) AS available, hub_now() AS as_of
    FROM stock_levels AS s
    WHERE s.variant_id = ANY(:variants) AND (CAST(:locations AS uuid[]) IS NULL OR s.location_id = ANY(:locations))
    ORDER BY s.variant_id, s.location_id
    """
)

# Whole bundles that the channel's locations make, each from its own parts, and no more than what unfilled demand leaves
# of each part.
_DEMAND_OF_PART = SHARED_DEMAND.format(variant="p.component_id", channel="w.channel_id")
_MADE = f"""
    WITH part AS (
        SELECT b.component_id, b.quantity, count(*) OVER () AS parts
        FROM bundle_components AS b WHERE b.bundle_id = w.variant_id
    ), place AS (
        SELECT part.component_id, part.quantity, part.parts, s.location_id,
               greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) AS free,
               s.on_hand < 0 OR s.shortage > 0 AS doubtful
        FROM part
        JOIN stock_levels AS s ON s.variant_id = part.component_id
        JOIN channel_locations AS cl ON cl.location_id = s.location_id AND cl.channel_id = w.channel_id
        JOIN locations AS l ON l.id = s.location_id AND l.active AND l.kind <> 'EXTERNAL'
        WHERE $3::text IS NULL OR l.capabilities @> ARRAY[$3::text]
    )
    SELECT least(
               (SELECT coalesce(sum(at.whole), 0)::bigint FROM (
                   SELECT min(free / quantity) AS whole FROM place
                   GROUP BY location_id, parts HAVING count(*) = parts) AS at),
               (SELECT min((p.free - coalesce(({_DEMAND_OF_PART}), 0)) / p.quantity) FROM (
                   SELECT component_id, quantity, sum(free)::bigint AS free FROM place GROUP BY 1, 2) AS p)
           ) AS available,
           (SELECT count(*) FROM place) AS levels, (SELECT bool_or(doubtful) FROM place) AS doubtful
"""

_TO_SELL = f"""
SELECT w.variant_id, w.channel_id,
       CASE WHEN v.stock_policy = 'UNTRACKED' THEN NULL
            ELSE greatest(0, coalesce(made.available, coalesce(pool.available, 0) - coalesce(demand.quantity, 0))
                             - coalesce(i.buffer, ch.stock_buffer)) END AS quantity,
       i.cap, hub_now() AS as_of, ch.active, coalesce(made.levels, pool.levels, 0) AS levels,
       coalesce(made.doubtful, pool.doubtful, false) AS doubtful
FROM unnest($1::uuid[], $2::uuid[]) AS w (variant_id, channel_id)
JOIN variants AS v ON v.id = w.variant_id
JOIN channels AS ch ON ch.id = w.channel_id
LEFT JOIN listings AS i ON i.variant_id = w.variant_id AND i.channel_id = w.channel_id
LEFT JOIN LATERAL (
    SELECT sum(greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock))::bigint AS available,
           count(*) AS levels, bool_or(s.on_hand < 0 OR s.shortage > 0) AS doubtful
    FROM stock_levels AS s
    JOIN channel_locations AS cl ON cl.location_id = s.location_id AND cl.channel_id = w.channel_id
    JOIN locations AS l ON l.id = s.location_id AND l.active AND l.kind <> 'EXTERNAL'
    WHERE s.variant_id = w.variant_id
      AND ($3::text IS NULL OR l.capabilities @> ARRAY[$3::text])
) AS pool ON true
LEFT JOIN LATERAL (
    {SHARED_DEMAND.format(variant="w.variant_id", channel="w.channel_id")}
) AS demand (quantity) ON true
LEFT JOIN LATERAL (
    {_MADE}
) AS made ON EXISTS (SELECT FROM bundle_components AS b WHERE b.bundle_id = w.variant_id)
"""

_AT_PLACES = text(
    """
    SELECT w.n, s.location_id,
           min(greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) / p.quantity) AS available,
           l.latitude, l.longitude, bool_or(s.on_hand < 0 OR s.shortage > 0) AS doubtful, hub_now() AS as_of
    FROM unnest(CAST(:variants AS uuid[]), CAST(:channels AS uuid[]), CAST(:methods AS text[]))
        WITH ORDINALITY AS w (variant_id, channel_id, method, n)
    CROSS JOIN LATERAL (
        SELECT b.component_id AS variant_id, b.quantity, count(*) OVER () AS parts
        FROM bundle_components AS b WHERE b.bundle_id = w.variant_id
        UNION ALL
        SELECT w.variant_id, 1, 1 WHERE NOT EXISTS (
            SELECT FROM bundle_components AS b WHERE b.bundle_id = w.variant_id)
    ) AS p
    JOIN stock_levels AS s ON s.variant_id = p.variant_id
    JOIN locations AS l ON l.id = s.location_id AND l.active AND l.kind <> 'EXTERNAL'
    WHERE (w.method IS NULL OR l.capabilities @> ARRAY[w.method])
      AND (w.channel_id IS NULL OR EXISTS (
          SELECT FROM channel_locations AS cl WHERE cl.channel_id = w.channel_id AND cl.location_id = l.id))
    GROUP BY w.n, s.location_id, l.id, p.parts HAVING count(*) = p.parts
    ORDER BY w.n, available DESC, s.location_id
    """
)


@dataclass(frozen=True, slots=True)
class LevelView:
    """A level with what is available there now. `as_of` is when the database read it."""

    variant_id: UUID
    location_id: UUID
    on_hand: int
    reserved: int
    allocated: int
    incoming: int
    damaged: int
    quality_control: int
    safety_stock: int
    shortage: int
    version: int
    counted_at: datetime | None
    available: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class AvailableToSell:
    """What a channel may promise of a variant. `quantity` None: stock is not tracked, sell freely.

    `levels` is how many levels of the pool it sums; `doubtful`: a fact contradicts one of them, a count is due.
    """

    variant_id: UUID
    channel_id: UUID
    quantity: int | None
    as_of: datetime
    levels: int = 0
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class PlaceWanted:
    """Where a variant may lie: in a channel's pool, or anywhere, at locations with the capability `method`."""

    variant_id: UUID
    channel_id: UUID | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class AvailableAt:
    """What one location could promise of a variant now."""

    location_id: UUID
    available: int
    latitude: float | None
    longitude: float | None
    doubtful: bool
    as_of: datetime


async def levels(
    session: AnySession, variant_ids: Sequence[UUID], location_ids: Sequence[UUID] | None = None
) -> list[LevelView]:
    """All levels of the variants, at the given locations or everywhere, ordered by (variant, location)."""
    rows = await session.execute(
        _AT_LOCATIONS,
        {
            "variants": sorted(set(variant_ids)),
            "locations": None if location_ids is None else sorted(set(location_ids)),
        },
    )
    return [LevelView(*row) for row in rows]


async def available_to_sell(
    session: AnySession, pairs: Sequence[tuple[UUID, UUID]], *, method: str | None = None
) -> dict[tuple[UUID, UUID], AvailableToSell]:
    """ATS of each (variant, channel) over the channel's active locations (with the capability `method`, if given)."""
    wanted = sorted(set(pairs))
    driver = await raw_connection(session)
    rows = await driver.fetch(_TO_SELL, [variant for variant, _ in wanted], [channel for _, channel in wanted], method)
    found = {}
    for variant_id, channel_id, quantity, cap, as_of, active, levels_summed, doubtful in rows:
        promised = quantity if cap is None or quantity is None else min(quantity, cap)
        found[variant_id, channel_id] = AvailableToSell(
            variant_id, channel_id, promised if active else 0, as_of, levels_summed, doubtful
        )
    return found


async def available_at(session: AnySession, wanted: Sequence[PlaceWanted]) -> dict[PlaceWanted, list[AvailableAt]]:
    """The open locations that have a level of each variant, fullest first; external stock is nobody's to promise."""
    rows = await session.execute(
        _AT_PLACES,
        {
            "variants": [item.variant_id for item in wanted],
            "channels": [item.channel_id for item in wanted],
            "methods": [item.method for item in wanted],
        },
    )
    found: dict[PlaceWanted, list[AvailableAt]] = {}
    for number, *place in rows:
        found.setdefault(wanted[number - 1], []).append(AvailableAt(*place))
    return found
