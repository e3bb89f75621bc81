"""`hub up`: embedded servers and the hub's own processes, started together, watched, and stopped together.

A process that dies is started again. When the supervisor itself is killed its children notice (their standard
input ends) and stop; Postgres and Valkey keep running and are adopted by the next `hub up`.
"""

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import structlog

from hub.entrypoints.servers import Servers
from hub.infra.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey, make_directory
from hub.infra.schema import upgrade
from hub.infra.settings import Settings
from hub.kernel.errors import UnavailableError

CHECK_SECONDS = 0.5
STOP_SECONDS = 20
READY_SECONDS = 120
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15
MAX_SERVER_FAILURES = 20
SUPERVISED = "HUB_SUPERVISED"

log = structlog.get_logger(__name__)


class AlreadyRunningError(UnavailableError):
    code = "ALREADY_RUNNING"


class PortTakenError(UnavailableError):
    code = "PORT_TAKEN"


class StartFailedError(UnavailableError):
    code = "START_FAILED"


@dataclass(slots=True)
class _Part:
    """One supervised process."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    not_before: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Everything `hub up` runs. `state_file` tells other commands what runs where."""

    settings: Settings
    port: int
    log_directory: Path
    servers: Servers | None = None
    postgres: EmbeddedPostgres | None = None
    valkey: EmbeddedValkey | None = None
    server_failures: int = 0
    parts: list[_Part] = field(default_factory=lambda: [_Part("serve"), _Part("worker"), _Part("scheduler")])

    def start_servers(self) -> Servers:
        database_url, redis_url = self._database_url(), self._redis_url()
        self.servers = Servers(database_url, redis_url)
        return self.servers

    def start_parts(self) -> None:
        for part in self.parts:
            self._start(part)

    def watch_once(self) -> None:
        """Start again whatever is gone: servers first, they are what the rest stands on."""
        for server in (self.postgres, self.valkey):
            if server is not None and not server.is_running():
                self._restart(server)
        for part in self.parts:
            self._revive(part)

    def _restart(self, server: EmbeddedPostgres | EmbeddedValkey) -> None:
        """Start a server that died; while the remains of a killed one hold its memory, the next tick tries again."""
        name = type(server).__name__
        try:
            server.start()
        except EmbeddedServerError as error:
            self.server_failures += 1
            if self.server_failures > MAX_SERVER_FAILURES:
                raise
            log.warning("up.server_not_restarted", server=name, reason=error.message)
        else:
            self.server_failures = 0
            log.warning("up.server_restarted", server=name)

    def stop(self) -> None:
        """Let requests and work end, then stop the servers that we started."""
        for part in self.parts:
            if part.process is not None and part.process.poll() is None:
                part.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for part in self.parts:
            _finish(part.process, deadline)
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()

    def pids(self) -> dict[str, int]:
        pids = {part.name: part.process.pid for part in self.parts if part.process is not None}
        for name, server in (("postgres", self.postgres), ("valkey", self.valkey)):
            if server is not None and server.pid is not None:
                pids[name] = server.pid
        return pids

    def _database_url(self) -> str:
        if self.settings.database_url is not None:
            return self.settings.database_url.get_secret_value()
        self.postgres = EmbeddedPostgres(self.settings.data_dir)
        self.postgres.start()
        return self.postgres.url()

    def _redis_url(self) -> str:
        if self.settings.redis_url is not None:
            return self.settings.redis_url.get_secret_value()
        self.valkey = EmbeddedValkey(self.settings.data_dir)
        self.valkey.start()
        return self.valkey.url()

    def _start(self, part: _Part) -> None:
        assert self.servers is not None  # noqa: S101 (start_servers comes first)
        environment = os.environ | {
            "HUB_DATABASE_URL": self.servers.database_url,
            "HUB_REDIS_URL": self.servers.redis_url,
            "HUB_DATA_DIR": str(self.settings.data_dir.resolve()),
            "HUB_PORT": str(self.port),
            "HUB_LOG_FORMAT": "json",
            SUPERVISED: "1",
        }
        with (self.log_directory / f"{part.name}.log").open("ab") as output:
            part.process = subprocess.Popen(
                [sys.executable, "-m", "hub.entrypoints.child", part.name],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        part.started_at = time.monotonic()

    def _revive(self, part: _Part) -> None:
        if part.process is None or part.process.poll() is None:
            return
        now = time.monotonic()
        if part.not_before == 0.0:
            lived_long = now - part.started_at > MAX_PAUSE_SECONDS
            part.failures = 1 if lived_long else part.failures + 1
            pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (part.failures - 1))
            part.not_before = now + pause
            log.warning("up.process_died", process=part.name, status=part.process.returncode, pause_seconds=pause)
        if now >= part.not_before:
            part.not_before = 0.0
            if part.process.stdin is not None:
                part.process.stdin.close()
            self._start(part)


@contextmanager
def running_hub(settings: Settings) -> Iterator[Supervisor]:
    """A started, migrated, answering hub; stopped on exit.

    Raises AlreadyRunningError, PortTakenError, EmbeddedServerError, StartFailedError.
    """
    make_directory(settings.data_dir)
    with _only_one(settings.data_dir) as lock:
        port = _free_port(settings)
        log_directory = settings.data_dir.resolve() / "logs"
        make_directory(log_directory)
        supervisor = Supervisor(settings, port, log_directory)
        try:
            servers = supervisor.start_servers()
            asyncio.run(upgrade(servers.database_url))
            supervisor.start_parts()
            _tell(lock, supervisor)
            wait_until_ready(supervisor)
            yield supervisor
        finally:
            supervisor.stop()


def watch(supervisor: Supervisor, *, until: Callable[[], bool]) -> None:
    """Keep everything running until `until()` is true."""
    while not until():
        supervisor.watch_once()
        time.sleep(CHECK_SECONDS)


def wait_until_ready(supervisor: Supervisor) -> None:
    """Block until the server answers /health/ready with 200."""
    deadline = time.monotonic() + READY_SECONDS
    url = f"http://{_local_host(supervisor.settings)}:{supervisor.port}/health/ready"
    while time.monotonic() < deadline:
        supervisor.watch_once()
        if _is_ready(url):
            return
        time.sleep(0.1)
    raise StartFailedError(f"the server did not become ready; see {supervisor.log_directory}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def stop_leftovers(settings: Settings) -> list[str]:
    """Stop embedded servers that nobody supervises. Raises AlreadyRunningError while a hub is up."""
    if not settings.data_dir.exists():
        return []
    with _only_one(settings.data_dir):
        stopped = []
        for name, server in (
            ("Valkey", EmbeddedValkey(settings.data_dir)),
            ("PostgreSQL", EmbeddedPostgres(settings.data_dir)),
        ):
            if server.is_running():
                server.start()
                server.stop()
                stopped.append(name)
        return stopped


def exit_with_parent() -> None:
    """In a supervised child: end when standard input does, which is when the supervisor is gone."""
    if os.environ.get(SUPERVISED) != "1":
        return

    def watch_parent() -> None:
        # os.read, not sys.stdin: a thread that waits inside the buffer's lock breaks the interpreter's shutdown.
        while os.read(0, 4096):
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch_parent, name="parent watch", daemon=True).start()


@contextmanager
def _only_one(data_dir: Path) -> Iterator[IO[str]]:
    path = data_dir / "up.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunningError(
                f"a hub is already running on {data_dir.resolve()} ({lock.read().strip() or 'starting'}); "
                "stop it, or set HUB_DATA_DIR to another directory"
            ) from None
        yield lock


def _tell(lock: IO[str], supervisor: Supervisor) -> None:
    lock.truncate(0)
    lock.seek(0)
    json.dump({"pid": os.getpid(), "port": supervisor.port}, lock)
    lock.flush()


def _free_port(settings: Settings) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PortTakenError(
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); set HUB_PORT to a free one, or 0"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def _local_host(settings: Settings) -> str:
    return "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 (compared, not bound)


def _finish(process: subprocess.Popen[bytes] | None, deadline: float) -> None:
    if process is None:
        return
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        log.warning("up.process_killed", pid=process.pid)
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
