"""The child of `tests.bench.engine`: keeps `clients` claims in flight in this process and says what they cost it.

Reads an `EngineTask` as JSON on standard input; writes `begin` after the warm-up and its result as JSON at the end.
"""

import asyncio
import gc
import json
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import Database
from hub.inventory import (
    CreateReservation,
    LevelKey,
    ReservationLineInput,
    ReservationOwner,
    StockBatcher,
    create_reservation,
)
from hub.kernel.principal import SYSTEM
from tests.bench.engine import EngineResult, EngineTask
from tests.bench.engine_floor import Floor

Claim = Callable[[], Awaitable[None]]

POOL_SIZE = 8
SEED = 7


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    task = EngineTask(**json.loads(sys.stdin.readline()))
    database = Database(task.url, pool_size=POOL_SIZE)
    keys = await _levels(database)
    if task.kind.startswith("floor"):
        floor = Floor(database)
        claim, batches = _bare(floor, _chooser(task.kind, keys)), lambda: floor.batches
    else:
        if task.kind == "plain":
            database.accompany(StockBatcher(database, lanes=POOL_SIZE, max_batch=1))
        claim, batches = _product(database, task, keys), _batches
    # As `hub serve` does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await _run(claim, task.clients, task.warmup_seconds)
    print("begin", flush=True)
    cpu, began, before = time.process_time(), time.monotonic(), batches()
    latencies = await _run(claim, task.clients, task.seconds)
    result = EngineResult(time.monotonic() - began, time.process_time() - cpu, latencies, batches() - before)
    print(json.dumps(asdict(result)), flush=True)
    await database.close()


def _product(database: Database, task: EngineTask, keys: list[LevelKey]) -> Claim:
    choose = _chooser(task.kind, keys)

    async def claim() -> None:
        key = choose()
        line = ReservationLineInput(key.variant_id, 1, key.location_id)
        command = CreateReservation(ReservationOwner.STAFF, (line,))
        answer = await create_reservation(database, SYSTEM, command, idempotency_key=str(uuid4()))
        answer.unwrap()

    return claim


def _bare(floor: Floor, choose: Callable[[], LevelKey]) -> Claim:
    async def claim() -> None:
        await floor.claim(choose())

    return claim


def _chooser(kind: str, keys: list[LevelKey]) -> Callable[[], LevelKey]:
    chance = random.Random(SEED)
    if kind in {"hot", "floor_hot"}:
        return lambda: keys[0]
    return lambda: keys[int(chance.random() * len(keys))]


async def _run(claim: Claim, clients: int, seconds: float) -> list[float]:
    end = time.monotonic() + seconds
    latencies: list[float] = []

    async def client() -> None:
        while time.monotonic() < end:
            began = time.perf_counter()
            await claim()
            latencies.append((time.perf_counter() - began) * 1000)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return latencies


async def _levels(database: Database) -> list[LevelKey]:
    async with database.read() as session:
        rows = await session.execute(
            text("SELECT variant_id, location_id FROM stock_levels ORDER BY variant_id, location_id LIMIT 200000")
        )
        return [LevelKey(UUID(str(row[0])), UUID(str(row[1]))) for row in rows]


def _batches() -> int:
    [family] = metrics.stock_batch_size.collect()
    return int(next(sample.value for sample in family.samples if sample.name.endswith("_count")))


if __name__ == "__main__":
    asyncio.run(main())
