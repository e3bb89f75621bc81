"""Being the one: a Postgres advisory lock held by a connection of its own.

While the connection lives the lock is ours; when it is lost, so is the lock, and the work under it is stopped
at once. A successor may start a moment before we notice, so everything done as leader must be harmless when
done by two.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import structlog

LOCK = 0x6875_625F_7363
CONNECT_TIMEOUT_SECONDS = 5.0
PING_SECONDS = 1.0
PING_TIMEOUT_SECONDS = 2.0

log = structlog.get_logger(__name__)


class LeadershipLostError(Exception):
    """The connection that held the lock is gone."""


@asynccontextmanager
async def candidate(database_url: str) -> AsyncIterator["Candidate"]:
    """A connection that may win the lock; closing it gives the lock back. Raises OSError, PostgresError."""
    connection = await asyncpg.connect(
        _plain(database_url),
        timeout=CONNECT_TIMEOUT_SECONDS,
        server_settings={"application_name": "hub scheduler lock", "tcp_keepalives_idle": "5"},
    )
    try:
        yield Candidate(connection)
    finally:
        with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=PING_TIMEOUT_SECONDS)


class Candidate:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._closed = asyncio.Event()
        connection.add_termination_listener(lambda _connection: self._closed.set())

    async def won(self) -> bool:
        """Try once for the lock."""
        return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK))

    async def watch(self) -> None:
        """Return never; raise LeadershipLostError as soon as the connection is gone or does not answer."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._closed.wait()
            if self._closed.is_set():
                raise LeadershipLostError
            try:
                await self._connection.execute("SELECT 1", timeout=PING_TIMEOUT_SECONDS)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise LeadershipLostError from error


def _plain(url: str) -> str:
    """The address for asyncpg itself, without SQLAlchemy's driver name."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=parts.scheme.split("+")[0]))
