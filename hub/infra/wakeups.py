"""Telling others, after a commit, that there is something to do.

A wake-up saves waiting for the tick and carries nothing else. So sending never blocks a request, never raises,
and is given up quickly: per process at most one announcement per road and tick, and none for a moment after
Redis did not answer.
"""

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from hub.infra import metrics, outbox, work
from hub.infra.broker import WakeUpSender
from hub.infra.database import Database, WriteSession
from hub.infra.redis_client import connect

OUTBOX_CHANNEL = "hub:outbox"
COALESCE_SECONDS = 0.01
PAUSE_AFTER_FAILURE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class WakeUps:
    """Sends wake-ups for what one process commits. Made inside the event loop that uses it."""

    def __init__(self, redis_url: str | None) -> None:
        self._client = connect(redis_url) if redis_url else None
        self._sender = WakeUpSender(redis_url) if redis_url else None
        self._channels: set[str] = set()
        self._queues: Counter[str] = Counter()
        self._flushing: asyncio.Task[None] | None = None
        self._paused_until = 0.0
        self._failing = False

    def watch(self, database: Database) -> None:
        """From now on, wake the relay and the workers for what `database` commits."""
        database.on_commit(self._committed)

    def announce(self, channel: str) -> None:
        """Publish on `channel` soon."""
        self._channels.add(channel)
        self._flush_soon()

    def wake_queue(self, queue: str, count: int = 1) -> None:
        """Send `count` wake-ups for a queue of work soon."""
        self._queues[queue] += count
        self._flush_soon()

    async def close(self) -> None:
        """Send what is pending, then close the connections."""
        if self._flushing is not None:
            with suppress(asyncio.CancelledError):
                await self._flushing
        if self._client is not None:
            await self._client.aclose()
        if self._sender is not None:
            self._sender.close()

    async def _committed(self, session: WriteSession) -> None:
        if session.info.pop(outbox.RECORDED, False):
            self.announce(OUTBOX_CHANNEL)
        for queue, count in session.info.pop(work.ENQUEUED, {}).items():
            self.wake_queue(queue, count)

    def _flush_soon(self) -> None:
        if self._client is not None and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.create_task(self._flush(), name="wake-ups")

    async def _flush(self) -> None:
        while self._channels or self._queues:
            await asyncio.sleep(COALESCE_SECONDS)
            channels, self._channels = self._channels, set()
            queues, self._queues = self._queues, Counter()
            if asyncio.get_running_loop().time() < self._paused_until:
                metrics.wakeups_failed.inc()
                continue
            try:
                await self._send(channels, queues)
            except Exception as error:  # noqa: BLE001 (a wake-up never matters enough to raise)
                self._pause(error)
            else:
                self._failing = False

    async def _send(self, channels: set[str], queues: Counter[str]) -> None:
        if self._client is None or self._sender is None:
            return
        for channel in channels:
            await self._client.publish(channel, "")
            metrics.wakeups_sent.labels(channel.removeprefix("hub:")).inc()
        for queue, count in queues.items():
            sent = await asyncio.to_thread(self._sender.send, queue, count)
            metrics.wakeups_sent.labels("work").inc(sent)

    def _pause(self, error: Exception) -> None:
        metrics.wakeups_failed.inc()
        if not self._failing:
            log.warning("wakeups.redis_lost", error=type(error).__name__, remedy="the one-second tick goes on")
        self._failing = True
        self._paused_until = asyncio.get_running_loop().time() + PAUSE_AFTER_FAILURE_SECONDS
