"""Running one benchmark: the generator in its own process, the clocks of the hub's processes before and after."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import asyncpg

from tests.bench import retailer
from tests.bench.figure import Figure, percentile
from tests.bench.generator import Assignment, Result
from tests.bench.running_hub import ProcessorTime, RunningHub

ALL_PARTS: Final = ("serve", "worker", "scheduler")
CAPTURE_SECONDS: Final = 120
OVERSELL: Final = ((retailer.SCARCE_100, 100, 300), (retailer.SCARCE_500, 500, 1_000))
"""(sku, units, claims)"""


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str
    parts: tuple[str, ...] = ("serve",)


@dataclass(frozen=True, slots=True)
class Options:
    clients: tuple[int, ...]
    seconds: float
    warmup_seconds: float


BENCHMARKS: Final = (
    Benchmark("catalog_page"),
    Benchmark("product_detail"),
    Benchmark("availability_50"),
    Benchmark("reservation.graphql.random", ALL_PARTS),
    Benchmark("reservation.graphql.hot", ALL_PARTS),
    Benchmark("reservation.graphql.till", ALL_PARTS),
    Benchmark("order_place", ALL_PARTS),
    Benchmark("webhook_to_order", ALL_PARTS),
    Benchmark("oversell_hot", ALL_PARTS),
)


@dataclass(frozen=True, slots=True)
class Measured:
    result: Result
    used: ProcessorTime


def measure(hub: RunningHub, benchmark: Benchmark, options: Options) -> Iterator[Figure]:
    hub.need(*benchmark.parts)
    if benchmark.name == "oversell_hot":
        yield from _oversell(hub)
        return
    for clients in options.clients:
        assignment = Assignment(benchmark.name, hub.facts, clients, options.seconds, options.warmup_seconds)
        if benchmark.name == "webhook_to_order":
            yield _webhooks(hub, assignment)
        else:
            measured = _drive(hub, assignment)
            yield _figure(benchmark.name, clients, measured, _notes(measured))


def _drive(hub: RunningHub, assignment: Assignment) -> Measured:
    """Raises AssertionError with a sample when an answer was neither a success nor a refusal."""
    generator = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert generator.stdin is not None
    assert generator.stdout is not None
    generator.stdin.write(json.dumps(asdict(assignment)) + "\n")
    generator.stdin.flush()
    assert generator.stdout.readline() == "begin\n"
    before = hub.processor_time()
    generator.stdin.write("\n")
    generator.stdin.flush()
    answer = generator.stdout.readline()
    used = hub.processor_time().since(before)
    generator.stdin.close()
    assert generator.wait() == 0
    result = Result(**json.loads(answer.removeprefix("end ")))
    assert not result.outcomes.get("failed"), result.sample_failure
    return Measured(result, used)


def _figure(name: str, clients: int, measured: Measured, notes: str) -> Figure:
    latencies = sorted(measured.result.latencies_ms)
    count = max(1, sum(measured.result.outcomes.values()))
    return Figure(
        name=name,
        clients=clients,
        operations=count,
        ops_per_second=round(count / measured.result.seconds, 1),
        p50_ms=round(percentile(latencies, 0.5), 2),
        p99_ms=round(percentile(latencies, 0.99), 2),
        cpu_ms_server=round(measured.used.server * 1000 / count, 3),
        cpu_ms_postgres=round(measured.used.postgres * 1000 / count, 3),
        notes=notes,
    )


def _notes(measured: Measured) -> str:
    count = max(1, sum(measured.result.outcomes.values()))
    said = []
    if measured.used.background:
        said.append(f"worker and scheduler {measured.used.background * 1000 / count:.3f} ms CPU/op")
    if measured.result.outcomes.get("refused"):
        said.append(f"{measured.result.outcomes['refused']} refused for want of stock")
    return "; ".join(said)


def _webhooks(hub: RunningHub, assignment: Assignment) -> Figure:
    """Accepted deliveries a second; then how long until each is an order, with everybody's CPU until then."""
    orders_before = _count(hub, _CAPTURED)
    clocks, began = hub.processor_time(), time.monotonic()
    measured = _drive(hub, assignment)
    accepting = time.monotonic() - began
    deadline = time.monotonic() + CAPTURE_SECONDS
    while waiting := _count(hub, _WAITING):
        assert time.monotonic() < deadline, f"{waiting} deliveries are still no orders"
        time.sleep(0.1)
    elapsed, used = time.monotonic() - began, hub.processor_time().since(clocks)
    captured = _count(hub, _CAPTURED) - orders_before
    assert captured, "no order was captured"
    notes = (
        f"accepting only; {captured} orders captured in {elapsed:.1f} s ({captured / elapsed:.0f}/s, of which "
        f"{elapsed - accepting:.1f} s after the last delivery); all CPU per captured order: server "
        f"{used.server * 1000 / captured:.2f}, worker and scheduler {used.background * 1000 / captured:.2f}, "
        f"Postgres {used.postgres * 1000 / captured:.2f} ms; parked {_count(hub, _PARKED)}"
    )
    return _figure(assignment.operation, assignment.clients, measured, notes)


_CAPTURED: Final = "SELECT count(*) FROM orders"
_WAITING: Final = "SELECT count(*) FROM inbox WHERE state = 'RECEIVED'"
_PARKED: Final = "SELECT count(*) FROM inbox WHERE state = 'PARKED'"
_SCARCE: Final = """
SELECT sum(s.reserved) FROM stock_levels AS s JOIN variants AS v ON v.id = s.variant_id WHERE v.sku = $1
"""


def _oversell(hub: RunningHub) -> Iterator[Figure]:
    for sku, units, claims in OVERSELL:
        facts = replace(hub.facts, scarce_sku=sku)
        measured = _drive(hub, Assignment("oversell_hot", facts, 32, 0, 0, limit=claims))
        reserved, made = _count(hub, _SCARCE, sku), measured.result.outcomes.get("ok", 0)
        notes = f"{claims} claims on {units} units at 5 locations: {made} made, {reserved} units reserved"
        assert reserved == made == units, notes
        yield _figure("oversell_hot", 32, measured, notes)


def _count(hub: RunningHub, query: str, *values: Any) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(hub.postgres.url())
        try:
            return int(await connection.fetchval(query, *values) or 0)
        finally:
            await connection.close()

    return asyncio.run(ask())
