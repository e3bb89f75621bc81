"""Finding due work that no wake-up announced: lost messages, delays that ended, leases that lapsed."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog
from sqlalchemy import text

from hub.infra import metrics, work
from hub.infra.database import Database
from hub.infra.wakeups import WakeUps

log = structlog.get_logger(__name__)

MAX_COUNTED = 64
"""Per queue and tick: more wake-ups than this would not make it faster."""

_DUE = text(
    """
    SELECT queue,
        (SELECT count(*) FROM (
            SELECT FROM work_items AS item
            WHERE item.queue = wanted.queue AND state = 'READY' AND due_at <= now.at
            ORDER BY due_at LIMIT :most) AS due) AS due,
        (SELECT count(*) FROM (
            SELECT FROM work_items AS item
            WHERE item.queue = wanted.queue AND state = 'RUNNING' AND lease_until <= now.at
            LIMIT :most) AS lapsed) AS lapsed,
        (SELECT coalesce(extract(epoch FROM now.at - min(due_at)), 0)::float FROM work_items AS item
            WHERE item.queue = wanted.queue AND state = 'READY' AND due_at <= now.at) AS waited
    FROM unnest(CAST(:queues AS text[])) AS wanted (queue), (SELECT hub_now() AS at) AS now
    """
)
_QUARANTINED = text("SELECT queue, count(*) AS quarantined FROM work_items WHERE state = 'QUARANTINED' GROUP BY queue")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a queue: counts are capped at MAX_COUNTED."""

    queue: str
    due: int
    lapsed: int
    waited: float


async def backlogs(database: Database, queues: Collection[str]) -> list[Backlog]:
    async with database.read() as session:
        rows = (await session.execute(_DUE, {"queues": sorted(queues), "most": MAX_COUNTED})).mappings()
        return [Backlog(**row) for row in rows]


async def wake_due(database: Database, queues: Collection[str], wakeups: WakeUps) -> int:
    """Send wake-ups for rows that are due or whose lease has lapsed: for how many rows."""
    total = 0
    for backlog in await backlogs(database, queues):
        metrics.work_due.labels(backlog.queue).set(backlog.due)
        metrics.work_oldest_due_seconds.labels(backlog.queue).set(backlog.waited)
        if backlog.due + backlog.lapsed:
            wakeups.wake_queue(backlog.queue, backlog.due + backlog.lapsed)
        total += backlog.due + backlog.lapsed
    return total


async def measure_quarantine(database: Database, queues: Collection[str]) -> None:
    """Bring the metric of set-aside work up to date."""
    async with database.read() as session:
        found = {row.queue: row.quarantined for row in await session.execute(_QUARANTINED)}
    for queue in set(queues) | set(found):
        metrics.work_quarantined.labels(queue).set(found.get(queue, 0))


async def retry_recurring(database: Database, kinds: Collection[str]) -> None:
    """Take recurring work out of quarantine after its pause, and say so."""
    async with database.write() as session:
        count = await work.retry_recurring(session, kinds)
    if count:
        log.warning("work.recurring_retried", rows=count)
