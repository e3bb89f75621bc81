"""A small retailer on a real Postgres that examples share: emptied for each, and read back after every step."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres
from hub.inventory import LevelKey, ReservationOwner, ReservationStatus, available_to_sell, check_stock
from hub.kernel.principal import Principal, PrincipalKind
from tests.databases import fresh_database
from tests.factories import make_channel, make_location, make_principal, make_terminal, make_variant
from tests.properties.stock_model import Held, Pool, StockModel

T = TypeVar("T")
CAP, BUFFER = 4, 3
WRITTEN = (
    "reservation_lines",
    "reservations",
    "allocations",
    "stock_movements",
    "stock_levels",
    "count_tasks",
    "idempotency_keys",
    "audit_log",
    "outbox",
)
_LEVELS = (
    "SELECT variant_id, location_id, on_hand, reserved, allocated, damaged, quality_control, safety_stock, shortage,"
    " incoming FROM stock_levels"
)
_HOLDS = (
    "SELECT r.id, r.status, r.owner, l.variant_id, l.location_id, l.quantity"
    " FROM reservations AS r JOIN reservation_lines AS l ON l.reservation_id = r.id"
)


@dataclass(frozen=True)
class Client:
    """Who asks, in whose name, through which channel, and which locations it may name."""

    principal: Principal
    owner: ReservationOwner
    channel_id: UUID
    reach: tuple[UUID, ...]

    @property
    def bound(self) -> bool:
        return self.owner in {ReservationOwner.CART, ReservationOwner.TERMINAL}


@dataclass
class Actual:
    """What the database says."""

    levels: dict[LevelKey, tuple[int, ...]] = field(default_factory=dict)
    holds: dict[UUID, tuple[ReservationStatus, ReservationOwner, Held]] = field(default_factory=dict)
    holders: dict[UUID, Held] = field(default_factory=dict)
    to_count: set[LevelKey] = field(default_factory=set)


class StockWorld:
    """Locations, channels and variants that stay; `steps` counts what was done to their stock."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._runner = asyncio.Runner()
        self._scratch = fresh_database(postgres)
        self.steps = 0
        self.examples = 0

    def __enter__(self) -> Self:
        self.database = Database(self.run(self._scratch.__aenter__()), pool_size=2)
        self.observer: asyncpg.Connection = self.run(_connect(self.database.url))
        # The observer alone may empty what is otherwise append-only.
        self.run(self.observer.execute("SET session_replication_role = replica"))
        self.run(self._furnish())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.run(self.observer.close())
        self.run(self.database.close())
        self.run(self._scratch.__aexit__(None, None, None))
        self._runner.close()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    async def _furnish(self) -> None:
        async with self.database.write() as session:
            places = [await make_location(session, f"place-{number}") for number in range(3)]
            shop = await make_channel(session, "shop", locations=places[:2])
            market = await make_channel(session, "market", locations=places[1:])
            tills = await make_channel(session, "tills", kind="POS", locations=places)
            terminal = await make_terminal(session, tills, places[0])
            self.variants = [await make_variant(session, f"SKU-{number}") for number in range(2)]
            await session.execute(text(f"UPDATE channels SET stock_buffer = {BUFFER} WHERE code = 'shop'"))
            await session.execute(
                text(
                    "INSERT INTO listings (id, variant_id, channel_id, row_key, status, currency, cap)"
                    " VALUES (uuidv7(), :variant, :channel, 'row', 'ACTIVE', 'EUR', :cap)"
                ),
                {"variant": self.variants[0], "channel": market, "cap": CAP},
            )
        self.keys = [LevelKey(variant, place) for variant in self.variants for place in places]
        self.pools = {
            shop: Pool(tuple(places[:2]), buffer=BUFFER),
            market: Pool(tuple(places[1:]), caps={self.variants[0]: CAP}),
            tills: Pool(tuple(places)),
        }
        everywhere = tuple(places)
        till = make_principal(channel_id=tills, terminal_id=terminal, location_ids=frozenset(places[:1]))
        self.clients = [
            Client(make_principal(channel_id=shop), ReservationOwner.CART, shop, everywhere[:2]),
            Client(make_principal(channel_id=market), ReservationOwner.CART, market, everywhere[1:]),
            Client(till, ReservationOwner.TERMINAL, tills, everywhere[:1]),
            Client(make_principal(kind=PrincipalKind.STAFF), ReservationOwner.STAFF, shop, everywhere),
        ]
        self.staff = self.clients[-1].principal

    def begin(self) -> StockModel:
        """An empty stock at time zero."""
        self.examples += 1
        self.run(self.observer.execute("".join(f"DELETE FROM {table};" for table in WRITTEN)))
        self.set_clock(0)
        self.started: datetime = self.run(self.observer.fetchval("SELECT clock_timestamp()"))
        return StockModel(self.pools)

    def instant(self, seconds: int) -> datetime:
        return self.started + timedelta(seconds=seconds)

    def set_clock(self, seconds: int) -> None:
        """Let `hub_now()` run ahead on every connection of the pool."""
        self.run(self._set_clock(seconds))

    async def _set_clock(self, seconds: int) -> None:
        statement = text(f"SET hub.clock_offset = '{seconds} seconds'")
        async with self.database.connection() as first, self.database.connection() as second:
            await first.execute(statement)
            await second.execute(statement)

    async def read(self) -> Actual:
        found = Actual()
        for row in await self.observer.fetch(_LEVELS):
            found.levels[LevelKey(row[0], row[1])] = tuple(row[2:])
        for name, status, owner, variant, location, quantity in await self.observer.fetch(_HOLDS):
            made = (ReservationStatus(status), ReservationOwner(owner), Counter[LevelKey]())
            found.holds.setdefault(name, made)[2][LevelKey(variant, location)] += quantity
        for row in await self.observer.fetch("SELECT holder_id, variant_id, location_id, quantity FROM allocations"):
            found.holders.setdefault(row[0], Counter())[LevelKey(row[1], row[2])] += row[3]
        for row in await self.observer.fetch("SELECT variant_id, location_id FROM count_tasks WHERE closed_at IS NULL"):
            found.to_count.add(LevelKey(row[0], row[1]))
        return found

    async def broken_promises(self) -> list[object]:
        async with self.database.read() as session:
            return list(await check_stock(session))

    async def to_sell(self) -> dict[tuple[UUID, UUID], int | None]:
        """What every channel says it has of every variant."""
        pairs = [(variant, channel) for variant in self.variants for channel in self.pools]
        async with self.database.read() as session:
            found = await available_to_sell(session, pairs, method="SHIP")
        return {pair: told.quantity for pair, told in found.items()}


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)
