"""A channel to import for, and short ways to write files and look at tables."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.kernel.ids import new_id


@dataclass
class ChannelFacts:
    id: UUID
    code: str
    currency: str = "EUR"
    prices_include_tax: bool = True
    weight_unit: str = "kg"


MakeChannel = Callable[..., Awaitable[ChannelFacts]]


@pytest.fixture
def make_channel(database: Database) -> MakeChannel:
    async def make(code: str = "shop", currency: str = "EUR") -> ChannelFacts:
        facts = ChannelFacts(new_id(), code, currency)
        async with database.write() as session:
            await session.execute(
                text(
                    "INSERT INTO channels (id, code, name, kind, system, currency, prices_include_tax, go_live_at)"
                    " VALUES (:id, :code, :code, 'STOREFRONT', 'memory', :currency, true, clock_timestamp())"
                ),
                {"id": facts.id, "code": code, "currency": currency},
            )
        return facts

    return make


@pytest.fixture
async def channel(make_channel: MakeChannel) -> ChannelFacts:
    return await make_channel()


@pytest.fixture
def rows(database: Database) -> Callable[..., Awaitable[list[dict[str, Any]]]]:
    """Run a query and return its rows as dictionaries."""

    async def run(statement: str, **values: object) -> list[dict[str, Any]]:
        async with database.read() as session:
            return [dict(row) for row in (await session.execute(text(statement), values)).mappings()]

    return run
