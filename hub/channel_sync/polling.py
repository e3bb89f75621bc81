"""The sweep that makes webhooks optional: orders changed since the watermark, less an overlap."""

from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text

from adapters.sdk.capabilities import Connection, PullsOrders
from adapters.sdk.errors import ContractBroken, Rejected
from adapters.sdk.types import ChannelOrder, Page
from hub.channel_sync import cursors
from hub.channel_sync.capturing import capture
from hub.channel_sync.errors import stored_error
from hub.channel_sync.inbox import Misfit, park_pulled
from hub.channel_sync.models import CursorKind
from hub.channels import Channel
from hub.infra.database import AnySession, Database
from hub.infra.sealing import Sealer
from hub.kernel.errors import HubError, UnavailableError

MAX_PAGES: Final = 20
"""A pass that is longer goes on in the next run."""

log = structlog.get_logger(__name__)

_KNOWN = text(
    """
    SELECT external_id, source_version, content_hash FROM orders
    WHERE channel_id = :channel AND external_id = ANY(:external_ids)
    """
)


async def poll_orders(database: Database, channel: Channel, connection: Connection, sealer: Sealer) -> bool:
    """Take in what changed: True when the pass is complete, False when more pages wait.

    The first pass begins at the channel's `goLiveAt`. Orders that cannot be read or taken are parked in the inbox
    and do not hold up the others. Raises the adapter's errors and UnavailableError; what was taken is taken.
    """
    if not isinstance(connection, PullsOrders):
        return True
    async with database.read() as session:
        at = await cursors.begin_pass(session, channel.id, CursorKind.ORDERS, first=channel.go_live_at)
    page_name = at.page
    for _ in range(MAX_PAGES):
        page = await _pull(database, channel.id, connection, at, page_name)
        await _take(database, channel, connection, page, sealer)
        page_name = page.next_cursor
        async with database.write() as session:
            await cursors.save_page(session, channel.id, CursorKind.ORDERS, at, page_name)
        if page_name is None:
            return True
    return False


async def _pull(
    database: Database, channel_id: UUID, connection: PullsOrders, at: cursors.Pass, page_name: str | None
) -> Page[ChannelOrder]:
    try:
        return await connection.pull_orders(cursor=page_name, modified_after=at.since or at.started_at)
    except (Rejected, ContractBroken):
        if page_name is not None:
            async with database.write() as session:
                await cursors.drop_pass(session, channel_id, CursorKind.ORDERS)
        raise


async def _take(
    database: Database, channel: Channel, connection: Connection, page: Page[ChannelOrder], sealer: Sealer
) -> None:
    async with database.read() as session:
        known = await _known(session, channel.id, [order.external_id for order in page.items])
    for order in page.items:
        if known.get(order.external_id) != (order.source_version, order.content_hash):
            await _take_one(database, channel, connection, order, sealer)
    for misfit in page.unreadable:
        async with database.write() as session:
            found = Misfit("CONTRACT_BROKEN", misfit.path)
            await park_pulled(session, channel.id, misfit.external_id, found, sealer=sealer)


async def _take_one(
    database: Database, channel: Channel, connection: Connection, order: ChannelOrder, sealer: Sealer
) -> None:
    try:
        await capture(database, channel, connection, order, sealer)
    except UnavailableError:
        raise
    except (HubError, Rejected, ContractBroken) as error:
        misfit = Misfit(*stored_error(error))
        log.warning("orders.not_captured", channel=channel.code, order=order.external_id, code=misfit.code)
        async with database.write() as session:
            await park_pulled(session, channel.id, order.external_id, misfit, sealer=sealer)


async def _known(session: AnySession, channel_id: UUID, external_ids: list[str]) -> dict[str, tuple[str, str]]:
    rows = await session.execute(_KNOWN, {"channel": channel_id, "external_ids": external_ids})
    return {row.external_id: (row.source_version, row.content_hash) for row in rows}
