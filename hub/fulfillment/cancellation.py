"""Taking back what an order has not been given yet: claims, allocations and the stores' work."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from hub.fulfillment.models import FulfillmentOrder, FulfillmentStatus
from hub.fulfillment.repository import fulfillment_orders_by_order_ids, lines_by_fulfillment_order_ids
from hub.fulfillment.routing_run import fulfillment_changed
from hub.fulfillment.rules import OPEN_STATES
from hub.infra import outbox
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import Actor, Deallocate, Refused, Release, StockRequest, apply, error_of
from hub.kernel.principal import Principal, Scope
from hub.loyalty import ReversePoints, reverse
from hub.orders import (
    LineFulfiller,
    Order,
    OrderLine,
    OrderNotCancellableError,
    OrderNotFoundError,
    OrderStatus,
    changed,
    expect_version,
    lock_order,
    note,
    now,
    order_lines,
    places_by_order_ids,
    sees_order,
    set_unfilled,
    status_when_cancelled,
)


async def cancel_order(
    database: Database,
    principal: Principal,
    *,
    order_id: UUID,
    reason: str,
    idempotency_key: str,
    expected_version: int | None = None,
) -> Answer:
    """Cancel every unit not handed out yet.

    Refuses with OrderNotFoundError, StaleVersionError and OrderNotCancellableError.
    """
    principal.require(Scope.ORDERS_WRITE)

    async def work(session: WriteSession) -> dict[str, object]:
        order = await lock_order(session, order_id)
        places = (await places_by_order_ids(session, [order_id])).get(order_id, frozenset())
        if not sees_order(principal, order, places):
            raise OrderNotFoundError(f"there is no order {order_id}", path=("orderId",))
        expect_version(order, expected_version)
        if order.status not in {OrderStatus.OPEN, OrderStatus.PENDING_PAYMENT}:
            raise OrderNotCancellableError(f"the order is {order.status} already", path=("orderId",))
        order.version += 1
        await cancel_open_units(session, order, principal, reason=reason)
        await outbox.record(session, changed(order))
        return {"order_id": str(order_id), "ids": [str(order_id)]}

    return await mutate(
        database,
        principal,
        operation="orderCancel",
        idempotency_key=idempotency_key,
        payload={"order_id": order_id, "reason": reason, "expected_version": expected_version},
        work=work,
    )


async def cancel_open_units(session: WriteSession, order: Order, principal: Principal, *, reason: str) -> None:
    """Cancel what has not been handed out; stock and queues are put right. The caller holds the order's lock."""
    open_items = await _open_items(session, order.id)
    await _give_back(session, order, principal, open_items)
    await _close(session, open_items)
    lines = await order_lines(session, order.id)
    await set_unfilled(session, order, lines, {}, {})
    for line in lines:
        line.cancelled += line.open_quantity
    order.status = status_when_cancelled(lines)
    order.closed_at = order.closed_at or await now(session)
    order.hold = None
    order.reservation_id = None
    await session.flush()
    if order.status == OrderStatus.CANCELLED:
        await _take_points_back(session, lines)
    await note(session, order.id, "CANCELLED", principal, detail={"reason": reason})


async def _take_points_back(session: WriteSession, lines: Sequence[OrderLine]) -> None:
    """What counted as delivered by the channel when the order came in was not bought after all."""
    for line in lines:
        kept = line.fulfilled - line.returned
        if line.fulfilled_by == LineFulfiller.CHANNEL and kept:
            await reverse(session, ReversePoints(line.id, line.id, kept))


async def _open_items(session: WriteSession, order_id: UUID) -> list[FulfillmentOrder]:
    items = (await fulfillment_orders_by_order_ids(session, [order_id])).get(order_id, [])
    return [item for item in items if item.status in OPEN_STATES]


async def _give_back(
    session: WriteSession, order: Order, principal: Principal, open_items: list[FulfillmentOrder]
) -> None:
    actor = Actor(principal.id, order.channel_id)
    grouped = await lines_by_fulfillment_order_ids(session, [item.id for item in open_items])
    holders = tuple(line.id for lines in grouped.values() for line in lines)
    requests = []
    if order.reservation_id is not None and await _is_active(session, order.reservation_id):
        requests.append(StockRequest(actor, Release(order.reservation_id)))
    if holders:
        requests.append(StockRequest(actor, Deallocate(holders, order.id)))
    for outcome in await apply(session, requests) if requests else ():
        if isinstance(outcome, Refused):
            raise error_of(outcome)


async def _close(session: WriteSession, open_items: list[FulfillmentOrder]) -> None:
    for item in open_items:
        item.status = FulfillmentStatus.CANCELLED
        item.version += 1
    await session.flush()
    await outbox.record(session, *(fulfillment_changed(item) for item in open_items))


async def _is_active(session: WriteSession, reservation_id: UUID) -> bool:
    found = await session.execute(
        text("SELECT status = 'ACTIVE' FROM reservations WHERE id = :id"), {"id": reservation_id}
    )
    return bool(found.scalar_one())
