"""Every promise that can be checked in the stored data, feature by feature."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.channel_sync import check_channels
from hub.fulfillment import check_orders
from hub.infra.checks import Violation
from hub.infra.database import Database, ReadSession
from hub.inventory import check_stock
from hub.loyalty import check_loyalty


class CheckedPart(StrEnum):
    """What can be checked by itself."""

    STOCK = "stock"
    ORDERS = "orders"
    POINTS = "points"
    CHANNELS = "channels"


_CHECKS: Mapping[CheckedPart, Callable[[ReadSession], Awaitable[list[Violation]]]] = MappingProxyType(
    {
        CheckedPart.STOCK: check_stock,
        CheckedPart.ORDERS: check_orders,
        CheckedPart.POINTS: check_loyalty,
        CheckedPart.CHANNELS: check_channels,
    }
)


async def run_checks(database: Database, part: CheckedPart | None = None) -> list[Violation]:
    """All violations, of one part or of all, read in one snapshot."""
    async with database.read() as session:
        return [
            violation
            for name, check in _CHECKS.items()
            if part is None or part is name
            for violation in await check(session)
        ]
