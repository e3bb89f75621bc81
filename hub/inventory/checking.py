"""The stock part of `hub check`: the ledger, the levels and the claims must tell one story."""

from sqlalchemy import text

from hub.infra.checks import Violation
from hub.infra.database import ReadSession
from hub.inventory.consignments import OUTSTANDING
from hub.inventory.units import LevelKey

MAX_REPORTED = 100

_CHECKS: tuple[tuple[str, str, str], ...] = (
    (
        "ledger_equals_level",
        "the movements do not add up to the level, or are not numbered without gap",
        """
        SELECT s.variant_id, s.location_id FROM stock_levels AS s
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(m.on_hand_delta), 0) AS on_hand, coalesce(sum(m.reserved_delta), 0) AS reserved,
                   coalesce(sum(m.allocated_delta), 0) AS allocated, coalesce(sum(m.incoming_delta), 0) AS incoming,
                   coalesce(sum(m.damaged_delta), 0) AS damaged,
                   coalesce(sum(m.quality_control_delta), 0) AS quality_control, count(*) AS rows,
                   count(DISTINCT m.level_version) AS numbers,
                   coalesce(min(m.level_version), 1) AS first, coalesce(max(m.level_version), 0) AS last,
                   coalesce(bool_or(m.kind = 'OPENING'), false) AS reopened
            FROM stock_movements AS m
            WHERE m.variant_id = s.variant_id AND m.location_id = s.location_id
              AND m.level_version >= coalesce((
                  SELECT max(o.level_version) FROM stock_movements AS o
                  WHERE o.variant_id = s.variant_id AND o.location_id = s.location_id AND o.kind = 'OPENING'), 0)
        ) AS m ON true
        WHERE (m.on_hand, m.reserved, m.allocated, m.incoming, m.damaged, m.quality_control)
              IS DISTINCT FROM (s.on_hand, s.reserved, s.allocated, s.incoming, s.damaged, s.quality_control)
           OR s.version <> m.last OR m.rows <> m.numbers OR m.last <> m.first + m.rows - 1
           OR (m.first <> 1 AND NOT m.reopened)
        """,
    ),
    (
        "movements_have_a_level",
        "there are movements and no level",
        """
        SELECT DISTINCT m.variant_id, m.location_id FROM stock_movements AS m
        WHERE NOT EXISTS (SELECT FROM stock_levels AS s
                          WHERE s.variant_id = m.variant_id AND s.location_id = m.location_id)
        """,
    ),
    (
        "reserved_equals_claims",
        "reserved differs from the active reservations' lines",
        """
        SELECT coalesce(s.variant_id, c.variant_id), coalesce(s.location_id, c.location_id)
        FROM (SELECT variant_id, location_id, reserved FROM stock_levels WHERE reserved <> 0) AS s
        FULL JOIN (
            SELECT l.variant_id, l.location_id, sum(l.quantity) AS quantity
            FROM reservation_lines AS l JOIN reservations AS r ON r.id = l.reservation_id
            WHERE r.status = 'ACTIVE' GROUP BY 1, 2
        ) AS c ON c.variant_id = s.variant_id AND c.location_id = s.location_id
        WHERE s.reserved IS DISTINCT FROM c.quantity
        """,
    ),
    (
        "allocated_equals_holdings",
        "allocated differs from what holders hold",
        """
        SELECT coalesce(s.variant_id, c.variant_id), coalesce(s.location_id, c.location_id)
        FROM (SELECT variant_id, location_id, allocated FROM stock_levels WHERE allocated <> 0) AS s
        FULL JOIN (
            SELECT variant_id, location_id, sum(quantity) AS quantity FROM allocations GROUP BY 1, 2
        ) AS c ON c.variant_id = s.variant_id AND c.location_id = s.location_id
        WHERE s.allocated IS DISTINCT FROM c.quantity
        """,
    ),
    (
        "incoming_equals_expected",
        "incoming differs from what transfers in transit and open purchase orders announce",
        f"""
        SELECT coalesce(s.variant_id, c.variant_id), coalesce(s.location_id, c.location_id)
        FROM (SELECT variant_id, location_id, incoming FROM stock_levels WHERE incoming <> 0) AS s
        FULL JOIN (
            SELECT variant_id, location_id, sum(quantity) AS quantity FROM ({OUTSTANDING}) AS o GROUP BY 1, 2
        ) AS c ON c.variant_id = s.variant_id AND c.location_id = s.location_id
        WHERE s.incoming IS DISTINCT FROM c.quantity
        """,
    ),
    (
        "no_oversell",
        "more is promised than is there and than the shortage admits",
        """
        SELECT variant_id, location_id FROM stock_levels
        WHERE reserved + allocated > on_hand + shortage
           OR NOT (shortage = 0 OR shortage = reserved + allocated - on_hand)
        """,
    ),
)


async def check_stock(session: ReadSession) -> list[Violation]:
    """Every broken stock promise, at most 100 per kind."""
    found: list[Violation] = []
    for invariant, message, query in _CHECKS:
        rows = await session.execute(text(f"{query} LIMIT {MAX_REPORTED}"))
        found.extend(Violation(invariant, f"variant {row[0]} at location {row[1]}", message) for row in rows)
    return found


async def broken_levels(session: ReadSession, *, limit: int) -> set[LevelKey]:
    """The levels, there or missing, that break a stock promise: up to `limit` per kind."""
    found: set[LevelKey] = set()
    for _invariant, _message, query in _CHECKS:
        rows = await session.execute(text(f"{query} LIMIT {limit:d}"))
        found.update(LevelKey(row[0], row[1]) for row in rows)
    return found
