from collections.abc import AsyncIterator

import pytest

from adapters.square import SquareConnection
from tests.adapters.square.running import RunningSquare, connect, running, settings_for


@pytest.fixture
async def square() -> AsyncIterator[RunningSquare]:
    async with running() as account:
        yield account


@pytest.fixture
async def connection(square: RunningSquare) -> AsyncIterator[SquareConnection]:
    opened = connect(settings_for(square.url))
    yield opened
    await opened.close()
