"""How far a channel was read: an overlapping watermark, and a place to go on inside a long pass."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from hub.channel_sync.models import CursorKind
from hub.infra.database import AnySession, WriteSession

OVERLAP: Final = timedelta(minutes=15)
"""What changed within this span before the watermark is read again: clocks differ, and pages can be late."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over what changed since `since`; `page` is where it goes on, None at its beginning."""

    started_at: datetime
    since: datetime | None
    page: str | None = None


_READ = text(
    """
    SELECT hub_now() AS now, c.watermark, c.page, c.pass_since, c.pass_started_at
    FROM (SELECT 1) AS one LEFT JOIN channel_cursors AS c ON c.channel_id = :channel AND c.kind = :kind
    """
)
_SAVE = text(
    """
    INSERT INTO channel_cursors (channel_id, kind, page, pass_since, pass_started_at, watermark, ran_at)
    VALUES (:channel, :kind, :page, :since, :started_at, :watermark, hub_now())
    ON CONFLICT ON CONSTRAINT channel_has_one_cursor_per_kind DO UPDATE SET
        page = excluded.page, pass_since = excluded.pass_since, pass_started_at = excluded.pass_started_at,
        watermark = coalesce(greatest(excluded.watermark, channel_cursors.watermark), channel_cursors.watermark),
        ran_at = excluded.ran_at, failures = 0, last_error = NULL
    """
)
_OUTCOME = text(
    """
    INSERT INTO channel_cursors (channel_id, kind, ran_at, failures, last_error)
    VALUES (:channel, :kind, hub_now(), CASE WHEN CAST(:error AS text) IS NULL THEN 0 ELSE 1 END, :error)
    ON CONFLICT ON CONSTRAINT channel_has_one_cursor_per_kind DO UPDATE SET
        ran_at = excluded.ran_at, last_error = excluded.last_error,
        failures = CASE WHEN excluded.last_error IS NULL THEN 0 ELSE channel_cursors.failures + 1 END
    RETURNING failures
    """
)


async def begin_pass(session: AnySession, channel_id: UUID, kind: CursorKind, *, first: datetime | None) -> Pass:
    """The pass that was interrupted, else a new one from the watermark less the overlap.

    A channel that was never read begins at `first` (None: at the beginning of time).
    """
    row = (await session.execute(_READ, {"channel": channel_id, "kind": kind.value})).one()
    if row.pass_started_at is not None:
        return Pass(row.pass_started_at, row.pass_since, row.page)
    if row.watermark is None:
        return Pass(row.now, None if first is None else min(first, row.now))
    return Pass(row.now, row.watermark - OVERLAP)


async def save_page(session: WriteSession, channel_id: UUID, kind: CursorKind, at: Pass, page: str | None) -> None:
    """What came before `page` was taken; None: the pass is complete, and the watermark moves to its start."""
    done = page is None
    values = {
        "channel": channel_id,
        "kind": kind.value,
        "page": page,
        "since": None if done else at.since,
        "started_at": None if done else at.started_at,
        "watermark": at.started_at if done else None,
    }
    await session.execute(_SAVE, values)


async def note_outcome(session: WriteSession, channel_id: UUID, kind: CursorKind, error: str | None) -> int:
    """Remember how a run ended: the number of failures in a row."""
    found = await session.execute(_OUTCOME, {"channel": channel_id, "kind": kind.value, "error": error})
    failures: int = found.scalar_one()
    return failures


async def drop_pass(session: WriteSession, channel_id: UUID, kind: CursorKind) -> None:
    """Forget the place inside a pass: a channel that no longer knows the page is read from the watermark again."""
    await session.execute(
        text(
            "UPDATE channel_cursors SET page = NULL, pass_since = NULL, pass_started_at = NULL"
            " WHERE channel_id = :channel AND kind = :kind"
        ),
        {"channel": channel_id, "kind": kind.value},
    )
