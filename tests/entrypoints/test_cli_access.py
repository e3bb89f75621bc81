"""`hub user` and `hub key`: what a person at the command line sees, and what scripts read."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from hub.entrypoints import cli_access
from tests.entrypoints.command_line import CommandLine, one_connection

PASSWORD = "correct horse battery"


@pytest.fixture
def run(database_url: str) -> Iterator[CommandLine]:
    cli_access.use_database(one_connection(database_url))
    yield CommandLine(cli_access.user_app, cli_access.key_app)
    cli_access._Hook.open_database = None


def test_a_key_is_shown_once_listed_rotated_and_revoked(run: CommandLine) -> None:
    made = run.json("key", "create", "shop front", "--scope", "catalog:read", "--scope", "stock:read")
    assert made["token"].startswith(f"hub_{made['prefix']}_")
    [listed] = run.json("key", "list")
    assert (listed["name"], listed["state"], listed["scopes"]) == (
        "shop front",
        "ACTIVE",
        ["catalog:read", "stock:read"],
    )
    assert run.json("key", "rotate", made["id"], "--overlap-seconds", "0")["token"] != made["token"]
    assert run.json("key", "revoke", made["id"])["state"] == "REVOKED"
    table = run("key", "list")
    assert "REVOKED" in table.stdout
    assert made["token"][17:] not in table.stdout


def test_only_the_key_itself_is_on_stdout(run: CommandLine) -> None:
    done = run("key", "create", "shop front", "--scope", "catalog:read")
    assert done.stdout.strip().startswith("hub_")
    assert len(done.stdout.splitlines()) == 1
    assert "not shown again" in done.stderr


def test_a_refusal_names_code_field_and_remedy_and_exits_with_1(run: CommandLine) -> None:
    for words, code in (
        (("key", "create", "x", "--scope", "stock:red"), "UNKNOWN_SCOPE (scopes)"),
        (("key", "create", "x", "--terminal", str(uuid4())), "TERMINAL_NOT_FOUND (terminalId)"),
        (("key", "revoke", str(uuid4())), "KEY_NOT_FOUND (id)"),
        (("user", "create", "ada@example.com", "--role", "admin"), "USERNAME_INVALID (username)"),
        (("user", "create", "ada", "--role", "king"), "UNKNOWN_ROLE (role)"),
    ):
        done = run(*words, typed=f"{PASSWORD}\n")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(code)
        assert PASSWORD not in done.output


def test_a_misspelt_command_exits_with_2(run: CommandLine) -> None:
    assert run("key", "create", "x").exit_code == 2
    assert run("key", "revoke", "not-an-id").exit_code == 2
    assert run("user", "create", "ada", "--role", "associate@berlin", typed=PASSWORD).exit_code == 2


async def _stored(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT username, password_hash, role FROM staff_users JOIN staff_roles ON true")
    await connection.close()
    return list(rows)


def test_a_users_password_is_read_and_never_an_argument(run: CommandLine, database_url: str) -> None:
    made = run.json("user", "create", "ada", "--role", "admin", typed=f"{PASSWORD}\n")
    assert made["username"] == "ada"
    [row] = asyncio.run(_stored(database_url))
    assert (row["username"], row["role"]) == ("ada", "ADMIN")
    assert row["password_hash"].startswith("$argon2id$")
