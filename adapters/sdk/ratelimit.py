"""A channel's rate limit, honoured before a request is sent.

`RateLimiter` is the seam: `TokenBucket` counts in this process; a limiter shared between processes has the
same two methods.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.sdk.errors import Retryable

MAX_LOCAL_WAIT_SECONDS = 10.0
"""A longer wait is given back to the caller as Retryable, so that no worker is held by a sleeping request."""

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: `per_second` requests in the long run, `burst` at once."""

    per_second: float
    burst: int = 1


class RateLimiter(Protocol):
    async def acquire(self) -> None:
        """Wait for the right to send one request. Raises Retryable when the wait would be too long."""
        ...

    def hold(self, seconds: float) -> None:
        """The channel asked for silence: nobody sends for that long."""
        ...


class TokenBucket:
    """The limiter of one process; callers are served in the order they came."""

    def __init__(
        self,
        limit: RateLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause = asyncio.sleep,
        max_wait_seconds: float = MAX_LOCAL_WAIT_SECONDS,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._pause = pause
        self._max_wait = max_wait_seconds
        self._tokens = float(limit.burst)
        self._counted_at = clock()
        self._held_until = self._counted_at

    async def acquire(self) -> None:
        wait = self._take()
        if wait > 0:
            await self._pause(wait)

    def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock() + seconds)

    def _take(self) -> float:
        """Reserve the next free slot and return how far away it is; the balance may go below zero."""
        now = self._clock()
        tokens = min(float(self._limit.burst), self._tokens + (now - self._counted_at) * self._limit.per_second)
        wait = max(0.0, (1 - tokens) / self._limit.per_second, self._held_until - now)
        if wait > self._max_wait:
            raise Retryable("the channel's rate limit is used up", after_seconds=wait)
        self._tokens, self._counted_at = tokens - 1, now
        return wait
