"""Databases of a test's own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from hub.infra.embedded import EmbeddedPostgres


@asynccontextmanager
async def fresh_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The URL of a migrated, empty database that is gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE hub_template STRATEGY file_copy")
    yield postgres.url(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
