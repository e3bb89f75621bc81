"""Orders as the hub keeps them: lines, payment references, timeline and returns.

`Order.contact` is the only column with personal data (names, addresses, notes), sealed per order.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class OrderStatus(StrEnum):
    PENDING_PAYMENT = "PENDING_PAYMENT"
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class OrderHold(StrEnum):
    """Why an order waits for a person. It keeps its claims while it waits."""

    UNMAPPED_LINE = "UNMAPPED_LINE"
    CHANNEL_CONFLICT = "CHANNEL_CONFLICT"
    UNKNOWN_STATE = "UNKNOWN_STATE"
    UNKNOWN_LOCATION = "UNKNOWN_LOCATION"
    GO_LIVE_REVIEW = "GO_LIVE_REVIEW"


class HoldDecision(StrEnum):
    """What a person says of an order that waits for one."""

    CONFIRM = "CONFIRM"
    """The hub goes on with it, as it stands here."""
    DECLINE = "DECLINE"
    """It is none of the hub's business."""


class OrderMethod(StrEnum):
    SHIP = "SHIP"
    PICKUP = "PICKUP"
    LOCAL_DELIVERY = "LOCAL_DELIVERY"
    HANDED_OVER = "HANDED_OVER"


class LineFulfiller(StrEnum):
    HUB = "HUB"
    CHANNEL = "CHANNEL"
    HANDED_OVER = "HANDED_OVER"


def _big(default: int | None = None) -> Any:
    column: Column[int] = Column(BigInteger, nullable=False, server_default=None if default is None else str(default))
    return Field(sa_column=column) if default is None else Field(default=default, sa_column=column)


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


class Order(SQLModel, table=True):
    """A sale from any channel, unique by (channel, external id)."""

    __tablename__ = "orders"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    external_id: str
    number: str
    origin: str | None = None
    status: str
    hold: str | None = None
    is_history: bool = False
    method: str
    pickup_location_id: UUID | None = Field(default=None, foreign_key="locations.id")
    destination_latitude: float | None = None
    destination_longitude: float | None = None
    currency: str
    prices_include_tax: bool
    shipping_minor: int = _big(0)
    total_minor: int = _big()
    totals_match: bool
    customer_id: UUID | None = Field(default=None, foreign_key="customers.id")
    contact: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    reservation_id: UUID | None = Field(default=None, foreign_key="reservations.id")
    source_version: str
    content_hash: str
    version: int = _big(1)
    placed_at: datetime = _instant()
    captured_at: datetime = _instant()
    closed_at: datetime | None = _instant(nullable=True)


class OrderLine(SQLModel, table=True):
    """`quantity` = open + cancelled + fulfilled. Prices are the channel's: unit, and discount and tax of the line."""

    __tablename__ = "order_lines"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="orders.id")
    position: int
    external_id: str
    variant_id: UUID | None = Field(default=None, foreign_key="variants.id")
    kind: str
    fulfilled_by: str
    sku: str | None = None
    title: str
    quantity: int = _big()
    cancelled: int = _big(0)
    fulfilled: int = _big(0)
    returned: int = _big(0)
    unit_price_minor: int = _big()
    discount_minor: int = _big(0)
    tax_minor: int = _big(0)

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.cancelled - self.fulfilled


class OrderLineComponent(SQLModel, table=True):
    """Units of a variant within one unit of an ordered bundle, as the bundle was when it was ordered."""

    __tablename__ = "order_line_components"

    order_line_id: UUID = Field(primary_key=True, foreign_key="order_lines.id")
    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    quantity: int = _big()
    position: int


class OrderPayment(SQLModel, table=True):
    """A reference to a payment somebody else took; never card data."""

    __tablename__ = "order_payments"

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    reference: str = Field(primary_key=True)
    method: str
    amount_minor: int = _big()
    currency: str
    paid_at: datetime | None = _instant(nullable=True)


class OrderEvent(SQLModel, table=True):
    """One entry of the timeline: what happened, by whom, through which channel."""

    __tablename__ = "order_events"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="orders.id")
    kind: str
    principal_id: UUID
    channel_id: UUID | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    at: datetime = _instant()


class OrderReturn(SQLModel, table=True):
    __tablename__ = "order_returns"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="orders.id")
    channel_id: UUID | None = Field(default=None, foreign_key="channels.id")
    location_id: UUID = Field(foreign_key="locations.id")
    created_at: datetime = _instant()


class OrderReturnLine(SQLModel, table=True):
    __tablename__ = "order_return_lines"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    return_id: UUID = Field(foreign_key="order_returns.id")
    order_line_id: UUID = Field(foreign_key="order_lines.id")
    quantity: int = _big()
    condition: str
