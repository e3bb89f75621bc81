"""The scheduler: one leads, a lost connection ends it at once, jobs run, consumers are fed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from sqlalchemy import text

from hub.infra import dispatch, outbox, pruning, work
from hub.infra.database import Database, WriteSession
from hub.infra.events import EventHub, StreamedEvent
from hub.infra.outbox import Event
from hub.infra.scheduler import Scheduler
from hub.infra.wakeups import WakeUps
from hub.kernel.ids import new_id

Setup = Callable[[Scheduler], None]


@asynccontextmanager
async def scheduler(
    database: Database, redis_url: str | None = None, setup: Setup | None = None
) -> AsyncIterator[Scheduler]:
    waker = WakeUps(redis_url)
    made = Scheduler(database, redis_url, waker, queues={"default", "slow"})
    if setup is not None:
        setup(made)
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop))
    try:
        yield made
    finally:
        stop.set()
        await task
        await waker.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 (what is waited for is in Postgres)
            await asyncio.sleep(0.02)


async def depose(database: Database) -> int:
    """End the session that holds the lock, as a failing network or server would."""
    admin = await asyncpg.connect(database.url)
    ended = await admin.fetch(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()"
    )
    await admin.close()
    return len(ended)


async def test_one_of_two_leads_and_the_other_takes_over(database: Database) -> None:
    async def both_stand() -> bool:
        async with database.read() as session:
            candidates = text(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hub scheduler lock' "
                "AND datname = current_database() AND (query LIKE '%advisory%' OR query = 'SELECT 1')"
            )
            return bool((await session.execute(candidates)).scalar_one() == 2)

    first_stack = AsyncExitStack()
    async with asyncio.timeout(60):
        first = await first_stack.enter_async_context(scheduler(database))
        await first.leading()
        async with scheduler(database) as heir:
            await until(both_stand)
            assert not heir._leading.is_set()
            await first_stack.aclose()
            await heir.leading()


async def test_a_leader_whose_connection_is_lost_stops_at_once_and_stands_again(database: Database) -> None:
    happened: asyncio.Queue[str] = asyncio.Queue()

    async def job() -> None:
        happened.put_nowait("started")
        try:
            await asyncio.Event().wait()
        finally:
            happened.put_nowait("stopped")

    async with asyncio.timeout(60), scheduler(database, setup=lambda made: made.every(60, "endless", job)):
        assert await happened.get() == "started"
        assert await depose(database) == 1
        assert await happened.get() == "stopped"
        assert await happened.get() == "started"


async def test_a_job_that_fails_does_not_stop_the_others_or_itself(database: Database) -> None:
    ran = {"bad": 0, "good": 0}

    async def bad() -> None:
        ran["bad"] += 1
        raise LookupError

    async def good() -> None:
        ran["good"] += 1

    def setup(made: Scheduler) -> None:
        made.every(0.01, "bad", bad)
        made.every(0.01, "good", good)

    async def both() -> bool:
        return min(ran.values()) >= 2

    async with scheduler(database, setup=setup):
        await until(both)


async def test_events_travel_from_a_commit_to_subscribers_and_consumers(database: Database, redis_url: str) -> None:
    consumed: list[int] = []

    async def note(_session: WriteSession, batch: Sequence[StreamedEvent]) -> None:
        consumed.extend(event.entity_version for event in batch)

    async def all_consumed() -> bool:
        return consumed == [1, 2, 3]

    waker = WakeUps(redis_url)
    waker.watch(database)
    async with (
        scheduler(database, redis_url, lambda made: made.consumer("notes", note)),
        EventHub(database, redis_url) as hub,
        hub.subscribe(["stock.changed"]) as subscription,
    ):
        for version in (1, 2, 3):
            async with database.write() as session:
                await outbox.record(session, Event("stock.changed", new_id(), version))
        await until(all_consumed)
        async with asyncio.timeout(30):
            seen = [event.entity_version async for event in _first(subscription.__aiter__(), 3)]
    await waker.close()
    assert seen == [1, 2, 3]


async def _first(events: AsyncIterator[StreamedEvent], count: int) -> AsyncIterator[StreamedEvent]:
    for _ in range(count):
        yield await anext(events)


async def test_without_redis_events_travel_by_the_tick(database: Database) -> None:
    async with scheduler(database), EventHub(database, None) as hub:
        async with database.write() as session:
            await outbox.record(session, Event("stock.changed", new_id(), 1))

        async def read() -> bool:
            return hub.cursor == 1

        await until(read)


class TestDispatch:
    async def test_due_and_lapsed_rows_are_found_per_queue(self, database: Database) -> None:
        async with database.write() as session:
            await work.enqueue_many(session, "a", ["1", "2"])
            await work.enqueue(session, "a", "3", queue="slow", delay_seconds=60)
            await work.enqueue(session, "a", "4", queue="slow")
        assert await work.claim(database, "slow") is not None
        async with database.write() as session:
            await session.execute(text("UPDATE work_items SET lease_until = hub_now() WHERE state = 'RUNNING'"))
        found = {b.queue: (b.due, b.lapsed) for b in await dispatch.backlogs(database, ["default", "slow"])}
        assert found == {"default": (2, 0), "slow": (0, 1)}

    async def test_the_count_of_a_long_backlog_is_capped(self, database: Database) -> None:
        async with database.write() as session:
            await work.enqueue_many(session, "a", [str(n) for n in range(dispatch.MAX_COUNTED + 10)])
        (found,) = await dispatch.backlogs(database, ["default"])
        assert found.due == dispatch.MAX_COUNTED


class TestPruning:
    async def test_done_work_is_forgotten_after_a_week_and_open_work_never(self, database: Database) -> None:
        async with database.write() as session:
            await work.enqueue_many(session, "a", ["old", "new", "open"])
            await session.execute(
                text(
                    "UPDATE work_items SET state = 'DONE', finished_at = hub_now() - make_interval(days => "
                    "CASE subject WHEN 'old' THEN 8 ELSE 6 END) WHERE subject <> 'open'"
                )
            )
            await session.execute(text("UPDATE work_items SET created_at = created_at - interval '1 year'"))
        pruned = await pruning.prune_all(database)
        assert {table: count for table, count in pruned.items() if count} == {"work_items": 1}
        async with database.read() as session:
            kept = (await session.execute(text("SELECT subject FROM work_items ORDER BY subject"))).scalars()
            assert kept.all() == ["new", "open"]

    async def test_idempotency_keys_are_kept_for_thirty_days(self, database: Database) -> None:
        async with database.write() as session:
            await session.execute(
                text(
                    "INSERT INTO idempotency_keys (principal_id, key, operation, input_hash, created_at) "
                    "SELECT :principal, 'k' || days, 'op', '', hub_now() - make_interval(days => days) "
                    "FROM generate_series(25, 35) AS days"
                ),
                {"principal": new_id()},
            )
        retention = next(r for r in pruning.RETENTIONS if r.table == "idempotency_keys")
        assert await pruning.prune(database, retention, batch=2) == 6
