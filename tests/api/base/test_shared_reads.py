"""Look-ups of many mutations at once: one statement, each its own answer, a failure that stays with its batch."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database, ReadSession
from hub.kernel.ids import new_id
from hub_graphql.shared_reads import SharedReads

IDS = [new_id() for _ in range(20)]


class Counted:
    """A batch over the database that notes what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[list[UUID]] = []

    async def __call__(self, session: ReadSession, keys: list[UUID]) -> Mapping[UUID, str]:
        self.calls.append(keys)
        rows = await session.execute(
            text("SELECT id, id::text FROM unnest(CAST(:ids AS uuid[])) AS t (id)"), {"ids": keys}
        )
        return {row[0]: row[1] for row in rows if row[0] != IDS[0]}


async def broken(_session: ReadSession, _keys: list[UUID]) -> Mapping[UUID, str]:
    raise LookupError


async def test_what_is_asked_for_at_once_is_read_at_once(database: Database) -> None:
    reads, batch = SharedReads(database), Counted()
    found = await asyncio.gather(*(reads.load(batch, key) for key in IDS + IDS))
    assert found == [None, *map(str, IDS[1:])] * 2
    assert sum(map(len, batch.calls)) <= 2 * len(IDS)
    assert len(batch.calls) <= 2


async def test_a_look_up_that_fails_fails_alone(database: Database) -> None:
    reads, batch = SharedReads(database), Counted()
    failed, found = await asyncio.gather(reads.load(broken, IDS[1]), reads.load(batch, IDS[1]), return_exceptions=True)
    assert isinstance(failed, LookupError)
    assert found == str(IDS[1])
    assert await reads.load(batch, IDS[2]) == str(IDS[2])


async def test_who_goes_away_takes_nobody_along(database: Database) -> None:
    reads, batch = SharedReads(database), Counted()
    leaving = asyncio.create_task(reads.load(batch, IDS[1]))
    staying = asyncio.create_task(reads.load(batch, IDS[1]))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == str(IDS[1])
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_it_sees_what_was_committed_before_it_was_asked(database: Database) -> None:
    reads = SharedReads(database)

    async def codes(session: ReadSession, keys: list[str]) -> Mapping[str, int]:
        rows = await session.execute(
            text("SELECT name, last_seq FROM event_consumers WHERE name = ANY(:names)"), {"names": keys}
        )
        return {row[0]: row[1] for row in rows}

    assert await reads.load(codes, "one") is None
    async with database.write() as session:
        await session.execute(text("INSERT INTO event_consumers (name, last_seq) VALUES ('one', 7)"))
    assert await reads.load(codes, "one") == 7
