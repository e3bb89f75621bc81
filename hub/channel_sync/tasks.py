"""Work and periodic jobs of the roads to channels, for the composition roots.

Work on a whole channel never gives up: a channel that is away for a day is asked again, less and less often, and its
last error is kept beside its cursor.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog

from adapters.sdk.capabilities import Connection
from adapters.sdk.errors import AdapterError, AuthFailed, Retryable
from hub.channel_sync import cursors, inbox
from hub.channel_sync.catalog_pull import pull_catalog
from hub.channel_sync.errors import InboxRowNotFoundError, stored_error
from hub.channel_sync.marking import on_events, sweep
from hub.channel_sync.messages import (
    CATALOG_WORK,
    CHANNEL_QUEUE,
    INBOX_QUEUE,
    POLL_WORK,
    PROCESS_WORK,
    PUBLISH_WORK,
    READ_BACK_WORK,
)
from hub.channel_sync.models import CursorKind
from hub.channel_sync.polling import poll_orders
from hub.channel_sync.processing import process_inbox_row
from hub.channel_sync.publishing import publish_stock
from hub.channel_sync.pushing import push_fulfillment
from hub.channel_sync.reading_back import read_back_stock
from hub.channels import Channel, Connections, channel_by_id, connected_channel_ids
from hub.fulfillment import PUSH_WORK, RELIEVE_WORK, FulfillmentOrderNotFoundError, relieve, route_order
from hub.infra import work
from hub.infra.database import Database, WriteSession
from hub.infra.runner import Handler, HopelessWorkError, WorkContext, WorkRegistry
from hub.infra.scheduler import Scheduler
from hub.orders import ROUTE_WORK, OrderNotFoundError

POLL_SECONDS: Final = 30.0
READ_BACK_SECONDS: Final = 300.0
CATALOG_SECONDS: Final = 3600.0
SWEEP_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 3600.0
AUTH_RETRY_SECONDS: Final = 300.0
LONGEST_RETRY_SECONDS: Final = 300.0
NEVER_GIVES_UP: Final = 1_000_000_000

Step = Callable[[WorkContext, Channel, Connection], Awaitable[float | None]]
"""One run of work on a channel: seconds until it should run again, None when only the clock decides."""

log = structlog.get_logger(__name__)


def register_channel_work(registry: WorkRegistry, connections: Connections) -> None:
    """Every kind of work between the hub and its channels, and the routing of orders."""
    one = _Single(connections)
    registry.register(PROCESS_WORK, one.process, queue=INBOX_QUEUE)
    registry.register(PUSH_WORK, one.push, queue=CHANNEL_QUEUE)
    registry.register(ROUTE_WORK, _route)
    registry.register(RELIEVE_WORK, _relieve)
    whole = _Whole(connections)
    steps: tuple[tuple[str, CursorKind, Step], ...] = (
        (PUBLISH_WORK, CursorKind.STOCK_PUBLISH, whole.publish),
        (READ_BACK_WORK, CursorKind.STOCK_READ, whole.read_back),
        (POLL_WORK, CursorKind.ORDERS, whole.poll),
        (CATALOG_WORK, CursorKind.CATALOG, whole.catalog),
    )
    for kind, cursor, step in steps:
        handler = _on_channel(connections, kind, cursor, step)
        registry.register(kind, handler, queue=CHANNEL_QUEUE, max_attempts=NEVER_GIVES_UP, recurring=True)


def register_channel_jobs(scheduler: Scheduler) -> None:
    """What the clock asks for, and the durable consumer that turns moved stock into publishing."""
    database = scheduler.database
    scheduler.every(POLL_SECONDS, "poll orders", lambda: ask_channels(database, POLL_WORK))
    scheduler.every(READ_BACK_SECONDS, "read stock back", lambda: ask_channels(database, READ_BACK_WORK))
    scheduler.every(CATALOG_SECONDS, "pull catalogs", lambda: ask_channels(database, CATALOG_WORK))
    scheduler.every(SWEEP_SECONDS, "unpublished stock", lambda: sweep(database))
    scheduler.every(FORGET_SECONDS, "old inbox", lambda: inbox.forget_old(database))
    scheduler.consumer("channel stock", on_events)


async def ask_channels(database: Database, kind: str) -> None:
    """Ask for `kind` on every connected channel."""
    async with database.write() as session:
        subjects = [str(channel_id) for channel_id in await connected_channel_ids(session)]
        await work.enqueue_many(session, kind, subjects, queue=CHANNEL_QUEUE)


class _Single:
    """Handlers whose subject is one event or one fulfillment order."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def process(self, context: WorkContext, subject: str) -> None:
        try:
            await process_inbox_row(context.database, self._connections, UUID(subject))
        except InboxRowNotFoundError:
            log.info("inbox.forgotten", subject=subject)

    async def push(self, context: WorkContext, subject: str) -> None:
        try:
            await push_fulfillment(context.database, self._connections, UUID(subject))
        except FulfillmentOrderNotFoundError as error:
            raise HopelessWorkError(error.code) from error


class _Whole:
    """Steps whose subject is a whole channel."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def publish(self, context: WorkContext, channel: Channel, connection: Connection) -> float | None:
        async def guard(session: WriteSession) -> None:
            await work.hold(session, context.claim)

        return await publish_stock(context.database, channel, connection, self._connections.sealer, guard=guard)

    async def read_back(self, context: WorkContext, channel: Channel, connection: Connection) -> float | None:
        return await read_back_stock(context.database, channel, connection, self._connections.sealer)

    async def poll(self, context: WorkContext, channel: Channel, connection: Connection) -> float | None:
        done = await poll_orders(context.database, channel, connection, self._connections.sealer)
        return None if done else 0.0

    async def catalog(self, context: WorkContext, channel: Channel, connection: Connection) -> float | None:
        done = await pull_catalog(context.database, channel, connection, self._connections.sealer)
        return None if done else 0.0


async def _route(context: WorkContext, subject: str) -> None:
    try:
        await route_order(context.database, UUID(subject))
    except OrderNotFoundError as error:
        raise HopelessWorkError(error.code) from error


async def _relieve(context: WorkContext, subject: str) -> None:
    try:
        await relieve(context.database, UUID(subject))
    except FulfillmentOrderNotFoundError as error:
        raise HopelessWorkError(error.code) from error


def _on_channel(connections: Connections, kind: str, cursor: CursorKind, step: Step) -> Handler:
    async def run(context: WorkContext, subject: str) -> None:
        async with context.database.read() as session:
            channel = await channel_by_id(session, UUID(subject))
        if not channel.active or channel.settings_encrypted is None:
            return
        error: AdapterError | None = None
        again: float | None = None
        try:
            again = await step(context, channel, connections.of(channel))
        except AdapterError as raised:
            error = raised
        async with context.database.write() as session:
            code = None if error is None else ":".join(part for part in stored_error(error) if part)
            failures = await cursors.note_outcome(session, channel.id, cursor, code)
            if error is not None:
                log.warning("channel.failed", channel=channel.code, work=kind, error=code, failures=failures)
                again = retry_seconds(error, failures)
            if again is not None:
                await work.enqueue(session, kind, subject, queue=CHANNEL_QUEUE, delay_seconds=again)

    return run


def retry_seconds(error: AdapterError, failures: int) -> float:
    """The channel's own word, else longer with every failure; credentials wait for a person."""
    if isinstance(error, AuthFailed):
        return AUTH_RETRY_SECONDS
    asked = error.after_seconds if isinstance(error, Retryable) else None
    return asked if asked is not None else min(LONGEST_RETRY_SECONDS, 2.0 ** min(failures - 1, 12))
