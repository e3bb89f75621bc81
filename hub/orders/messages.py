"""An order on its way in, as the hub's own frozen types, and the events that follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.customers import IdentityEvidence, Person
from hub.kernel.geo import GeoPoint
from hub.orders.models import LineFulfiller, OrderHold, OrderMethod, OrderStatus

ORDER_CHANGED = "order.changed"
"""Topic of the event after every change of an order; the entity is the order."""

ROUTE_WORK = "order.route"
"""Kind of the work row that asks for an order to be routed; the subject is the order id."""


@dataclass(frozen=True, slots=True)
class NewOrderLine:
    """Amounts are minor units of the order's currency; discount and tax are for the whole line."""

    external_id: str
    title: str
    kind: str
    quantity: int
    unit_price_minor: int
    discount_minor: int = 0
    tax_minor: int = 0
    variant_id: UUID | None = None
    sku: str | None = None
    fulfilled_by: LineFulfiller = LineFulfiller.HUB


@dataclass(frozen=True, slots=True)
class NewPayment:
    reference: str
    method: str
    amount_minor: int
    currency: str
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """`contact` is personal data as plain JSON (addresses, notes); it is sealed before it is stored."""

    channel_id: UUID
    external_id: str
    number: str
    status: OrderStatus
    method: OrderMethod
    currency: str
    prices_include_tax: bool
    total_minor: int
    placed_at: datetime
    source_version: str
    content_hash: str
    lines: tuple[NewOrderLine, ...]
    hold: OrderHold | None = None
    is_history: bool = False
    origin: str | None = None
    pickup_location_id: UUID | None = None
    handed_over_at: UUID | None = None
    destination: GeoPoint | None = None
    shipping_minor: int = 0
    evidence: tuple[IdentityEvidence, ...] = ()
    person: Person | None = None
    customer_id: UUID | None = None
    contact: dict[str, Any] = field(default_factory=dict, repr=False)
    payments: tuple[NewPayment, ...] = ()
    reservation_id: UUID | None = None
    sold_before: Mapping[UUID, int] = field(default_factory=dict)
    """Units per variant whose sale over the counter has been posted already: they do not leave onHand again."""
