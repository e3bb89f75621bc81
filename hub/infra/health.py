"""Is this process able to do its work, and what does it depend on?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from time import perf_counter

import asyncpg
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.infra import relay
from hub.infra.database import MINIMUM_SERVER_VERSION, Database
from hub.infra.redis_client import connect
from hub.infra.schema import newest_revision
from hub.kernel.errors import UnavailableError

TIMEOUT_SECONDS = 2.0


class Status(StrEnum):
    OK = "OK"
    DEGRADED = "DEGRADED"
    """Slower, but every promise is kept."""
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class Dependency:
    name: str
    status: Status
    detail: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Health:
    """`ready` means: send requests here. Redis and the relay may be away; Postgres may not."""

    dependencies: tuple[Dependency, ...]

    @property
    def ready(self) -> bool:
        return all(dependency.status is not Status.DOWN for dependency in self.dependencies)


Check = Callable[[], Awaitable[tuple[Status, str]]]


async def examine(database: Database, redis_url: str | None) -> Health:
    """Ask every dependency, each for at most TIMEOUT_SECONDS."""
    checks: dict[str, tuple[Check, Status]] = {
        "database": (lambda: _server(database), Status.DOWN),
        "schema": (lambda: _schema(database), Status.DOWN),
        "redis": (lambda: _redis(redis_url), Status.DEGRADED),
        "relay": (lambda: _relay(database), Status.DEGRADED),
    }
    return Health(tuple([await _ask(name, check, worst) for name, (check, worst) in checks.items()]))


async def _ask(name: str, check: Check, worst: Status) -> Dependency:
    began = perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status, detail = await check()
    except (TimeoutError, OSError, RedisError, SQLAlchemyError, asyncpg.PostgresError, UnavailableError) as error:
        status, detail = worst, f"does not answer ({type(error).__name__})"
    return Dependency(name, status, detail, round((perf_counter() - began) * 1000, 1))


async def _server(database: Database) -> tuple[Status, str]:
    async with database.read() as session:
        version = int((await session.execute(text("SHOW server_version_num"))).scalar_one())
    status = Status.OK if version >= MINIMUM_SERVER_VERSION else Status.DOWN
    return status, f"PostgreSQL {version // 10_000}.{version % 10_000}"


async def _schema(database: Database) -> tuple[Status, str]:
    async with database.read() as session:
        current = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    newest = _newest()
    if current == newest:
        return Status.OK, f"at {current}"
    return Status.DOWN, f"at {current or 'nothing'}, needs {newest}: run `hub migrate`"


@cache
def _newest() -> str | None:
    return newest_revision()


async def _redis(url: str | None) -> tuple[Status, str]:
    if url is None:
        return Status.DEGRADED, "not configured: wake-ups come by the tick only"
    async with connect(url) as client:
        await client.ping()
    return Status.OK, "answers"


async def _relay(database: Database) -> tuple[Status, str]:
    lag = await relay.lag_seconds(database)
    status = Status.OK if lag <= relay.LAG_ALARM_SECONDS else Status.DEGRADED
    return status, f"oldest waiting event is {lag:.1f} s old"
