"""The relay: moves committed outbox rows to the `events` table and stamps a gapless `seq`.

An identity column is not a commit order: a reader of serial numbers passes by what commits late. So the relay
takes only rows of transactions below the oldest one still open, under the lock of `relay_state`, and numbers
them as it moves them. Readers then need nothing but a cursor over `seq`.

Rows go by their id, and none passes one of a lower id that must still wait: a version is taken and its event
recorded under the entity's row lock, so the events of one entity arrive in the order of their versions.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog
from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import Database
from hub.infra.listener import Listener

BATCH = 1000
TICK_SECONDS = 1.0
GATHER_SECONDS = 0.02
"""Pause after a wake-up, so that what many transactions record at once leaves in one batch."""

LAG_EVERY_SECONDS = 1.0
LAG_ALARM_SECONDS = 10.0
EVENT_RETENTION_HOURS = 24
PRUNE_BATCH = 5000
MAX_PRUNE_BATCHES = 20

GUARD = "xid < (SELECT pg_snapshot_xmin(pg_current_snapshot()))"

log = structlog.get_logger(__name__)

_LOCK = text("SELECT last_seq FROM relay_state FOR UPDATE")
_MOVE = f"""
    WITH head AS (
        SELECT id, {GUARD} AS settled FROM outbox ORDER BY id LIMIT :batch
    ), chosen AS (
        SELECT id FROM head WHERE id < coalesce((SELECT min(id) FROM head WHERE NOT settled), 9223372036854775807)
    ), taken AS (
        DELETE FROM outbox USING chosen WHERE outbox.id = chosen.id RETURNING outbox.*
    ), moved AS (
        INSERT INTO events (seq, topic, entity_id, entity_version, payload, recorded_at, relayed_at)
        SELECT :last_seq + row_number() OVER (ORDER BY id), topic, entity_id, entity_version, payload,
            recorded_at, hub_now()
        FROM taken
        RETURNING seq
    )
    UPDATE relay_state SET last_seq = last_seq + (SELECT count(*) FROM moved)
    RETURNING last_seq
"""
_LAG = text("SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float FROM outbox")
_PRUNE = text(
    """
    WITH keep AS (
        SELECT coalesce((SELECT min(last_seq) FROM event_consumers), 9223372036854775807) AS seen_by_all
    ), old AS (
        SELECT seq FROM events, keep
        WHERE relayed_at < (SELECT hub_now()) - make_interval(hours => :hours) AND seq <= keep.seen_by_all
        ORDER BY seq LIMIT :batch
    )
    DELETE FROM events USING old WHERE events.seq = old.seq
    """
)
_OVERDUE_CONSUMERS = text(
    """
    SELECT name FROM event_consumers
    WHERE last_seq < (
        SELECT max(seq) FROM events
        WHERE relayed_at < (SELECT hub_now()) - make_interval(hours => :hours)
    )
    """
)


async def move_batch(database: Database, *, batch: int = BATCH, statement: str = _MOVE) -> tuple[int, int]:
    """Move up to `batch` rows in one transaction: how many, and the newest `seq` of all.

    Two relays at once wait for each other; a crash before the commit leaves every row in the outbox.
    """
    async with database.write() as session:
        before = (await session.execute(_LOCK)).scalar_one()
        # A second statement, so that its snapshot is taken after the lock was won.
        moved = await session.execute(text(statement), {"batch": batch, "last_seq": before})
        newest = moved.scalar_one()
    return newest - before, newest


async def drain(database: Database, *, batch: int = BATCH) -> int:
    """Move until nothing more may be taken: how many rows."""
    total = 0
    while True:
        moved, _ = await move_batch(database, batch=batch)
        total += moved
        metrics.relay_moved.inc(moved)
        if moved < batch:
            return total


async def lag_seconds(database: Database) -> float:
    """The age of the oldest row still in the outbox; 0 when it is empty."""
    async with database.read() as session:
        return float((await session.execute(_LAG)).scalar_one())


async def run(database: Database, listener: Listener, announce: Callable[[], Awaitable[None]]) -> None:
    """Relay for ever: when woken or each second, and tell readers when there is something new."""
    alarmed, measured_at = False, 0.0
    while True:
        if await drain(database):
            await announce()
        if monotonic() - measured_at >= LAG_EVERY_SECONDS:
            measured_at = monotonic()
            alarmed = _tell_lag(await lag_seconds(database), alarmed=alarmed)
        if await listener.wait(TICK_SECONDS):
            await asyncio.sleep(GATHER_SECONDS)


def _tell_lag(lag: float, *, alarmed: bool) -> bool:
    """Publish the lag; log the moment it becomes too long. Returns whether it is."""
    metrics.relay_lag_seconds.set(lag)
    if lag > LAG_ALARM_SECONDS and not alarmed:
        log.error("relay.lagging", lag_seconds=round(lag, 1), likely_cause="a long write transaction")
    return lag > LAG_ALARM_SECONDS


async def prune(database: Database) -> int:
    """Delete events older than a day, except what a durable consumer has yet to see: how many.

    A consumer that holds old events back is reported each time.
    """
    hours = {"hours": EVENT_RETENTION_HOURS}
    total = 0
    for _ in range(MAX_PRUNE_BATCHES):
        async with database.write() as session:
            deleted = await session.execute(_PRUNE, {**hours, "batch": PRUNE_BATCH})
            count: int = deleted.rowcount  # type: ignore[attr-defined]
        total += count
        if count < PRUNE_BATCH:
            break
    async with database.read() as session:
        for name in (await session.execute(_OVERDUE_CONSUMERS, hours)).scalars():
            log.error("events.consumer_overdue", consumer=name, older_than_hours=EVENT_RETENTION_HOURS)
    metrics.pruned.labels("events").inc(total)
    return total
