"""A shop whose ledger is checked after every test that used it."""

from collections.abc import AsyncIterator

import pytest

from hub.infra.database import Database
from tests.loyalty.shop import Shop, open_shop


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    opened = await open_shop(database)
    yield opened
    assert await opened.violations() == []
