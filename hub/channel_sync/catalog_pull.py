"""Listings from the channel's own catalog, by the importers' rules: matched by mapping, external id, SKU or GTIN."""

from typing import Final

from adapters.sdk.capabilities import Connection, PullsCatalog
from adapters.sdk.errors import ContractBroken, Rejected
from adapters.sdk.types import EventTopic
from hub.catalog import apply_pulled_products
from hub.channel_sync import cursors
from hub.channel_sync.inbox import Misfit, park_pulled
from hub.channel_sync.marking import mark_missing
from hub.channel_sync.models import CursorKind
from hub.channels import Channel
from hub.infra.database import Database
from hub.infra.sealing import Sealer

MAX_PAGES: Final = 10
"""A pass that is longer goes on in the next run."""


async def pull_catalog(database: Database, channel: Channel, connection: Connection, sealer: Sealer) -> bool:
    """Take in what changed and publish stock for new listings: True when the pass is complete.

    Products that cannot be read are parked. Raises the adapter's errors.
    """
    if not isinstance(connection, PullsCatalog):
        return True
    async with database.read() as session:
        at = await cursors.begin_pass(session, channel.id, CursorKind.CATALOG, first=None)
    page_name = at.page
    for _ in range(MAX_PAGES):
        page_name = await _one_page(database, channel, connection, at, page_name, sealer=sealer)
        if page_name is None:
            return True
    return False


async def _one_page(
    database: Database,
    channel: Channel,
    connection: PullsCatalog,
    at: cursors.Pass,
    page_name: str | None,
    *,
    sealer: Sealer,
) -> str | None:
    try:
        page = await connection.pull_products(cursor=page_name, modified_after=at.since)
    except (Rejected, ContractBroken):
        if page_name is not None:
            async with database.write() as session:
                await cursors.drop_pass(session, channel.id, CursorKind.CATALOG)
        raise
    await apply_pulled_products(database, channel, page.items)
    async with database.write() as session:
        for misfit in page.unreadable:
            found = Misfit("CONTRACT_BROKEN", misfit.path)
            await park_pulled(session, channel.id, misfit.external_id, found, sealer=sealer, topic=EventTopic.PRODUCT)
        await mark_missing(session, channel.id)
        await cursors.save_page(session, channel.id, CursorKind.CATALOG, at, page.next_cursor)
    return page.next_cursor
