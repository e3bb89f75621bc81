"""Read sessions, the tags that were read in them, and what each variant came to."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class ReadPurpose(StrEnum):
    COUNT = "COUNT"
    DISPATCH = "DISPATCH"
    RECEIPT = "RECEIPT"


class ReadSessionStatus(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"
    """Never closed, and its time is over. Not stored: an open session is judged by the database's clock."""


def _count() -> int:
    return Field(default=0, sa_column=Column(BigInteger, nullable=False))  # type: ignore[no-any-return]


def _count_or_none() -> int | None:
    return Field(default=None, sa_column=Column(BigInteger, nullable=True))  # type: ignore[no-any-return]


def _instant(*, nullable: bool = False) -> datetime | None:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))  # type: ignore[no-any-return]


class RfidSession(SQLModel, table=True):
    """One sweep of a location by one or more readers; `transfer_id` is what it dispatches or receives."""

    __tablename__ = "rfid_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    purpose: str
    status: str
    location_id: UUID = Field(foreign_key="locations.id")
    transfer_id: UUID | None = None
    principal_id: UUID
    tags: int = _count()
    batches: int = _count()
    version: int = _count()
    opened_at: datetime | None = _instant()
    expires_at: datetime | None = _instant()
    closed_at: datetime | None = _instant(nullable=True)
    booked_at: datetime | None = _instant(nullable=True)


class RfidTag(SQLModel, table=True):
    """A physical item, known by GTIN and serial however its EPC was written; `epc` is its URI."""

    __tablename__ = "rfid_tags"

    session_id: UUID = Field(primary_key=True, foreign_key="rfid_sessions.id")
    gtin: str = Field(primary_key=True)
    serial: str = Field(primary_key=True)
    variant_id: UUID
    epc: str


class RfidLine(SQLModel, table=True):
    """A variant of a session: units expected and read. While the session is open, `expected` is what was announced.

    Of a count, `counted` is the onHand that the reads propose and `on_hand` the one it was when the session closed;
    `moved`: units came or went while the session was open, so the difference may be a sale and no mistake.
    """

    __tablename__ = "rfid_lines"

    session_id: UUID = Field(primary_key=True, foreign_key="rfid_sessions.id")
    variant_id: UUID = Field(primary_key=True)
    expected: int | None = _count_or_none()
    read: int = Field(default=0, sa_column=Column("read_units", BigInteger, nullable=False))
    on_hand: int | None = _count_or_none()
    counted: int | None = _count_or_none()
    moved: bool = False
    applied_at: datetime | None = _instant(nullable=True)
