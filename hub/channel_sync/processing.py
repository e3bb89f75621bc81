"""A stored delivery is understood and applied. Running it twice is harmless: orders know their versions."""

from uuid import UUID

from adapters.sdk.capabilities import Connection, PullsOrders, ReceivesWebhooks
from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.types import ChannelOrder, EventTopic, VerifiedEvent
from hub.channel_sync import inbox
from hub.channel_sync.capturing import capture
from hub.channel_sync.errors import stored_error
from hub.channel_sync.inbox import Misfit
from hub.channel_sync.messages import CATALOG_WORK, CHANNEL_QUEUE, READ_BACK_WORK
from hub.channel_sync.models import InboxRow, InboxState
from hub.channels import Channel, Connections, channel_by_id
from hub.infra import work
from hub.infra.database import Database, WriteSession
from hub.infra.runner import RetryLaterError
from hub.infra.sealing import Sealer
from hub.kernel.errors import HubError, UnavailableError

AUTH_RETRY_SECONDS = 300.0
READ_BACK_DELAY_SECONDS = 30.0
CATALOG_DELAY_SECONDS = 300.0
"""Hints about products come in bursts, our own writes among them: one look later serves them all."""


class _ParkedError(Exception):
    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit.code)
        self.misfit = misfit


async def process_inbox_row(database: Database, connections: Connections, inbox_id: UUID) -> InboxState:
    """Apply one row and say what became of it. Raises RetryLaterError while the channel does not answer."""
    async with database.read() as session:
        row = await inbox.inbox_row(session, inbox_id)
        channel = await channel_by_id(session, row.channel_id)
    if row.state != InboxState.RECEIVED:
        return InboxState(row.state)
    try:
        state = await _apply(database, connections, channel, row)
        misfit = None
    except _ParkedError as error:
        state, misfit = InboxState.PARKED, error.misfit
    async with database.write() as session:
        await inbox.end(session, inbox_id, state, misfit)
        await _look_later(session, channel.id, EventTopic(row.topic))
    return state


async def _apply(database: Database, connections: Connections, channel: Channel, row: InboxRow) -> InboxState:
    match EventTopic(row.topic):
        case EventTopic.ORDER | EventTopic.REFUND:
            await _orders(database, connections.of(channel), channel, row, connections.sealer)
            return InboxState.DONE
        case EventTopic.PRODUCT | EventTopic.STOCK:
            return InboxState.DONE
        case EventTopic.UNKNOWN:
            raise _ParkedError(Misfit("UNKNOWN_TOPIC"))
        case _:
            return InboxState.IGNORED


async def _orders(database: Database, connection: Connection, channel: Channel, row: InboxRow, sealer: Sealer) -> None:
    try:
        for order in await _read_orders(connection, row, inbox.opened_body(row, sealer)):
            await capture(database, channel, connection, order, sealer)
    except Retryable as error:
        raise RetryLaterError("the channel does not answer", after_seconds=error.after_seconds) from None
    except AuthFailed:
        raise RetryLaterError("the channel refuses our credentials", after_seconds=AUTH_RETRY_SECONDS) from None
    except (ContractBroken, Rejected) as error:
        raise _ParkedError(Misfit(*stored_error(error))) from None
    except UnavailableError:
        raise
    except HubError as error:
        raise _ParkedError(Misfit(*stored_error(error))) from None


async def _read_orders(connection: Connection, row: InboxRow, body: bytes | None) -> tuple[ChannelOrder, ...]:
    """The orders that the delivery carries, else the one it names, as the channel has it now."""
    if body is not None and isinstance(connection, ReceivesWebhooks):
        event = VerifiedEvent(row.event_id, EventTopic(row.topic), row.external_topic, row.external_id, row.occurred_at)
        carried = connection.orders_in(event, body)
        if carried:
            return carried
    if row.external_id is None or not isinstance(connection, PullsOrders):
        raise _ParkedError(Misfit("NAMES_NO_ORDER"))
    order = await connection.pull_order(row.external_id)
    if order is None:
        raise _ParkedError(Misfit("ORDER_GONE"))
    return (order,)


async def _look_later(session: WriteSession, channel_id: UUID, topic: EventTopic) -> None:
    """A hint about products or stock, or the echo of our own write: look at the channel a little later, once."""
    if topic is EventTopic.PRODUCT:
        delay = CATALOG_DELAY_SECONDS
        await work.enqueue(session, CATALOG_WORK, str(channel_id), queue=CHANNEL_QUEUE, delay_seconds=delay)
    if topic in {EventTopic.PRODUCT, EventTopic.STOCK}:
        delay = READ_BACK_DELAY_SECONDS
        await work.enqueue(session, READ_BACK_WORK, str(channel_id), queue=CHANNEL_QUEUE, delay_seconds=delay)
