"""Reads of orders, batched by id and paged by key; and the locks on them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, or_, text
from sqlmodel import col, select

from hub.infra.database import AnySession, WriteSession
from hub.orders.errors import OrderNotFoundError
from hub.orders.models import Order, OrderEvent, OrderLine, OrderPayment, OrderReturn, OrderReturnLine

OrderKey = tuple[datetime, UUID]


async def now(session: AnySession) -> datetime:
    """The deciding clock."""
    instant: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
    return instant


async def lock_order(session: WriteSession, order_id: UUID) -> Order:
    """The order under its row lock. Raises OrderNotFoundError."""
    found = await session.execute(
        select(Order)
        .where(col(Order.id) == order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    order = found.scalar_one_or_none()
    if order is None:
        raise OrderNotFoundError(f"there is no order {order_id}", path=("orderId",))
    return order


async def order_lines(session: AnySession, order_id: UUID) -> Sequence[OrderLine]:
    found = await session.execute(
        select(OrderLine)
        .where(col(OrderLine.order_id) == order_id)
        .order_by(col(OrderLine.position))
        .execution_options(populate_existing=True)
    )
    return found.scalars().all()


async def orders_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, Order]:
    found = await session.execute(select(Order).where(col(Order.id).in_(list(ids))))
    return {order.id: order for order in found.scalars()}


async def order_by_external_id(session: AnySession, channel_id: UUID, external_id: str) -> Order | None:
    found = await session.execute(
        select(Order).where(col(Order.channel_id) == channel_id, col(Order.external_id) == external_id)
    )
    return found.scalar_one_or_none()


async def lines_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[OrderLine]]:
    found = await session.execute(
        select(OrderLine).where(col(OrderLine.order_id).in_(list(ids))).order_by(col(OrderLine.position))
    )
    grouped: dict[UUID, list[OrderLine]] = {}
    for line in found.scalars():
        grouped.setdefault(line.order_id, []).append(line)
    return grouped


async def order_lines_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, OrderLine]:
    found = await session.execute(select(OrderLine).where(col(OrderLine.id).in_(list(ids))))
    return {line.id: line for line in found.scalars()}


async def payments_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[OrderPayment]]:
    found = await session.execute(
        select(OrderPayment).where(col(OrderPayment.order_id).in_(list(ids))).order_by(col(OrderPayment.reference))
    )
    grouped: dict[UUID, list[OrderPayment]] = {}
    for item in found.scalars():
        grouped.setdefault(item.order_id, []).append(item)
    return grouped


async def events_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[OrderEvent]]:
    found = await session.execute(
        select(OrderEvent)
        .where(col(OrderEvent.order_id).in_(list(ids)))
        .order_by(col(OrderEvent.at), col(OrderEvent.id))
    )
    grouped: dict[UUID, list[OrderEvent]] = {}
    for item in found.scalars():
        grouped.setdefault(item.order_id, []).append(item)
    return grouped


async def returns_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, OrderReturn]:
    found = await session.execute(select(OrderReturn).where(col(OrderReturn.id).in_(list(ids))))
    return {item.id: item for item in found.scalars()}


async def return_lines_by_return_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[OrderReturnLine]]:
    found = await session.execute(select(OrderReturnLine).where(col(OrderReturnLine.return_id).in_(list(ids))))
    grouped: dict[UUID, list[OrderReturnLine]] = {}
    for line in found.scalars():
        grouped.setdefault(line.return_id, []).append(line)
    return grouped


async def orders_page(
    session: AnySession,
    *,
    limit: int,
    after: OrderKey | None = None,
    channel_id: UUID | None = None,
    customer_id: UUID | None = None,
    statuses: Sequence[str] | None = None,
    held: bool | None = None,
) -> list[Order]:
    """Newest first, by (placed_at, id); `after` is the key of the last order of the page before."""
    conditions = []
    if after is not None:
        placed, order_id = after
        conditions.append(
            or_(col(Order.placed_at) < placed, and_(col(Order.placed_at) == placed, col(Order.id) < order_id))
        )
    if channel_id is not None:
        conditions.append(col(Order.channel_id) == channel_id)
    if customer_id is not None:
        conditions.append(col(Order.customer_id) == customer_id)
    if statuses is not None:
        conditions.append(col(Order.status).in_(statuses))
    if held is not None:
        conditions.append(col(Order.hold).is_not(None) if held else col(Order.hold).is_(None))
    found = await session.execute(
        select(Order).where(*conditions).order_by(col(Order.placed_at).desc(), col(Order.id).desc()).limit(limit)
    )
    return list(found.scalars())
