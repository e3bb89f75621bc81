"""What a resolver can reach: who asks, the one read session of its operation, loaders and services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, TypeVar, cast

import strawberry

from hub.infra.database import Database, ReadSession, WriteSession
from hub.kernel.principal import Principal
from hub_graphql.loaders import Batch, Loaders
from hub_graphql.shared_reads import SharedReads

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


GRACE_SECONDS = 1.0
"""How long a cancelled read may go on: longer than nearly every statement, shorter than anybody waits."""


class SessionSource(Protocol):
    """`hub.infra.database.Database`, or a twin that counts."""

    def read(self) -> AbstractAsyncContextManager[ReadSession]: ...
    def write(self) -> AbstractAsyncContextManager[WriteSession]: ...


class RequestContext:
    """One per operation.

    Reads share one repeatable-read session, opened by the first read and guarded by a lock, because sibling
    resolvers run concurrently and a session cannot. A subscription lives long, so with `hold_session=False`
    each read opens and closes its own: nothing is held between events. A mutation looks keys up through `shared`.
    """

    def __init__(
        self,
        principal: Principal,
        database: SessionSource,
        request_id: str,
        services: Mapping[type[Any], Any] | None = None,
        *,
        hold_session: bool = True,
        shared: SharedReads | None = None,
    ) -> None:
        self.principal = principal
        self.request_id = request_id
        self.extensions: dict[str, Any] = {}
        """What the response says in `extensions`, beside its cost."""
        self._database = database
        self._services = services or {}
        self._hold_session = hold_session
        self._lock = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._session: ReadSession | None = None
        self._loaders = Loaders(self.read)
        self._shared = shared

    def service(self, kind: type[T]) -> T:
        """The long-lived object of this class that the composition root provided."""
        found: T = self._services[kind]
        return found

    @property
    def database(self) -> Database:
        """For the features' keyed mutations, each its own transaction. `refresh` before: one connection must do."""
        return cast("Database", self._database)

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Run `work` on the operation's read session, alone: reads queue behind one another.

        When the caller is cancelled (a sibling has failed), a read under way ends first, within GRACE_SECONDS.
        """
        async with self._lock:
            return await _to_its_end(self._read(work))

    async def _read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        if not self._hold_session:
            async with self._database.read() as session:
                return await work(session)
        if self._session is None:
            self._session = await self._opened.enter_async_context(self._database.read())
        return await work(self._session)

    async def load(self, batch: Batch[K, V], key: K) -> V | None:
        """What `batch` finds for `key`, in one statement with every key asked for at the same time."""
        if self._shared is not None:
            return await self._shared.load(batch, key)
        return await self._loaders.load(batch, key)

    async def load_many(self, batch: Batch[K, V], keys: list[K]) -> list[V | None]:
        if self._shared is not None:
            return list(await asyncio.gather(*(self._shared.load(batch, key) for key in keys)))
        return await self._loaders.load_many(batch, keys)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """One transaction. The read session is given back before and what was read is forgotten, so that the
        payload shows what was written and one connection is enough for any document.
        """
        await self.refresh()
        async with self._database.write() as session:
            yield session
        await self.refresh()

    async def refresh(self) -> None:
        """Forget what was read and give the read session back; the next read sees the newest state."""
        async with self._lock:
            self._loaders.clear()
            self._session = None
            await self._opened.aclose()

    async def close(self) -> None:
        await self.refresh()


async def _to_its_end(reading: Coroutine[Any, Any, T]) -> T:
    """Await `reading`; cancelled meanwhile, let it end before the cancellation goes on.

    A statement that is cut off costs its connection: the driver closes it, and the pool has to open another.
    """
    task = asyncio.ensure_future(reading)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=GRACE_SECONDS)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise


Info = strawberry.Info[RequestContext, None]
