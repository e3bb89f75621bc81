"""The order part of `hub check`: every unit of every line is accounted for, and no order was lost or repeated."""

from sqlalchemy import text

from hub.infra.checks import Violation
from hub.infra.database import ReadSession

MAX_REPORTED = 100

_CHECKS: tuple[tuple[str, str, str], ...] = (
    (
        "order_lines_are_covered",
        "open units are neither in a store's queue nor reserved nor noted as unfilled",
        """
        SELECT l.id FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(fl.quantity), 0) AS quantity FROM fulfillment_order_lines AS fl
            JOIN fulfillment_orders AS f ON f.id = fl.fulfillment_order_id
            WHERE fl.order_line_id = l.id AND f.status IN ('OPEN', 'IN_PROGRESS', 'READY', 'ON_HOLD')
        ) AS queued ON true
        LEFT JOIN LATERAL (
            SELECT max(d.quantity / coalesce(k.quantity, 1)) AS quantity FROM unfilled_demand AS d
            LEFT JOIN order_line_components AS k USING (order_line_id, variant_id)
            WHERE d.order_line_id = l.id
        ) AS u ON true
        LEFT JOIN reservations AS r ON r.id = o.reservation_id AND r.status = 'ACTIVE'
        LEFT JOIN work_items AS w
            ON w.kind = 'order.route' AND w.subject = o.id::text AND w.state IN ('READY', 'RUNNING')
        WHERE o.status = 'OPEN' AND o.hold IS NULL AND NOT o.is_history AND l.fulfilled_by = 'HUB'
          AND l.variant_id IS NOT NULL AND l.kind IN ('GOODS', 'BUNDLE')
          AND l.quantity - l.cancelled - l.fulfilled <> queued.quantity + coalesce(u.quantity, 0)
          AND r.id IS NULL AND w.id IS NULL
        """,
    ),
    (
        "allocations_match_queues",
        "a queued line and its allocation differ",
        """
        SELECT coalesce(a.holder_id, q.id) FROM allocations AS a
        FULL JOIN (
            SELECT fl.id, coalesce(k.variant_id, fl.variant_id) AS variant_id, f.location_id,
                   fl.quantity * coalesce(k.quantity, 1) AS quantity
            FROM fulfillment_order_lines AS fl
            JOIN fulfillment_orders AS f ON f.id = fl.fulfillment_order_id
            LEFT JOIN order_line_components AS k ON k.order_line_id = fl.order_line_id
            WHERE f.status IN ('OPEN', 'IN_PROGRESS', 'READY', 'ON_HOLD')
        ) AS q ON q.id = a.holder_id AND q.variant_id = a.variant_id AND q.location_id = a.location_id
        WHERE a.quantity IS DISTINCT FROM q.quantity
        """,
    ),
    (
        "bundles_wait_whole",
        "a bundle waits for its components in other numbers than it is made of",
        """
        SELECT k.order_line_id FROM order_line_components AS k
        LEFT JOIN unfilled_demand AS d USING (order_line_id, variant_id)
        WHERE EXISTS (SELECT FROM unfilled_demand AS o WHERE o.order_line_id = k.order_line_id)
        GROUP BY k.order_line_id
        HAVING min(coalesce(d.quantity, 0) / k.quantity) <> max(coalesce(d.quantity, 0) / k.quantity)
            OR bool_or(coalesce(d.quantity, 0) % k.quantity <> 0)
        """,
    ),
    (
        "fulfilled_equals_hand_overs",
        "a line's fulfilled units differ from what stores handed out",
        """
        SELECT l.id FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id
        WHERE l.fulfilled_by = 'HUB' AND NOT o.is_history AND l.fulfilled <> (
            SELECT coalesce(sum(fl.quantity), 0) FROM fulfillment_order_lines AS fl
            JOIN fulfillment_orders AS f ON f.id = fl.fulfillment_order_id
            WHERE fl.order_line_id = l.id AND f.status = 'CLOSED')
        """,
    ),
    (
        "returned_equals_returns",
        "a line's returned units differ from its return lines",
        """
        SELECT l.id FROM order_lines AS l
        WHERE l.returned <> (
            SELECT coalesce(sum(r.quantity), 0) FROM order_return_lines AS r WHERE r.order_line_id = l.id)
        """,
    ),
)


async def check_orders(session: ReadSession) -> list[Violation]:
    """Every broken promise about orders, at most 100 per kind."""
    found: list[Violation] = []
    for invariant, message, query in _CHECKS:
        rows = await session.execute(text(f"{query} LIMIT {MAX_REPORTED}"))
        found.extend(Violation(invariant, f"row {row[0]}", message) for row in rows)
    return found
