"""Batched look-ups: every key asked for in one turn of the event loop becomes one call.

A batch is a function of a feature's repository: `async def products_by_id(session, ids) -> dict`, keyed by id.
Loaders run one after another on the operation's session, so the statements of a document do not depend
on the number of rows.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from strawberry.dataloader import DataLoader

from hub.infra.database import ReadSession
from hub_graphql.limits import MAX_LOADER_KEYS

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

Batch = Callable[[ReadSession, list[K]], Awaitable[Mapping[K, V]]]


class Read(Protocol):
    async def __call__(self, work: Callable[[ReadSession], Awaitable[T]]) -> T: ...


class Loaders:
    """The loaders of one operation, made on first use, one per batch function."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._made: dict[Any, DataLoader[Any, Any]] = {}

    async def load(self, batch: Batch[K, V], key: K) -> V | None:
        found: V | None = await self._loader(batch).load(key)
        return found

    async def load_many(self, batch: Batch[K, V], keys: list[K]) -> list[V | None]:
        """As many answers as keys, None where nothing was found."""
        return list(await self._loader(batch).load_many(keys))

    def clear(self) -> None:
        self._made.clear()

    def _loader(self, batch: Batch[K, V]) -> DataLoader[K, V | None]:
        loader = self._made.get(batch)
        if loader is None:
            loader = self._made[batch] = DataLoader(self._batched(batch), max_batch_size=MAX_LOADER_KEYS)
        return loader

    def _batched(self, batch: Batch[K, V]) -> Callable[[list[K]], Awaitable[Sequence[V | None]]]:
        async def load(keys: list[K]) -> Sequence[V | None]:
            found = await self._read(lambda session: batch(session, keys))
            return [found.get(key) for key in keys]

        return load
