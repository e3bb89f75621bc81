"""Levels, the movements that made them, and the claims on them.

Written only by `hub.inventory.engine.apply`; read by everyone through the repository.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, text
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class ReservationOwner(StrEnum):
    CART = "CART"
    TERMINAL = "TERMINAL"
    ORDER = "ORDER"
    STAFF = "STAFF"


class ReservationStatus(StrEnum):
    ACTIVE = "ACTIVE"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


def _count(*, default: int | None = 0) -> int:
    column: Column[int] = Column(BigInteger, nullable=False, server_default=None if default is None else str(default))
    if default is None:
        return Field(sa_column=column)  # type: ignore[no-any-return]
    return Field(default=default, sa_column=column)  # type: ignore[no-any-return]


def _instant(*, nullable: bool = False) -> datetime | None:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))  # type: ignore[no-any-return]


class StockLevel(SQLModel, table=True):
    """Per variant and location. `shortage` counts promises that a fact has made impossible to keep."""

    __tablename__ = "stock_levels"

    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    location_id: UUID = Field(primary_key=True, foreign_key="locations.id")
    on_hand: int = _count()
    reserved: int = _count()
    allocated: int = _count()
    incoming: int = _count()
    damaged: int = _count()
    quality_control: int = _count()
    safety_stock: int = _count()
    shortage: int = _count()
    version: int = _count()
    counted_at: datetime | None = _instant(nullable=True)


class StockMovement(SQLModel, table=True):
    """One immutable ledger row; `level_version` numbers a level's movements without gap."""

    __tablename__ = "stock_movements"

    variant_id: UUID = Field(primary_key=True)
    location_id: UUID = Field(primary_key=True)
    level_version: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str
    on_hand_delta: int = _count(default=None)
    reserved_delta: int = _count(default=None)
    allocated_delta: int = _count(default=None)
    incoming_delta: int = _count(default=None)
    damaged_delta: int = _count(default=None)
    quality_control_delta: int = _count(default=None)
    reason: str | None = None
    reference_id: UUID | None = None
    principal_id: UUID
    channel_id: UUID | None = None
    occurred_at: datetime | None = _instant()
    recorded_at: datetime | None = _instant()


class Reservation(SQLModel, table=True):
    """A claim pinned to levels. CART, TERMINAL and STAFF claims lapse at `expires_at`; ORDER claims do not."""

    __tablename__ = "reservations"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    owner: str
    status: str
    principal_id: UUID
    channel_id: UUID | None = Field(default=None, foreign_key="channels.id")
    customer_id: UUID | None = None
    expires_at: datetime | None = _instant(nullable=True)
    extendable_until: datetime | None = _instant(nullable=True)
    outcome_id: UUID | None = None
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    created_at: datetime | None = _instant()
    resolved_at: datetime | None = _instant(nullable=True)


class ReservationLine(SQLModel, table=True):
    __tablename__ = "reservation_lines"

    reservation_id: UUID = Field(primary_key=True, foreign_key="reservations.id")
    variant_id: UUID = Field(primary_key=True)
    location_id: UUID = Field(primary_key=True)
    quantity: int = _count(default=None)


class Allocation(SQLModel, table=True):
    """Stock bound to `holder_id` (a fulfillment-order line, a transfer line) without expiry; gone when used."""

    __tablename__ = "allocations"

    holder_id: UUID = Field(primary_key=True)
    variant_id: UUID = Field(primary_key=True)
    location_id: UUID = Field(primary_key=True)
    quantity: int = _count(default=None)


class UnfilledDemand(SQLModel, table=True):
    """Units of an order line that no stock covers yet; subtracted from what channels may promise.

    A bundle's line waits for all its components, so that none of them is promised away meanwhile.
    """

    __tablename__ = "unfilled_demand"

    order_line_id: UUID = Field(primary_key=True)
    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    channel_id: UUID = Field(foreign_key="channels.id")
    quantity: int = _count(default=None)
    promised_at: datetime | None = _instant()
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )


class CountTask(SQLModel, table=True):
    """A request to count a level, opened when a fact contradicts the ledger; one open task a level."""

    __tablename__ = "count_tasks"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    variant_id: UUID
    location_id: UUID
    reason: str
    opened_at: datetime | None = _instant()
    closed_at: datetime | None = _instant(nullable=True)
