"""What a member has, and how it came about."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession
from hub.kernel.errors import InvalidInputError
from hub.loyalty import repository
from hub.loyalty.messages import Balance, Movement

MAX_PAGE = 100

_BALANCES = text(
    """
    SELECT account.customer_id, account.id AS account_id, account.programme_id, account.version,
        coalesce(sum(points) FILTER (WHERE book = 'MEMBER_AVAILABLE'), 0)::bigint AS available,
        coalesce(sum(points) FILTER (WHERE book = 'MEMBER_PENDING'), 0)::bigint AS pending,
        coalesce(sum(points) FILTER (WHERE book = 'MEMBER_HELD'), 0)::bigint AS held,
        coalesce(-sum(points) FILTER (WHERE book = 'MEMBER_OWED'), 0)::bigint AS owed
    FROM loyalty_accounts AS account LEFT JOIN loyalty_balances AS balance ON balance.account_id = account.id
    WHERE account.customer_id = ANY(CAST(:customers AS uuid[]))
    GROUP BY account.id ORDER BY account.programme_id
    """
)
_HISTORY = text(
    """
    SELECT made.id, made.programme_id, made.kind, made.source, made.source_id, lot.order_id,
        moved.available, moved.pending, moved.owed, made.reason, made.recorded_at
    FROM (
        SELECT transaction_id,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_AVAILABLE'), 0)::bigint AS available,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_PENDING'), 0)::bigint AS pending,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_OWED'), 0)::bigint AS owed
        FROM loyalty_entries
        WHERE account_id = ANY(ARRAY(SELECT id FROM loyalty_accounts WHERE customer_id = :customer))
            AND transaction_id < :before
        GROUP BY transaction_id ORDER BY transaction_id DESC LIMIT :limit
    ) AS moved
    JOIN loyalty_transactions AS made ON made.id = moved.transaction_id
    LEFT JOIN loyalty_lots AS lot ON lot.id = made.lot_id
    ORDER BY made.id DESC
    """
)
_HISTORIES = text(
    """
    SELECT wanted.position, made.id, made.programme_id, made.kind, made.source, made.source_id, lot.order_id,
        moved.available, moved.pending, moved.owed, made.reason, made.recorded_at
    FROM unnest(CAST(:customers AS uuid[]), CAST(:before AS uuid[]), CAST(:limits AS bigint[]))
        WITH ORDINALITY AS wanted (customer_id, before, size, position)
    CROSS JOIN LATERAL (
        SELECT transaction_id,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_AVAILABLE'), 0)::bigint AS available,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_PENDING'), 0)::bigint AS pending,
            coalesce(sum(points) FILTER (WHERE book = 'MEMBER_OWED'), 0)::bigint AS owed
        FROM loyalty_entries
        WHERE account_id = ANY(ARRAY(SELECT id FROM loyalty_accounts WHERE customer_id = wanted.customer_id))
            AND transaction_id < wanted.before
        GROUP BY transaction_id ORDER BY transaction_id DESC LIMIT wanted.size
    ) AS moved
    JOIN loyalty_transactions AS made ON made.id = moved.transaction_id
    LEFT JOIN loyalty_lots AS lot ON lot.id = made.lot_id
    ORDER BY wanted.position, made.id DESC
    """
)
_END_OF_TIME = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class MovementPage:
    """A page of a customer's movements, newest first, those before the given one."""

    customer_id: UUID
    limit: int
    before: UUID | None = None


async def balance(session: AnySession, customer_id: UUID, programme_id: UUID) -> Balance:
    """The customer's points in one programme; all zero without an account. Raises UnknownProgrammeError."""
    await repository.programme(session, programme_id)
    found = (await balances(session, [customer_id])).get(customer_id, ())
    return next(
        (held for held in found if held.programme_id == programme_id),
        Balance(account_id=None, programme_id=programme_id),
    )


async def balances(session: AnySession, customer_ids: Sequence[UUID]) -> dict[UUID, tuple[Balance, ...]]:
    """Every account of these customers, in one statement. Customers without an account are left out."""
    rows = await session.execute(_BALANCES, {"customers": list(customer_ids)})
    found: dict[UUID, tuple[Balance, ...]] = {}
    for row in rows.mappings():
        values = dict(row)
        customer_id = values.pop("customer_id")
        found[customer_id] = (*found.get(customer_id, ()), Balance(**values))
    return found


async def history(
    session: AnySession, customer_id: UUID, *, before: UUID | None = None, first: int = 50
) -> list[Movement]:
    """Movements of the customer's points in all programmes, newest first, those before the given one."""
    if not 1 <= first <= MAX_PAGE:
        raise InvalidInputError(f"first is {first}, but must be between 1 and {MAX_PAGE}", path=("first",))
    rows = await session.execute(_HISTORY, {"customer": customer_id, "before": before or _END_OF_TIME, "limit": first})
    return [Movement(**row) for row in rows.mappings()]


async def histories(session: AnySession, pages: Sequence[MovementPage]) -> dict[MovementPage, list[Movement]]:
    """Many customers' pages at once, in one statement. The caller bounds each `limit`."""
    rows = await session.execute(
        _HISTORIES,
        {
            "customers": [page.customer_id for page in pages],
            "before": [page.before or _END_OF_TIME for page in pages],
            "limits": [page.limit for page in pages],
        },
    )
    grouped: dict[MovementPage, list[Movement]] = {page: [] for page in pages}
    for row in rows.mappings():
        values = dict(row)
        grouped[pages[values.pop("position") - 1]].append(Movement(**values))
    return grouped
