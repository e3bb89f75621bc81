"""The inbox's rows: received once, processed once, parked with a reason, forgotten after a while."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from adapters.sdk.types import EventTopic, VerifiedEvent
from hub.channel_sync.errors import InboxRowNotFoundError, InboxRowNotParkedError
from hub.channel_sync.messages import INBOX_QUEUE, PROCESS_WORK
from hub.channel_sync.models import InboxRow, InboxState
from hub.infra import metrics, work
from hub.infra.database import AnySession, Database, WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.ids import new_id

BODY_PURPOSE: Final = "inbox.body"
RETENTION_DAYS: Final = 30
FORGET_BATCH: Final = 1_000
MAX_FORGET_BATCHES: Final = 20
MAX_EVENT_ID: Final = 255
MAX_NAME: Final = 200
MAX_PAGE: Final = 100

_KEPT_HEADERS: Final = ("content-type", "topic", "event", "delivery", "attempt", "retry")


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an event is parked: a stable code and a place, without anybody's data."""

    code: str
    detail: str = ""


_INSERT = text(
    """
    INSERT INTO inbox (id, channel_id, event_id, topic, external_topic, external_id, occurred_at, headers, body, state,
                       error_code, error_detail, received_at, processed_at)
    SELECT :id, :channel, :event, :topic, :external_topic, :external_id, :occurred_at, CAST(:headers AS jsonb), :body,
           CAST(:state AS text), :error_code, :error_detail, now.at,
           CASE WHEN CAST(:state AS text) = 'RECEIVED' THEN NULL ELSE now.at END
    FROM (SELECT hub_now() AS at) AS now
    ON CONFLICT ON CONSTRAINT channel_event_is_received_once DO NOTHING
    RETURNING id
    """
)
_END = text(
    """
    UPDATE inbox SET state = :state, processed_at = hub_now(), error_code = :error_code, error_detail = :error_detail
    WHERE id = :id AND state = 'RECEIVED'
    """
)
_REPLAY = text(
    """
    UPDATE inbox SET state = 'RECEIVED', processed_at = NULL, error_code = NULL, error_detail = NULL
    WHERE id = :id AND state = 'PARKED' RETURNING id
    """
)
_PARK_AGAIN = text(
    """
    UPDATE inbox SET state = 'PARKED', processed_at = hub_now(), received_at = hub_now(),
        error_code = :error_code, error_detail = :error_detail
    WHERE channel_id = :channel AND event_id = :event AND state IN ('DONE', 'IGNORED') RETURNING id
    """
)
_FORGET = text(
    """
    DELETE FROM inbox WHERE id IN (
        SELECT id FROM inbox WHERE received_at < (SELECT hub_now()) - make_interval(days => :days)
        ORDER BY received_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    """
)


async def receive(
    session: WriteSession,
    channel_id: UUID,
    event: VerifiedEvent,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    sealer: Sealer,
    misfit: Misfit | None = None,
) -> UUID | None:
    """Store a verified delivery and ask for it to be processed; None when it was received before.

    With a `misfit` it is parked at once.
    """
    inbox_id = new_id()
    inserted = await session.execute(
        _INSERT,
        {
            "id": inbox_id,
            "channel": channel_id,
            "event": event_key(event.event_id),
            "topic": event.topic.value,
            "external_topic": _plain(event.external_topic)[:MAX_NAME],
            "external_id": None if event.external_id is None else _plain(event.external_id)[:MAX_NAME],
            "occurred_at": event.occurred_at,
            "headers": json.dumps(kept_headers(headers)),
            "body": None if body is None else sealer.seal(BODY_PURPOSE, channel_id, body),
            "state": InboxState.RECEIVED if misfit is None else InboxState.PARKED,
            "error_code": None if misfit is None else misfit.code,
            "error_detail": None if misfit is None else misfit.detail,
        },
    )
    if inserted.scalar_one_or_none() is None:
        return None
    if misfit is None:
        await work.enqueue(session, PROCESS_WORK, str(inbox_id), queue=INBOX_QUEUE)
    return inbox_id


async def park_pulled(
    session: WriteSession,
    channel_id: UUID,
    external_id: str,
    misfit: Misfit,
    *,
    sealer: Sealer,
    topic: EventTopic = EventTopic.ORDER,
) -> UUID | None:
    """Keep what a pull met and could not take, once per reason; a replay pulls it again.

    Met again after a replay that went well, it is parked again.
    """
    digest = hashlib.sha256(f"{topic}\n{external_id}\n{misfit.code}\n{misfit.detail}".encode()).hexdigest()
    event = VerifiedEvent(f"pull:{digest}", topic, "pull", external_id)
    made = await receive(session, channel_id, event, None, {}, sealer=sealer, misfit=misfit)
    if made is not None:
        return made
    values = {"channel": channel_id, "event": event.event_id, "error_code": misfit.code, "error_detail": misfit.detail}
    return (await session.execute(_PARK_AGAIN, values)).scalar_one_or_none()


async def end(session: WriteSession, inbox_id: UUID, state: InboxState, misfit: Misfit | None = None) -> None:
    """Say what became of a waiting row. One that has ended already stays as it is."""
    values = {
        "id": inbox_id,
        "state": state,
        "error_code": None if misfit is None else misfit.code,
        "error_detail": None if misfit is None else misfit.detail,
    }
    await session.execute(_END, values)


async def replay(session: WriteSession, inbox_id: UUID) -> None:
    """Process a parked row again. Raises InboxRowNotParkedError or InboxRowNotFoundError."""
    if (await session.execute(_REPLAY, {"id": inbox_id})).scalar_one_or_none() is None:
        found = await inbox_row(session, inbox_id)
        raise InboxRowNotParkedError(f"the event is {found.state}, not PARKED", path=("id",))
    await work.enqueue(session, PROCESS_WORK, str(inbox_id), queue=INBOX_QUEUE)


async def inbox_row(session: AnySession, inbox_id: UUID) -> InboxRow:
    """Raises InboxRowNotFoundError."""
    found = (await session.execute(select(InboxRow).where(col(InboxRow.id) == inbox_id))).scalar_one_or_none()
    if found is None:
        raise InboxRowNotFoundError(f"there is no event {inbox_id} in the inbox", path=("id",))
    return found


async def parked(session: AnySession, channel_id: UUID | None = None, *, limit: int = MAX_PAGE) -> list[InboxRow]:
    """The newest parked events, of one channel or of all."""
    query = select(InboxRow).where(col(InboxRow.state) == InboxState.PARKED)
    if channel_id is not None:
        query = query.where(col(InboxRow.channel_id) == channel_id)
    found = await session.execute(query.order_by(col(InboxRow.received_at).desc()).limit(min(limit, MAX_PAGE)))
    return list(found.scalars())


def opened_body(row: InboxRow, sealer: Sealer) -> bytes | None:
    """The raw bytes as they were received."""
    return None if row.body is None else sealer.open(BODY_PURPOSE, row.channel_id, row.body)


async def forget_old(database: Database) -> int:
    """Delete what is past its 30 days, bodies and all: how many rows."""
    total = 0
    for _ in range(MAX_FORGET_BATCHES):
        async with database.write() as session:
            deleted = await session.execute(_FORGET, {"days": RETENTION_DAYS, "batch": FORGET_BATCH})
            count: int = deleted.rowcount  # type: ignore[attr-defined]
        total += count
        if count < FORGET_BATCH:
            break
    metrics.pruned.labels("inbox").inc(total)
    return total


def event_key(event_id: str) -> str:
    """The channel's id of the event; a digest where it is too long to keep."""
    if 0 < len(event_id) <= MAX_EVENT_ID and "\x00" not in event_id:
        return event_id
    return "sha256:" + hashlib.sha256(event_id.encode()).hexdigest()


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What helps to understand a delivery; no signature, no address, nothing that came with a person."""
    return {
        name: value[:MAX_NAME]
        for name, value in sorted(headers.items())
        if any(word in name for word in _KEPT_HEADERS) and "\x00" not in value
    }


def _plain(name: str) -> str:
    """Without NUL, which a text column does not take."""
    return name.replace("\x00", "")
