"""Fan-out to subscribers, resuming, and consumers whose effects happen once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra import events, outbox, relay
from hub.infra.database import Database, WriteSession
from hub.infra.events import EventHub, ResyncRequiredError, StreamedEvent
from hub.infra.outbox import Event
from hub.infra.subscription import MAX_QUEUED, SubscriberTooSlowError, Subscription
from hub.kernel.ids import new_id

STOCK = "stock.changed"


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[EventHub]:
    async with EventHub(database, None) as opened:
        yield opened


async def publish(database: Database, *versions: int, topic: str = STOCK, entity: UUID | None = None) -> None:
    async with database.write() as session:
        await outbox.record(session, *(Event(topic, entity or new_id(), version) for version in versions))
    async with asyncio.timeout(20):  # a transaction of another database may hold the guard back
        while await relay.lag_seconds(database):
            await relay.drain(database)


async def take(subscription: Subscription[StreamedEvent], count: int) -> list[int]:
    """The versions of the next `count` events."""
    versions: list[int] = []
    async for event in subscription:
        versions.append(event.entity_version)
        if len(versions) == count:
            break
    return versions


async def catch_up(hub: EventHub, database: Database) -> None:
    """Let the hub read everything that is relayed."""
    async with database.read() as session:
        _, newest = await events.bounds(session)
    async with asyncio.timeout(20):
        while hub.cursor < newest:
            hub.wake()
            await asyncio.sleep(0.005)


class TestSubscribe:
    async def test_a_subscriber_gets_what_comes_after_it_and_wants(self, database: Database, hub: EventHub) -> None:
        await publish(database, 1)
        await catch_up(hub, database)
        async with hub.subscribe([STOCK], lambda event: event.entity_version != 3) as subscription:
            await publish(database, 2, 3, 4)
            await publish(database, 9, topic="order.placed")
            await publish(database, 5)
            hub.wake()
            assert await take(subscription, 3) == [2, 4, 5]

    async def test_a_subscriber_resumes_after_its_cursor_without_gap_or_repeat(
        self, database: Database, hub: EventHub
    ) -> None:
        await publish(database, *range(1, 21))
        await catch_up(hub, database)
        async with hub.subscribe([STOCK], after_seq=5) as subscription:
            await publish(database, *range(21, 31))
            hub.wake()
            assert await take(subscription, 25) == list(range(6, 31))

    async def test_a_cursor_ahead_of_this_process_gets_no_event_twice(self, database: Database, hub: EventHub) -> None:
        await publish(database, 1, 2, 3)
        async with hub.subscribe([STOCK], after_seq=2) as subscription:
            hub.wake()
            await publish(database, 4)
            hub.wake()
            assert await take(subscription, 2) == [3, 4]

    async def test_subscribers_do_not_disturb_each_other(self, database: Database, hub: EventHub) -> None:
        async with hub.subscribe([STOCK]) as lazy, hub.subscribe([STOCK]) as busy:
            await publish(database, 1, 2)
            hub.wake()
            assert await take(busy, 2) == [1, 2]
            assert await take(lazy, 1) == [1]

    async def test_a_slow_subscriber_is_closed_with_an_error(self, database: Database, hub: EventHub) -> None:
        async with hub.subscribe([STOCK]) as subscription:
            await publish(database, *range(MAX_QUEUED + 1))
            await catch_up(hub, database)
            with pytest.raises(SubscriberTooSlowError):
                await take(subscription, 1)

    async def test_values_that_pile_up_are_replaced_by_the_newest(self, database: Database, hub: EventHub) -> None:
        entity, other = new_id(), new_id()
        async with hub.subscribe([STOCK], coalesce=True) as subscription:
            await publish(database, *range(1, MAX_QUEUED + 50), entity=entity)
            await publish(database, 7, entity=other)
            await catch_up(hub, database)
            assert await take(subscription, 2) == [MAX_QUEUED + 49, 7]

    async def test_a_cursor_that_is_no_longer_kept_requires_a_resync(self, database: Database, hub: EventHub) -> None:
        await publish(database, 1, 2, 3)
        await catch_up(hub, database)
        async with database.write() as session:
            await session.execute(text("DELETE FROM events WHERE seq <= 2"))
        for forgotten in (0, 1, 4):
            with pytest.raises(ResyncRequiredError):
                async with hub.subscribe([STOCK], after_seq=forgotten):
                    pytest.fail("must not open")
        async with hub.subscribe([STOCK], after_seq=2) as subscription:
            hub.wake()
            assert await take(subscription, 1) == [3]

    async def test_an_up_to_date_cursor_is_good_even_when_nothing_is_kept(
        self, database: Database, hub: EventHub
    ) -> None:
        await publish(database, 1)
        await catch_up(hub, database)
        async with database.write() as session:
            await session.execute(text("DELETE FROM events"))
        async with hub.subscribe([STOCK], after_seq=1) as subscription:
            await publish(database, 2)
            hub.wake()
            assert await take(subscription, 1) == [2]

    async def test_a_process_that_missed_events_says_so_to_its_subscribers(
        self, database: Database, hub: EventHub
    ) -> None:
        async with hub.subscribe([STOCK]) as subscription:
            async with database.write() as session:
                await session.execute(text("UPDATE relay_state SET last_seq = 5"))
            await publish(database, 6)
            hub.wake()
            with pytest.raises(ResyncRequiredError):
                await take(subscription, 1)

    async def test_subscriptions_end_when_the_process_stops(self, database: Database) -> None:
        async with EventHub(database, None) as stopping, stopping.subscribe([STOCK]) as subscription:
            reading = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0)
            await stopping.__aexit__(None, None, None)
            assert await reading == []

    async def test_redis_wakes_the_reader(self, database: Database, redis_url: str) -> None:
        async with EventHub(database, redis_url) as woken, woken.subscribe([STOCK]) as subscription:
            await publish(database, 1)
            assert await take(subscription, 1) == [1]


class TestConsume:
    async def test_effects_and_cursor_are_one(self, database: Database) -> None:
        await publish(database, *range(5))
        failing = True

        async def note(session: WriteSession, batch: Sequence[StreamedEvent]) -> None:
            for event in batch:
                await session.execute(
                    text(
                        "INSERT INTO work_items (id, queue, kind, subject, due_at, created_at) "
                        "VALUES (:id, 'q', 'noted', :subject, now(), now())"
                    ),
                    {"id": new_id(), "subject": str(event.seq)},
                )
                if failing and event.seq == 4:
                    raise LookupError

        assert await events.consume(database, "notes", note, batch=3) == 3
        with pytest.raises(LookupError):
            await events.consume(database, "notes", note, batch=3)
        failing = False
        assert await events.consume(database, "notes", note, batch=3) == 2
        assert await events.consume(database, "notes", note, batch=3) == 0
        assert await noted(database) == ["1", "2", "3", "4", "5"]

    async def test_of_two_consumers_with_one_name_one_waits_its_turn(self, database: Database) -> None:
        await publish(database, 1)
        seen: list[int] = []

        async def note(_session: WriteSession, batch: Sequence[StreamedEvent]) -> None:
            assert await events.consume(database, "notes", note) == 0
            seen.extend(event.seq for event in batch)

        async def nothing(_session: WriteSession, _batch: Sequence[StreamedEvent]) -> None:
            return

        assert await events.consume(database, "notes", nothing) == 1
        await publish(database, 2)
        assert await events.consume(database, "notes", note) == 1
        assert seen == [2]

    async def test_a_new_consumer_begins_with_the_oldest_event_kept(self, database: Database) -> None:
        await publish(database, 1, 2, 3)
        async with database.write() as session:
            await session.execute(text("DELETE FROM events WHERE seq = 1"))
        seen: list[int] = []

        async def note(_session: WriteSession, batch: Sequence[StreamedEvent]) -> None:
            seen.extend(event.seq for event in batch)

        await events.consume(database, "notes", note)
        assert seen == [2, 3]


async def noted(database: Database) -> list[str]:
    connection = await asyncpg.connect(database.url)
    rows = await connection.fetch("SELECT subject FROM work_items WHERE kind = 'noted' ORDER BY subject")
    await connection.close()
    return [row["subject"] for row in rows]
