"""The stock engine without HTTP: claims at the engine, one transaction a claim, and a bare loop of the same SQL.

Each figure is measured in a process of its own, whose CPU is told as the server's. `reservation.engine.plain` is the
engine with batches of one; `reservation.engine.floor` sends the statements of a batch with nothing of the product
around them: no names, no decision, no principals.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.bench.figure import Figure, percentile, tell
from tests.bench.processor_time import tree_seconds
from tests.bench.running_hub import running_servers

PREFIX: Final = "reservation.engine"
KINDS: Final = ("random", "hot", "plain", "floor", "floor_hot")
NAMES: Final = tuple(f"{PREFIX}.{kind}" for kind in KINDS)
LOCATIONS: Final = 20
VARIANTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class EngineTask:
    """What one child process measures."""

    url: str
    kind: str
    clients: int
    seconds: float
    warmup_seconds: float


@dataclass(frozen=True, slots=True)
class EngineResult:
    seconds: float
    cpu_seconds: float
    latencies_ms: list[float]
    batches: int


def measure(
    names: list[str], variants: int, numbers: tuple[int, ...], seconds: float, warmup_seconds: float
) -> Iterator[Figure]:
    """One figure for each name and number of clients, all on one server, side by side."""
    with running_servers() as (_, postgres, _valkey):
        tell(f"  seeding: {variants:,} variants at {LOCATIONS} locations")
        asyncio.run(_seed(postgres.url(), variants))
        assert postgres.pid is not None
        for clients in numbers:
            for name in names:
                task = EngineTask(postgres.url(), name.removeprefix(f"{PREFIX}."), clients, seconds, warmup_seconds)
                yield _figure(name, task, postgres.pid)


def _figure(name: str, task: EngineTask, postgres_pid: int) -> Figure:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.engine_load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(asdict(task)) + "\n")
    child.stdin.flush()
    assert child.stdout.readline() == "begin\n", "the load did not start"
    before = tree_seconds(postgres_pid)
    answer = child.stdout.readline()
    used = tree_seconds(postgres_pid) - before
    assert child.wait() == 0
    result = EngineResult(**json.loads(answer))
    count = max(1, len(result.latencies_ms))
    ordered = sorted(result.latencies_ms)
    return Figure(
        name=name,
        clients=task.clients,
        operations=len(ordered),
        ops_per_second=round(count / result.seconds, 1),
        p50_ms=round(percentile(ordered, 0.5), 2),
        p99_ms=round(percentile(ordered, 0.99), 2),
        cpu_ms_server=round(result.cpu_seconds * 1000 / count, 4),
        cpu_ms_postgres=round(used * 1000 / count, 4),
        notes=f"{count / max(1, result.batches):.1f} claims a transaction",
    )


async def _seed(url: str, variants: int) -> None:
    """Plain SQL: what the load needs is many levels with plenty of units, not a catalog."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        for statement in _SEED:
            await connection.execute(statement.format(locations=LOCATIONS, variants=variants), timeout=3_600)
    finally:
        await connection.close()


_SEED: Final = (
    """INSERT INTO locations (id, code, name, kind, time_zone, capabilities)
    SELECT uuidv7(), 'place-' || n, 'Place ' || n, 'STORE', 'Europe/Berlin', ARRAY['SHIP', 'PICKUP']
    FROM generate_series(1, {locations}) AS n""",
    """INSERT INTO products (id, handle, title)
    SELECT uuidv7(), 'product-' || n, 'Product ' || n FROM generate_series(1, {variants}) AS n""",
    """INSERT INTO variants (id, product_id, sku, kind, stock_policy)
    SELECT uuidv7(), id, 'SKU-' || handle, 'GOODS', 'DENY' FROM products""",
    """INSERT INTO stock_levels (variant_id, location_id, on_hand)
    SELECT v.id, l.id, 1000000000 FROM variants AS v CROSS JOIN locations AS l ORDER BY v.id, l.id""",
    "VACUUM ANALYZE",
    "CHECKPOINT",
)
