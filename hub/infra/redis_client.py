"""Redis clients that give up quickly: nothing in the hub waits for Redis longer than a wake-up is worth."""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_SECONDS = 0.5
RECONNECTS = 1
"""After a restart of Redis the first command on a pooled connection fails once, and is repeated once."""


def connect(url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.asyncio.Redis:
    """An asyncio client for redis://, rediss:// or unix://. Opens nothing until its first command."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=AsyncRetry(NoBackoff(), RECONNECTS),
        decode_responses=True,
    )


def connect_blocking(url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.Redis:
    """As `connect`, for threads."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), RECONNECTS),
    )
