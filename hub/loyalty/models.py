"""The points ledger's tables. Entries and transactions are append-only; lots and balances are checked caches."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, text
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id


def _counter(default: int = 0) -> int:
    field: int = Field(default=default, sa_column=Column(BigInteger, nullable=False))
    return field


def _made_at() -> datetime | None:
    field: datetime | None = Field(
        default=None,
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )
    return field


class LoyaltyProgramme(SQLModel, table=True):
    """Rules for earning: `points_per` points for every `minor_units` of `currency`."""

    __tablename__ = "loyalty_programmes"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    currency: str
    points_per: int = _counter(1)
    minor_units: int = _counter(100)
    base_includes_tax: bool
    pending_days: int = 0
    active: bool = True
    created_at: datetime | None = _made_at()


class LoyaltyAccount(SQLModel, table=True):
    """A customer's membership of a programme. Its row lock guards its lots and balances."""

    __tablename__ = "loyalty_accounts"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    programme_id: UUID = Field(foreign_key="loyalty_programmes.id")
    customer_id: UUID = Field(foreign_key="customers.id")
    version: int = _counter()
    created_at: datetime | None = _made_at()


class LoyaltyLot(SQLModel, table=True):
    """The points of one order line, or of one adjustment. See `rules.Lot` for how the columns add up."""

    __tablename__ = "loyalty_lots"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account_id: UUID = Field(foreign_key="loyalty_accounts.id")
    programme_id: UUID = Field(foreign_key="loyalty_programmes.id")
    order_id: UUID | None = None
    order_line_id: UUID | None = None
    quantity: int = _counter(1)
    granted: int = _counter(1)
    fulfilled_units: int = _counter()
    returned_units: int = _counter()
    earned: int = _counter()
    reversed: int = _counter()
    pending: int = _counter()
    available: int = _counter()
    spent: int = _counter()
    owed: int = _counter()
    created_at: datetime | None = _made_at()


class LoyaltyTransaction(SQLModel, table=True):
    """One cause of a movement of points, unique for ever by (programme, source, source id, kind).

    `units` is how many units it counted on `lot_id`; `asked` what the caller asked for, in units or points.
    """

    __tablename__ = "loyalty_transactions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    programme_id: UUID = Field(foreign_key="loyalty_programmes.id")
    kind: str
    source: str
    source_id: UUID
    account_id: UUID = Field(foreign_key="loyalty_accounts.id")
    lot_id: UUID | None = Field(default=None, foreign_key="loyalty_lots.id")
    units: int | None = Field(default=None, sa_column=Column(BigInteger))
    asked: int | None = Field(default=None, sa_column=Column(BigInteger))
    reason: str | None = None
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class LoyaltyEntry(SQLModel, table=True):
    """One side of a movement. The entries of a transaction sum to zero, checked at commit."""

    __tablename__ = "loyalty_entries"

    transaction_id: UUID = Field(primary_key=True, foreign_key="loyalty_transactions.id")
    line: int = Field(primary_key=True)
    account_id: UUID | None = Field(default=None, foreign_key="loyalty_accounts.id")
    book: str
    lot_id: UUID = Field(foreign_key="loyalty_lots.id")
    points: int = Field(sa_column=Column(BigInteger, nullable=False))


class LoyaltyBalance(SQLModel, table=True):
    """Σ entries of an account's book."""

    __tablename__ = "loyalty_balances"

    account_id: UUID = Field(primary_key=True, foreign_key="loyalty_accounts.id")
    book: str = Field(primary_key=True)
    points: int = Field(sa_column=Column(BigInteger, nullable=False))


class LoyaltyActivation(SQLModel, table=True):
    """Pending points of one EARN, and when they become available."""

    __tablename__ = "loyalty_activations"

    transaction_id: UUID = Field(primary_key=True, foreign_key="loyalty_transactions.id")
    account_id: UUID = Field(foreign_key="loyalty_accounts.id")
    lot_id: UUID = Field(foreign_key="loyalty_lots.id")
    points: int = Field(sa_column=Column(BigInteger, nullable=False))
    due_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    done: bool = False
