"""What this hub does in the background: the one list of work, event consumers and periodic jobs."""

from collections.abc import Awaitable, Callable

from hub.access import purge_ended_sessions
from hub.channel_sync import register_channel_jobs, register_channel_work
from hub.channels import Connections
from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.runner import WorkRegistry
from hub.infra.scheduler import Scheduler
from hub.infra.sealing import load_sealer
from hub.infra.settings import Settings
from hub.inventory import open_months, sweep_due_reservations
from hub.loyalty import activate_due
from hub.pos import map_waiting_lines


def register_work(registry: WorkRegistry) -> None:
    """Every kind of work with its handler, for workers (to run it) and the scheduler (to know its queue)."""
    register_channel_work(registry, Connections(lambda: load_sealer(Settings())))


SWEEP_SECONDS = 1.0
ACTIVATION_SECONDS = 60.0
MAPPING_SECONDS = 60.0
SESSION_PURGE_SECONDS = 3_600.0
MONTHS_SECONDS = 3_600.0


def register_jobs(scheduler: Scheduler) -> None:
    """Every periodic job and durable event consumer."""
    database = scheduler.database
    register_channel_jobs(scheduler)
    scheduler.every(SWEEP_SECONDS, "reservations.expire", lambda: _sweep(database))
    scheduler.every(ACTIVATION_SECONDS, "loyalty.activate", lambda: _until_done(database, _activate))
    scheduler.every(MAPPING_SECONDS, "pos.map_lines", lambda: map_waiting_lines(database))
    scheduler.every(MONTHS_SECONDS, "inventory.open_months", lambda: open_months(database))
    scheduler.every(SESSION_PURGE_SECONDS, "access.purge_sessions", lambda: _purge(database))


async def _until_done(database: Database, step: Callable[[WriteSession], Awaitable[int]]) -> None:
    """Run the step, a transaction each, until it finds nothing more to do."""
    while True:
        async with database.write() as session:
            done = await step(session)
        if not done:
            return


async def _sweep(database: Database) -> None:
    metrics.reservations_lapsed.inc(await sweep_due_reservations(database))


async def _activate(session: WriteSession) -> int:
    return await activate_due(session)


async def _purge(database: Database) -> None:
    async with database.write() as session:
        await purge_ended_sessions(session)
