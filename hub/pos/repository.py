"""All SQL of what terminals report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from hub.infra.database import AnySession, WriteSession
from hub.pos.models import FactKind, PosFact, PosReturnLine

_TERMINAL = text(
    """
    SELECT t.id, t.code, t.location_id, c.id AS channel_id, c.prices_include_tax, c.go_live_at
    FROM terminals AS t JOIN channels AS c ON c.id = t.channel_id WHERE t.id = :id
    """
)
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(name) FROM (
        SELECT DISTINCT hashtextextended(given, 11) AS name FROM unnest(CAST(:names AS text[])) AS given ORDER BY name
    ) AS names
    """
)
_RESERVATION = text(
    """
    SELECT r.owner, r.status, r.outcome_id, r.principal_id, o.id AS order_id, o.method,
           EXISTS (SELECT FROM pos_facts AS f WHERE f.reservation_id = r.id) AS told
    FROM reservations AS r LEFT JOIN orders AS o ON o.id = r.outcome_id
    WHERE r.id = :id
    """
)
_RESERVED_AT = text(
    """
    SELECT variant_id, quantity FROM reservation_lines WHERE reservation_id = :id AND location_id = :location
    """
)
_UNMAPPED_SALES = text(
    """
    SELECT f.id FROM orders AS o JOIN pos_facts AS f ON f.order_id = o.id AND f.kind = 'SALE'
    WHERE o.hold = 'UNMAPPED_LINE' AND EXISTS (
        SELECT FROM order_lines AS l JOIN variants AS v ON v.sku = l.sku
        WHERE l.order_id = o.id AND l.variant_id IS NULL)
    ORDER BY f.id LIMIT :limit
    """
)
_UNMAPPED_RETURNS = text(
    """
    SELECT DISTINCT l.fact_id FROM pos_return_lines AS l JOIN variants AS v ON v.sku = l.sku
    WHERE l.variant_id IS NULL AND l.sku IS NOT NULL ORDER BY l.fact_id LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class Desk:
    """The terminal, where it stands, and what its channel says."""

    id: UUID
    code: str
    location_id: UUID
    channel_id: UUID
    prices_include_tax: bool
    go_live_at: datetime


@dataclass(frozen=True, slots=True)
class NamedHold:
    """The reservation that a sale names. `order_id`: the order that used it up; `told`: a receipt did already."""

    owner: str
    status: str
    principal_id: UUID
    order_id: UUID | None
    method: str | None
    told: bool


async def desk_of(session: AnySession, terminal_id: UUID) -> Desk | None:
    row = (await session.execute(_TERMINAL, {"id": terminal_id})).one_or_none()
    return None if row is None else Desk(**row._mapping)  # noqa: SLF001 (SQLAlchemy's documented accessor)


async def terminal_by_code(session: AnySession, code: str) -> UUID | None:
    found = await session.execute(text("SELECT id FROM terminals WHERE code = :code"), {"code": code})
    return found.scalar_one_or_none()


async def lock_receipts(session: WriteSession, names: Sequence[tuple[UUID, FactKind, str]]) -> None:
    """Wait for whoever is recording these receipts right now; the first locks of a transaction, in one order."""
    await session.execute(_LOCK, {"names": [f"{terminal}/{kind}/{receipt}" for terminal, kind, receipt in names]})


async def facts_by_receipts(
    session: AnySession, terminal_id: UUID, kind: FactKind, receipts: Sequence[str]
) -> dict[str, PosFact]:
    found = await session.execute(
        select(PosFact).where(
            col(PosFact.terminal_id) == terminal_id, col(PosFact.kind) == kind, col(PosFact.receipt).in_(receipts)
        )
    )
    return {fact.receipt: fact for fact in found.scalars()}


async def fact_by_id(session: AnySession, fact_id: UUID) -> PosFact:
    found = await session.execute(select(PosFact).where(col(PosFact.id) == fact_id))
    return found.scalar_one()


async def returns_waiting_for(session: AnySession, terminal_id: UUID, receipt: str) -> list[PosFact]:
    """Returns that name this sale, those that happened first before the others."""
    found = await session.execute(
        select(PosFact)
        .where(
            col(PosFact.kind) == FactKind.RETURN,
            col(PosFact.original_terminal_id) == terminal_id,
            col(PosFact.original_receipt) == receipt,
        )
        .order_by(col(PosFact.occurred_at), col(PosFact.id))
    )
    return list(found.scalars())


async def return_lines(session: AnySession, fact_ids: Sequence[UUID]) -> dict[UUID, list[PosReturnLine]]:
    found = await session.execute(
        select(PosReturnLine)
        .where(col(PosReturnLine.fact_id).in_(fact_ids))
        .order_by(col(PosReturnLine.fact_id), col(PosReturnLine.position))
    )
    grouped: dict[UUID, list[PosReturnLine]] = {}
    for line in found.scalars():
        grouped.setdefault(line.fact_id, []).append(line)
    return grouped


async def named_hold(session: AnySession, reservation_id: UUID) -> NamedHold | None:
    row = (await session.execute(_RESERVATION, {"id": reservation_id})).one_or_none()
    if row is None:
        return None
    return NamedHold(row.owner, row.status, row.principal_id, row.order_id, row.method, row.told)


async def reserved_at(session: AnySession, reservation_id: UUID, location_id: UUID) -> Mapping[UUID, int]:
    """Units per variant that the reservation has, or had, at this location."""
    rows = await session.execute(_RESERVED_AT, {"id": reservation_id, "location": location_id})
    return {row.variant_id: row.quantity for row in rows}


async def told_of_order(session: AnySession, order_id: UUID) -> bool:
    """Whether a receipt stands for this order already."""
    found = await session.execute(
        text("SELECT EXISTS (SELECT FROM pos_facts WHERE order_id = :id AND kind = 'SALE')"), {"id": order_id}
    )
    return bool(found.scalar_one())


async def sales_to_map(session: AnySession, limit: int) -> list[UUID]:
    """Sales with lines whose sku is known by now."""
    return list((await session.execute(_UNMAPPED_SALES, {"limit": limit})).scalars())


async def returns_to_map(session: AnySession, limit: int) -> list[UUID]:
    return list((await session.execute(_UNMAPPED_RETURNS, {"limit": limit})).scalars())


def add_fact(session: WriteSession, fact: PosFact, lines: Sequence[PosReturnLine] = ()) -> None:
    session.add(fact)
    session.add_all(lines)
