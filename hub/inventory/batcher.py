"""Group commit: stock mutations that arrive while another commits wait for each other's company, never for a clock.

A lane is one transaction at a time. A lone mutation finds a free lane and goes at once; under load each lane takes all
that waited meanwhile. A hot sku then costs one row lock per batch and not one per buyer.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass

import structlog

from hub.infra import metrics
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.infra.outages import DatabaseBusyError
from hub.inventory.batch import Ask, Result, settle
from hub.kernel.errors import HubError, UnavailableError

LANES = 2
MAX_BATCH = 256
MAX_WAITING = 2_000
RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class OverloadedError(UnavailableError):
    """More mutations wait than can be answered soon; nothing was done for this one."""

    code = "OVERLOADED"


@dataclass(slots=True)
class _Ticket:
    ask: Ask
    answered: asyncio.Future[Answer]


class StockBatcher:
    """The stock mutations of one process and database. Has no life of its own: idle, it holds nothing."""

    def __init__(
        self, database: Database, *, lanes: int = LANES, max_batch: int = MAX_BATCH, max_waiting: int = MAX_WAITING
    ) -> None:
        self._database = database
        self._lanes = lanes
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[_Ticket] = deque()
        self._running: set[asyncio.Task[None] | None] = set()

    async def submit(self, ask: Ask) -> Answer:
        """The ask's answer, once it is durable.

        A caller that stops waiting may find that it was done or not: the same key tells. Raises OverloadedError,
        ConcurrentRequestError and IdempotencyKeyReusedError, and UnavailableError when the database is away.
        """
        if len(self._waiting) >= self._max_waiting:
            metrics.stock_overloaded.inc()
            raise OverloadedError(
                f"{self._max_waiting} stock mutations are waiting; retry with the same key",
                retry_after_seconds=RETRY_SECONDS,
            )
        ticket = _Ticket(ask, asyncio.get_running_loop().create_future())
        self._waiting.append(ticket)
        if len(self._running) < self._lanes:
            # A context of its own: a lane works for many requests and speaks for none.
            lane = asyncio.get_running_loop().create_task(self._lane(), name="stock lane", context=Context())
            self._running.add(lane)
        return await ticket.answered

    async def _lane(self) -> None:
        try:
            while tickets := self._next():
                metrics.stock_batch_size.observe(len(tickets))
                await self._answer(tickets)
        finally:
            # In the step that finds nobody waiting: who is answered and asks again comes before any callback of ours.
            self._running.discard(asyncio.current_task())

    def _next(self) -> list[_Ticket]:
        """The longest waiting tickets; those that nobody waits for any more are dropped undone."""
        tickets: list[_Ticket] = []
        while self._waiting and len(tickets) < self._max_batch:
            ticket = self._waiting.popleft()
            if not ticket.answered.done():
                tickets.append(ticket)
        return tickets

    async def _answer(self, tickets: Sequence[_Ticket]) -> None:
        results: Sequence[Result]
        try:
            results = await settle(self._database, [ticket.ask for ticket in tickets])
        except asyncio.CancelledError:
            stopping = OverloadedError("the process is stopping; retry with the same key", retry_after_seconds=1)
            _tell_all(tickets, [stopping] * len(tickets))
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to who asked)
            results = [error] * len(tickets)
        again = [ticket for ticket, result in zip(tickets, results, strict=True) if _may_be_of_another(result)]
        if not again or len(tickets) == 1:
            _tell_all(tickets, results)
            return
        _tell_all(tickets, [None if _may_be_of_another(result) else result for result in results])
        await self._answer_each(again)

    async def _answer_each(self, tickets: Sequence[_Ticket]) -> None:
        """One mutation may fail its whole batch: each is tried alone, so that it fails alone."""
        log.warning("stock.batch_split", size=len(tickets))
        metrics.stock_batches_split.inc()
        for ticket in tickets:
            if not ticket.answered.done():
                await self._answer([ticket])


def batcher_of(database: Database) -> StockBatcher:
    """The process's batcher for this database."""
    return database.companion(StockBatcher)


def _may_be_of_another(result: Result) -> bool:
    """Whether a mate of the batch may be why this one failed."""
    return isinstance(result, DatabaseBusyError) or (isinstance(result, Exception) and not isinstance(result, HubError))


def _tell_all(tickets: Sequence[_Ticket], results: Sequence[Result | None]) -> None:
    for ticket, result in zip(tickets, results, strict=True):
        if result is None or ticket.answered.done():
            continue
        if isinstance(result, Exception):
            ticket.answered.set_exception(result)
        else:
            ticket.answered.set_result(result)
