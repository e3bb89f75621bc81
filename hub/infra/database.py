"""Database sessions: who reads, who writes, and the one place that commits.

`Database.write()` is one transaction: it commits when the block ends and rolls back when it raises. No other
module commits (a test reads the source for it). `Database.read()` is a read-only, repeatable-read snapshot.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NewType, TypeVar, cast

import asyncpg
import structlog
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from hub.infra.outages import outage, outages_told
from hub.kernel.errors import UnavailableError

ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", AsyncSession)
AnySession = ReadSession | WriteSession

MINIMUM_SERVER_VERSION = 180_000

T = TypeVar("T")


log = structlog.get_logger(__name__)


class DatabaseTooOldError(UnavailableError):
    code = "DATABASE_TOO_OLD"


class Database:
    """One pool of connections to the hub's Postgres. Made once per process; closed with `close()`."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        statement_timeout_seconds: float = 10,
        lock_timeout_seconds: float = 5,
        application_name: str = "hub",
    ) -> None:
        self.url = url
        self._engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            connect_args={
                "server_settings": {
                    "application_name": application_name,
                    "statement_timeout": str(int(statement_timeout_seconds * 1000)),
                    "lock_timeout": str(int(lock_timeout_seconds * 1000)),
                    "idle_in_transaction_session_timeout": "15000",
                    "timezone": "UTC",
                    "jit": "off",
                },
                "prepared_statement_cache_size": 500,
            },
        )
        event.listen(self._engine.sync_engine, "checkin", _end_half_open)
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._companions: dict[Any, Any] = {}
        self._after_commit: list[Callable[[WriteSession], Awaitable[None]]] = []

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    def companion(self, kind: "Callable[[Database], T]") -> T:
        """The one object of this kind that serves this database in this process, made when first asked for."""
        if kind not in self._companions:
            self._companions[kind] = kind(self)
        return cast("T", self._companions[kind])

    def accompany(self, companion: object) -> None:
        """Let this object be the `companion` of its class."""
        self._companions[type(companion)] = companion

    def on_commit(self, hook: Callable[[WriteSession], Awaitable[None]]) -> None:
        """Call `hook` after each committed write. Hooks only wake others up: a lost call must be harmless."""
        self._after_commit.append(hook)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One read-committed transaction, committed on exit.

        Raises UnavailableError when the server is away or rows stay locked. A commit that got no answer may have
        happened.
        """
        session = WriteSession(AsyncSession(self._engine, expire_on_commit=False, autoflush=False))
        with outages_told():
            try:
                yield session
                await session.commit()
            except BaseException:
                await _undo(session)
                raise
            finally:
                await session.close()
        for hook in self._after_commit:
            await hook(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """One read-only snapshot (repeatable read); nothing can be written through it. Raises UnavailableError."""
        with outages_told():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                session = AsyncSession(connection, expire_on_commit=False, autoflush=False)
                try:
                    yield ReadSession(session)
                finally:
                    await session.close()

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[ReadSession]:
        """Reads that need no common snapshot: each statement sees the newest state and costs one round trip.

        Raises UnavailableError.
        """
        with outages_told():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                session = AsyncSession(connection, expire_on_commit=False, autoflush=False)
                try:
                    yield ReadSession(session)
                finally:
                    await session.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare autocommit connection, for advisory locks and health checks."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    async def check_version(self) -> int:
        """The server's version number. Raises DatabaseTooOldError below PostgreSQL 18."""
        async with self.connection() as connection:
            version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
        if version < MINIMUM_SERVER_VERSION:
            raise DatabaseTooOldError(
                f"PostgreSQL {version // 10_000} is too old: the hub needs 18 or newer. "
                "Point HUB_DATABASE_URL at a newer server, or unset it to use the embedded one."
            )
        return version

    async def close(self) -> None:
        await self._engine.dispose()


async def _undo(session: AsyncSession) -> None:
    """Roll back; on a connection that is gone the server has done it already."""
    try:
        await session.rollback()
    except Exception as error:
        if outage(error) is None:
            raise
        log.warning("database.rollback_without_server", error=type(error).__name__)


def _end_half_open(connection: Any, _record: object) -> None:
    """Close a connection that comes back within a transaction that nobody will end.

    A task that is cancelled while BEGIN is under way leaves one: SQLAlchemy knows of no transaction, the driver does.
    What the next user does would be nested in it: reads would be old, and a commit would commit nothing.
    """
    driver = connection.driver_connection if connection is not None else None
    if driver is not None and not driver.is_closed() and (driver.is_in_transaction() or driver._top_xact is not None):  # noqa: SLF001 (BEGIN may have failed and left only this)
        log.warning("database.half_open_connection_closed")
        driver.terminate()


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Make the pool replace a connection that the server has closed; asking the driver costs no round trip.

    SQLAlchemy notices a lost connection only by statements that it sends itself, and mutations send theirs raw: after
    a restart of the server they would be given the same dead connection for ever.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed this connection")


def async_url(url: str) -> str:
    """The same database through asyncpg. Accepts postgresql://…, also with ?host=/socket/dir."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


async def raw_connection(session: AnySession) -> "asyncpg.Connection[asyncpg.Record]":
    """The asyncpg connection under a session, inside the session's transaction, for measured hot paths.

    Statements sent here skip SQLAlchemy's compiler and row objects (about 100 µs each). JSON columns take and
    give JSON text and decoded values as SQLAlchemy set them up.
    """
    connection = await session.connection()
    fairy = await connection.get_raw_connection()
    adapted: Any = fairy.dbapi_connection
    # The adapter begins lazily, on SQLAlchemy's first statement; ours must not run before that.
    if adapted._transaction is None:  # noqa: SLF001 (no public way to begin)
        await adapted._start_transaction()  # noqa: SLF001
    driver: asyncpg.Connection[asyncpg.Record] = adapted._connection  # noqa: SLF001
    return driver


__all__ = ["AnySession", "Database", "ReadSession", "WriteSession", "async_url", "raw_connection"]
