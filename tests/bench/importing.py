"""500,000 rows of a Shopify product file: rows a second, memory, and a second run that changes nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from hub.entrypoints.demo.catalog_data import write_large_shopify_file
from tests.bench.figure import Figure, tell
from tests.bench.processor_time import tree_seconds
from tests.bench.running_hub import COMMAND, hub_environment, running_servers

NAME: Final = "import_500k"
ROWS: Final = 500_000
CHANNEL: Final = "bulk"
MAX_MEGABYTES: Final = 400
WATCH_SECONDS: Final = 0.1
_UNCHANGED: Final = ("rows", "unchanged", "rejected")


def measure(rows: int = ROWS) -> Iterator[Figure]:
    """Two figures, both of the command line that people run. Raises AssertionError for a broken promise."""
    with running_servers() as (directory, postgres, valkey):
        path = directory / "large.csv"
        tell(f"  writing {rows:,} rows")
        write_large_shopify_file(path, rows)
        environment = os.environ | hub_environment(directory, postgres, valkey)
        _hub(environment, "channel", "add", CHANNEL, *_CHANNEL_OPTIONS)
        assert postgres.pid is not None
        for run in ("first run", "second run"):
            yield _one_run(run, path, rows, environment, postgres.pid)


def _one_run(run: str, path: Path, rows: int, environment: dict[str, str], postgres_pid: int) -> Figure:
    tell(f"  {run}")
    before, began = tree_seconds(postgres_pid), time.monotonic()
    report, megabytes, server = _watched_import(path, environment)
    elapsed, postgres = time.monotonic() - began, tree_seconds(postgres_pid) - before
    counts: dict[str, int] = report["counts"]
    changed = {name: value for name, value in counts.items() if value and name not in _UNCHANGED}
    assert counts["rows"] == rows, counts
    assert megabytes < MAX_MEGABYTES, f"{megabytes:.0f} MB"
    if run == "second run":
        assert not any("created" in name or "updated" in name for name in changed), counts
    return Figure(
        name=NAME,
        clients=1,
        operations=rows,
        ops_per_second=round(rows / elapsed, 1),
        p50_ms=0.0,
        p99_ms=0.0,
        cpu_ms_server=round(server * 1000 / rows, 4),
        cpu_ms_postgres=round(postgres * 1000 / rows, 4),
        notes=f"{run}: {elapsed:.0f} s, peak memory {megabytes:.0f} MB; {json.dumps(counts)}",
    )


def _watched_import(path: Path, environment: dict[str, str]) -> tuple[dict[str, Any], float, float]:
    """The report, the peak of resident memory in MB and the seconds of CPU."""
    arguments = ("import", "products", str(path), "--channel", CHANNEL, "--format", "shopify-csv", "--json")
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, env=environment) as process:
        peak, seconds = 0, 0.0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
                seconds = tree_seconds(process.pid)
            except psutil.NoSuchProcess:
                break
            time.sleep(WATCH_SECONDS)
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
    return report, peak / 1_000_000, seconds


def _hub(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]


_CHANNEL_OPTIONS: Final = (
    "--kind", "STOREFRONT", "--currency", "EUR",
)  # fmt: skip

if __name__ == "__main__":
    sys.exit("run `python -m tests.bench import_500k`")
