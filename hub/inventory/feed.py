"""Availability for everyone who watches it in this process: each value is computed once, however many watch."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from hub.infra.database import Database
from hub.infra.events import EventHub
from hub.inventory.availability import AvailableToSell, available_to_sell

MAX_VALUES = 100_000
MAX_BATCH = 1_000


class Watched(NamedTuple):
    """A variant on a channel, counting locations with the capability `method` (None: all)."""

    variant_id: UUID
    channel_id: UUID
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that holds every change up to the event `seq`. `promise` None: no such variant or channel."""

    seq: int
    promise: AvailableToSell | None
    read_at: float


class AvailabilityFeed:
    """Made once per process, beside the event hub whose subscriptions it serves."""

    def __init__(self, database: Database, events: EventHub) -> None:
        self.events = events
        self._database = database
        self._values: dict[Watched, Seen] = {}
        self._wanted: set[Watched] = set()
        self._round: asyncio.Task[None] | None = None

    async def read(
        self, keys: Sequence[Watched], *, since_seq: int, max_age_seconds: float | None = None
    ) -> dict[Watched, Seen]:
        """Values that hold every change up to `since_seq` and, if asked, were read not longer ago than that.

        All that is asked for in one turn of the event loop is read together; those who ask while a round runs
        share the next one.
        """
        not_before = 0.0 if max_age_seconds is None else asyncio.get_running_loop().time() - max_age_seconds
        while stale := [key for key in keys if not self._fresh(key, since_seq, not_before)]:
            self._wanted.update(stale)
            if self._round is None or self._round.done():
                self._round = asyncio.create_task(self._compute(), name="availability feed")
            await asyncio.shield(self._round)
        return {key: self._values[key] for key in keys}

    def _fresh(self, key: Watched, since_seq: int, not_before: float) -> bool:
        seen = self._values.get(key)
        return seen is not None and seen.seq >= since_seq and seen.read_at >= not_before

    async def _compute(self) -> None:
        await asyncio.sleep(0)
        wanted, self._wanted = self._wanted, set()
        # Both are taken before the read, so what is read is at least as new as they say.
        seq, read_at = self.events.cursor, asyncio.get_running_loop().time()
        if len(self._values) + len(wanted) > MAX_VALUES:
            self._values.clear()
        found = await self._promises(wanted)
        for key in wanted:
            self._values[key] = Seen(seq, found.get(key), read_at)

    async def _promises(self, wanted: Iterable[Watched]) -> dict[Watched, AvailableToSell]:
        by_method: dict[str | None, list[tuple[UUID, UUID]]] = defaultdict(list)
        for key in wanted:
            by_method[key.method].append((key.variant_id, key.channel_id))
        found: dict[Watched, AvailableToSell] = {}
        async with self._database.read() as session:
            for method, pairs in by_method.items():
                for start in range(0, len(pairs), MAX_BATCH):
                    batch = await available_to_sell(session, pairs[start : start + MAX_BATCH], method=method)
                    found |= {Watched(*pair, method): promise for pair, promise in batch.items()}
        return found
