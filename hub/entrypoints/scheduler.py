"""The scheduler: relay, due work, consumers and periodic jobs. Start two for safety; one of them leads."""

import asyncio
from collections.abc import Callable

from hub.entrypoints.registry import register_jobs, register_work
from hub.entrypoints.worker import stop_on_signals
from hub.infra import dispatch, telemetry
from hub.infra.database import Database
from hub.infra.runner import WorkRegistry
from hub.infra.scheduler import Scheduler
from hub.infra.settings import Settings
from hub.infra.wakeups import WakeUps

RETRY_SECONDS = 60.0


async def run_scheduler(
    database_url: str,
    redis_url: str | None,
    *,
    stop: asyncio.Event,
    pool_size: int = 10,
    register: Callable[[WorkRegistry], None] = register_work,
    register_periodic: Callable[[Scheduler], None] = register_jobs,
) -> None:
    """Stand for election and lead until `stop` is set."""
    registry = WorkRegistry()
    register(registry)
    database = Database(database_url, pool_size=pool_size, application_name="hub scheduler")
    waker = WakeUps(redis_url)
    waker.watch(database)
    scheduler = Scheduler(database, redis_url, waker, queues=registry.queues)
    kinds = registry.recurring_kinds
    scheduler.every(RETRY_SECONDS, "quarantined recurring work", lambda: dispatch.retry_recurring(database, kinds))
    register_periodic(scheduler)
    try:
        await database.check_version()
        await scheduler.run(stop)
    finally:
        await waker.close()
        await database.close()


async def _main(settings: Settings, database_url: str, redis_url: str | None) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await run_scheduler(database_url, redis_url, stop=stop, pool_size=settings.database_pool_size)


def main(settings: Settings, database_url: str, redis_url: str | None) -> None:
    """Run until SIGTERM or SIGINT."""
    telemetry.configure(level=settings.log_level, log_format=settings.log_format)
    asyncio.run(_main(settings, database_url, redis_url))
