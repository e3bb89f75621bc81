"""Reads of the stores' queues and of routing decisions; and the lock on a fulfillment order."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_
from sqlmodel import col, select

from hub.fulfillment.errors import FulfillmentOrderNotFoundError
from hub.fulfillment.models import FulfillmentOrder, FulfillmentOrderLine, RoutingDecisionRow
from hub.infra.database import AnySession, WriteSession
from hub.orders import Order

QueueKey = tuple[datetime, UUID]


async def order_of(session: AnySession, fulfillment_order_id: UUID) -> UUID:
    """The order it belongs to, so that the order can be locked first. Raises FulfillmentOrderNotFoundError."""
    found = await session.execute(
        select(col(FulfillmentOrder.order_id)).where(col(FulfillmentOrder.id) == fulfillment_order_id)
    )
    order_id = found.scalar_one_or_none()
    if order_id is None:
        raise FulfillmentOrderNotFoundError(
            f"there is no fulfillment order {fulfillment_order_id}", path=("fulfillmentOrderId",)
        )
    return order_id


async def lock_fulfillment_order(session: WriteSession, fulfillment_order_id: UUID) -> FulfillmentOrder:
    """Under its row lock; the caller holds the order's lock already."""
    found = await session.execute(
        select(FulfillmentOrder)
        .where(col(FulfillmentOrder.id) == fulfillment_order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return found.scalar_one()


async def lines_of(session: AnySession, fulfillment_order_id: UUID) -> Sequence[FulfillmentOrderLine]:
    found = await session.execute(
        select(FulfillmentOrderLine)
        .where(col(FulfillmentOrderLine.fulfillment_order_id) == fulfillment_order_id)
        .order_by(col(FulfillmentOrderLine.id))
    )
    return found.scalars().all()


async def fulfillment_orders_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, FulfillmentOrder]:
    found = await session.execute(select(FulfillmentOrder).where(col(FulfillmentOrder.id).in_(list(ids))))
    return {item.id: item for item in found.scalars()}


async def fulfillment_orders_by_order_ids(
    session: AnySession, ids: Iterable[UUID]
) -> dict[UUID, list[FulfillmentOrder]]:
    found = await session.execute(
        select(FulfillmentOrder)
        .where(col(FulfillmentOrder.order_id).in_(list(ids)))
        .order_by(col(FulfillmentOrder.created_at), col(FulfillmentOrder.id))
    )
    grouped: dict[UUID, list[FulfillmentOrder]] = {}
    for item in found.scalars():
        grouped.setdefault(item.order_id, []).append(item)
    return grouped


async def lines_by_fulfillment_order_ids(
    session: AnySession, ids: Iterable[UUID]
) -> dict[UUID, list[FulfillmentOrderLine]]:
    found = await session.execute(
        select(FulfillmentOrderLine)
        .where(col(FulfillmentOrderLine.fulfillment_order_id).in_(list(ids)))
        .order_by(col(FulfillmentOrderLine.id))
    )
    grouped: dict[UUID, list[FulfillmentOrderLine]] = {}
    for item in found.scalars():
        grouped.setdefault(item.fulfillment_order_id, []).append(item)
    return grouped


async def decisions_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[RoutingDecisionRow]]:
    """Every run of each order, first run first."""
    found = await session.execute(
        select(RoutingDecisionRow)
        .where(col(RoutingDecisionRow.order_id).in_(list(ids)))
        .order_by(col(RoutingDecisionRow.order_id), col(RoutingDecisionRow.run))
    )
    grouped: dict[UUID, list[RoutingDecisionRow]] = {}
    for item in found.scalars():
        grouped.setdefault(item.order_id, []).append(item)
    return grouped


async def decisions_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, RoutingDecisionRow]:
    found = await session.execute(select(RoutingDecisionRow).where(col(RoutingDecisionRow.id).in_(list(ids))))
    return {item.id: item for item in found.scalars()}


async def queue_page(
    session: AnySession,
    *,
    limit: int,
    after: QueueKey | None = None,
    location_ids: Sequence[UUID] | None = None,
    statuses: Sequence[str] | None = None,
    channel_id: UUID | None = None,
) -> list[FulfillmentOrder]:
    """A store's queue, oldest first; `after` is the (created_at, id) of the last of the page before."""
    conditions = []
    if after is not None:
        created, item_id = after
        conditions.append(
            or_(
                col(FulfillmentOrder.created_at) > created,
                and_(col(FulfillmentOrder.created_at) == created, col(FulfillmentOrder.id) > item_id),
            )
        )
    if location_ids is not None:
        conditions.append(col(FulfillmentOrder.location_id).in_(location_ids))
    if statuses is not None:
        conditions.append(col(FulfillmentOrder.status).in_(statuses))
    if channel_id is not None:
        of_channel = select(col(Order.id)).where(col(Order.channel_id) == channel_id)
        conditions.append(col(FulfillmentOrder.order_id).in_(of_channel))
    found = await session.execute(
        select(FulfillmentOrder)
        .where(*conditions)
        .order_by(col(FulfillmentOrder.created_at), col(FulfillmentOrder.id))
        .limit(limit)
    )
    return list(found.scalars())
