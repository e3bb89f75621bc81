"""The stage that order tests play on."""

import pytest

from hub.infra.database import Database
from tests.orders.stage import World, make_world


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)
