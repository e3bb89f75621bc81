"""Waiting for a wake-up on a Redis channel, or for the tick: whichever comes first."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from redis.exceptions import RedisError

from hub.infra.redis_client import connect

RECONNECT_SECONDS = 1.0
POLL_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Listener:
    """Listens on one channel while entered. Without Redis, `wait` simply takes its whole time."""

    def __init__(self, url: str | None, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether a wake-up sent now would be heard."""
        return self._connected

    async def __aenter__(self) -> Self:
        if self._url is not None:
            self._task = asyncio.create_task(self._listen(self._url), name=f"listen {self._channel}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """End the current wait, or the next one."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """True when woken, False when the time passed."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def _listen(self, url: str) -> None:
        while True:
            try:
                await self._hear(url)
            except (RedisError, OSError) as error:
                if self._connected:
                    log.warning("listener.lost", channel=self._channel, error=type(error).__name__)
            self._connected = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _hear(self, url: str) -> None:
        async with connect(url) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(self._channel)
            self._connected = True
            self._woken.set()  # something may have been said before we listened
            while True:
                if await pubsub.get_message(timeout=POLL_SECONDS) is not None:
                    self._woken.set()
