"""Telling a channel that its order is known here, and that goods were handed over: once, however often it is tried."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.capabilities import AcknowledgesOrders, PushesFulfillments
from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.types import Shipment, ShippedLine
from hub.channel_sync.errors import stored_error
from hub.channel_sync.models import PushKind
from hub.channels import Channel, Connections, channel_by_id
from hub.fulfillment import FulfillmentOrder, FulfillmentOrderNotFoundError, fulfillment_orders_by_ids, lines_of
from hub.infra.database import AnySession, Database
from hub.infra.runner import RetryLaterError
from hub.orders import Order, OrderMethod, OrderStatus, order_lines_by_ids, orders_by_ids

AUTH_RETRY_SECONDS = 300.0

_DONE = text("SELECT 1 FROM channel_pushes WHERE kind = :kind AND subject_id = :subject")
_RECORD = text(
    """
    INSERT INTO channel_pushes (kind, subject_id, channel_id, order_id, outcome, error_code, pushed_at)
    VALUES (:kind, :subject, :channel, :order, :outcome, :error, hub_now())
    ON CONFLICT ON CONSTRAINT channel_is_told_once DO NOTHING
    """
)


@dataclass(frozen=True, slots=True)
class _Push:
    kind: PushKind
    subject_id: UUID
    order: Order


async def push_fulfillment(database: Database, connections: Connections, fulfillment_order_id: UUID) -> None:
    """Acknowledge the order and report the hand-over. What the channel refuses is kept with its code.

    Raises FulfillmentOrderNotFoundError, and RetryLaterError while the channel does not answer. A repetition after
    a crash carries the same idempotency key.
    """
    async with database.read() as session:
        item, order, shipment = await _shipment(session, fulfillment_order_id)
        channel = await channel_by_id(session, order.channel_id)
    if channel.settings_encrypted is None or not channel.active:
        return
    connection = connections.of(channel)
    if isinstance(connection, AcknowledgesOrders):
        acknowledges = connection
        await _once(
            database,
            channel,
            _Push(PushKind.ACKNOWLEDGE, order.id, order),
            lambda: acknowledges.acknowledge_order(order.external_id, hub_order_number=str(order.id)),
        )
    if isinstance(connection, PushesFulfillments):
        pushes = connection
        await _once(
            database,
            channel,
            _Push(PushKind.SHIPMENT, item.id, order),
            lambda: pushes.push_fulfillment(shipment),
        )


async def _once(database: Database, channel: Channel, push: _Push, call: Callable[[], Awaitable[None]]) -> None:
    async with database.read() as session:
        if (await session.execute(_DONE, {"kind": push.kind, "subject": push.subject_id})).first() is not None:
            return
    error = await _refusal(call)
    values = {
        "kind": push.kind,
        "subject": push.subject_id,
        "channel": channel.id,
        "order": push.order.id,
        "outcome": "SENT" if error is None else "REFUSED",
        "error": error,
    }
    async with database.write() as session:
        await session.execute(_RECORD, values)


async def _refusal(call: Callable[[], Awaitable[None]]) -> str | None:
    """Make the call; the code of a refusal that repeating cannot change."""
    try:
        await call()
    except Rejected as error:
        return stored_error(error)[0]
    except (Retryable, ContractBroken) as error:
        after = error.after_seconds if isinstance(error, Retryable) else None
        raise RetryLaterError("the channel does not answer as it should", after_seconds=after) from None
    except AuthFailed:
        raise RetryLaterError("the channel refuses our credentials", after_seconds=AUTH_RETRY_SECONDS) from None
    return None


async def _shipment(session: AnySession, fulfillment_order_id: UUID) -> tuple[FulfillmentOrder, Order, Shipment]:
    item = (await fulfillment_orders_by_ids(session, [fulfillment_order_id])).get(fulfillment_order_id)
    if item is None:
        raise FulfillmentOrderNotFoundError(f"there is no fulfillment order {fulfillment_order_id}")
    order = (await orders_by_ids(session, [item.order_id]))[item.order_id]
    lines = await lines_of(session, item.id)
    named = await order_lines_by_ids(session, [line.order_line_id for line in lines])
    shipment = Shipment(
        external_order_id=order.external_id,
        lines=tuple(ShippedLine(named[line.order_line_id].external_id, line.quantity) for line in lines),
        completes_order=order.status == OrderStatus.COMPLETED,
        idempotency_key=str(item.id),
        carrier=item.carrier or "",
        tracking_number=item.tracking_number or "",
        tracking_url=item.tracking_url or "",
        collected=item.method == OrderMethod.PICKUP,
    )
    return item, order, shipment
