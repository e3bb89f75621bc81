"""Keyed asks made by hand, and ways to hold the rows that they want until everybody has queued up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from hub.infra.database import Database
from hub.infra.idempotency import KeyedInput, keyed
from hub.inventory import Done, LevelKey, ReservationOwner, Reserve, StockRequest, Units
from hub.inventory.commands import StockCommand
from hub.inventory.known import Known, Wanted
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from tests.factories import make_principal
from tests.inventory.stage import ACTOR

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class CommandAsk:
    """One command of the engine as a keyed mutation."""

    command: StockCommand
    key: str
    principal: Principal = field(default_factory=make_principal)

    @property
    def item(self) -> KeyedInput:
        return keyed(self.principal.id, self.key, "test", self.key)

    @property
    def path(self) -> tuple[str, ...]:
        return ()

    def want(self, wanted: Wanted) -> None:
        """The command names levels only."""

    def request(self, _known: Known) -> StockRequest:
        return StockRequest(ACTOR, self.command)

    def may_choose_again(self) -> bool:
        return False

    def answer(self, done: Done) -> dict[str, Any]:
        return {"units": sum(quantity for _, quantity in done.units)}


def claim(level: LevelKey, key: str = "", *, quantity: int = 1, principal: Principal | None = None) -> CommandAsk:
    """A cart's claim on one level."""
    command = Reserve(new_id(), ReservationOwner.CART, (Units(level, quantity),), 900)
    return CommandAsk(command, key or str(new_id()), principal or make_principal())


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def held(database: Database, level: LevelKey) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's transaction holds the level's row; it changes nothing unless told to."""
    async with connected(database) as holder, holder.transaction():
        await holder.execute("SELECT FROM stock_levels WHERE (variant_id, location_id) = ($1, $2) FOR UPDATE", *level)
        yield holder


async def queued(database: Database, transactions: int) -> None:
    """Return once so many transactions of this database wait for a lock."""
    async with asyncio.timeout(PATIENCE_SECONDS), connected(database) as watcher:
        while len(await _waiting(watcher)) < transactions:  # noqa: ASYNC110 (it is another process that waits)
            await asyncio.sleep(0.005)


async def cut_waiting(database: Database) -> int:
    """End the server processes that wait for a lock; how many there were."""
    async with connected(database) as watcher:
        pids = await _waiting(watcher)
        for pid in pids:
            assert await watcher.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    return len(pids)


async def _waiting(watcher: asyncpg.Connection) -> list[int]:
    rows = await watcher.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return [row["pid"] for row in rows]


async def transactions_that_claimed(database: Database) -> int:
    async with connected(database) as connection:
        return int(await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM reservation_lines"))


async def deadlocks(database: Database) -> int:
    async with connected(database) as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await connection.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
