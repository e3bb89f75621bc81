"""Workers and scheduler together, while Redis and workers die."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from hub.entrypoints.scheduler import run_scheduler
from hub.entrypoints.worker import run_worker
from hub.infra import work
from hub.infra.broker import WakeUpSender
from hub.infra.database import Database
from hub.infra.embedded import EmbeddedValkey
from hub.infra.runner import WorkContext, WorkRegistry
from hub.infra.scheduler import Scheduler
from hub.infra.wakeups import WakeUps
from hub.infra.work import Claim, StaleClaimError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
CHILD = """
import asyncio, sys
from pathlib import Path
from hub.entrypoints.worker import run_worker, stop_on_signals

async def handler(context, subject):
    Path(sys.argv[3], subject + ".began").touch()
    while not Path(sys.argv[3], subject + ".may_end").exists():
        await asyncio.sleep(0.02)

def register(registry):
    registry.register("patient", handler)

async def note(stop):
    await stop.wait()
    Path(sys.argv[3], "stopping").touch()

async def main():
    stop = asyncio.Event()
    stop_on_signals(stop)
    noting = asyncio.create_task(note(stop))
    await run_worker(sys.argv[1], sys.argv[2], threads=2, stop=stop, register=register)

asyncio.run(main())
"""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.02)


async def ask(database: Database, kind: str, *subjects: str) -> None:
    async with database.write() as session:
        await work.enqueue_many(session, kind, subjects)


async def states(database: Database) -> dict[str, str]:
    async with database.read() as session:
        return {r.subject: r.state for r in await session.execute(text("SELECT * FROM work_items"))}


async def row(database: Database, subject: str) -> Any:
    async with database.read() as session:
        found = await session.execute(text("SELECT * FROM work_items WHERE subject = :s"), {"s": subject})
        return found.one()


async def move_clock(url: str, offset: str) -> None:
    admin = await asyncpg.connect(url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{offset}'")
    await admin.close()


async def accept(_context: WorkContext, _subject: str) -> None:
    return


def register_accepting(registry: WorkRegistry) -> None:
    registry.register("patient", accept)


def no_jobs(_scheduler: Scheduler) -> None:
    return


@asynccontextmanager
async def running(database_url: str, redis_url: str) -> AsyncIterator[None]:
    """A worker and a scheduler in this process."""
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(run_worker(database_url, redis_url, threads=2, stop=stop, register=register_accepting)),
        asyncio.create_task(
            run_scheduler(database_url, redis_url, stop=stop, register=register_accepting, register_periodic=no_jobs)
        ),
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def child(database_url: str, redis_url: str, folder: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A worker in a process of its own whose handler runs until told to end."""
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", CHILD, database_url, redis_url, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def kill(server: EmbeddedValkey) -> None:
    process = server._process
    assert process is not None
    process.kill()
    await asyncio.to_thread(process.wait)


async def until_file(folder: Path, pattern: str) -> str:
    """Wait for a file; its name without the ending."""
    found: list[Path] = []

    async def check() -> bool:
        found[:] = await asyncio.to_thread(lambda: list(folder.glob(pattern)))
        return bool(found)

    await until(check)
    return found[0].stem


async def test_work_runs_soon_after_its_commit(database: Database, redis_url: str) -> None:
    async def done() -> bool:
        return set((await states(database)).values()) == {"DONE"}

    waker = WakeUps(redis_url)
    waker.watch(database)
    async with running(database.url, redis_url):
        await ask(database, "patient", "a", "b", "c")
        await until(done)
    await waker.close()


async def test_work_goes_on_by_the_tick_after_redis_was_killed_and_came_back(
    database: Database, tmp_path: Path
) -> None:
    async def done() -> bool:
        return set((await states(database)).values()) == {"DONE"}

    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    waker = WakeUps(valkey.url())
    waker.watch(database)
    try:
        async with running(database.url, valkey.url()):
            await ask(database, "patient", "before")
            await until(done)
            await kill(valkey)
            await ask(database, "patient", *(f"during-{number}" for number in range(20)))
            valkey.start()
            await until(done)
    finally:
        await waker.close()
        valkey.stop()


async def test_work_is_done_at_the_tick_while_there_is_no_redis(database: Database, tmp_path: Path) -> None:
    async def done() -> bool:
        return set((await states(database)).values()) == {"DONE"}

    await ask(database, "patient", "a", "b")
    async with running(database.url, f"unix://{tmp_path}/nobody.sock"):
        await until(done)


async def test_one_row_can_be_run_out_of_turn(database: Database, redis_url: str) -> None:
    async def done() -> bool:
        return bool((await row(database, "urgent")).state == "DONE")

    await ask(database, "patient", "other", "urgent")
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(database.url, redis_url, threads=2, stop=stop, register=register_accepting))
    sender = WakeUpSender(redis_url)
    sender.send_item(work.DEFAULT_QUEUE, (await row(database, "urgent")).id)
    sender.close()
    await until(done)
    stop.set()
    await worker
    assert (await row(database, "other")).state == "READY"


async def test_commits_and_wake_ups_do_not_mind_a_redis_that_is_not_there(database: Database, tmp_path: Path) -> None:
    waker = WakeUps(f"unix://{tmp_path}/nobody.sock")
    waker.watch(database)
    await ask(database, "patient", "a")
    await waker.close()
    assert await states(database) == {"a": "READY"}


async def test_an_item_of_a_killed_worker_runs_again_and_the_late_finisher_is_refused(
    database: Database, redis_url: str, tmp_path: Path
) -> None:
    async def done() -> bool:
        return set((await states(database)).values()) == {"DONE"}

    async with child(database.url, redis_url, tmp_path) as process:
        await ask(database, "patient", "victim")
        WakeUpSender(redis_url).send(work.DEFAULT_QUEUE)
        await until_file(tmp_path, "victim.began")
        process.kill()
        await asyncio.to_thread(process.wait)
    before = await row(database, "victim")
    assert (before.state, before.fence) == ("RUNNING", 1)
    late = Claim(before.id, before.queue, before.kind, before.subject, 1, before.generation, 0)
    await move_clock(database.url, f"{work.LEASE_SECONDS + 1} seconds")
    await database.engine.dispose()
    async with running(database.url, redis_url):
        await until(done)
    assert (await row(database, "victim")).fence == 2
    async with database.write() as session:
        with pytest.raises(StaleClaimError):
            await work.finish(session, late)


async def test_a_worker_told_to_stop_ends_its_item_first(database: Database, redis_url: str, tmp_path: Path) -> None:
    async with child(database.url, redis_url, tmp_path) as process:
        await ask(database, "patient", "last", "next")
        WakeUpSender(redis_url).send(work.DEFAULT_QUEUE)
        first = await until_file(tmp_path, "*.began")
        process.send_signal(signal.SIGTERM)
        await until_file(tmp_path, "stopping")
        (tmp_path / f"{first}.may_end").touch()
        assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 0
    ended = await states(database)
    assert ended.pop(first) == "DONE"
    assert list(ended.values()) == ["READY"]
