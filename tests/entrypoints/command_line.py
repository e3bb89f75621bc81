"""Typing commands of the hub into a terminal, in front of a test's database."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import typer
from typer.testing import CliRunner, Result

from hub.infra.database import Database


class CommandLine:
    """`groups` are the command groups that it offers."""

    def __init__(self, *groups: typer.Typer) -> None:
        self._app = typer.Typer()
        for group in groups:
            self._app.add_typer(group)

    def __call__(self, *words: str, typed: str = "") -> Result:
        return CliRunner().invoke(self._app, list(words), input=typed)

    def json(self, *words: str, typed: str = "") -> Any:
        done = self(*words, "--json", typed=typed)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


def one_connection(url: str) -> Callable[[], AbstractAsyncContextManager[Database]]:
    """How a command opens the database: each time anew, with a pool of one."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Database]:
        database = Database(url, pool_size=1)
        try:
            yield database
        finally:
            await database.close()

    return opened
