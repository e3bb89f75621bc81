"""One pulled or received order becomes the hub's, whatever moves meanwhile."""

from adapters.sdk.capabilities import Connection, PullsOrders
from adapters.sdk.types import ChannelOrder
from hub.channels import Channel
from hub.fulfillment import cancel_open_units
from hub.infra.database import Database
from hub.infra.sealing import Sealer
from hub.orders import CaptureResult, StockMovedError, capture_order

MAX_RACES = 5


async def capture(
    database: Database, channel: Channel, connection: Connection, order: ChannelOrder, sealer: Sealer
) -> CaptureResult:
    """Capture in a transaction of its own. Where version and content disagree the channel is asked again.

    Raises StockMovedError after five lost races, the errors of the adapter, and those of `capture_order`.
    """
    result = await _captured(database, channel, order, sealer, reread=False)
    if result is CaptureResult.REREAD and isinstance(connection, PullsOrders):
        current = await connection.pull_order(order.external_id)
        if current is not None:
            result = await _captured(database, channel, current, sealer, reread=True)
    return result


async def _captured(
    database: Database, channel: Channel, order: ChannelOrder, sealer: Sealer, *, reread: bool
) -> CaptureResult:
    for attempt in range(MAX_RACES):
        try:
            async with database.write() as session:
                return await capture_order(session, channel, order, sealer, cancel=cancel_open_units, reread=reread)
        except StockMovedError:
            if attempt == MAX_RACES - 1:
                raise
    raise AssertionError("the loop returns or raises")
