"""`hub work`: what was set aside is shown, and runs again when a person says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import typer
from sqlalchemy import text
from typer.testing import CliRunner, Result

from hub.entrypoints import cli_work
from hub.infra import work
from hub.infra.database import Database
from hub.infra.work import WorkNotFoundError
from hub.kernel.ids import new_id


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Database]:
        database = Database(database_url, pool_size=1)
        try:
            yield database
        finally:
            await database.close()

    before, cli_work._Hook.open_database = cli_work._Hook.open_database, opened
    yield database_url
    cli_work._Hook.open_database = before


def run(*words: str) -> Result:
    app = typer.Typer()
    app.add_typer(cli_work.work_app)
    app.add_typer(typer.Typer(name="other"))
    return CliRunner().invoke(app, ["work", *words])


def set_aside(url: str) -> None:
    async def write() -> None:
        database = Database(url, pool_size=1)
        async with database.write() as session:
            await work.enqueue_many(session, "stock.publish", ("shop", "till"))
            await session.execute(text("UPDATE work_items SET state = 'QUARANTINED', last_error = 'it died'"))
        await database.close()

    asyncio.run(write())


def test_what_is_set_aside_is_listed_and_queued_again(url: str) -> None:
    assert "nothing is set aside" in run("list").stdout
    set_aside(url)
    assert "it died" in run("list").stdout
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["kind"], row["subject"], row["last_error"]) for row in rows] == [
        ("stock.publish", "shop", "it died"),
        ("stock.publish", "till", "it died"),
    ]
    assert json.loads(run("list", "--json", "--after", rows[0]["id"]).stdout) == rows[1:]
    assert run("requeue", *(row["id"] for row in rows)).exit_code == 0
    assert json.loads(run("list", "--json").stdout) == []


def test_with_one_wrong_id_nothing_is_queued_again(url: str) -> None:
    set_aside(url)
    rows = json.loads(run("list", "--json").stdout)
    refused = run("requeue", rows[0]["id"], str(new_id()))
    assert isinstance(refused.exception, WorkNotFoundError)
    assert json.loads(run("list", "--json").stdout) == rows
