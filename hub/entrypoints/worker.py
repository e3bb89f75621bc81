"""The worker: runs claimed work. Any number of processes; each may be killed at any moment.

Wake-ups come through Redis. While Redis does not answer, the worker looks for due work itself each second.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from hub.entrypoints.registry import register_work
from hub.infra import broker, runner, telemetry
from hub.infra.broker import BrokerWorker
from hub.infra.database import Database
from hub.infra.redis_client import connect
from hub.infra.runner import WorkRegistry
from hub.infra.settings import Settings
from hub.infra.wakeups import WakeUps

SPARE_CONNECTIONS = 4
"""Besides two per thread: one for the handler, one to renew its lease."""

TICK_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def run_worker(
    database_url: str,
    redis_url: str,
    *,
    threads: int,
    stop: asyncio.Event,
    register: Callable[[WorkRegistry], None] = register_work,
) -> None:
    """Serve every registered queue until `stop` is set, then let running work end."""
    registry = WorkRegistry()
    register(registry)
    database = Database(database_url, pool_size=2 * threads + SPARE_CONNECTIONS, application_name="hub worker")
    waker = WakeUps(redis_url)
    waker.watch(database)

    async def run_queue(queue: str) -> None:
        if await runner.run_queue(database, registry, queue, stop=stop):
            waker.wake_queue(queue)

    async def run_item(work_id: UUID) -> None:
        await runner.run_one(database, registry, work_id)

    try:
        await database.check_version()
        worker = BrokerWorker(redis_url, registry.queues, run_queue=run_queue, run_item=run_item, threads=threads)
        worker.start()
        log.info("worker.started", queues=sorted(registry.queues), threads=threads)

        async def run_all() -> None:
            for queue in sorted(registry.queues):
                await run_queue(queue)

        await _tick_without_redis(redis_url, run_all, stop)
        log.info("worker.stopping")
        await worker.stop(broker.STOP_SECONDS)
    finally:
        await waker.close()
        await database.close()


async def _tick_without_redis(redis_url: str, run_all: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Until `stop`: each second in which Redis does not answer, run what is due. A failed run is repeated."""
    async with connect(redis_url) as client:
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await stop.wait()
            try:
                await client.ping()
            except (RedisError, OSError):
                await _logged(run_all)


async def _logged(run_all: Callable[[], Awaitable[None]]) -> None:
    try:
        await run_all()
    except Exception:
        log.exception("worker.tick_failed")


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)


async def _main(settings: Settings, database_url: str, redis_url: str) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await run_worker(database_url, redis_url, threads=settings.worker_threads, stop=stop)


def main(settings: Settings, database_url: str, redis_url: str) -> None:
    """Run until SIGTERM or SIGINT."""
    telemetry.configure(level=settings.log_level, log_format=settings.log_format)
    asyncio.run(_main(settings, database_url, redis_url))
