"""Which database errors mean "try again": the server is away, busy, or kept us waiting too long.

A caller whose commit got no answer may have succeeded: retrying with the same idempotency key gives the true outcome.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hub.kernel.errors import HubError, UnavailableError

RETRY_SECONDS = 1.0

_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    FileNotFoundError,
    TimeoutError,
)
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.IdleInTransactionSessionTimeoutError)


class DatabaseAwayError(UnavailableError):
    code = "DATABASE_UNAVAILABLE"


class DatabaseBusyError(UnavailableError):
    code = "OVERLOADED"


def outage(error: BaseException) -> UnavailableError | None:
    """The error to answer with, or None when this is a fault of ours."""
    if isinstance(error, PoolTimeoutError):
        return DatabaseBusyError("every database connection is in use; retry", retry_after_seconds=RETRY_SECONDS)
    cause = _driver_error(error)
    if isinstance(cause, _BUSY):
        return DatabaseBusyError("the rows were locked for too long; retry", retry_after_seconds=RETRY_SECONDS)
    if isinstance(cause, _AWAY):
        return DatabaseAwayError("the database does not answer; retry", retry_after_seconds=RETRY_SECONDS)
    return None


@contextmanager
def outages_told() -> Iterator[None]:
    """Turn what the driver says of a server that is away or busy into an UnavailableError."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        told = outage(error)
        if told is None:
            raise
        raise told from error


def _driver_error(error: BaseException) -> BaseException | None:
    """asyncpg's own error: SQLAlchemy wraps it once in its own and once in the adapter's."""
    if isinstance(error, DBAPIError):
        return error.orig.__cause__ if error.orig is not None else None
    return error
