"""Channels, the locations in their pools, and the terminals that sell for them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, text
from sqlmodel import Field, SQLModel

from adapters.sdk.types import ChannelKind
from hub.kernel.ids import new_id
from hub.locations import Location


class WeightUnit(StrEnum):
    GRAM = "g"
    KILOGRAM = "kg"
    OUNCE = "oz"
    POUND = "lb"


class Channel(SQLModel, table=True):
    """One connected system. `settings_encrypted` holds its adapter's settings, sealed by `hub.infra.sealing`."""

    __tablename__ = "channels"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    code: str
    name: str
    kind: str
    system: str
    currency: str
    prices_include_tax: bool
    weight_unit: str = WeightUnit.KILOGRAM
    go_live_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    stock_buffer: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    publishes_stock: bool = True
    settings_encrypted: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    active: bool = True
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )


class ChannelLocation(SQLModel, table=True):
    """A location in a channel's pool, and what the channel calls it."""

    __tablename__ = "channel_locations"

    channel_id: UUID = Field(primary_key=True, foreign_key="channels.id")
    location_id: UUID = Field(primary_key=True, foreign_key=f"{Location.__tablename__}.id")
    external_location_id: str | None = None


class Terminal(SQLModel, table=True):
    """A till: sells for one channel at one location."""

    __tablename__ = "terminals"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    code: str
    channel_id: UUID = Field(foreign_key="channels.id")
    location_id: UUID = Field(foreign_key="locations.id")
    active: bool = True
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )


__all__ = ["Channel", "ChannelKind", "ChannelLocation", "Terminal", "WeightUnit"]
