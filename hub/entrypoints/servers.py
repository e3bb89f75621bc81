"""Where Postgres and Redis are: named by URL, or embedded under the data directory."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from hub.infra.schema import require_newest
from hub.infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Servers:
    """Connection URLs. They may hold passwords: print `describe()` instead."""

    database_url: str
    redis_url: str

    def describe(self) -> dict[str, str]:
        return {"database": _without_password(self.database_url), "redis": _without_password(self.redis_url)}


def named_servers(settings: Settings) -> Servers | None:
    """The servers that the settings name, or None when one of them is to be embedded."""
    if settings.database_url is None or settings.redis_url is None:
        return None
    return Servers(settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())


@contextmanager
def postgres_url(settings: Settings) -> Iterator[str]:
    """The database's URL, for one command. An embedded server that was not running runs for that long."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    server = EmbeddedPostgres(settings.data_dir)
    borrowed = server.is_running()
    server.start()
    try:
        yield server.url()
    finally:
        if not borrowed:
            server.stop()


@contextmanager
def all_servers(settings: Settings) -> Iterator[Servers]:
    """Both servers, for one command, like `postgres_url`."""
    with postgres_url(settings) as database_url:
        if settings.redis_url is not None:
            yield Servers(database_url, settings.redis_url.get_secret_value())
            return
        valkey = EmbeddedValkey(settings.data_dir)
        borrowed = valkey.is_running()
        valkey.start()
        try:
            yield Servers(database_url, valkey.url())
        finally:
            if not borrowed:
                valkey.stop()


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """The migrated database, for one command. Raises SchemaOutdatedError when `hub migrate` has to run first."""
    with postgres_url(settings) as url:
        await require_newest(url)
        database = Database(url, pool_size=4, statement_timeout_seconds=600, application_name="hub command")
        try:
            await database.check_version()
            yield database
        finally:
            await database.close()


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":********@")
