"""The stage that counter tests play on."""

import pytest

from hub.infra.database import Database
from tests.pos.counter import Counter, make_counter


@pytest.fixture
async def counter(database: Database) -> Counter:
    return await make_counter(database)
