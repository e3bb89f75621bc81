"""A shop, a till and a store to bind credentials to, and a way to move the deciding clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher, Type

from hub.access import PasswordVault
from hub.channels import Channel, Terminal
from hub.infra.database import Database
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.locations import Location


@dataclass(frozen=True)
class Shop:
    channel_id: UUID
    terminal_id: UUID
    location_id: UUID
    other_location_id: UUID


@pytest.fixture
async def shop(database: Database) -> Shop:
    channel, here, there = uuid4(), uuid4(), uuid4()
    till = Terminal(code="till-1", channel_id=channel, location_id=here)
    async with database.write() as session:
        session.add(
            Channel(
                id=channel,
                code="pos-eu",
                name="Tills",
                kind="POS",
                system="memory",
                currency="EUR",
                prices_include_tax=True,
                go_live_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
        for place, code in ((here, "berlin"), (there, "hamburg")):
            session.add(Location(id=place, code=code, name=code, kind="STORE", time_zone="Europe/Berlin"))
        await session.flush()
        session.add(till)
    return Shop(channel, till.id, here, there)


@pytest.fixture
def admin() -> Principal:
    return Principal(
        id=uuid4(), kind=PrincipalKind.STAFF, name="admin", scopes=frozenset(Scope), request_id="request-1"
    )


@pytest.fixture
def vault() -> PasswordVault:
    """Argon2id at its smallest: the tests are about what is hashed, not how slowly."""
    return PasswordVault(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID))


@pytest.fixture
def later(database: Database, database_url: str) -> Callable[[int], Awaitable[None]]:
    """Move `hub_now()` of this test's database to so many seconds from now."""

    async def move(seconds: int) -> None:
        connection = await asyncpg.connect(database_url)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{seconds} seconds'")
        await connection.close()
        await database.engine.dispose()

    return move


class Ticker:
    """A monotonic clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()
