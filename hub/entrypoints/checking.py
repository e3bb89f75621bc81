"""Every promise that can be checked in the stored data, feature by feature."""

from hub.channel_sync import check_channels
from hub.fulfillment import check_orders
from hub.infra.checks import Violation
from hub.infra.database import Database
from hub.inventory import check_stock
from hub.loyalty import check_loyalty


async def run_checks(database: Database) -> list[Violation]:
    """All violations, read in one snapshot."""
    async with database.read() as session:
        return [
            *await check_stock(session),
            *await check_orders(session),
            *await check_loyalty(session),
            *await check_channels(session),
        ]
