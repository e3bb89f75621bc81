"""The demo's other processes: started with a pipe that ties their life to ours, stopped together."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.kernel.errors import UnavailableError

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LEASH = "hub.entrypoints.demo.leashed"


class ChildFailedError(UnavailableError):
    code = "DEMO_PROCESS_FAILED"


@dataclass(slots=True)
class Children:
    """Programs of ours by name. Their output goes to log files beside the hub's."""

    log_directory: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, module: str, *arguments: str) -> None:
        with (self.log_directory / f"{name}.log").open("ab") as output:
            self.running[name] = _spawn(module, arguments, output, output)

    def start_listening(self, name: str, module: str, *arguments: str) -> dict[str, Any]:
        """Start a program of others that writes one JSON line once it listens. Raises ChildFailedError."""
        with (self.log_directory / f"{name}.log").open("ab") as output:
            process = _spawn(LEASH, (module, *arguments), subprocess.PIPE, output)
        self.running[name] = process
        assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if readable else b""
        if not line:
            raise ChildFailedError(f"{name} did not start; see {self.log_directory / name}.log")
        started: dict[str, Any] = json.loads(line)
        return started

    def dead(self) -> list[str]:
        """Those that ended by themselves."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def stop(self, *names: str) -> None:
        """End these (all, when none are named): first asked, then killed."""
        chosen = [self.running.pop(name) for name in (names or tuple(self.running)) if name in self.running]
        for process in chosen:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in chosen:
            _finish(process, deadline)


def _spawn(module: str, arguments: Sequence[str], output: Any, errors: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("HUB_")},
    )


def _finish(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
