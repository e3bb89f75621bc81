"""The one process that ticks: relay, due work, durable consumers, periodic jobs.

Any number may be started; the holder of an advisory lock runs, the others wait to take over. Everything a tick
does is safe to do twice, because a deposed leader may finish its last one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import asyncpg
import structlog

from hub.infra import dispatch, events, leadership, metrics, pruning, relay, wakeups
from hub.infra.database import Database
from hub.infra.listener import Listener
from hub.infra.wakeups import WakeUps

CANDIDATE_SECONDS = 1.0
DISPATCH_SECONDS = 1.0
CONSUMER_TICK_SECONDS = 1.0
CONSUMER_GATHER_SECONDS = 0.1
"""Pause after a wake-up: consumers cause background work, which is cheaper for many events at once."""

PRUNE_SECONDS = 60.0
MEASURE_SECONDS = 15.0
RETRY_SECONDS = 1.0

Job = Callable[[], Awaitable[object]]
Tasks = list[asyncio.Task[Any]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    name: str
    seconds: float
    run: Job


class Scheduler:
    """Made by a composition root, told what to run, then `run` until stopped."""

    def __init__(self, database: Database, redis_url: str | None, waker: WakeUps, *, queues: Collection[str]) -> None:
        self._database = database
        self._redis_url = redis_url
        self._waker = waker
        self._jobs: list[PeriodicJob] = []
        self._consumers: list[tuple[str, events.Handler]] = []
        self._leading = asyncio.Event()
        self.every(DISPATCH_SECONDS, "due work", lambda: dispatch.wake_due(database, queues, waker))
        self.every(MEASURE_SECONDS, "quarantine", lambda: dispatch.measure_quarantine(database, queues))
        self.every(PRUNE_SECONDS, "old events", lambda: relay.prune(database))
        self.every(PRUNE_SECONDS, "old rows", lambda: pruning.prune_all(database))

    @property
    def database(self) -> Database:
        """For jobs and consumers that are registered here."""
        return self._database

    def every(self, seconds: float, name: str, job: Job) -> None:
        """Run `job` at once and then each `seconds`, never beside itself. What it raises is logged."""
        self._jobs.append(PeriodicJob(name, seconds, job))

    def consumer(self, name: str, handler: events.Handler) -> None:
        """Feed all events to `handler`, exactly once in effect (see `events.consume`)."""
        self._consumers.append((name, handler))

    async def leading(self) -> None:
        """Return once this process is the leader."""
        await self._leading.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Stand for election and lead, again and again, until `stop` is set."""
        while not stop.is_set():
            try:
                async with leadership.candidate(self._database.url) as candidate:
                    while not stop.is_set():
                        if await candidate.won():
                            await self._lead(candidate, stop)
                            break
                        await _pause(stop, CANDIDATE_SECONDS)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("scheduler.no_database", error=type(error).__name__)
                await _pause(stop, CANDIDATE_SECONDS)

    async def _lead(self, candidate: leadership.Candidate, stop: asyncio.Event) -> None:
        log.info("scheduler.leading", jobs=[job.name for job in self._jobs])
        metrics.scheduler_leader.set(1)
        self._leading.set()
        tasks: Tasks = [asyncio.create_task(candidate.watch()), asyncio.create_task(stop.wait())]
        try:
            async with AsyncExitStack() as stack:
                tasks += await self._start(stack)
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                await _cancel(tasks)
            if tasks[0] in done:
                log.error("scheduler.deposed", reason="the connection that held the lock is gone")
        finally:
            await _cancel(tasks)
            metrics.scheduler_leader.set(0)
            self._leading.clear()

    async def _start(self, stack: AsyncExitStack) -> Tasks:
        recorded = await stack.enter_async_context(Listener(self._redis_url, wakeups.OUTBOX_CHANNEL))
        running: Tasks = [asyncio.create_task(_again("relay", lambda: self._relay(recorded)), name="relay")]
        for name, handler in self._consumers:
            relayed = await stack.enter_async_context(Listener(self._redis_url, events.CHANNEL))
            running.append(asyncio.create_task(self._consume(name, handler, relayed), name=name))
        running += [asyncio.create_task(_repeat(job), name=job.name) for job in self._jobs]
        return running

    async def _relay(self, listener: Listener) -> None:
        async def announce() -> None:
            self._waker.announce(events.CHANNEL)

        await relay.run(self._database, listener, announce)

    async def _consume(self, name: str, handler: events.Handler, listener: Listener) -> None:
        async def drain() -> None:
            while await events.consume(self._database, name, handler) == events.CONSUMER_BATCH:
                continue
            if await listener.wait(CONSUMER_TICK_SECONDS):
                await asyncio.sleep(CONSUMER_GATHER_SECONDS)

        while True:
            await _run_logged(name, drain)


async def _again(name: str, job: Job) -> None:
    while True:
        await _run_logged(name, job)


async def _repeat(job: PeriodicJob) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + job.seconds
        began = perf_counter()
        await _run_logged(job.name, job.run)
        metrics.job_seconds.labels(job.name).observe(perf_counter() - began)
        await asyncio.sleep(max(0.0, due - clock()))


async def _run_logged(name: str, job: Job) -> None:
    """Run once; a failure costs a moment and is seen in the log and the metrics."""
    try:
        await job()
    except Exception:
        metrics.job_failures.labels(name).inc()
        log.exception("scheduler.job_failed", job=name)
        await asyncio.sleep(RETRY_SECONDS)


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
