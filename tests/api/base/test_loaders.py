"""One read session per operation, reads in turn, keys batched: on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from hub.infra.database import Database, ReadSession, WriteSession
from hub.kernel.errors import ConflictError, DeniedError
from hub_graphql.errors import attempt

BATCHES: list[list[int]] = []


class CountedDatabase:
    """The real database; counts sessions that were opened and are open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.opened = 0
        self.now_open = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with self._database.read() as session:
            self.opened += 1
            self.now_open += 1
            try:
                yield session
            finally:
                self.now_open -= 1

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        async with self._database.write() as session:
            yield session


@pytest.fixture
async def counted(database_url):
    """A pool of one connection: whoever holds two at once waits for ever."""
    database = Database(database_url, pool_size=1)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE number (id int PRIMARY KEY, name text)"))
        await session.execute(text("INSERT INTO number SELECT n, 'n' || n FROM generate_series(1, 50) n"))
    BATCHES.clear()
    yield CountedDatabase(database)
    await database.close()


async def names_by_id(session: ReadSession, ids: list[int]) -> dict[int, str]:
    BATCHES.append(ids)
    rows = await session.execute(text("SELECT id, name FROM number WHERE id = ANY(:ids)"), {"ids": ids})
    return {row.id: row.name for row in rows}


async def upper_names(session: ReadSession, ids: list[int]) -> dict[int, str]:
    found = await names_by_id(session, ids)
    return {key: name.upper() for key, name in found.items()}


async def test_keys_of_one_turn_are_one_statement_however_many_they_are(counted, request_context):
    context = request_context(database=counted)
    names = await asyncio.gather(*(context.load(names_by_id, key) for key in range(1, 41)))
    await context.close()
    assert names == [f"n{key}" for key in range(1, 41)]
    assert [list(range(1, 41))] == BATCHES
    assert (counted.opened, counted.now_open) == (1, 0)


async def test_a_key_is_asked_for_once_and_a_missing_one_is_none(counted, request_context):
    context = request_context(database=counted)
    assert await context.load_many(names_by_id, [1, 99, 1]) == ["n1", None, "n1"]
    assert await context.load(names_by_id, 99) is None
    await context.close()
    assert BATCHES == [[1, 99]]


async def test_different_loaders_share_one_session_in_turn(counted, request_context):
    context = request_context(database=counted)
    first, second, third = await asyncio.gather(
        context.load(names_by_id, 1), context.load(upper_names, 2), context.load(names_by_id, 3)
    )
    await context.close()
    assert (first, second, third) == ("n1", "N2", "n3")
    assert (len(BATCHES), counted.opened) == (2, 1)


async def test_an_operation_reads_one_snapshot_until_it_writes(counted, request_context, database_url):
    elsewhere = Database(database_url)
    context = request_context(database=counted)
    assert await context.load(names_by_id, 1) == "n1"
    async with elsewhere.write() as session:
        await session.execute(text("UPDATE number SET name = 'changed'"))
    await elsewhere.close()
    assert await context.load(names_by_id, 2) == "n2"
    async with context.write() as session:
        await session.execute(text("UPDATE number SET name = name || '!' WHERE id = 1"))
    assert await context.load(names_by_id, 1) == "changed!"
    await context.close()
    assert counted.now_open == 0


async def test_a_mutation_holds_no_read_session_while_it_works(counted, request_context):
    context = request_context(database=counted)
    await context.load(names_by_id, 1)
    open_then = []

    async def work() -> None:
        open_then.append(counted.now_open)
        raise ConflictError("taken")

    result, errors = await attempt(context, work)
    await context.close()
    assert result is None
    assert [error.message for error in errors] == ["taken"]
    assert open_then == [0]


async def test_missing_permission_is_not_made_an_error_of_the_payload(request_context):
    async def work() -> None:
        raise DeniedError("no")

    with pytest.raises(DeniedError):
        await attempt(request_context(), work)


async def test_a_subscription_holds_no_session_between_reads(counted, request_context):
    context = request_context(database=counted, hold_session=False)
    assert await context.load(names_by_id, 1) == "n1"
    assert counted.now_open == 0
    assert await context.load(names_by_id, 2) == "n2"
    await context.close()
    assert counted.opened == 2


async def test_a_failed_batch_fails_its_keys_and_the_session_is_given_back(counted, request_context):
    async def broken(_session: ReadSession, _ids: list[int]) -> dict[int, str]:
        raise ConflictError("broken")

    context = request_context(database=counted)
    answers = await asyncio.gather(context.load(broken, 1), context.load(broken, 2), return_exceptions=True)
    await context.close()
    assert [type(answer) for answer in answers] == [ConflictError, ConflictError]
    assert counted.now_open == 0
