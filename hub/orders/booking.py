"""One order enters the hub, once: rows, claims on stock, customer and points in the caller's transaction."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import make_transient_to_detached

from hub.customers import Customer, customers_by_ids, person_key, resolve_customer
from hub.infra import outbox, work
from hub.infra.database import AnySession, WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.loyalty import EarnPoints, GrantPoints, earn, grant_for_order
from hub.orders import claims
from hub.orders.messages import ORDER_CHANGED, ROUTE_WORK, NewOrder
from hub.orders.models import LineFulfiller, Order, OrderLine, OrderMethod, OrderPayment, OrderStatus
from hub.orders.repository import now as hub_now
from hub.orders.repository import order_lines
from hub.orders.rules import GEO_PRECISION, grant_lines, totals_match
from hub.orders.timeline import note

CONTACT_PURPOSE = "orders.contact"


async def book_order(
    session: WriteSession, new: NewOrder, principal: Principal, sealer: Sealer, *, shortage_allowed: bool
) -> UUID | None:
    """Write the order with everything that follows from it; None when (channel, external id) is already there.

    Stock that is there is claimed (a cart's reservation is adopted), the rest becomes unfilled demand; with
    `shortage_allowed` False a shortfall raises InsufficientStockError instead. An order handed over at a counter
    posts its sale as a fact. HISTORY touches neither stock nor points.
    """
    now = await hub_now(session)
    order = _row(new, now)
    if not await _insert(session, order):
        return None
    lines = _line_rows(order.id, new)
    session.add_all(lines)
    session.add_all(_payments(order.id, new))
    await session.flush()
    order.customer_id = await _customer(session, new, sealer)
    order.contact = await _sealed_contact(session, order, new, sealer)
    await session.flush()
    if not order.is_history:
        await _claim(session, order, lines, new, principal, shortage_allowed=shortage_allowed)
        await _points(session, order, lines)
    await note(session, order.id, "CAPTURED", principal, channel_id=order.channel_id)
    await outbox.record(session, changed(order))
    return order.id


def changed(order: Order) -> outbox.Event:
    """The event that tells others to look at the order again."""
    return outbox.Event(
        ORDER_CHANGED,
        order.id,
        order.version,
        {"channel_id": str(order.channel_id), "status": order.status, "hold": order.hold},
    )


async def _claim(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    new: NewOrder,
    principal: Principal,
    *,
    shortage_allowed: bool,
) -> None:
    if order.method == OrderMethod.HANDED_OVER:
        if new.handed_over_at is not None:
            await claims.sell(session, order, lines, new.handed_over_at, principal)
            await _complete(session, order, lines)
        return
    if order.status != OrderStatus.OPEN:
        return
    if new.reservation_id is not None:
        await claims.adopt(session, order, lines, new.reservation_id, principal)
    else:
        await claims.reserve(session, order, lines, principal, near=new.destination, shortage_allowed=shortage_allowed)
    await session.flush()
    await work.enqueue(session, ROUTE_WORK, str(order.id))


async def open_paid_order(session: WriteSession, order: Order, principal: Principal) -> None:
    """A captured order's payment arrived: claim its stock and ask for a route. The caller holds its lock."""
    order.status = OrderStatus.OPEN
    lines = list(await order_lines(session, order.id))
    near = None
    if order.destination_latitude is not None and order.destination_longitude is not None:
        near = GeoPoint(order.destination_latitude, order.destination_longitude)
    await claims.reserve(session, order, lines, principal, near=near, shortage_allowed=True)
    await session.flush()
    await work.enqueue(session, ROUTE_WORK, str(order.id))


async def _complete(session: WriteSession, order: Order, lines: Sequence[OrderLine]) -> None:
    for line in lines:
        line.fulfilled = line.quantity
    order.status = OrderStatus.COMPLETED
    order.closed_at = order.captured_at
    await session.flush()


async def _points(session: WriteSession, order: Order, lines: Sequence[OrderLine]) -> None:
    if order.customer_id is None:
        return
    granted = grant_lines(lines, prices_include_tax=order.prices_include_tax)
    if not granted:
        return
    await grant_for_order(session, GrantPoints(order.id, order.customer_id, order.currency, granted))
    if order.method == OrderMethod.HANDED_OVER and order.status == OrderStatus.COMPLETED:
        for line in granted:
            await earn(session, EarnPoints(line.line_id, line.line_id, line.quantity))


async def _insert(session: WriteSession, order: Order) -> bool:
    """Insert unless it exists. Waits for whoever is capturing the same order right now."""
    values = order.model_dump()
    columns = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    inserted = await session.execute(
        text(
            f"INSERT INTO orders ({columns}) VALUES ({marks}) "
            "ON CONFLICT ON CONSTRAINT channel_order_is_captured_once DO NOTHING RETURNING id"
        ),
        values,
    )
    if inserted.scalar_one_or_none() is None:
        return False
    # The row is there already: from now on the session writes changes of it as updates.
    make_transient_to_detached(order)
    session.add(order)
    return True


def _row(new: NewOrder, now: datetime) -> Order:
    destination = new.destination
    return Order(
        channel_id=new.channel_id,
        external_id=new.external_id,
        number=new.number,
        origin=new.origin,
        status=new.status,
        hold=new.hold,
        is_history=new.is_history,
        method=new.method,
        pickup_location_id=new.pickup_location_id,
        destination_latitude=None if destination is None else round(destination.latitude, GEO_PRECISION),
        destination_longitude=None if destination is None else round(destination.longitude, GEO_PRECISION),
        currency=new.currency,
        prices_include_tax=new.prices_include_tax,
        shipping_minor=new.shipping_minor,
        total_minor=new.total_minor,
        totals_match=totals_match(new),
        source_version=new.source_version,
        content_hash=new.content_hash,
        placed_at=new.placed_at,
        captured_at=now,
        closed_at=now if new.status in {OrderStatus.CANCELLED, OrderStatus.COMPLETED} else None,
    )


def _line_rows(order_id: UUID, new: NewOrder) -> list[OrderLine]:
    delivered = new.status is OrderStatus.COMPLETED and new.is_history
    return [
        OrderLine(
            id=new_id(),
            order_id=order_id,
            position=position,
            external_id=line.external_id,
            variant_id=line.variant_id,
            kind=line.kind,
            fulfilled_by=line.fulfilled_by,
            sku=line.sku,
            title=line.title,
            quantity=line.quantity,
            fulfilled=line.quantity if delivered or line.fulfilled_by is LineFulfiller.CHANNEL else 0,
            cancelled=0,
            unit_price_minor=line.unit_price_minor,
            discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
        )
        for position, line in enumerate(new.lines)
    ]


def _payments(order_id: UUID, new: NewOrder) -> list[OrderPayment]:
    return [
        OrderPayment(
            order_id=order_id,
            reference=item.reference,
            method=item.method,
            amount_minor=item.amount_minor,
            currency=item.currency,
            paid_at=item.paid_at,
        )
        for item in {item.reference: item for item in new.payments}.values()
    ]


async def _customer(session: WriteSession, new: NewOrder, sealer: Sealer) -> UUID | None:
    if new.customer_id is not None:
        return new.customer_id
    if not new.evidence:
        return None
    return await resolve_customer(session, new.evidence, new.person, sealer)


async def _sealed_contact(session: WriteSession, order: Order, new: NewOrder, sealer: Sealer) -> bytes | None:
    """Sealed with the customer's own key, so that erasing the customer erases it; nobody's contact is the hub's."""
    if not new.contact:
        return None
    plain = json.dumps(new.contact, ensure_ascii=False).encode()
    if order.customer_id is None:
        return sealer.seal(CONTACT_PURPOSE, order.id, plain)
    customer = (await customers_by_ids(session, [order.customer_id])).get(order.customer_id)
    key = None if customer is None else person_key(customer, sealer)
    return None if key is None else key.seal(CONTACT_PURPOSE, plain)


async def read_contact(session: AnySession, order: Order, sealer: Sealer) -> dict[str, Any] | None:
    """The order's contact in the clear, for a caller with customers:read; None when there is none or it is erased."""
    if order.contact is None or order.customer_id is None:
        return open_contact(order, None, sealer)
    return open_contact(order, (await customers_by_ids(session, [order.customer_id])).get(order.customer_id), sealer)


def open_contact(order: Order, customer: Customer | None, sealer: Sealer) -> dict[str, Any] | None:
    """As `read_contact`, with the order's customer at hand."""
    if order.contact is None:
        return None
    if order.customer_id is None:
        plain = sealer.open(CONTACT_PURPOSE, order.id, order.contact)
    else:
        key = None if customer is None else person_key(customer, sealer)
        if key is None:
            return None
        plain = key.open(CONTACT_PURPOSE, order.contact)
    contact: dict[str, Any] = json.loads(plain)
    return contact
