"""Bringing a database to the newest schema, and saying which one it has."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.infra.database import async_url
from hub.infra.outages import outages_told
from hub.kernel.errors import UnavailableError

MIGRATION_LOCK = 0x6875_625F_6D69


class SchemaOutdatedError(UnavailableError):
    code = "SCHEMA_OUTDATED"


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


async def upgrade(url: str, revision: str = "head") -> None:
    """Run the missing migrations, one process at a time (advisory lock); harmless when there are none."""
    await _on_connection(url, lambda connection: _upgrade(connection, revision))


async def downgrade(url: str, revision: str) -> None:
    await _on_connection(url, lambda connection: command.downgrade(alembic_config(connection), revision))


async def current_revision(url: str) -> str | None:
    found: list[str | None] = []
    await _on_connection(
        url, lambda connection: found.append(MigrationContext.configure(connection).get_current_revision())
    )
    return found[0]


async def require_newest(url: str) -> None:
    """Raises SchemaOutdatedError unless the database is at the newest revision."""
    current, newest = await current_revision(url), newest_revision()
    if current != newest:
        raise SchemaOutdatedError(
            f"the database schema is at {current or 'nothing'}, this hub needs {newest}; run `hub migrate`"
        )


def _upgrade(connection: Connection, revision: str) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    try:
        command.upgrade(alembic_config(connection), revision)
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


async def _on_connection(url: str, work: Any) -> None:
    engine = create_async_engine(async_url(url))
    try:
        with outages_told():
            async with engine.connect() as connection:
                await connection.run_sync(work)
                await connection.commit()
    finally:
        await engine.dispose()
