"""Real servers for every test: one embedded Postgres and Valkey a run, one migrated database a test."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from hub.infra.schema import upgrade
from tests.databases import fresh_database

SPECS = Path(__file__).resolve().parents[2] / "shared" / "specs"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SPECS.is_dir():
        return
    for item in items:
        if item.get_closest_marker("specs"):
            item.add_marker(pytest.mark.skip(reason=f"needs the official specifications in {SPECS}"))


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder with official specifications; tests that use it carry the mark `specs`."""
    return SPECS


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """The folder with real export files, beside the specifications; mark such tests `specs` too."""
    return DATA


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hub-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A running Postgres with a migrated template database. Test databases need no fsync."""
    server = EmbeddedPostgres(server_directory, durable=False, settings=("shared_buffers=128MB",))
    server.start()
    asyncio.run(_make_template(server))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(server_directory: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(server_directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """A fresh, migrated, empty database of this test's own."""
    async with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=10)
    yield opened
    await opened.close()


@pytest.fixture
async def redis_url(valkey: EmbeddedValkey) -> str:
    """An emptied Valkey."""
    import redis.asyncio

    client = redis.asyncio.from_url(valkey.url())
    await client.flushall()
    await client.aclose()
    return valkey.url()


async def _make_template(server: EmbeddedPostgres) -> None:
    admin = await asyncpg.connect(server.url("postgres"))
    await admin.execute("CREATE DATABASE hub_template")
    await admin.close()
    await upgrade(server.url("hub_template"))
