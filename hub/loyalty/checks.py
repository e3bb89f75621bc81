"""What `hub check` proves about points."""

from sqlalchemy import text

from hub.infra.checks import Violation
from hub.infra.database import ReadSession

MAX_REPORTED = 100

_SHARE = "granted / quantity * {units} + least(granted % quantity, {units})"

_CHECKS = {
    "points_conserve": """
        SELECT 'loyalty_transaction ' || transaction_id AS entity,
            format('its entries on lot %s sum to %s, not 0', lot_id, sum(points)) AS message
        FROM loyalty_entries GROUP BY transaction_id, lot_id HAVING sum(points) <> 0
    """,
    "balance_is_the_sum_of_entries": """
        WITH entered AS (
            SELECT account_id, book, sum(points) AS points FROM loyalty_entries
            WHERE account_id IS NOT NULL GROUP BY account_id, book
        )
        SELECT 'loyalty_account ' || account_id AS entity,
            format('%s is %s, its entries sum to %s', book, coalesce(balance.points, 0),
                coalesce(entered.points, 0)) AS message
        FROM loyalty_balances AS balance FULL JOIN entered USING (account_id, book)
        WHERE coalesce(balance.points, 0) <> coalesce(entered.points, 0)
    """,
    "lot_is_the_sum_of_entries": """
        WITH entered AS (
            SELECT lot_id,
                coalesce(sum(points) FILTER (WHERE book = 'PROGRAMME_ISSUED'), 0) AS issued,
                coalesce(sum(points) FILTER (WHERE book = 'MEMBER_PENDING'), 0) AS pending,
                coalesce(sum(points) FILTER (WHERE book = 'MEMBER_AVAILABLE'), 0) AS available,
                coalesce(sum(points) FILTER (WHERE book = 'PROGRAMME_BURNED'), 0) AS burned,
                coalesce(sum(points) FILTER (WHERE book = 'MEMBER_OWED'), 0) AS owed
            FROM loyalty_entries GROUP BY lot_id
        )
        SELECT 'loyalty_lot ' || lot.id AS entity,
            format('net earned %s, pending %s, available %s, spent %s, owed %s; its entries say %s, %s, %s, %s, %s',
                lot.earned - lot.reversed, lot.pending, lot.available, lot.spent, lot.owed,
                coalesce(-entered.issued, 0), coalesce(entered.pending, 0), coalesce(entered.available, 0),
                coalesce(entered.burned, 0), coalesce(-entered.owed, 0)) AS message
        FROM loyalty_lots AS lot LEFT JOIN entered ON entered.lot_id = lot.id
        WHERE (lot.earned - lot.reversed, lot.pending, lot.available, lot.spent, lot.owed) IS DISTINCT FROM
            (coalesce(-entered.issued, 0), coalesce(entered.pending, 0), coalesce(entered.available, 0),
                coalesce(entered.burned, 0), coalesce(-entered.owed, 0))
    """,
    "points_follow_the_units": f"""
        SELECT 'loyalty_lot ' || id AS entity,
            format('%s of %s units handed over, %s returned, but earned %s and reversed %s of %s points',
                fulfilled_units, quantity, returned_units, earned, reversed, granted) AS message
        FROM loyalty_lots
        WHERE earned <> {_SHARE.format(units="fulfilled_units")}
            OR reversed <> {_SHARE.format(units="least(fulfilled_units, returned_units)")}
    """,
    "units_earn_and_reverse_once": """
        WITH counted AS (
            SELECT lot_id,
                coalesce(sum(units) FILTER (WHERE kind = 'EARN'), 0) AS earned,
                coalesce(sum(units) FILTER (WHERE kind = 'REVERSE'), 0) AS returned
            FROM loyalty_transactions WHERE lot_id IS NOT NULL GROUP BY lot_id
        )
        SELECT 'loyalty_lot ' || lot.id AS entity,
            format('%s units handed over and %s returned, its transactions count %s and %s', fulfilled_units,
                returned_units, coalesce(counted.earned, 0), coalesce(counted.returned, 0)) AS message
        FROM loyalty_lots AS lot LEFT JOIN counted ON counted.lot_id = lot.id
        WHERE lot.order_line_id IS NOT NULL
            AND (fulfilled_units <> coalesce(counted.earned, 0) OR returned_units <> coalesce(counted.returned, 0))
    """,
    "pending_points_have_a_date": """
        WITH waiting AS (
            SELECT lot_id, sum(points) AS points FROM loyalty_activations WHERE NOT done GROUP BY lot_id
        )
        SELECT 'loyalty_lot ' || lot.id AS entity,
            format('%s points are pending, %s have a date to become available', lot.pending,
                coalesce(waiting.points, 0)) AS message
        FROM loyalty_lots AS lot LEFT JOIN waiting ON waiting.lot_id = lot.id
        WHERE lot.pending > coalesce(waiting.points, 0)
    """,
    "debt_is_paid_first": """
        SELECT 'loyalty_account ' || account_id AS entity,
            'has available points while it owes some' AS message
        FROM loyalty_balances WHERE points <> 0 AND book IN ('MEMBER_AVAILABLE', 'MEMBER_OWED')
        GROUP BY account_id HAVING count(*) > 1
    """,
}


async def check_loyalty(session: ReadSession) -> list[Violation]:
    """Broken promises of the points ledger, at most MAX_REPORTED of each kind."""
    violations = []
    for invariant, query in _CHECKS.items():
        rows = await session.execute(text(f"{query} LIMIT {MAX_REPORTED}"))
        violations += [Violation(invariant, row.entity, row.message) for row in rows]
    return violations
