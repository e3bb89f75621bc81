"""`hub channel`: what a person at the command line sees, and what scripts read."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer

from adapters.sdk.memory import MemoryChannel
from hub.entrypoints import cli_channels
from hub.infra.database import Database
from hub.infra.sealing import Sealer, SecretKey
from tests.entrypoints.command_line import CommandLine, one_connection
from tests.factories import make_location

ADD = ("channel", "add", "shop", "--kind", "STOREFRONT", "--currency", "EUR", "--system", "memory")


class ChannelCommands(CommandLine):
    def __init__(self, url: str) -> None:
        super().__init__(cli_channels.channel_app, typer.Typer(name="other"))
        self.url = url

    def query(self, statement: str) -> Any:
        async def fetch() -> Any:
            connection = await asyncpg.connect(self.url)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(fetch())


@pytest.fixture
def run(database_url: str) -> Iterator[ChannelCommands]:
    hooked = cli_channels._Hook.open_database
    cli_channels.use_database(one_connection(database_url), lambda: Sealer(SecretKey(b"6" * 32)))
    yield ChannelCommands(database_url)
    cli_channels._Hook.open_database = hooked
    cli_channels._Hook.make_sealer = staticmethod(cli_channels._own_sealer)


def test_a_channel_is_added_listed_and_tested(run: ChannelCommands, tmp_path: Path) -> None:
    MemoryChannel.named("cli").token = "canary-token"
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"channel": "cli", "token": "canary-token"}))
    added = run.json(*ADD, "--settings-file", str(file))
    [listed] = run.json("channel", "list")
    assert (listed["id"], listed["code"], listed["system"]) == (added["id"], "shop", "memory")
    shown = run("channel", "list")
    assert "canary" not in shown.stdout
    assert run.json("channel", "test", "shop")["ok"] is True
    assert run.query("SELECT count(*) FROM work_items WHERE kind = 'catalog.pull'") == 1


def test_settings_may_come_from_a_pipe_and_refusals_exit_with_one(run: ChannelCommands) -> None:
    run.json(*ADD, "--settings-file", "-", typed='{"channel": "piped", "token": "wrong"}')
    refused = run("channel", "test", "shop")
    assert refused.exit_code == 1
    assert "CHANNEL_CREDENTIALS_REFUSED" in refused.stderr
    again = run(*ADD, "--settings-file", "-", typed="{}")
    assert (again.exit_code, "CHANNEL_CODE_TAKEN" in again.stderr) == (1, True)


@pytest.mark.parametrize("typed", ["not json", "[]", "[" * 100_000])
def test_a_settings_file_that_is_no_object_is_a_usage_error(run: ChannelCommands, typed: str) -> None:
    assert run(*ADD, "--settings-file", "-", typed=typed).exit_code == 2
    assert run.query("SELECT count(*) FROM channels") == 0


def test_mapping_a_location_publishes_its_stock(run: ChannelCommands) -> None:
    run.json(*ADD, "--settings-file", "-", typed="{}")

    async def add_location() -> None:
        database = Database(run.url, pool_size=1)
        async with database.write() as session:
            await make_location(session, "berlin")
        await database.close()

    asyncio.run(add_location())
    run.json("channel", "map-location", "shop", "berlin", "--external-id", "L1")
    assert run.query("SELECT external_location_id FROM channel_locations") == "L1"
    assert run.query("SELECT count(*) FROM work_items WHERE kind = 'stock.publish'") == 1
    missing = run("channel", "map-location", "shop", "atlantis")
    assert (missing.exit_code, "LOCATION_NOT_FOUND" in missing.stderr) == (1, True)
