"""`hub up --demo`: the stage is set, everybody plays, and in the end every promise is checked."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from hub.entrypoints.checking import run_checks
from hub.entrypoints.demo.agreement import Agreement
from hub.entrypoints.demo.audit import audit
from hub.entrypoints.demo.figures import Figures, read_figures
from hub.entrypoints.demo.program import Outcome, print_seeded, print_summary
from hub.entrypoints.demo.stage import Stage, stage_of
from hub.entrypoints.supervisor import CHECK_SECONDS, Supervisor
from hub.infra.database import Database
from hub.kernel.errors import UnavailableError

LINE_SECONDS = 3.0
DRAIN_SECONDS = 20.0
SETTLE_SECONDS = 30.0

output = Console()


def run_demo(supervisor: Supervisor, url: str, *, seconds: float | None, stopped: Callable[[], bool]) -> int:
    """Play for `seconds` (None: until `stopped()`), then sum up. Exit code 1 when anything is broken."""
    return asyncio.run(_run(supervisor, url, seconds, stopped))


async def _run(supervisor: Supervisor, url: str, seconds: float | None, stopped: Callable[[], bool]) -> int:
    assert supervisor.servers is not None  # noqa: S101 (the hub is up)
    database = Database(supervisor.servers.database_url, pool_size=4, statement_timeout_seconds=120)
    watching = asyncio.create_task(_keep_up(supervisor))
    try:
        with stage_of(supervisor.settings, database, url, supervisor.log_directory) as stage:
            return await _play(stage, seconds, stopped)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await database.close()


async def _play(stage: Stage, seconds: float | None, stopped: Callable[[], bool]) -> int:
    output.print("\n[bold]filling the hub[/bold]: catalog, locations, stock, channels, keys …")
    seeded = await stage.set_up()
    print_seeded(output, seeded, stage.url)
    if not stopped():
        stage.open()
        await _watch(stage, seconds, stopped)
    output.print("[bold]closing[/bold]: buyers go home, stores finish their queues, channels catch up …")
    await stage.close(drain_seconds=DRAIN_SECONDS)
    agreements = await stage.settle(SETTLE_SECONDS)
    return await _sum_up(stage, agreements)


async def _watch(stage: Stage, seconds: float | None, stopped: Callable[[], bool]) -> None:
    began = time.monotonic()
    next_line = began
    while not stopped() and (seconds is None or time.monotonic() - began < seconds):
        if output.is_terminal and time.monotonic() >= next_line:
            next_line = time.monotonic() + LINE_SECONDS
            await _tell(stage, time.monotonic() - began)
        await asyncio.sleep(0.2)


async def _tell(stage: Stage, elapsed: float) -> None:
    with suppress(UnavailableError, SQLAlchemyError, OSError):
        async with stage.database.read() as session:
            figures = await read_figures(session)
        output.print(_line(figures, elapsed), highlight=False)


def _line(figures: Figures, elapsed: float) -> str:
    orders = ", ".join(f"{channel.code} {channel.captured}" for channel in figures.channels)
    handed = sum(channel.collected + channel.shipped for channel in figures.channels)
    made, lapsed = figures.reservations["made"], figures.reservations["lapsed"]
    return (
        f"[dim]{elapsed:5.0f} s[/dim]  orders {figures.orders} ({orders})  shipped or collected {handed}  "
        f"reservations {made} ({lapsed} lapsed)  points {figures.points_earned}  oversold {figures.oversold}"
    )


async def _sum_up(stage: Stage, agreements: tuple[Agreement, Agreement]) -> int:
    journals = stage.journals()
    async with stage.database.read() as session:
        figures = await read_figures(session)
    broken = [*await run_checks(stage.database), *await audit(stage.database, journals)]
    outcome = Outcome(stage.retailer, figures, agreements, journals, broken, stage.children.dead())
    fine = print_summary(output, outcome)
    return 0 if fine else 1


async def _keep_up(supervisor: Supervisor) -> None:
    """Start again whatever dies, as `hub up` does."""
    while True:
        await asyncio.to_thread(supervisor.watch_once)
        await asyncio.sleep(CHECK_SECONDS)
