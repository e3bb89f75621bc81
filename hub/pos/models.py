"""What terminals reported: one row for every receipt, and the lines of what came back."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class FactKind(StrEnum):
    SALE = "SALE"
    RETURN = "RETURN"


def _instant() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class PosFact(SQLModel, table=True):
    """A receipt of a terminal, unique by (terminal, kind, receipt) for ever, with the first answer to it.

    `order_id` is the order that a sale made, or that a return was linked to. `clock_offset_ms`: how far the
    terminal's clock was ahead of the hub's. `outcome` holds ids, codes and numbers, no personal data.
    """

    __tablename__ = "pos_facts"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    terminal_id: UUID = Field(foreign_key="terminals.id")
    kind: str
    receipt: str
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    location_id: UUID = Field(foreign_key="locations.id")
    occurred_at: datetime = _instant()
    received_at: datetime = _instant()
    clock_offset_ms: int | None = Field(default=None, sa_column=Column(BigInteger))
    order_id: UUID | None = Field(default=None, foreign_key="orders.id")
    reservation_id: UUID | None = Field(default=None, foreign_key="reservations.id")
    original_terminal_id: UUID | None = Field(default=None, foreign_key="terminals.id")
    original_receipt: str | None = None
    outcome: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class PosReturnLine(SQLModel, table=True):
    """Units that came back. `linked` of them belong to lines of a known order; the rest is taken back unlinked."""

    __tablename__ = "pos_return_lines"

    fact_id: UUID = Field(primary_key=True, foreign_key="pos_facts.id")
    position: int = Field(primary_key=True)
    variant_id: UUID | None = Field(default=None, foreign_key="variants.id")
    sku: str | None = None
    title: str
    quantity: int = Field(sa_column=Column(BigInteger, nullable=False))
    linked: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    condition: str
