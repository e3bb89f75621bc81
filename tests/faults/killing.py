"""The demo on a hub that is struck again and again while everybody plays."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.entrypoints.checking import run_checks
from hub.entrypoints.demo.audit import audit
from hub.entrypoints.demo.figures import Figures, read_figures
from hub.entrypoints.demo.journal import TOLD
from hub.entrypoints.demo.stage import Stage, stage_of
from hub.entrypoints.server import public_url_of
from hub.entrypoints.supervisor import CHECK_SECONDS, Supervisor, running_hub
from hub.infra.checks import Violation
from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres, make_directory
from hub.infra.settings import Settings
from tests.faults.blows import TARGETS, strike
from tests.faults.stock_oracle import look_for_lost_or_doubled_claims

PATIENCE_SECONDS = 90.0


@dataclass
class Ordeal:
    """What came of it. `told` counts answers that clients relied upon."""

    struck: list[str] = field(default_factory=list)
    told: int = 0
    violations: list[Violation] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    agreed: bool = False


async def endure(data_dir: Path, *, blows: int, seconds_between: float, seed: int) -> Ordeal:
    """Play, strike one part after the other, in the end kill all at once, start the hub again, look what it still knows."""
    settings = Settings(data_dir=data_dir, port=_free_port())
    database = Database(EmbeddedPostgres(data_dir).url(), statement_timeout_seconds=120)
    log_directory = data_dir / "logs"
    make_directory(log_directory)
    ordeal = Ordeal()
    with stage_of(settings, database, public_url_of(settings, settings.port), log_directory, seed=seed) as stage:
        async with _hub_up(settings) as supervisor:
            await _play_on(stage, supervisor, ordeal, blows=blows, seconds_between=seconds_between, seed=seed)
        async with _hub_up(settings):
            await _look(stage, ordeal)
    await database.close()
    return ordeal


async def _play_on(
    stage: Stage, supervisor: Supervisor, ordeal: Ordeal, *, blows: int, seconds_between: float, seed: int
) -> None:
    chance = random.Random(seed)
    watching = asyncio.create_task(_watch(supervisor))
    await stage.set_up()
    stage.open()
    await _wait_for_answers(stage, 20)
    for number in range(blows):
        await asyncio.sleep(seconds_between * chance.uniform(0.7, 1.3))
        target = TARGETS[number % len(TARGETS)]
        if await strike(supervisor, target):
            ordeal.struck.append(target)
    assert stage.children.dead() == []
    await _wait_for_answers(stage, 20)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    for pid in supervisor.pids().values():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await stage.close(drain_seconds=0)


async def _look(stage: Stage, ordeal: Ordeal) -> None:
    ordeal.agreed = all(each.whole for each in await stage.settle(PATIENCE_SECONDS))
    journals = stage.journals()
    ordeal.told = sum(entry.phase == TOLD for entry in journals)
    ordeal.violations = [
        *await run_checks(stage.database),
        *await audit(stage.database, journals),
        *await look_for_lost_or_doubled_claims(stage.database, journals),
    ]
    async with stage.database.read() as session:
        ordeal.figures = await read_figures(session)


async def _wait_for_answers(stage: Stage, more: int) -> None:
    """Until the clients were told so many more things: the hub serves."""
    before, deadline = len(stage.journals()), time.monotonic() + PATIENCE_SECONDS
    while len(stage.journals()) < before + more:
        assert time.monotonic() < deadline, f"nothing happens; dead: {stage.children.dead()}"
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _hub_up(settings: Settings) -> AsyncIterator[Supervisor]:
    """`hub up`; it starts and stops by waiting, hence in a thread."""
    running = running_hub(settings)
    supervisor = await asyncio.to_thread(running.__enter__)
    try:
        yield supervisor
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def _watch(supervisor: Supervisor) -> None:
    while True:
        await asyncio.to_thread(supervisor.watch_once)
        await asyncio.sleep(CHECK_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
