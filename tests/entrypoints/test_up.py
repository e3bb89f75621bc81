"""`hub up` as a person runs it: everything starts, is watched, refuses to run twice and stops together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    data_dir: Path

    @property
    def port(self) -> int:
        port: int = json.loads((self.data_dir / "up.lock").read_text())["port"]
        return port

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def is_ready(self) -> bool:
        try:
            return self.get("/health/ready").status_code == 200
        except (httpx.HTTPError, OSError, ValueError, KeyError):
            return False


def hub(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "hub.entrypoints.cli", *arguments],
        env=_environment(data_dir, **environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    data_dir = tmp_path / "hub"
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.entrypoints.cli", "up"], env=_environment(data_dir), stdout=subprocess.DEVNULL
    )
    started = Running(process, data_dir)
    try:
        _until(started.is_ready)
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)
        hub(data_dir, "down")


def test_it_starts_refuses_a_second_restarts_what_dies_and_stops_together(running: Running) -> None:
    second = hub(running.data_dir, "up")
    assert second.returncode == 1
    assert "ALREADY_RUNNING" in second.stderr

    checked = hub(running.data_dir, "check")
    assert checked.returncode == 0, checked.stderr

    children = psutil.Process(running.process.pid).children()
    server = next(child for child in children if "serve" in child.cmdline())
    server.kill()
    server.wait(PATIENCE_SECONDS)
    _until(running.is_ready)

    survivors = psutil.Process(running.process.pid).children(recursive=True)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(PATIENCE_SECONDS) == 0
    _, alive = psutil.wait_procs(survivors, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_after_a_kill_of_everything_the_next_start_recovers(running: Running) -> None:
    family = psutil.Process(running.process.pid).children(recursive=True)
    running.process.kill()
    for process in family:
        if process.is_running():
            process.kill()
    running.process.wait(PATIENCE_SECONDS)
    psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    again = hub(running.data_dir, "up", "--for", "1")
    assert again.returncode == 0, again.stderr
    assert hub(running.data_dir, "check").returncode == 0


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = hub(tmp_path / "hub", "up", HUB_PORT=str(port))
    assert refused.returncode == 1
    assert "PORT_TAKEN" in refused.stderr
    assert str(port) in refused.stderr


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a directory")
    refused = hub(in_the_way / "hub", "up")
    assert refused.returncode == 1
    assert "HUB_DATA_DIR" in refused.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("HUB_DATABASE_URL", "mysql://x"), ("HUB_REDIS_URL", "http://x"), ("HUB_PORT", "99999")]
)
def test_a_wrong_setting_is_named_before_anything_starts(tmp_path: Path, name: str, value: str) -> None:
    refused = hub(tmp_path / "hub", "up", **{name: value})
    assert refused.returncode == 2
    assert name in refused.stderr
    assert not (tmp_path / "hub").exists()


def test_a_database_that_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    refused = hub(tmp_path / "hub", "check", HUB_DATABASE_URL=f"postgresql://postgres@/hub?host={tmp_path}")
    assert refused.returncode == 1
    assert "DATABASE_UNAVAILABLE" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_config_hides_secrets(tmp_path: Path) -> None:
    shown = hub(tmp_path / "hub", "config", "--json", HUB_DATABASE_URL="postgresql://u:hunter2@h/d")
    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout
    assert json.loads(shown.stdout)["database_url"] == "********"


def _environment(data_dir: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return kept | {"HUB_DATA_DIR": str(data_dir), "HUB_PORT": "0", **more}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.2)
