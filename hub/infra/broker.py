"""Dramatiq over Redis, as wake-ups only: a message says "look into this queue", the row says what to do.

So nothing here retries, delays or remembers. Delayed and retried messages of this broker are stranded when
Redis restarts under a living worker, therefore neither is ever used; with these settings the messages of a
dead worker come back after about ten seconds, and a lost one is replaced by the dispatcher's tick.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, Retries, TimeLimit
from redis.exceptions import RedisError

from hub.infra.redis_client import connect_blocking

NAMESPACE = "hub"
RUN = "work.run"
RUN_ITEM = "work.run_item"
MAINTENANCE_CHANCE = 1_000_000
"""Of a million commands, how many also look for dead workers: all. The default of 0.1 % may take an hour."""
HEARTBEAT_TIMEOUT_MS = 10_000
TIME_LIMIT_MS = 60_000
DEAD_MESSAGE_MS = 3_600_000
IDLE_POLL_MS = 200
MAX_PENDING = 64
"""Wake-ups waiting in one queue beyond which no more are sent: they could not make it faster."""
MAX_SENT_AT_ONCE = 16
STOP_SECONDS = 65.0

log = structlog.get_logger(__name__)


def make_broker(url: str, middleware: list[Middleware]) -> RedisBroker:
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=connect_blocking(url),
        namespace=NAMESPACE,
        maintenance_chance=MAINTENANCE_CHANCE,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        dead_message_ttl=DEAD_MESSAGE_MS,
        middleware=middleware,
    )


class WakeUpSender:
    """Sends wake-ups from any process. Its methods block for at most the client's timeout."""

    def __init__(self, url: str) -> None:
        self._broker = make_broker(url, [])

    def send(self, queue: str, count: int = 1) -> int:
        """Ask for up to `count` looks into `queue`: how many were sent. Raises RedisError."""
        pending = int(self._broker.client.llen(f"{NAMESPACE}:{queue}"))
        wanted = max(0, min(count, MAX_SENT_AT_ONCE, MAX_PENDING - pending))
        for _ in range(wanted):
            self._broker.enqueue(_message(queue, RUN, queue))
        return wanted

    def send_item(self, queue: str, work_id: UUID) -> None:
        """Ask for one row to be run now. Raises RedisError."""
        self._broker.enqueue(_message(queue, RUN_ITEM, str(work_id)))

    def close(self) -> None:
        self._broker.client.close()


def _message(queue: str, actor: str, argument: str) -> "dramatiq.Message[None]":
    return dramatiq.Message(queue_name=queue, actor_name=actor, args=(argument,), kwargs={}, options={})


class BrokerWorker:
    """Dramatiq's worker inside this process; its actors run on the caller's event loop.

    One at a time per process. Made, started and stopped on the loop that runs the work.
    """

    def __init__(
        self,
        url: str,
        queues: Collection[str],
        *,
        run_queue: Callable[[str], Awaitable[None]],
        run_item: Callable[[UUID], Awaitable[None]],
        threads: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._broker = make_broker(url, [TimeLimit(time_limit=TIME_LIMIT_MS), Retries(max_retries=0), _HostLoop(loop)])

        async def run(queue: str) -> None:
            await run_queue(queue)

        async def run_one(work_id: str) -> None:
            await run_item(UUID(work_id))

        first, *others = sorted(queues)
        dramatiq.actor(actor_name=RUN, queue_name=first, broker=self._broker)(run)
        dramatiq.actor(actor_name=RUN_ITEM, queue_name=first, broker=self._broker)(run_one)
        for queue in others:
            self._broker.declare_queue(queue)
        self._worker = dramatiq.Worker(self._broker, worker_timeout=IDLE_POLL_MS, worker_threads=threads)

    def start(self) -> None:
        self._broker.emit_after("process_boot")
        self._worker.start()

    async def stop(self, timeout_seconds: float = STOP_SECONDS) -> None:
        """Take nothing new, let running work end (or its time pass), return what was prefetched."""
        try:
            await asyncio.to_thread(self._worker.stop, int(timeout_seconds * 1000))
        except RedisError as error:
            log.warning("broker.stop_incomplete", error=type(error).__name__)
        finally:
            set_event_loop_thread(None)
            self._broker.client.close()


class _HostLoop(Middleware):
    """As dramatiq's AsyncIO middleware, but with the loop that is running already: one loop per process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread = _BorrowedLoop(loop)

    def before_worker_boot(self, _broker: Any, _worker: Any) -> None:
        set_event_loop_thread(self._thread)

    def after_worker_shutdown(self, _broker: Any, _worker: Any) -> None:
        set_event_loop_thread(None)


class _BorrowedLoop(EventLoopThread):
    """Runs actors' coroutines on somebody else's loop; the thread itself is never started."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(structlog.get_logger(__name__))
        self.loop.close()
        self.loop = loop
