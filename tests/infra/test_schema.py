"""The schema: reached from nothing, and undone again."""

from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.schema import current_revision, downgrade, newest_revision, upgrade


async def test_a_new_database_reaches_the_newest_revision(database_url: str) -> None:
    assert await current_revision(database_url) == newest_revision()


async def test_migrations_can_be_undone_and_run_again(database_url: str) -> None:
    await downgrade(database_url, "base")
    await upgrade(database_url)
    assert await current_revision(database_url) == newest_revision()


async def test_the_deciding_clock_is_the_servers(database: Database) -> None:
    async with database.read() as session:
        apart = await session.execute(text("SELECT abs(extract(epoch FROM hub_now() - clock_timestamp())) < 1"))
        assert apart.scalar_one()
