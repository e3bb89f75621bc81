"""Sessions survive what happens to their connections."""

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra.database import Database, raw_connection
from hub.kernel.errors import UnavailableError

CUT_ALL = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_the_first_raw_statement_after_the_server_cut_every_connection_succeeds(database: Database) -> None:
    async with database.write() as one, database.write() as two:
        for session in (one, two):
            await (await raw_connection(session)).fetchval("SELECT 1")
    admin = await asyncpg.connect(database.url)
    assert await admin.fetchval(CUT_ALL) == 2
    await admin.close()
    for _ in range(3):
        async with database.write() as session:
            assert await (await raw_connection(session)).fetchval("SELECT 1") == 1


async def test_a_connection_that_is_cut_inside_a_transaction_fails_that_transaction_only(database: Database) -> None:
    with pytest.raises(UnavailableError):  # noqa: PT012 (the cut happens inside)
        async with database.write() as session:
            pid = await (await raw_connection(session)).fetchval("SELECT pg_backend_pid()")
            admin = await asyncpg.connect(database.url)
            await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            await admin.close()
            await (await raw_connection(session)).fetchval("SELECT 1")
    async with database.write() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


async def test_what_a_raw_statement_wrote_is_undone_with_its_transaction(database: Database) -> None:
    class ChangedMyMindError(Exception):
        pass

    with pytest.raises(ChangedMyMindError):  # noqa: PT012 (the block is the transaction)
        async with database.write() as session:
            await (await raw_connection(session)).execute("UPDATE relay_state SET last_seq = 7")
            raise ChangedMyMindError
    async with database.read() as reader:
        assert (await reader.execute(text("SELECT last_seq FROM relay_state"))).scalar_one() == 0


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match="read-only"):
        async with database.read() as session:
            await session.execute(text("UPDATE relay_state SET last_seq = 1"))


async def test_a_row_that_stays_locked_is_told_as_overload(database_url: str) -> None:
    database = Database(database_url, lock_timeout_seconds=0.2)
    other = Database(database_url)
    try:
        async with database.write() as session:
            await session.execute(text("CREATE TABLE stone (id int PRIMARY KEY)"))
            await session.execute(text("INSERT INTO stone VALUES (1)"))
        async with other.write() as holder:
            await holder.execute(text("SELECT * FROM stone FOR UPDATE"))
            with pytest.raises(UnavailableError) as caught:
                async with database.write() as session:
                    await session.execute(text("SELECT * FROM stone FOR UPDATE"))
        assert caught.value.code == "OVERLOADED"
        async with other.write() as holder:
            await holder.execute(text("SELECT * FROM stone FOR UPDATE"))
            with pytest.raises(UnavailableError):
                async with database.write() as session:
                    await (await raw_connection(session)).execute("SELECT * FROM stone FOR UPDATE")
    finally:
        await database.close()
        await other.close()


async def test_a_server_that_is_away_is_told_as_unavailable(tmp_path: Path) -> None:
    database = Database(f"postgresql://postgres@/hub?host={tmp_path}")
    with pytest.raises(UnavailableError) as caught:
        async with database.write() as session:
            await session.execute(text("SELECT 1"))
    assert caught.value.code == "DATABASE_UNAVAILABLE"
    await database.close()
