"""Customers and the hashed identifiers that point at them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, text
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


class Customer(SQLModel, table=True):
    """One person. `person` is sealed with the person's own key, which is stored wrapped in `person_key`.

    Without the key (erased) the row is a tombstone: its identifiers still lead here, to nobody.
    """

    __tablename__ = "customers"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    person: bytes | None = Field(default=None, sa_column=Column(LargeBinary), repr=False)
    person_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary), repr=False)
    erased_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False))
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )


class CustomerIdentity(SQLModel, table=True):
    """An identifier as a keyed hash. Verified: it proves who this is; otherwise only what somebody typed."""

    __tablename__ = "customer_identities"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    customer_id: UUID = Field(foreign_key="customers.id")
    kind: str
    channel_id: UUID | None = Field(default=None, foreign_key="channels.id")
    value_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    verified: bool
    created_at: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )
