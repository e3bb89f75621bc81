"""A connection that came back within a transaction must not swallow what the next user commits."""

import asyncio

import asyncpg
from sqlalchemy import text

from hub.infra.database import Database, raw_connection


async def _leave_half_open(database: Database) -> None:
    """What a task leaves behind that is cancelled while its BEGIN is under way."""
    async with database.engine.connect() as connection:
        fairy = await connection.get_raw_connection()
        driver = fairy.driver_connection
        assert isinstance(driver, asyncpg.Connection)
        await driver.transaction(isolation="read_committed").start()


async def test_what_is_written_after_a_half_open_connection_came_back_is_committed(database_url):
    database = Database(database_url, pool_size=1)
    await _leave_half_open(database)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE written (id int)"))
    other = await asyncpg.connect(database_url)
    assert await other.fetchval("SELECT count(*) FROM pg_class WHERE relname = 'written'") == 1
    await other.close()
    await database.close()


async def test_tasks_that_are_cancelled_anywhere_leave_no_transaction_in_the_pool(database_url):
    database = Database(database_url, pool_size=1)
    for steps in range(40):
        task = asyncio.ensure_future(_write_raw(database))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, asyncpg.Connection)
            assert not driver.is_in_transaction()
    await database.close()


async def _write_raw(database: Database) -> None:
    async with database.write() as session:
        driver = await raw_connection(session)
        await driver.execute("SELECT 1")
