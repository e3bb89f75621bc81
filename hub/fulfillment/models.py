"""Fulfillment orders and the routing decisions that made them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class FulfillmentStatus(StrEnum):
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    READY = "READY"
    CLOSED = "CLOSED"
    ON_HOLD = "ON_HOLD"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class RejectReason(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    DAMAGED = "DAMAGED"
    TOO_BUSY = "TOO_BUSY"
    CLOSED = "CLOSED"
    OTHER = "OTHER"


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


class RoutingDecisionRow(SQLModel, table=True):
    """One routing run: the snapshot it saw and the decision with every candidate, so that it can be replayed."""

    __tablename__ = "routing_decisions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    order_id: UUID = Field(foreign_key="orders.id")
    run: int
    cause: str
    snapshot: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    decision: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    decided_at: datetime = _instant()


class FulfillmentOrder(SQLModel, table=True):
    """The part of an order that one location fulfils."""

    __tablename__ = "fulfillment_orders"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    number: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    order_id: UUID = Field(foreign_key="orders.id")
    location_id: UUID = Field(foreign_key="locations.id")
    routing_decision_id: UUID | None = Field(default=None, foreign_key="routing_decisions.id")
    method: str
    status: str
    reject_reason: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    created_at: datetime = _instant()
    accepted_at: datetime | None = _instant(nullable=True)
    ready_at: datetime | None = _instant(nullable=True)
    closed_at: datetime | None = _instant(nullable=True)


class FulfillmentOrderLine(SQLModel, table=True):
    __tablename__ = "fulfillment_order_lines"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    fulfillment_order_id: UUID = Field(foreign_key="fulfillment_orders.id")
    order_line_id: UUID = Field(foreign_key="order_lines.id")
    variant_id: UUID = Field(foreign_key="variants.id")
    quantity: int = Field(sa_column=Column(BigInteger, nullable=False))


class RoutingRejection(SQLModel, table=True):
    """A location that turned an order down; routing leaves it out from then on."""

    __tablename__ = "routing_rejections"

    order_id: UUID = Field(primary_key=True, foreign_key="orders.id")
    location_id: UUID = Field(primary_key=True, foreign_key="locations.id")
    reason: str
    at: datetime = _instant()
