"""Marking by moved stock and marking a whole channel meet: each waits its turn, neither is thrown out."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from hub.channel_sync import mark_all_dirty, stock_rows
from hub.infra.database import Database
from tests.channel_sync.stage import make_stage


async def test_a_channel_is_marked_while_moved_stock_adds_the_same_new_listing(database: Database) -> None:
    async with make_stage(database, skus=("SHIRT", "SOCKS")) as stage:
        async with database.write() as session:
            await mark_all_dirty(session, stage.channel_id)
            await session.execute(
                text("DELETE FROM listing_stock WHERE variant_id = :socks"), {"socks": stage.variants["SOCKS"]}
            )
        async with database.write() as session:
            await stock_rows.add_missing(session, stage.channel_id, again=True)
            moved = asyncio.create_task(_mark_moved(database, list(stage.variants.values())))
            await _until_somebody_waits(database)
            await stock_rows.mark_channel(session, stage.channel_id, resend=False)
        assert await moved == [stage.channel_id]


async def _mark_moved(database: Database, variants: list[UUID]) -> list[UUID]:
    async with database.write() as session:
        return await stock_rows.mark_variants(session, variants)


async def _until_somebody_waits(database: Database) -> None:
    while True:
        async with database.connection() as connection:
            waiting = await connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
            if waiting.scalar_one():
                return
