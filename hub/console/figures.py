"""What the live board counts: a report over several features' tables, read only, in three statements at most."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from prometheus_client import Histogram
from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import AnySession

WINDOW_SECONDS: Final = 900
"""How far back "lately" reaches. Bounded, because these counts read every row of their window."""
MAX_CHANNELS: Final = 100
MAX_RECENT_POINTS: Final = 50

# What a channel's figures mean is hub.channel_sync.publishing_status, here for all channels in one statement.
# Ids are UUIDv7, so the window is a range of the primary key; the tables need no index on their age.
_TOTALS = text(
    """
    SELECT hub_now() AS as_of, short.units AS oversold_units, short.levels AS oversold_levels,
        (SELECT coalesce(sum(quantity), 0)::bigint FROM unfilled_demand) AS unfilled_units,
        (SELECT count(*) FROM reservations WHERE status = 'ACTIVE' AND expires_at IS NOT NULL) AS reservations_active,
        made.all_of_them AS reservations_made, made.lapsed AS reservations_lapsed,
        (SELECT count(*) FROM idempotency_keys
            WHERE created_at >= (SELECT hub_now()) - make_interval(secs => :window)
              AND operation = 'reservationCreate' AND outcome ? '$refusal') AS reservations_refused,
        coalesce((SELECT extract(epoch FROM hub_now() - min(recorded_at)) FROM outbox), 0)::double precision
            AS relay_lag_seconds
    FROM (SELECT coalesce(sum(shortage), 0)::bigint AS units, count(*) AS levels FROM stock_levels WHERE shortage > 0)
        AS short,
        (SELECT count(*) AS all_of_them, count(*) FILTER (WHERE status = 'EXPIRED') AS lapsed FROM reservations
            WHERE id >= uuidv7(-make_interval(secs => :window)) AND expires_at IS NOT NULL) AS made
    """
)
_CHANNELS = text(
    """
    SELECT c.id, c.code, c.name, coalesce(lately.orders, 0) AS orders_captured, lately.newest AS last_order_at,
        coalesce(stock.listings, 0) AS listings, coalesce(stock.agreeing, 0) AS listings_agreeing,
        coalesce(stock.dirty, 0) AS listings_dirty, coalesce(drifting.drifts, 0) AS drifts_open
    FROM channels AS c
    LEFT JOIN (
        SELECT channel_id, count(*) AS orders, max(captured_at) AS newest FROM orders
        WHERE id >= uuidv7(-make_interval(secs => :window)) AND NOT is_history GROUP BY channel_id
    ) AS lately ON lately.channel_id = c.id
    LEFT JOIN (
        SELECT channel_id, count(*) FILTER (WHERE desired IS NOT NULL) AS listings,
            count(*) FILTER (WHERE desired = published) AS agreeing,
            count(*) FILTER (WHERE dirty_seq > clean_seq) AS dirty
        FROM listing_stock GROUP BY channel_id
    ) AS stock ON stock.channel_id = c.id
    LEFT JOIN (
        SELECT channel_id, count(*) AS drifts FROM channel_drifts WHERE status = 'OPEN' GROUP BY channel_id
    ) AS drifting ON drifting.channel_id = c.id
    WHERE c.active ORDER BY c.code LIMIT :channels
    """
)
_POINTS = text(
    """
    SELECT made.id, made.kind, made.recorded_at, orders.number AS order_number, c.name AS channel_name, moved.points
    FROM (
        SELECT id, kind, recorded_at, lot_id FROM loyalty_transactions
        WHERE kind <> 'GRANT' ORDER BY id DESC LIMIT :limit
    ) AS made
    LEFT JOIN loyalty_lots AS lot ON lot.id = made.lot_id
    LEFT JOIN orders ON orders.id = lot.order_id
    LEFT JOIN channels AS c ON c.id = orders.channel_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.points), 0)::bigint AS points FROM loyalty_entries AS e
        WHERE e.transaction_id = made.id AND e.account_id IS NOT NULL
    ) AS moved
    ORDER BY made.id DESC
    """
)


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """Lately captured orders of a channel, and how its listings' stock stands against what it should show."""

    id: UUID
    code: str
    name: str
    orders_captured: int
    last_order_at: datetime | None
    listings: int
    listings_agreeing: int
    listings_dirty: int
    drifts_open: int


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Counts at one instant; `…_made`, `…_lapsed` and `…_refused` are of the last WINDOW_SECONDS."""

    as_of: datetime
    oversold_units: int
    oversold_levels: int
    unfilled_units: int
    reservations_active: int
    reservations_made: int
    reservations_lapsed: int
    reservations_refused: int
    relay_lag_seconds: float
    channels: tuple[ChannelFigures, ...]


@dataclass(frozen=True, slots=True)
class PointsChange:
    """One movement of points; `points` is what the member's books gained, negative for a loss."""

    id: UUID
    kind: str
    recorded_at: datetime
    points: int
    order_number: str | None
    channel_name: str | None


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """Requests of one road that this process answered since it started; percentiles are None before the first."""

    count: int
    p50_seconds: float | None
    p99_seconds: float | None


async def live_figures(session: AnySession) -> LiveFigures:
    """The counters of the board, in two statements."""
    totals = (await session.execute(_TOTALS, {"window": WINDOW_SECONDS})).mappings().one()
    rows = await session.execute(_CHANNELS, {"window": WINDOW_SECONDS, "channels": MAX_CHANNELS})
    return LiveFigures(**totals, channels=tuple(ChannelFigures(**row) for row in rows.mappings()))


async def recent_points(session: AnySession, *, limit: int) -> list[PointsChange]:
    """The newest movements of points, in one statement: at most MAX_RECENT_POINTS."""
    rows = await session.execute(_POINTS, {"limit": max(1, min(limit, MAX_RECENT_POINTS))})
    return [PointsChange(**row) for row in rows.mappings()]


def request_figures(road: str, *, histogram: Histogram = metrics.request_seconds) -> RequestFigures:
    """Count and percentiles of a road's requests in this process. Connections that stay open are left out."""
    buckets: dict[float, float] = {}
    for family in histogram.collect():
        for sample in family.samples:
            labels = sample.labels
            if sample.name.endswith("_bucket") and labels["road"] == road and labels["status"] != "101":
                bound = float(labels["le"])
                buckets[bound] = buckets.get(bound, 0) + sample.value
    steps = sorted(buckets.items())
    count = int(steps[-1][1]) if steps else 0
    return RequestFigures(count, percentile(steps, 0.5), percentile(steps, 0.99))


def percentile(steps: list[tuple[float, float]], share: float) -> float | None:
    """The value below which `share` of the observations lie, by straight lines between the buckets' bounds.

    `steps` are (upper bound, observations up to it), rising. Beyond the last finite bound the answer is that bound.
    """
    if not steps or steps[-1][1] == 0:
        return None
    wanted = share * steps[-1][1]
    for (low, below), (high, upto) in pairwise([(0.0, 0.0), *steps]):
        if upto >= wanted and upto > below:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (upto - below)
    return None
