"""What was received from channels, what they were told, and what they show."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, SmallInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class InboxState(StrEnum):
    RECEIVED = "RECEIVED"
    DONE = "DONE"
    PARKED = "PARKED"
    """Not understood: kept with its error until a person replays it."""
    IGNORED = "IGNORED"


class CursorKind(StrEnum):
    ORDERS = "ORDERS"
    CATALOG = "CATALOG"
    STOCK_PUBLISH = "STOCK_PUBLISH"
    STOCK_READ = "STOCK_READ"


class DriftCause(StrEnum):
    CHANNEL_SHOWS_LESS = "CHANNEL_SHOWS_LESS"
    """Somebody took stock out there, or a sale never reached the hub."""
    CHANNEL_SHOWS_MORE = "CHANNEL_SHOWS_MORE"
    """Somebody put stock in there, or a write of ours was undone."""


class PushKind(StrEnum):
    ACKNOWLEDGE = "ACKNOWLEDGE"
    SHIPMENT = "SHIPMENT"


def _instant() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


def _maybe_instant() -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True)))


def _count(default: int) -> Any:
    return Field(default=default, sa_column=Column(BigInteger, nullable=False, server_default=str(default)))


def _maybe_count() -> Any:
    return Field(default=None, sa_column=Column(BigInteger))


class InboxRow(SQLModel, table=True):
    """One delivery of a channel. `body` is sealed for the channel: it may hold personal data."""

    __tablename__ = "inbox"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    event_id: str
    topic: str
    external_topic: str = ""
    external_id: str | None = None
    occurred_at: datetime | None = _maybe_instant()
    headers: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    state: str
    error_code: str | None = None
    error_detail: str | None = None
    received_at: datetime = _instant()
    processed_at: datetime | None = _maybe_instant()


class ChannelCursor(SQLModel, table=True):
    """How far a channel was read, and how the last run ended."""

    __tablename__ = "channel_cursors"

    channel_id: UUID = Field(primary_key=True, foreign_key="channels.id")
    kind: str = Field(primary_key=True)
    watermark: datetime | None = _maybe_instant()
    page: str | None = None
    pass_since: datetime | None = _maybe_instant()
    pass_started_at: datetime | None = _maybe_instant()
    failures: int = _count(0)
    last_error: str | None = None
    ran_at: datetime | None = _maybe_instant()


class ListingStock(SQLModel, table=True):
    """Desired, published and observed stock of one listing (at one place, where the channel counts per place)."""

    __tablename__ = "listing_stock"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    listing_id: UUID = Field(foreign_key="listings.id")
    channel_id: UUID = Field(foreign_key="channels.id")
    variant_id: UUID = Field(foreign_key="variants.id")
    location_id: UUID | None = Field(default=None, foreign_key="locations.id")
    desired: int | None = _maybe_count()
    desired_at: datetime | None = _maybe_instant()
    published: int | None = _maybe_count()
    published_at: datetime | None = _maybe_instant()
    """The instant whose knowledge the published number holds: taken before it was sent."""
    observed: int | None = _maybe_count()
    observed_at: datetime | None = _maybe_instant()
    dirty_seq: int = _count(1)
    clean_seq: int = _count(0)
    resend: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    drift_seen: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    failures: int = _count(0)
    last_error: str | None = None
    next_attempt_at: datetime | None = _maybe_instant()


class ChannelDrift(SQLModel, table=True):
    """A listing that did not show what it should, in two reads."""

    __tablename__ = "channel_drifts"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    listing_id: UUID = Field(foreign_key="listings.id")
    location_id: UUID | None = Field(default=None, foreign_key="locations.id")
    published: int = Field(sa_column=Column(BigInteger, nullable=False))
    observed: int = Field(sa_column=Column(BigInteger, nullable=False))
    sold_since: int = Field(sa_column=Column(BigInteger, nullable=False))
    cause: str
    status: str
    detected_at: datetime = _instant()
    repaired_at: datetime | None = _maybe_instant()


class ChannelPush(SQLModel, table=True):
    """Something a channel was told about an order, once."""

    __tablename__ = "channel_pushes"

    kind: str = Field(primary_key=True)
    subject_id: UUID = Field(primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    order_id: UUID = Field(foreign_key="orders.id")
    outcome: str
    error_code: str | None = None
    pushed_at: datetime = _instant()
