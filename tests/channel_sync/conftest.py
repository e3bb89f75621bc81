from collections.abc import AsyncIterator

import pytest

from adapters.sdk import transport
from hub.infra.database import Database
from tests.channel_sync.stage import Stage, make_stage


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    """A shop on the in-memory system with two locations and one variant."""
    async with make_stage(database) as made:
        yield made


@pytest.fixture(autouse=True)
def _without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries inside one request need not wait here."""
    monkeypatch.setattr(transport, "BACKOFF_SECONDS", 0.0)
