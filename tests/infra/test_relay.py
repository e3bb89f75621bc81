"""The relay: nothing lost, nothing twice, no gap, in order."""

import asyncio
import random
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
from sqlalchemy import text

from hub.infra import outbox, relay
from hub.infra.database import Database
from hub.infra.events import StreamedEvent, read_after
from hub.infra.outbox import Event
from hub.kernel.ids import new_id

WRITERS = 16
EVENTS_EACH = 40


async def record(database: Database, *versions: int, entity: UUID | None = None) -> None:
    async with database.write() as session:
        events = [Event("stock.changed", entity or new_id(), version) for version in versions]
        await outbox.record(session, *events)


async def relay_all(database: Database, *, batch: int = relay.BATCH) -> int:
    """Relay until the outbox is empty: a transaction of another database may hold the guard back."""
    moved = 0
    async with asyncio.timeout(20):
        while await relay.lag_seconds(database):
            moved += await relay.drain(database, batch=batch)
    return moved


async def relayed(database: Database, after: int = 0) -> list[StreamedEvent]:
    async with database.read() as session:
        return await read_after(session, after)


async def move_clock(database: Database, offset: str) -> None:
    admin = await asyncpg.connect(database.url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{offset}'")
    await admin.close()
    await database.engine.dispose()


async def test_events_are_moved_in_bounded_batches_and_numbered_without_a_gap(database: Database) -> None:
    await record(database, *range(25))
    assert (await relay.move_batch(database, batch=10))[0] <= 10
    await relay_all(database, batch=10)
    events = await relayed(database)
    assert [event.seq for event in events] == list(range(1, 26))
    assert [event.entity_version for event in events] == list(range(25))
    async with database.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 0


async def test_relaying_nothing_moves_nothing(database: Database) -> None:
    assert await relay.move_batch(database) == (0, 0)


async def test_two_relays_at_once_number_each_event_once(database: Database) -> None:
    await record(database, *range(200))
    await asyncio.gather(*(relay_all(database, batch=7) for _ in range(4)))
    assert [event.seq for event in await relayed(database)] == list(range(1, 201))


async def test_an_open_transaction_is_waited_for_and_its_events_are_not_passed_by(database: Database) -> None:
    async with database.write() as slow:
        await outbox.record(slow, Event("stock.changed", new_id(), 1))
        await record(database, 2)
        assert await relay.drain(database) == 0
    assert await relay_all(database) == 2
    assert [event.entity_version for event in await relayed(database)] == [1, 2]


async def test_without_the_guard_the_later_transaction_would_overtake(database: Database) -> None:
    unguarded = relay._MOVE.replace(relay.GUARD, "true")
    async with database.write() as slow:
        await outbox.record(slow, Event("stock.changed", new_id(), 1))
        await record(database, 2)
        assert (await relay.move_batch(database, statement=unguarded))[0] == 1
    await relay_all(database)
    assert [event.entity_version for event in await relayed(database)] == [2, 1]


async def test_a_cursor_over_the_outbox_s_serial_number_would_lose_what_commits_late(
    database: Database,
) -> None:
    serial = text("SELECT id, entity_version FROM outbox WHERE id > :cursor ORDER BY id")
    seen: list[int] = []
    cursor = 0
    async with database.write() as slow:
        await outbox.record(slow, Event("stock.changed", new_id(), 1))
        await record(database, 2)
        async with database.read() as session:
            for row in await session.execute(serial, {"cursor": cursor}):
                cursor = row.id
                seen.append(row.entity_version)
    async with database.read() as session:
        seen += [row.entity_version for row in await session.execute(serial, {"cursor": cursor})]
    assert seen == [2]
    await relay_all(database)
    assert [event.entity_version for event in await relayed(database)] == [1, 2]


async def test_events_of_one_entity_arrive_in_the_order_of_their_versions(database: Database) -> None:
    """Also when the transaction that comes second to the entity was the first to begin writing."""
    entity = new_id()
    async with database.write() as early:
        await outbox.record(early, Event("order.placed", new_id(), 1))
        await record(database, 1, entity=entity)
        await outbox.record(early, Event("stock.changed", entity, 2))
    await relay_all(database, batch=1)
    assert [e.entity_version for e in await relayed(database) if e.entity_id == entity] == [1, 2]


async def test_a_version_does_not_pass_an_older_one_that_the_guard_holds_back(database: Database) -> None:
    """The older version was written by a younger transaction, and one between the two is still open."""
    entity = new_id()
    async with AsyncExitStack() as open_transactions:
        async with database.write() as early:
            await early.execute(text("SELECT pg_current_xact_id()"))
            between = await open_transactions.enter_async_context(database.write())
            await between.execute(text("SELECT pg_current_xact_id()"))
            await record(database, 1, entity=entity)
            await outbox.record(early, Event("stock.changed", entity, 2))
        assert await relay.drain(database) == 0
    await relay_all(database)
    assert [event.entity_version for event in await relayed(database)] == [1, 2]


async def test_a_cursor_sees_the_events_of_sixteen_writers_once_and_in_order(database_url: str) -> None:
    database = Database(database_url, pool_size=WRITERS + 2)
    chance = random.Random(7)
    running = True
    seen: list[StreamedEvent] = []

    async def write(writer: int) -> None:
        for version in range(EVENTS_EACH):
            async with database.write() as session:
                await outbox.record(session, Event(f"writer.{writer}", new_id(), version))
                await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": chance.random() * 0.01})

    async def read() -> None:
        while running:
            await relay.drain(database, batch=20)
            seen.extend(await relayed(database, seen[-1].seq if seen else 0))

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    running = False
    await reading
    await relay_all(database)
    seen.extend(await relayed(database, seen[-1].seq if seen else 0))
    await database.close()
    assert [event.seq for event in seen] == list(range(1, WRITERS * EVENTS_EACH + 1))
    for writer in range(WRITERS):
        versions = [event.entity_version for event in seen if event.topic == f"writer.{writer}"]
        assert versions == list(range(EVENTS_EACH))


async def test_the_lag_is_the_age_of_the_oldest_waiting_row(database: Database) -> None:
    assert await relay.lag_seconds(database) == 0
    async with database.write() as session:
        await outbox.record(session, Event("stock.changed", new_id(), 1))
        await session.execute(text("UPDATE outbox SET recorded_at = recorded_at - interval '1 hour'"))
    assert 3600 <= await relay.lag_seconds(database) < 3700


class TestPrune:
    async def test_events_are_kept_for_a_day(self, database: Database) -> None:
        await record(database, 1, 2)
        await relay_all(database)
        await move_clock(database, "23 hours")
        assert await relay.prune(database) == 0
        await record(database, 3)
        await relay_all(database)
        await move_clock(database, "25 hours")
        assert await relay.prune(database) == 2
        assert [event.entity_version for event in await relayed(database)] == [3]

    async def test_what_a_consumer_has_not_seen_is_kept(self, database: Database) -> None:
        await record(database, 1, 2, 3)
        await relay_all(database)
        async with database.write() as session:
            await session.execute(text("INSERT INTO event_consumers (name, last_seq) VALUES ('late', 1)"))
        await move_clock(database, "25 hours")
        assert await relay.prune(database) == 1
        assert [event.seq for event in await relayed(database)] == [2, 3]
