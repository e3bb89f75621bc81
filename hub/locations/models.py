"""Places that hold stock."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class LocationKind(StrEnum):
    STORE = "STORE"
    WAREHOUSE = "WAREHOUSE"
    POP_UP = "POP_UP"
    EXTERNAL = "EXTERNAL"


class Capability(StrEnum):
    SHIP = "SHIP"
    PICKUP = "PICKUP"
    LOCAL_DELIVERY = "LOCAL_DELIVERY"
    RETURNS = "RETURNS"


class Location(SQLModel, table=True):
    """A store, warehouse, pop-up or external stock.

    `opening_hours` maps MON … SUN to [["09:00", "20:00"], …] in `time_zone`; None: always open.
    """

    __tablename__ = "locations"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    code: str
    name: str
    kind: str
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str
    country_code: str = ""
    postal_code: str = ""
    city: str = ""
    opening_hours: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    capabilities: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    daily_capacity: int | None = None
    active: bool = True
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )
