"""One subscriber's bounded place to wait for events."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from hub.infra import metrics
from hub.kernel.errors import UnavailableError

MAX_QUEUED = 1000
MAX_COALESCED = 10_000
COALESCE_SECONDS = 0.1


class SubscriberTooSlowError(UnavailableError):
    """More events waited than the bound allows; subscribe again after the last event that was read."""

    code = "SUBSCRIBER_TOO_SLOW"


class Streamed(Protocol):
    @property
    def seq(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def entity_id(self) -> UUID: ...


T = TypeVar("T", bound=Streamed)
Filter = Callable[[T], bool]
Key = tuple[str, UUID] | int


class Subscription(Generic[T]):
    """An endless iteration over events, ended by `close`. Read by one task only.

    Waiting events are kept by key: their `seq`, or with `coalesce` their topic and entity, so that a newer
    one replaces an older one.
    """

    def __init__(self, wants: Filter[T], *, coalesce: bool, since: int) -> None:
        self._wants = wants
        self._coalesce = coalesce
        self._seen = since
        self._limit = MAX_COALESCED if coalesce else MAX_QUEUED
        self._waiting: OrderedDict[Key, T] = OrderedDict()
        self._ready = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None
        self._earlier: AsyncIterator[T] | None = None
        self._released_at = 0.0

    def replay_first(self, earlier: AsyncIterator[T]) -> None:
        """Before what waits, give what `earlier` yields (stored events up to where live ones begin)."""
        self._earlier = earlier

    def offer(self, event: T) -> bool:
        """Queue a live event if it is wanted and new. Closes the subscription when it is full."""
        if self._closed or event.seq <= self._seen or not self._wants(event):
            return False
        key: Key = (event.topic, event.entity_id) if self._coalesce else event.seq
        self._waiting.pop(key, None)
        self._waiting[key] = event
        self._ready.set()
        if len(self._waiting) > self._limit:
            metrics.events_subscribers_dropped.inc()
            self.close(SubscriberTooSlowError(f"more than {self._limit} events were waiting"))
        return True

    def close(self, error: Exception | None = None) -> None:
        """End the iteration: with `error` if one is given, else quietly. The first call counts."""
        if not self._closed:
            self._closed, self._error = True, error
            self._waiting.clear()
            self._ready.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        if self._earlier is not None:
            async for event in self._earlier:
                if self._wants(event):
                    yield event
                    self._raise_if_failed()
        while not self._closed:
            await self._ready.wait()
            await self._hold_back()
            self._ready.clear()
            for _ in range(len(self._waiting)):
                if not self._waiting:
                    break
                yield self._waiting.popitem(last=False)[1]
            if self._waiting:
                self._ready.set()
        self._raise_if_failed()

    async def _hold_back(self) -> None:
        """Let values of the same entity pile up and replace each other for a moment."""
        if self._coalesce and not self._closed:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self._released_at + COALESCE_SECONDS - now))
            self._released_at = asyncio.get_running_loop().time()

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error
