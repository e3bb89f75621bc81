"""All SQL of the points ledger. An account's row lock comes first: lots and balances are read after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlmodel import col

from hub.infra.database import AnySession, WriteSession
from hub.kernel.ids import new_id
from hub.loyalty.errors import LedgerDamagedError, UnknownProgrammeError
from hub.loyalty.models import LoyaltyEntry, LoyaltyLot, LoyaltyProgramme
from hub.loyalty.rules import Book, Lot, Posting, Source, TransactionKind

MEMBER_BOOKS = tuple(book.value for book in Book if book.of_member)

_LOT = "id, quantity, granted, fulfilled_units, returned_units, earned, reversed, pending, available, spent, owed"

_LOTS_COVERING = """
    SELECT {lot} FROM (
        SELECT {lot}, sum({part}) OVER (ORDER BY id) - {part} AS before
        FROM loyalty_lots WHERE account_id = :account AND {part} > 0
    ) AS open WHERE before < :points ORDER BY id
"""
_LOTS_TO_SPEND = text(_LOTS_COVERING.format(lot=_LOT, part="available"))
_LOTS_OWING = text(_LOTS_COVERING.format(lot=_LOT, part="owed"))

_SAVE_LOT = text(
    """
    UPDATE loyalty_lots SET fulfilled_units = :fulfilled_units, returned_units = :returned_units,
        earned = :earned, reversed = :reversed, pending = :pending, available = :available, spent = :spent,
        owed = :owed
    WHERE id = :id
    """
)
_MOVE_BALANCES = text(
    """
    UPDATE loyalty_balances AS balance SET points = balance.points + moved.points
    FROM unnest(CAST(:books AS text[]), CAST(:points AS bigint[])) AS moved (book, points)
    WHERE balance.account_id = :account AND balance.book = moved.book
    """
)
_RECORD = text(
    """
    INSERT INTO loyalty_transactions
        (id, programme_id, kind, source, source_id, account_id, lot_id, units, asked, reason, recorded_at)
    VALUES (:id, :programme, :kind, :source, :source_id, :account, :lot, :units, :asked, :reason, hub_now())
    """
)


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    programme_id: UUID
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class Cause:
    """Why points move: the natural key of a transaction within its programme, and what was asked for."""

    kind: TransactionKind
    source: Source
    source_id: UUID
    asked: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction that exists already. `points` is what it changed for the member in all."""

    id: UUID
    account_id: UUID
    lot_id: UUID | None
    asked: int | None
    points: int


@dataclass(frozen=True, slots=True)
class LotOfLine:
    lot_id: UUID
    account_id: UUID
    pending_days: int


async def programme(session: AnySession, programme_id: UUID) -> LoyaltyProgramme:
    """Raises UnknownProgrammeError."""
    found = await session.get(LoyaltyProgramme, programme_id)
    if found is None:
        raise UnknownProgrammeError(f"there is no loyalty programme {programme_id}", path=("programmeId",))
    return found


async def active_programmes(session: AnySession, currency: str) -> Sequence[LoyaltyProgramme]:
    """In order of id, which is the order in which a customer's accounts are locked."""
    rows = await session.execute(
        select(LoyaltyProgramme)
        .where(col(LoyaltyProgramme.currency) == currency, col(LoyaltyProgramme.active))
        .order_by(col(LoyaltyProgramme.id))
    )
    return rows.scalars().all()


async def open_account(session: WriteSession, customer_id: UUID, programme_id: UUID) -> Account:
    """The customer's account, made when it is missing, and locked."""
    made = await session.execute(
        text(
            "INSERT INTO loyalty_accounts (id, programme_id, customer_id) VALUES (:id, :programme, :customer) "
            "ON CONFLICT ON CONSTRAINT customer_has_one_account_per_programme DO NOTHING RETURNING id"
        ),
        {"id": new_id(), "programme": programme_id, "customer": customer_id},
    )
    account_id = made.scalar_one_or_none()
    if account_id is not None:
        await session.execute(
            text(
                "INSERT INTO loyalty_balances (account_id, book, points) "
                "SELECT :account, book, 0 FROM unnest(CAST(:books AS text[])) AS book"
            ),
            {"account": account_id, "books": list(MEMBER_BOOKS)},
        )
    found = await find_account(session, customer_id, programme_id)
    if found is None:
        raise LedgerDamagedError(f"the loyalty account of customer {customer_id} vanished")
    return found


async def find_account(session: WriteSession, customer_id: UUID, programme_id: UUID) -> Account | None:
    """The customer's account, locked; None when there is none."""
    rows = await session.execute(
        text(
            "SELECT id, programme_id, customer_id FROM loyalty_accounts "
            "WHERE customer_id = :customer AND programme_id = :programme FOR NO KEY UPDATE"
        ),
        {"customer": customer_id, "programme": programme_id},
    )
    row = rows.mappings().one_or_none()
    return None if row is None else Account(**row)


async def lock_account(session: WriteSession, account_id: UUID, *, wait: bool = True) -> Account | None:
    """The account, locked. Without `wait`: None when somebody else holds it."""
    rows = await session.execute(
        text(
            "SELECT id, programme_id, customer_id FROM loyalty_accounts WHERE id = :account FOR NO KEY UPDATE"
            + ("" if wait else " SKIP LOCKED")
        ),
        {"account": account_id},
    )
    row = rows.mappings().one_or_none()
    return None if row is None else Account(**row)


async def lock_accounts_of_order(session: WriteSession, order_line_id: UUID) -> None:
    """Lock every account in which the line's order has lots, in programme order.

    All of them at the first line, since a line need not have points in each programme.
    """
    await session.execute(
        text(
            "SELECT FROM loyalty_accounts WHERE id IN (SELECT account_id FROM loyalty_lots WHERE order_id IN "
            "(SELECT order_id FROM loyalty_lots WHERE order_line_id = :line)) ORDER BY programme_id FOR NO KEY UPDATE"
        ),
        {"line": order_line_id},
    )


async def lots_of_line(session: AnySession, order_line_id: UUID) -> Sequence[LotOfLine]:
    """Which lots an order line has, one a programme, in programme order. Never changes once made."""
    rows = await session.execute(
        text(
            "SELECT lot.id AS lot_id, lot.account_id, programme.pending_days FROM loyalty_lots AS lot "
            "JOIN loyalty_programmes AS programme ON programme.id = lot.programme_id "
            "WHERE lot.order_line_id = :line ORDER BY lot.programme_id"
        ),
        {"line": order_line_id},
    )
    return [LotOfLine(**row) for row in rows.mappings()]


async def lot(session: AnySession, lot_id: UUID) -> Lot:
    rows = await session.execute(text(f"SELECT {_LOT} FROM loyalty_lots WHERE id = :lot"), {"lot": lot_id})
    return Lot(**rows.mappings().one())


async def lots_to_spend(session: AnySession, account_id: UUID, points: int) -> list[Lot]:
    """The oldest lots with available points, as many as it takes to reach `points` (or all)."""
    rows = await session.execute(_LOTS_TO_SPEND, {"account": account_id, "points": points})
    return [Lot(**row) for row in rows.mappings()]


async def lots_owing(session: AnySession, account_id: UUID, points: int) -> list[Lot]:
    """The oldest lots that owe, as many as `points` can pay (or all)."""
    rows = await session.execute(_LOTS_OWING, {"account": account_id, "points": points})
    return [Lot(**row) for row in rows.mappings()]


async def insert_lots(session: WriteSession, lots: Sequence[LoyaltyLot]) -> None:
    if lots:
        await session.execute(insert(LoyaltyLot), [made.model_dump(exclude={"created_at"}) for made in lots])


async def recorded(session: AnySession, account: Account, cause: Cause) -> Recorded | None:
    """The transaction this cause made before. Call it under the account's lock."""
    rows = await session.execute(
        text(
            "SELECT id, account_id, lot_id, asked, coalesce((SELECT sum(points) FROM loyalty_entries "
            "WHERE transaction_id = loyalty_transactions.id AND account_id IS NOT NULL), 0)::bigint AS points "
            "FROM loyalty_transactions WHERE source_id = :source_id AND source = :source AND kind = :kind "
            "AND programme_id = :programme"
        ),
        {
            "source_id": cause.source_id,
            "source": cause.source,
            "kind": cause.kind,
            "programme": account.programme_id,
        },
    )
    row = rows.mappings().one_or_none()
    return None if row is None else Recorded(**row)


async def write(
    session: WriteSession, account: Account, cause: Cause, posting: Posting, *, lot_id: UUID | None = None
) -> tuple[UUID, int]:
    """Record the transaction, its entries, the lots and balances as they become: (transaction id, version)."""
    transaction_id = new_id()
    await session.execute(
        _RECORD,
        {
            "id": transaction_id,
            "programme": account.programme_id,
            "kind": cause.kind,
            "source": cause.source,
            "source_id": cause.source_id,
            "account": account.id,
            "lot": lot_id,
            "units": posting.units or None,
            "asked": cause.asked,
            "reason": cause.reason,
        },
    )
    await _write_posting(session, account, transaction_id, posting)
    version = await session.execute(
        text("UPDATE loyalty_accounts SET version = version + 1 WHERE id = :account RETURNING version"),
        {"account": account.id},
    )
    return transaction_id, version.scalar_one()


async def _write_posting(session: WriteSession, account: Account, transaction_id: UUID, posting: Posting) -> None:
    for saved in posting.lots:
        await session.execute(_SAVE_LOT, _saved(saved))
    if not posting.entries:
        return
    await session.execute(insert(LoyaltyEntry), list(_entry_rows(account, transaction_id, posting)))
    moved = {book: posting.moved(book) for book in Book if book.of_member}
    await session.execute(_MOVE_BALANCES, {"account": account.id, "books": list(moved), "points": list(moved.values())})


def _entry_rows(account: Account, transaction_id: UUID, posting: Posting) -> Iterable[dict[str, Any]]:
    for line, entry in enumerate(posting.entries, start=1):
        yield {
            "transaction_id": transaction_id,
            "line": line,
            "account_id": account.id if entry.book.of_member else None,
            "book": entry.book.value,
            "lot_id": entry.lot_id,
            "points": entry.points,
        }


def _saved(changed: Lot) -> dict[str, Any]:
    return {
        name: getattr(changed, name)
        for name in (
            "id", "fulfilled_units", "returned_units", "earned", "reversed", "pending", "available", "spent",
            "owed",
        )
    }  # fmt: skip
