"""Running claimed work: which handler does what, under a lease that is renewed while it runs."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog

from hub.infra import metrics, work
from hub.infra.database import Database
from hub.infra.work import Claim, StaleClaimError
from hub.kernel.errors import HubError, UnavailableError

TIME_LIMIT_SECONDS = 50.0
"""Below the broker's own limit, so that a handler that hangs is recorded as failed, not killed."""
SLICE_SECONDS = 5.0
"""How long one wake-up goes on taking rows; together with the time limit it stays below the broker's."""

log = structlog.get_logger(__name__)


class RetryLaterError(Exception):
    """What this work needs is not there yet. `reason` is stored with the row: no personal data in it."""

    def __init__(self, reason: str, *, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class HopelessWorkError(Exception):
    """No attempt can succeed: a person must look. `reason` is stored: no personal data in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WorkContext:
    """What a handler gets besides its subject. Its effects must be harmless when run twice.

    An effect that is not idempotent by itself goes into a transaction that begins with
    `work.hold(session, context.claim)`.
    """

    database: Database
    claim: Claim


Handler = Callable[[WorkContext, str], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Registration:
    kind: str
    handler: Handler
    queue: str
    time_limit_seconds: float
    max_attempts: int
    recurring: bool


class WorkRegistry:
    """Which handler does which kind of work. Filled by the composition root."""

    def __init__(self) -> None:
        self._by_kind: dict[str, Registration] = {}

    def register(
        self,
        kind: str,
        handler: Handler,
        *,
        queue: str = work.DEFAULT_QUEUE,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
        max_attempts: int = work.MAX_ATTEMPTS,
        recurring: bool = False,
    ) -> None:
        """Let `handler` do work of `kind`; it must be enqueued in the same `queue`.

        `recurring`: it is asked for again and again about the same subject, so it is never set aside for good.
        """
        if kind in self._by_kind:
            raise ValueError(f"work of kind {kind!r} has a handler already")
        if time_limit_seconds > TIME_LIMIT_SECONDS:
            raise ValueError(f"work of kind {kind!r} may take {TIME_LIMIT_SECONDS:g} s at most; split it")
        self._by_kind[kind] = Registration(kind, handler, queue, time_limit_seconds, max_attempts, recurring)

    def find(self, kind: str) -> Registration | None:
        return self._by_kind.get(kind)

    @property
    def recurring_kinds(self) -> frozenset[str]:
        return frozenset(entry.kind for entry in self._by_kind.values() if entry.recurring)

    @property
    def queues(self) -> frozenset[str]:
        return frozenset(entry.queue for entry in self._by_kind.values()) | {work.DEFAULT_QUEUE}


async def run_one(database: Database, registry: WorkRegistry, queue_or_id: str | UUID) -> bool:
    """Claim one row, run it and record how it ended. False when there was nothing to claim."""
    held = await work.claim(database, queue_or_id)
    if held is None:
        return False
    began = perf_counter()
    with structlog.contextvars.bound_contextvars(work_id=str(held.id), work_kind=held.kind, fence=held.fence):
        try:
            outcome = await _run_and_record(database, registry.find(held.kind), held)
        except StaleClaimError:
            log.warning("work.lost", subject=held.subject)
            outcome = "lost"
    metrics.work_ended.labels(held.kind, outcome).inc()
    metrics.work_seconds.labels(held.kind).observe(perf_counter() - began)
    return True


async def run_queue(database: Database, registry: WorkRegistry, queue: str, *, stop: asyncio.Event) -> bool:
    """Run what is due in `queue`, for a slice of time. True when more may be due."""
    until = perf_counter() + SLICE_SECONDS
    while perf_counter() < until and not stop.is_set():
        if not await run_one(database, registry, queue):
            return False
    return True


async def _run_and_record(database: Database, entry: Registration | None, held: Claim) -> str:
    max_attempts = entry.max_attempts if entry is not None else work.MAX_ATTEMPTS
    try:
        if entry is None:
            raise RetryLaterError(f"no handler for work of kind {held.kind}")  # noqa: TRY301 (an older worker)
        async with asyncio.timeout(entry.time_limit_seconds):
            await _with_lease(database, held, entry.handler(WorkContext(database, held), held.subject))
    except StaleClaimError:
        raise
    except HopelessWorkError as error:
        return await _set_aside(database, held, error)
    except Exception as error:  # noqa: BLE001 (whatever a handler raises is recorded with its row)
        return await _try_later(database, held, error, max_attempts)
    async with database.write() as session:
        return "done" if await work.finish(session, held) else "again"


async def _with_lease(database: Database, held: Claim, running: Coroutine[Any, Any, None]) -> None:
    """Run to the end while renewing the lease; when it is lost, cancel and raise StaleClaimError."""
    task = asyncio.create_task(running, name=f"work {held.kind}")
    keeper = asyncio.create_task(_keep_lease(database, held), name=f"lease {held.kind}")
    try:
        await asyncio.wait({task, keeper}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            keeper.result()
    finally:
        for each in (task, keeper):
            each.cancel()
        await asyncio.gather(task, keeper, return_exceptions=True)
    task.result()


async def _keep_lease(database: Database, held: Claim) -> None:
    while True:
        await asyncio.sleep(work.RENEW_SECONDS)
        try:
            async with database.write() as session:
                await work.renew(session, held)
        except StaleClaimError:
            raise
        except Exception as error:  # noqa: BLE001 (the handler's own lock, or Postgres away: try again)
            log.warning("work.lease_not_renewed", error=type(error).__name__)


async def _set_aside(database: Database, held: Claim, error: HopelessWorkError) -> str:
    log.error("work.quarantined", subject=held.subject, reason=error.reason)
    async with database.write() as session:
        await work.quarantine(session, held, error.reason)
    return "quarantined"


async def _try_later(database: Database, held: Claim, error: Exception, max_attempts: int) -> str:
    log.warning("work.failed", subject=held.subject, attempt=held.attempts + 1, exc_info=_unexpected(error))
    async with database.write() as session:
        again = await work.fail(
            session,
            held,
            describe(error),
            retry_after_seconds=_pause_seconds(error),
            max_attempts=max_attempts,
        )
    if not again:
        log.error("work.quarantined", subject=held.subject, attempts=max_attempts)
    return "failed" if again else "quarantined"


def describe(error: BaseException) -> str:
    """What may be stored about an error: its kind and place, not its words, which may quote a person."""
    if isinstance(error, RetryLaterError):
        return error.reason
    name = f"{type(error).__name__} {error.code}" if isinstance(error, HubError) else type(error).__name__
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return name
    return f"{name} in {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


def _pause_seconds(error: Exception) -> float | None:
    if isinstance(error, RetryLaterError):
        return error.after_seconds
    return error.retry_after_seconds if isinstance(error, UnavailableError) else None


def _unexpected(error: Exception) -> Exception | None:
    return None if isinstance(error, (RetryLaterError, UnavailableError)) else error
