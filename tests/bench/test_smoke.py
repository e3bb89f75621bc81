"""The benchmarks run, and their figures can be compared: one second of one of them."""

import json
import subprocess
import sys
from pathlib import Path

KEYS = [
    "name", "clients", "operations", "ops_per_second", "p50_ms", "p99_ms", "cpu_ms_server", "cpu_ms_postgres", "notes",
]  # fmt: skip


def test_a_benchmark_writes_one_json_object_a_line():
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "availability_50", "--clients", "2", "--seconds", "1", "--warmup", "0.2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    [figure] = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(figure) == KEYS
    assert (figure["name"], figure["clients"]) == ("availability_50", 2)
    assert figure["operations"] > 0
    assert figure["cpu_ms_server"] > 0
