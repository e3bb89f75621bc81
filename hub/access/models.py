"""Credentials and staff: what a caller proves itself with, stored so that nothing here can be replayed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, LargeBinary, Text, Uuid, text
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


def _instant(*, nullable: bool = True, default: bool = False) -> "Column[datetime]":
    return Column(DateTime(timezone=True), nullable=nullable, server_default=text("hub_now()") if default else None)


class ApiKey(SQLModel, table=True):
    """A machine's key: a public prefix to find it by, and SHA-256 of its secret (256 random bits).

    `previous_secret_hash` is still good until `previous_expires_at`, so that a secret is replaced without an
    outage. `location_ids` None means every location. `last_used_at` is coarse.
    """

    __tablename__ = "api_keys"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    principal_id: UUID
    name: str
    prefix: str
    secret_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False), repr=False)
    previous_secret_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary), repr=False)
    previous_expires_at: datetime | None = Field(default=None, sa_column=_instant())
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    channel_id: UUID | None = Field(default=None, foreign_key="channels.id")
    terminal_id: UUID | None = Field(default=None, foreign_key="terminals.id")
    location_ids: list[UUID] | None = Field(default=None, sa_column=Column(ARRAY(Uuid)))
    trusted_documents_only: bool = False
    expires_at: datetime | None = Field(default=None, sa_column=_instant())
    revoked_at: datetime | None = Field(default=None, sa_column=_instant())
    last_used_at: datetime | None = Field(default=None, sa_column=_instant())
    created_at: datetime | None = Field(default=None, sa_column=_instant(nullable=False, default=True))


class StaffUser(SQLModel, table=True):
    """A person who works here, by user name only: names and addresses of staff are not the hub's to keep."""

    __tablename__ = "staff_users"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    username: str
    password_hash: str = Field(repr=False)
    active: bool = True
    failed_logins: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    locked_until: datetime | None = Field(default=None, sa_column=_instant())
    created_at: datetime | None = Field(default=None, sa_column=_instant(nullable=False, default=True))


class StaffRole(SQLModel, table=True):
    """A role at one location, or at every location when `location_id` is None."""

    __tablename__ = "staff_roles"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="staff_users.id")
    role: str
    location_id: UUID | None = Field(default=None, foreign_key="locations.id")


class StaffSession(SQLModel, table=True):
    """One browser that is logged in. The cookie's token and the CSRF token are stored as SHA-256."""

    __tablename__ = "staff_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="staff_users.id")
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False), repr=False)
    csrf_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False), repr=False)
    created_at: datetime | None = Field(default=None, sa_column=_instant(nullable=False, default=True))
    last_seen_at: datetime | None = Field(default=None, sa_column=_instant(nullable=False, default=True))
    expires_at: datetime = Field(sa_column=_instant(nullable=False))
    revoked_at: datetime | None = Field(default=None, sa_column=_instant())


class ShopSigningKey(SQLModel, table=True):
    """The public key with which a shop signs its customers' tokens."""

    __tablename__ = "shop_signing_keys"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    kid: str
    algorithm: str
    public_key_pem: str
    issuer: str
    audience: str
    revoked_at: datetime | None = Field(default=None, sa_column=_instant())
    created_at: datetime | None = Field(default=None, sa_column=_instant(nullable=False, default=True))
