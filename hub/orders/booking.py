"""One order enters the hub, once: rows, claims on stock, customer and points in the caller's transaction."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import make_transient_to_detached

from hub.customers import Customer, customers_by_ids, make_person_key, person_key, resolve_customer
from hub.infra import outbox
from hub.infra.database import AnySession, WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders.components import keep_components
from hub.orders.messages import ORDER_CHANGED, NewOrder, NewOrderLine
from hub.orders.models import LineFulfiller, Order, OrderLine, OrderPayment, OrderStatus
from hub.orders.repository import now as hub_now
from hub.orders.rules import GEO_PRECISION, totals_match
from hub.orders.settling import Terms, grant_points, settle_stock
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
    await keep_components(session, lines)
    order.customer_id = await _customer(session, new, sealer)
    order.contact = await _sealed_contact(session, order, new, sealer)
    await session.flush()
    if not order.is_history:
        terms = Terms(new.destination, new.handed_over_at, new.reservation_id, shortage_allowed, new.sold_before)
        await settle_stock(session, order, lines, principal, terms)
        await grant_points(session, order, lines)
    await note(session, order.id, "CAPTURED", principal, channel_id=order.channel_id)
    await outbox.record(session, changed(order))
    return order.id


async def take_details(session: WriteSession, order: Order, new: NewOrder, sealer: Sealer) -> None:
    """What a newer version says of contact, destination and payments; what it leaves out stays as it was.

    The caller holds the order's lock, and none on stock yet.
    """
    contact = await _sealed_contact(session, order, new, sealer)
    if contact is not None:
        order.contact = contact
    if new.destination is not None:
        order.destination_latitude, order.destination_longitude = _coarse(new.destination)
    for item in _payments(order.id, new):
        await session.merge(item)
    await session.flush()


def changed(order: Order) -> outbox.Event:
    """The event that tells others to look at the order again."""
    return outbox.Event(
        ORDER_CHANGED,
        order.id,
        order.version,
        {"channel_id": str(order.channel_id), "status": order.status, "hold": order.hold},
    )


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
    latitude, longitude = _coarse(new.destination)
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
        destination_latitude=latitude,
        destination_longitude=longitude,
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


def _coarse(destination: GeoPoint | None) -> tuple[float | None, float | None]:
    if destination is None:
        return None, None
    return round(destination.latitude, GEO_PRECISION), round(destination.longitude, GEO_PRECISION)


def _line_rows(order_id: UUID, new: NewOrder) -> list[OrderLine]:
    """What the channel delivered is fulfilled, what was cancelled before we heard of it is cancelled."""
    cancelled = new.status is OrderStatus.CANCELLED
    delivered = new.status is OrderStatus.COMPLETED
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
            fulfilled=line.quantity if delivered and (new.is_history or _by_channel(line)) else 0,
            cancelled=line.quantity if cancelled else 0,
            unit_price_minor=line.unit_price_minor,
            discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
        )
        for position, line in enumerate(new.lines)
    ]


def _by_channel(line: NewOrderLine) -> bool:
    return line.fulfilled_by is LineFulfiller.CHANNEL


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
    key = await make_person_key(session, order.customer_id, sealer)
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
