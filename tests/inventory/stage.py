"""A stage for stock tests: locations, variants, and short ways to move and to check stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from hub.infra.database import Database, WriteSession
from hub.inventory import Actor, LevelKey, Outcome, Reserve, StockRequest, Units, apply, check_stock
from hub.inventory.commands import StockCommand
from hub.inventory.models import ReservationOwner
from hub.kernel.ids import new_id
from tests.factories import make_channel, make_location, make_variant, set_stock

ACTOR = Actor(UUID(int=5))


@dataclass(frozen=True)
class Stage:
    database: Database
    channel_id: UUID
    locations: tuple[UUID, ...]
    variants: tuple[UUID, ...]

    def key(self, variant: int = 0, location: int = 0) -> LevelKey:
        return LevelKey(self.variants[variant], self.locations[location])

    async def stock(self, quantity: int, *, variant: int = 0, location: int = 0) -> LevelKey:
        key = self.key(variant, location)
        await set_stock(self.database, *key, quantity)
        return key

    async def apply(self, *commands: StockCommand) -> list[Outcome]:
        async with self.database.write() as session:
            return await self.apply_in(session, *commands)

    async def apply_in(self, session: WriteSession, *commands: StockCommand) -> list[Outcome]:
        return await apply(session, [StockRequest(ACTOR, command) for command in commands])

    async def reserve(self, units: Sequence[Units], *, ttl_seconds: int = 900) -> UUID:
        reservation_id = new_id()
        [outcome] = await self.apply(Reserve(reservation_id, ReservationOwner.CART, tuple(units), ttl_seconds))
        assert not hasattr(outcome, "code"), outcome
        return reservation_id

    async def level(self, key: LevelKey) -> asyncpg.Record:
        return await self.row("SELECT * FROM stock_levels WHERE (variant_id, location_id) = ($1, $2)", *key)

    async def row(self, query: str, *values: object) -> asyncpg.Record:
        connection = await asyncpg.connect(self.database.url)
        try:
            found = await connection.fetchrow(query, *values)
        finally:
            await connection.close()
        assert found is not None
        return found

    async def open_count_tasks(self) -> int:
        return int((await self.row("SELECT count(*) FROM count_tasks WHERE closed_at IS NULL"))[0])

    async def assert_sound(self) -> None:
        """No stock promise is broken, and every level's movements are numbered from 1 without gap."""
        async with self.database.read() as session:
            assert await check_stock(session) == []
        gaps = await self.row(
            """
            SELECT count(*) FROM (SELECT level_version - lag(level_version, 1, 0::bigint) OVER (
                PARTITION BY variant_id, location_id ORDER BY level_version) AS step FROM stock_movements) AS steps
            WHERE step <> 1
            """
        )
        assert gaps[0] == 0


async def make_stage(database: Database, *, locations: int = 2, variants: int = 1) -> Stage:
    async with database.write() as session:
        places = [await make_location(session, f"place-{number}") for number in range(locations)]
        channel = await make_channel(session, locations=places)
        goods = [await make_variant(session, f"SKU-{number}") for number in range(variants)]
    return Stage(database, channel, tuple(places), tuple(goods))
