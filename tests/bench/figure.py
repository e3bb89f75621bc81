"""What a benchmark says: one JSON object a line on standard output; people read standard error."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

MAX_LATENCIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """CPU is milliseconds of user and system time per operation, of every process of that part."""

    name: str
    clients: int
    operations: int
    ops_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms_server: float
    cpu_ms_postgres: float
    notes: str = ""

    def line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of an ascending sequence; 0 for an empty one."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tell(text: str) -> None:
    """Progress, for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def publish(figure: Figure) -> None:
    sys.stdout.write(f"{figure.line()}\n")
    sys.stdout.flush()
    tell(
        f"  {figure.name} × {figure.clients}: {figure.ops_per_second:,.0f}/s, "
        f"p50 {figure.p50_ms:.1f} ms, p99 {figure.p99_ms:.1f} ms, "
        f"CPU {figure.cpu_ms_server:.2f} + {figure.cpu_ms_postgres:.2f} ms"
    )
