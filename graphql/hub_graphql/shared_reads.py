"""Look-ups that many operations make at the same time, read together.

A query reads one snapshot of its own. What a mutation's payload names (a sku, a location's code) needs no common
snapshot, only the newest state, so the process reads it for all mutations that are answered at this moment.
"""

import asyncio
from collections.abc import Hashable
from contextvars import Context
from typing import Any, TypeVar

from hub.infra.database import Database, ReadSession
from hub.infra.outages import DatabaseAwayError, outage
from hub_graphql.limits import MAX_LOADER_KEYS
from hub_graphql.loaders import Batch

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

LANES = 2

_Waiting = dict[Any, list[asyncio.Future[Any]]]


class SharedReads:
    """The shared look-ups of one process and database. Idle, it holds nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: dict[Batch[Any, Any], _Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, batch: Batch[K, V], key: K) -> V | None:
        """What `batch` finds for `key`: committed before this call began, or later."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(batch, {}).setdefault(key, []).append(answer)
        if len(self._running) < LANES:
            # A context of its own: a lane works for many requests and speaks for none.
            lane = asyncio.get_running_loop().create_task(self._lane(), name="shared reads", context=Context())
            self._running.add(lane)
            lane.add_done_callback(self._running.discard)
        return await answer

    async def _lane(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                async with self._database.glance() as session:
                    for batch, waiting in wanted.items():
                        await _answer(session, batch, waiting)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is told to who asked)
                _fail(wanted, error)
            except asyncio.CancelledError:
                _fail(wanted, DatabaseAwayError("the process is stopping; retry"))
                raise


async def _answer(session: ReadSession, batch: Batch[Any, Any], waiting: _Waiting) -> None:
    """A look-up that fails fails alone: each statement stands for itself."""
    keys = list(waiting)
    try:
        for start in range(0, len(keys), MAX_LOADER_KEYS):
            part = keys[start : start + MAX_LOADER_KEYS]
            found = await batch(session, part)
            for key in part:
                for answer in waiting[key]:
                    if not answer.done():
                        answer.set_result(found.get(key))
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told to who asked)
        _fail({batch: waiting}, error)


def _fail(wanted: dict[Batch[Any, Any], _Waiting], error: Exception) -> None:
    told = outage(error) or error
    for waiting in wanted.values():
        for answers in waiting.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(told)
