"""`hub up --demo` as a newcomer runs it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


def _demo(data_dir: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hub.entrypoints.cli", "up", "--demo", "--for", str(seconds)],
        env=os.environ | {"HUB_DATA_DIR": str(data_dir), "HUB_PORT": "0", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def _still_running(data_dir: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(data_dir) in words:
            found.append(words)
    return found


@pytest.mark.full
@pytest.mark.timeout(450)
def test_the_demo_ends_by_itself_with_every_promise_kept_and_leaves_no_process(tmp_path: Path):
    done = _demo(tmp_path / "hub", 15)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for line in ("986 of 986 in the file", "oversold: 0 units", "promises: 0 broken", "silent: none"):
        assert line in done.stdout
    assert "✗" not in done.stdout
    assert _still_running(tmp_path) == []
