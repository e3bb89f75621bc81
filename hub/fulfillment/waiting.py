"""Orders that wait for stock are routed again when it arrives, oldest promise first."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from hub.infra import work
from hub.infra.database import WriteSession
from hub.orders import ROUTE_WORK

MAX_ORDERS_A_TIME = 200
"""Per variant. What they take is an event again, and that asks for the next."""

# Only orders that the stock could serve: those that wait for something else must not stand in the way of the others.
# A bundle can be served where all of its parts are.
_SERVABLE = text(
    """
    SELECT DISTINCT waiting.order_id
    FROM unnest(CAST(:variants AS uuid[])) AS wanted (variant_id)
    CROSS JOIN LATERAL (
        SELECT o.id AS order_id
        FROM unfilled_demand AS u
        JOIN order_lines AS l ON l.id = u.order_line_id
        JOIN orders AS o ON o.id = l.order_id AND o.status = 'OPEN' AND o.hold IS NULL AND NOT o.is_history
        WHERE u.variant_id = wanted.variant_id AND EXISTS (
            SELECT FROM stock_levels AS s
            JOIN channel_locations AS c ON c.location_id = s.location_id AND c.channel_id = o.channel_id
            JOIN locations AS p ON p.id = s.location_id AND p.active AND p.kind <> 'EXTERNAL'
            WHERE s.variant_id = u.variant_id AND s.on_hand - s.reserved - s.allocated - s.safety_stock > 0
              AND NOT EXISTS (
                  SELECT FROM order_line_components AS k
                  LEFT JOIN stock_levels AS part
                      ON part.variant_id = k.variant_id AND part.location_id = s.location_id
                  WHERE k.order_line_id = u.order_line_id AND coalesce(
                      part.on_hand - part.reserved - part.allocated - part.safety_stock, 0) < k.quantity)
              AND o.method = ANY(p.capabilities)
              AND (o.pickup_location_id IS NULL OR o.method <> 'PICKUP' OR o.pickup_location_id = p.id)
              AND NOT EXISTS (
                  SELECT FROM routing_rejections AS r WHERE r.order_id = o.id AND r.location_id = p.id))
        ORDER BY u.promised_at, u.order_line_id LIMIT :most
    ) AS waiting
    WHERE EXISTS (
        SELECT FROM stock_levels AS s
        WHERE s.variant_id = wanted.variant_id AND s.on_hand - s.reserved - s.allocated - s.safety_stock > 0)
    """
)


async def reroute_waiting(session: WriteSession, variant_ids: Sequence[UUID]) -> int:
    """Ask for another routing run of the orders that these variants' free stock could serve. Returns how many."""
    found = await session.execute(_SERVABLE, {"variants": sorted(variant_ids), "most": MAX_ORDERS_A_TIME})
    order_ids = [str(order_id) for order_id in found.scalars()]
    await work.enqueue_many(session, ROUTE_WORK, order_ids)
    return len(order_ids)
