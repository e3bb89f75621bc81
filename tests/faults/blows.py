"""What can be done to a running hub from outside: kill a process, cut its connections, empty its cache."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

import asyncpg
import redis.asyncio

from hub.entrypoints.supervisor import Supervisor

PROCESSES = ("serve", "worker", "scheduler", "valkey", "postgres")
PATIENCE_SECONDS = 60.0


async def strike(supervisor: Supervisor, target: str) -> bool:
    """Whether the blow landed. One that needs a server waits until it is there again."""
    blow = _OTHERS.get(target)
    if blow is None:
        return _kill(supervisor, target)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, redis.RedisError):
            if await blow(supervisor):
                return True
        await asyncio.sleep(0.2)
    return False


def _kill(supervisor: Supervisor, target: str) -> bool:
    pid = supervisor.pids().get(target)
    assert pid is not None, f"{target} was not started again"
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


async def _cut_connections(supervisor: Supervisor) -> bool:
    """End every session of the hub at once, wherever it is in its transaction."""
    assert supervisor.servers is not None
    connection = await asyncpg.connect(supervisor.servers.database_url, timeout=5)
    try:
        cut = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    return bool(cut)


async def _flush(supervisor: Supervisor) -> bool:
    """Valkey forgets everything and goes on."""
    assert supervisor.servers is not None
    client = redis.asyncio.from_url(supervisor.servers.redis_url)
    try:
        return bool(await client.flushall())
    finally:
        await client.aclose()


_OTHERS: Mapping[str, Callable[[Supervisor], Awaitable[bool]]] = MappingProxyType(
    {"connections": _cut_connections, "flush": _flush}
)
TARGETS = (*PROCESSES, *_OTHERS)
