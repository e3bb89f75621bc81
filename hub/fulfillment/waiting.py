"""Orders that wait for stock are routed again when it arrives, oldest promise first."""

from collections.abc import Sequence
from uuid import UUID

from hub.infra import work
from hub.infra.database import WriteSession
from hub.inventory import lines_waiting_for
from hub.orders import ROUTE_WORK, order_lines_by_ids

MAX_LINES_A_TIME = 200


async def reroute_waiting(session: WriteSession, variant_ids: Sequence[UUID]) -> int:
    """Ask for another routing run of the orders that wait for these variants. Returns how many orders."""
    line_ids = await lines_waiting_for(session, variant_ids, limit=MAX_LINES_A_TIME)
    if not line_ids:
        return 0
    lines = await order_lines_by_ids(session, line_ids)
    order_ids = {lines[line_id].order_id for line_id in line_ids if line_id in lines}
    for order_id in sorted(order_ids):
        await work.enqueue(session, ROUTE_WORK, str(order_id))
    return len(order_ids)
