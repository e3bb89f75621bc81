"""Work is a row: enqueued by the transaction that needs it, claimed under a lease, finished once.

A row is unique by (kind, subject), so asking twice for the same thing is asking once. Each claim raises the
`fence`: whoever lost its lease can no longer finish. Messages of the broker only say "look"; losing them all
costs time and nothing else. Whether something is due or a lease is over is judged by SQL `hub_now()`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from hub.infra.database import AnySession, Database, WriteSession
from hub.kernel.errors import ConflictError, NotFoundError
from hub.kernel.ids import new_id

ENQUEUED = "hub.work.enqueued"
"""In `session.info`: how many rows this transaction enqueued per queue, for the after-commit wake-up."""

DEFAULT_QUEUE = "default"
LEASE_SECONDS = 15
RENEW_SECONDS = 5
MAX_STARTS = 5
"""Starts without an end (the process died each time) after which a row is set aside."""
RECURRING_PAUSE_SECONDS = 900
"""After which a recurring kind that was set aside gets one more start."""
MAX_ATTEMPTS = 25
FIRST_BACKOFF_SECONDS = 1
MAX_BACKOFF_SECONDS = 3600
SHORT_PAUSES = 5
"""How many failures in a row may name a pause shorter than the back-off: whoever says "in 0.1 s" for long is wrong."""
MAX_ERROR_LENGTH = 2000
MAX_ENQUEUED_AT_ONCE = 5000
MAX_QUARANTINE_PAGE = 100

log = structlog.get_logger(__name__)


class StaleClaimError(ConflictError):
    """The lease was lost and the row taken over: nothing of this runner may be committed."""

    code = "WORK_CLAIM_LOST"


class WorkNotFoundError(NotFoundError):
    code = "WORK_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one row until the lease ends, proved by `fence`."""

    id: UUID
    queue: str
    kind: str
    subject: str
    fence: int
    generation: int
    attempts: int


@dataclass(frozen=True, slots=True)
class QuarantinedWork:
    id: UUID
    queue: str
    kind: str
    subject: str
    attempts: int
    starts: int
    last_error: str | None
    created_at: datetime


_ENQUEUE = text(
    """
    INSERT INTO work_items (id, queue, kind, subject, due_at, created_at)
    SELECT item.id, :queue, :kind, item.subject, now.at + make_interval(secs => :delay_seconds), now.at
    FROM (SELECT hub_now() AS at) AS now,
        unnest(CAST(:ids AS uuid[]), CAST(:subjects AS text[])) AS item (id, subject)
    ORDER BY item.subject
    ON CONFLICT ON CONSTRAINT work_is_one_row_per_subject DO UPDATE SET
        generation = work_items.generation + 1,
        state = CASE work_items.state WHEN 'DONE' THEN 'READY' ELSE work_items.state END,
        due_at = CASE
            WHEN work_items.state = 'DONE' THEN excluded.due_at
            WHEN work_items.state = 'READY' AND work_items.attempts > 0 THEN work_items.due_at
            ELSE least(work_items.due_at, excluded.due_at)
        END,
        finished_at = NULL
    """
)

_DUE = """
    SELECT id FROM work_items
    WHERE {which} AND state = 'READY' AND due_at <= (SELECT hub_now())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_LAPSED = """
    SELECT id FROM work_items
    WHERE {which} AND state = 'RUNNING' AND lease_until <= (SELECT hub_now())
    ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_TAKE = """
    WITH lapsed AS ({lapsed}), due AS ({due}),
        chosen AS (SELECT id FROM lapsed UNION ALL SELECT id FROM due LIMIT 1)
    UPDATE work_items AS item SET
        state = CASE WHEN item.starts >= :max_starts THEN 'QUARANTINED' ELSE 'RUNNING' END,
        last_error = CASE WHEN item.starts >= :max_starts
            THEN item.starts || ' starts without an end' ELSE item.last_error END,
        starts = item.starts + CASE WHEN item.starts >= :max_starts THEN 0 ELSE 1 END,
        fence = item.fence + 1,
        due_at = CASE WHEN item.starts >= :max_starts THEN hub_now() ELSE 'infinity' END,
        lease_until = CASE WHEN item.starts >= :max_starts THEN NULL
            ELSE hub_now() + make_interval(secs => :lease_seconds) END
    FROM chosen WHERE item.id = chosen.id
    RETURNING item.id, item.queue, item.kind, item.subject, item.fence, item.generation, item.attempts,
        item.state
"""
_TAKE_FROM_QUEUE = text(
    _TAKE.format(lapsed=_LAPSED.format(which="queue = :queue"), due=_DUE.format(which="queue = :queue"))
)
_TAKE_ITEM = text(_TAKE.format(lapsed=_LAPSED.format(which="id = :id"), due=_DUE.format(which="id = :id")))

_HELD = "id = :id AND fence = :fence AND state = 'RUNNING'"
_HOLD = text(f"SELECT 1 FROM work_items WHERE {_HELD} FOR UPDATE")
_RENEW = text(f"UPDATE work_items SET lease_until = hub_now() + make_interval(secs => :lease_seconds) WHERE {_HELD}")
_FINISH = text(
    f"""
    UPDATE work_items SET
        state = CASE WHEN generation = :generation THEN 'DONE' ELSE 'READY' END,
        due_at = CASE WHEN generation = :generation THEN hub_now() ELSE due_at END,
        finished_at = CASE WHEN generation = :generation THEN hub_now() END,
        lease_until = NULL, attempts = 0, starts = 0, last_error = NULL
    WHERE {_HELD}
    RETURNING state
    """
)
_FAIL = text(
    f"""
    UPDATE work_items SET
        state = CASE WHEN attempts + 1 >= :max_attempts THEN 'QUARANTINED' ELSE 'READY' END,
        attempts = attempts + 1, starts = 0, lease_until = NULL, last_error = :error,
        due_at = hub_now() + make_interval(secs => CASE
            WHEN CAST(:retry_after AS double precision) IS NULL
            THEN least(:first_backoff * power(2, least(attempts, 30)), :max_backoff) * (0.5 + random())
            WHEN attempts < :short_pauses THEN :retry_after
            ELSE greatest(:retry_after, least(
                :first_backoff * power(2, least(attempts - :short_pauses, 30)), :max_backoff))
        END)
    WHERE {_HELD}
    RETURNING state
    """
)
_QUARANTINE = text(
    f"""
    UPDATE work_items SET state = 'QUARANTINED', lease_until = NULL, last_error = :error, due_at = hub_now()
    WHERE {_HELD}
    RETURNING state
    """
)
_LIST_QUARANTINED = text(
    """
    SELECT id, queue, kind, subject, attempts, starts, last_error, created_at FROM work_items
    WHERE state = 'QUARANTINED' AND id > :after ORDER BY id LIMIT :page_size
    """
)
_REPLAY = text(
    """
    UPDATE work_items SET state = 'READY', attempts = 0, starts = 0, due_at = hub_now()
    WHERE id = :id AND state = 'QUARANTINED' RETURNING queue
    """
)

_RETRY_RECURRING = text(
    """
    UPDATE work_items SET state = 'READY', attempts = 0, starts = :starts, due_at = hub_now()
    WHERE id IN (
        SELECT id FROM work_items
        WHERE state = 'QUARANTINED' AND kind = ANY(:kinds)
            AND due_at <= (SELECT hub_now()) - make_interval(secs => :pause_seconds)
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING queue
    """
)


async def enqueue(
    session: WriteSession, kind: str, subject: str, *, queue: str = DEFAULT_QUEUE, delay_seconds: float = 0
) -> None:
    """Ask for `kind` to be done about `subject`, with the caller's transaction.

    A DONE row becomes READY; a RUNNING one runs once more after it ends; a READY one stays (sooner, if this
    asks for sooner, except while it backs off); a QUARANTINED one waits for a person,
    or for `retry_recurring`. The row stays locked
    until the caller commits: choose a subject as narrow as what the transaction locks anyway (an order, an
    inbox row), never one that every buyer's transaction would share.
    """
    await enqueue_many(session, kind, (subject,), queue=queue, delay_seconds=delay_seconds)


async def enqueue_many(
    session: WriteSession,
    kind: str,
    subjects: Iterable[str],
    *,
    queue: str = DEFAULT_QUEUE,
    delay_seconds: float = 0,
) -> None:
    """As `enqueue` for several subjects, by one statement that locks their rows in order."""
    ordered = sorted(set(subjects))
    for start in range(0, len(ordered), MAX_ENQUEUED_AT_ONCE):
        part = ordered[start : start + MAX_ENQUEUED_AT_ONCE]
        await session.execute(
            _ENQUEUE,
            {
                "ids": [new_id() for _ in part],
                "subjects": part,
                "kind": kind,
                "queue": queue,
                "delay_seconds": float(delay_seconds),
            },
        )
    if ordered:
        note_enqueued(session, queue, len(ordered))


def note_enqueued(session: WriteSession, queue: str, count: int) -> None:
    """Remember, for the wake-up after commit, that `queue` got `count` rows."""
    counts: dict[str, int] = session.info.setdefault(ENQUEUED, {})
    counts[queue] = counts.get(queue, 0) + count


async def claim(database: Database, queue_or_id: str | UUID) -> Claim | None:
    """Take the row that is due longest in a queue (or this very row), or one whose lease has lapsed.

    None when nothing is due. A row started MAX_STARTS times without an end is set aside on the way.
    """
    statement = _TAKE_FROM_QUEUE if isinstance(queue_or_id, str) else _TAKE_ITEM
    which = "queue" if isinstance(queue_or_id, str) else "id"
    while True:
        async with database.write() as session:
            found = await session.execute(
                statement,
                {which: queue_or_id, "max_starts": MAX_STARTS, "lease_seconds": float(LEASE_SECONDS)},
            )
            row = found.mappings().one_or_none()
        if row is None:
            return None
        taken = dict(row)
        if taken.pop("state") == "RUNNING":
            return Claim(**taken)
        log.error("work.quarantined", work_id=str(taken["id"]), kind=taken["kind"], starts=MAX_STARTS)


async def hold(session: WriteSession, held: Claim) -> None:
    """Make this transaction conditional on the claim: it is still ours, and nobody takes it before we commit.

    Raises StaleClaimError. A handler whose effect is not otherwise idempotent calls this first.
    """
    if (await session.execute(_HOLD, _key(held))).first() is None:
        raise _stale(held)


async def renew(session: WriteSession, held: Claim) -> None:
    """Extend the lease. Raises StaleClaimError when the row was taken over."""
    done = await session.execute(_RENEW, {**_key(held), "lease_seconds": float(LEASE_SECONDS)})
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise _stale(held)


async def finish(session: WriteSession, held: Claim) -> bool:
    """Done, unless it was enqueued again meanwhile: then READY. True when done; raises StaleClaimError."""
    values = {**_key(held), "generation": held.generation}
    done = await _end(session, _FINISH, held, values) == "DONE"
    if not done:
        note_enqueued(session, held.queue, 1)
    return done


async def fail(
    session: WriteSession,
    held: Claim,
    error: str,
    *,
    retry_after_seconds: float | None = None,
    max_attempts: int = MAX_ATTEMPTS,
) -> bool:
    """Try again later: after `retry_after_seconds`, else with exponential backoff and jitter.

    From the sixth failure in a row on a short pause is stretched to the backoff too, so that an outage of hours does
    not use up the attempts in a minute.

    False when this was the last attempt and the row is now quarantined. Raises StaleClaimError.
    """
    values = {
        **_key(held),
        "error": _short(error),
        "retry_after": retry_after_seconds,
        "max_attempts": max_attempts,
        "first_backoff": float(FIRST_BACKOFF_SECONDS),
        "max_backoff": float(MAX_BACKOFF_SECONDS),
        "short_pauses": SHORT_PAUSES,
    }
    return await _end(session, _FAIL, held, values) == "READY"


async def quarantine(session: WriteSession, held: Claim, error: str) -> None:
    """Set the row aside until a person replays it. Raises StaleClaimError."""
    await _end(session, _QUARANTINE, held, {**_key(held), "error": _short(error)})


async def list_quarantined(
    session: AnySession, *, after: UUID | None = None, page_size: int = MAX_QUARANTINE_PAGE
) -> tuple[QuarantinedWork, ...]:
    """A page of what was set aside, in order of id; continue with the last id."""
    values = {"after": after or UUID(int=0), "page_size": min(page_size, MAX_QUARANTINE_PAGE)}
    rows = (await session.execute(_LIST_QUARANTINED, values)).mappings()
    return tuple(QuarantinedWork(**row) for row in rows)


async def replay(session: WriteSession, work_id: UUID) -> None:
    """Make a quarantined row due now, with a clean record. Raises WorkNotFoundError."""
    queue = (await session.execute(_REPLAY, {"id": work_id})).scalar_one_or_none()
    if queue is None:
        raise WorkNotFoundError("no work with this id is quarantined", path=("id",))
    note_enqueued(session, queue, 1)


async def retry_recurring(session: WriteSession, kinds: Collection[str]) -> int:
    """Give rows of recurring kinds that were set aside a while ago one start more: how many.

    What they do is level-triggered, so they must not stay dead for crashes that had another cause. A row that
    brings its process down again is set aside again at once.
    """
    values = {
        "kinds": sorted(kinds),
        "starts": MAX_STARTS - 1,
        "pause_seconds": float(RECURRING_PAUSE_SECONDS),
        "most": MAX_QUARANTINE_PAGE,
    }
    queues = (await session.execute(_RETRY_RECURRING, values)).scalars().all()
    for queue in queues:
        note_enqueued(session, queue, 1)
    return len(queues)


async def _end(session: WriteSession, statement: Any, held: Claim, values: dict[str, Any]) -> str:
    state = (await session.execute(statement, values)).scalar_one_or_none()
    if state is None:
        raise _stale(held)
    return str(state)


def _key(held: Claim) -> dict[str, Any]:
    return {"id": held.id, "fence": held.fence}


def _stale(held: Claim) -> StaleClaimError:
    return StaleClaimError(f"the claim on {held.kind} {held.subject} was taken over")


def _short(error: str) -> str:
    return error.replace("\x00", "")[:MAX_ERROR_LENGTH]
