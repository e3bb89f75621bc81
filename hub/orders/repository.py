"""Reads of orders, batched by id and paged by key; and the locks on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, text
from sqlmodel import col, select

from hub.infra.database import AnySession, WriteSession
from hub.orders.errors import OrderNotFoundError
from hub.orders.models import Order, OrderEvent, OrderLine, OrderPayment, OrderReturn, OrderReturnLine
from hub.orders.visibility import Reach

OrderKey = tuple[datetime, UUID]

_PLACES = text(
    """
    SELECT order_id, location_id FROM fulfillment_orders WHERE order_id = ANY(:ids)
    UNION SELECT order_id, location_id FROM order_returns WHERE order_id = ANY(:ids)
    """
)
_HAS_A_PART_AT = text(
    """
    (EXISTS (SELECT FROM fulfillment_orders AS f WHERE f.order_id = orders.id AND f.location_id = ANY(:places))
     OR EXISTS (SELECT FROM order_returns AS r WHERE r.order_id = orders.id AND r.location_id = ANY(:places)))
    """
)
_CUSTOMERS_OF_CHANNELS = text(
    """
    SELECT wanted.customer_id, wanted.channel_id
    FROM unnest(CAST(:customers AS uuid[]), CAST(:channels AS uuid[])) AS wanted (customer_id, channel_id)
    WHERE EXISTS (
        SELECT FROM orders WHERE customer_id = wanted.customer_id AND channel_id = wanted.channel_id)
    """
)
_HISTORY = text(
    """
    SELECT wanted.position, o.id
    FROM unnest(CAST(:customers AS uuid[]), CAST(:placed AS timestamptz[]), CAST(:ids AS uuid[]),
                CAST(:limits AS bigint[])) WITH ORDINALITY AS wanted (customer_id, placed_at, id, size, position)
    CROSS JOIN LATERAL (
        SELECT id, placed_at FROM orders
        WHERE customer_id = wanted.customer_id
          AND (wanted.placed_at IS NULL OR (orders.placed_at, orders.id) < (wanted.placed_at, wanted.id))
        ORDER BY placed_at DESC, id DESC LIMIT wanted.size
    ) AS o
    ORDER BY wanted.position, o.placed_at DESC, o.id DESC
    """
)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of a customer's orders in every channel, newest first; `after` as in `orders_page`."""

    customer_id: UUID
    limit: int
    after: OrderKey | None = None


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


async def lock_orders(session: WriteSession, ids: Iterable[UUID]) -> dict[UUID, Order]:
    """Those of the orders that exist, locked by id in order."""
    found = await session.execute(
        select(Order)
        .where(col(Order.id).in_(sorted(set(ids))))
        .order_by(col(Order.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {order.id: order for order in found.scalars()}


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


async def places_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """The locations that have a part of each order, to fulfil or taken back."""
    grouped: dict[UUID, frozenset[UUID]] = {}
    for row in await session.execute(_PLACES, {"ids": list(ids)}):
        grouped[row.order_id] = grouped.get(row.order_id, frozenset()) | {row.location_id}
    return grouped


async def customers_of_channels(
    session: AnySession, pairs: Sequence[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], bool]:
    """Those of the (customer, channel) pairs of which the customer has an order in the channel."""
    rows = await session.execute(
        _CUSTOMERS_OF_CHANNELS, {"customers": [pair[0] for pair in pairs], "channels": [pair[1] for pair in pairs]}
    )
    return {(row.customer_id, row.channel_id): True for row in rows}


async def history_pages(session: AnySession, pages: Sequence[HistoryPage]) -> dict[HistoryPage, list[Order]]:
    """Many customers' pages at once, each with at most `limit` orders."""
    rows = await session.execute(
        _HISTORY,
        {
            "customers": [page.customer_id for page in pages],
            "placed": [page.after[0] if page.after else None for page in pages],
            "ids": [page.after[1] if page.after else None for page in pages],
            "limits": [page.limit for page in pages],
        },
    )
    found = [(pages[row.position - 1], row.id) for row in rows]
    orders = await orders_by_ids(session, {order_id for _, order_id in found})
    grouped: dict[HistoryPage, list[Order]] = {page: [] for page in pages}
    for page, order_id in found:
        grouped[page].append(orders[order_id])
    return grouped


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


async def returns_by_order_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[OrderReturn]]:
    found = await session.execute(
        select(OrderReturn)
        .where(col(OrderReturn.order_id).in_(list(ids)))
        .order_by(col(OrderReturn.created_at), col(OrderReturn.id))
    )
    grouped: dict[UUID, list[OrderReturn]] = {}
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
    holds: Sequence[str] | None = None,
    reach: Reach | None = None,
) -> list[Order]:
    """Newest first, by (placed_at, id); `after` is the key of the last order of the page before.

    Filters narrow what `reach` (None: everything) lets the caller see.
    """
    conditions = [] if reach is None else _reached(reach)
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
    if holds is not None:
        conditions.append(col(Order.hold).in_(holds))
    found = await session.execute(
        select(Order).where(*conditions).order_by(col(Order.placed_at).desc(), col(Order.id).desc()).limit(limit)
    )
    return list(found.scalars())


def _reached(reach: Reach) -> list[ColumnElement[bool]]:
    if reach.customer_id is not None:
        return [col(Order.customer_id) == reach.customer_id]
    either: list[ColumnElement[bool]] = []
    if reach.channel_id is not None:
        either.append(col(Order.channel_id) == reach.channel_id)
    if reach.location_ids is not None:
        either.append(_HAS_A_PART_AT.bindparams(places=sorted(reach.location_ids)))  # type: ignore[arg-type]
    return [or_(*either)] if either else []
