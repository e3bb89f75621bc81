"""Reading events: live fan-out inside a process, and durable consumers with exactly-once effects.

Both read the `events` table by a cursor over `seq`, which has no gaps and never grows backwards.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import structlog
from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import AnySession, Database, WriteSession
from hub.infra.listener import Listener
from hub.infra.subscription import Filter, Subscription
from hub.kernel.errors import ConflictError

CHANNEL = "hub:events"
TICK_SECONDS = 1.0
PAGE = 1000
CONSUMER_BATCH = 200
RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class ResyncRequiredError(ConflictError):
    """The cursor is older than what is kept (24 hours) or not of this database: read the state anew."""

    code = "RESYNC_REQUIRED"


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event of the stream. `seq` is the cursor; `entity_version` tells old from new per entity."""

    seq: int
    topic: str
    entity_id: UUID
    entity_version: int
    payload: Mapping[str, Any]
    recorded_at: datetime


Handler = Callable[[WriteSession, Sequence[StreamedEvent]], Awaitable[None]]

_AFTER = text(
    """
    SELECT seq, topic, entity_id, entity_version, payload, recorded_at FROM events
    WHERE seq > :after ORDER BY seq LIMIT :page
    """
)
_BOUNDS = text(
    """
    SELECT coalesce((SELECT min(seq) FROM events), last_seq + 1) AS oldest, last_seq AS newest FROM relay_state
    """
)
_INTRODUCE = text(
    """
    INSERT INTO event_consumers (name, last_seq)
    SELECT :name, coalesce((SELECT min(seq) - 1 FROM events), last_seq) FROM relay_state
    ON CONFLICT (name) DO NOTHING
    """
)
_CURSOR = text("SELECT last_seq FROM event_consumers WHERE name = :name FOR UPDATE SKIP LOCKED")
_ADVANCE = text("UPDATE event_consumers SET last_seq = :seq, updated_at = hub_now() WHERE name = :name")


async def read_after(session: AnySession, after_seq: int, *, page: int = PAGE) -> list[StreamedEvent]:
    """The next events after the cursor, in order."""
    rows = (await session.execute(_AFTER, {"after": after_seq, "page": page})).mappings()
    return [StreamedEvent(**row) for row in rows]


async def bounds(session: AnySession) -> tuple[int, int]:
    """The oldest `seq` still kept and the newest given out (oldest = newest + 1 when none is kept)."""
    row = (await session.execute(_BOUNDS)).one()
    return row.oldest, row.newest


async def consume(database: Database, name: str, handler: Handler, *, batch: int = CONSUMER_BATCH) -> int:
    """Give the next events to `handler` in one transaction with the consumer's cursor: how many.

    Whatever the handler writes through its session happens exactly once per event; when it raises, nothing
    did, and the same events come again. A new consumer begins with the oldest event kept. Another process
    consuming under the same name at this moment makes this call answer 0 at once.
    """
    async with database.write() as session:
        await session.execute(_INTRODUCE, {"name": name})
        cursor = (await session.execute(_CURSOR, {"name": name})).scalar_one_or_none()
        if cursor is None:
            return 0
        events = await read_after(session, cursor, page=batch)
        if events:
            await handler(session, events)
            await session.execute(_ADVANCE, {"name": name, "seq": events[-1].seq})
        _, newest = await bounds(session)
    metrics.consumer_lag.labels(name).set(newest - (events[-1].seq if events else cursor))
    return len(events)


class EventHub:
    """Reads the event table once per process and hands each event to the subscriptions that want it.

    Enter it to run the reader. Between events a subscription holds no connection and no session.
    """

    def __init__(self, database: Database, redis_url: str | None) -> None:
        self._database = database
        self._listener = Listener(redis_url, CHANNEL)
        self._subscriptions: set[Subscription[StreamedEvent]] = set()
        self._cursor = 0
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        async with self._database.read() as session:
            _, self._cursor = await bounds(session)
        await self._listener.__aenter__()
        self._reader = asyncio.create_task(self._run(), name="event reader")
        return self

    async def __aexit__(self, *_details: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        await self._listener.__aexit__(None, None, None)
        for subscription in tuple(self._subscriptions):
            subscription.close()

    @property
    def cursor(self) -> int:
        """The newest `seq` this process has read."""
        return self._cursor

    @asynccontextmanager
    async def subscribe(
        self,
        topics: Collection[str],
        wants: Filter[StreamedEvent] | None = None,
        *,
        after_seq: int | None = None,
        coalesce: bool = False,
    ) -> AsyncIterator[Subscription[StreamedEvent]]:
        """Events of `topics` that `wants` accepts: from now, or all after `after_seq`, without a gap.

        With `coalesce` only the newest event per topic and entity is given, at most each 100 ms. Raises
        ResyncRequiredError when `after_seq` is no longer kept. The iteration raises SubscriberTooSlowError
        once more events wait than its bound allows, and ends when the process stops.
        """
        wanted, live_from = frozenset(topics), self._cursor
        subscription: Subscription[StreamedEvent] = Subscription(
            lambda event: event.topic in wanted and (wants is None or wants(event)),
            coalesce=coalesce,
            since=live_from if after_seq is None else max(live_from, after_seq),
        )
        self._subscriptions.add(subscription)
        metrics.events_subscribers.inc()
        try:
            if after_seq is not None:
                await self._require_kept(after_seq)
                subscription.replay_first(self._between(after_seq, live_from))
            yield subscription
        finally:
            subscription.close()
            self._subscriptions.discard(subscription)
            metrics.events_subscribers.dec()

    def wake(self) -> None:
        """Read now, without waiting for a wake-up from Redis or the tick."""
        self._listener.wake()

    async def _require_kept(self, after_seq: int) -> None:
        async with self._database.read() as session:
            oldest, newest = await bounds(session)
        if not oldest - 1 <= after_seq <= newest:
            raise ResyncRequiredError("the cursor is too old or unknown; read the state anew")

    async def _between(self, after_seq: int, until_seq: int) -> AsyncIterator[StreamedEvent]:
        while after_seq < until_seq:
            async with self._database.read() as session:
                page = await read_after(session, after_seq)
            for event in page:
                if event.seq != after_seq + 1:
                    raise ResyncRequiredError("the reader fell behind what is kept; read the state anew")
                after_seq = event.seq
                if after_seq <= until_seq:
                    yield event
            if not page:
                return

    async def _run(self) -> None:
        while True:
            try:
                if await self._read_page() < PAGE:
                    await self._listener.wait(TICK_SECONDS)
            except Exception:
                log.exception("events.reader_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def _read_page(self) -> int:
        async with self._database.read() as session:
            page = await read_after(session, self._cursor)
        if page and page[0].seq != self._cursor + 1:
            self._lost_track(page[0].seq)
        for event in page:
            self._hand_out(event)
        return len(page)

    def _hand_out(self, event: StreamedEvent) -> None:
        self._cursor = event.seq
        for subscription in self._subscriptions:
            if subscription.offer(event):
                metrics.events_delivered.inc()

    def _lost_track(self, found: int) -> None:
        """This process slept longer than events are kept: subscribers must start anew."""
        log.error("events.gap", expected=self._cursor + 1, found=found)
        for subscription in self._subscriptions:
            subscription.close(ResyncRequiredError("events were missed; read the state anew"))
