"""`hub user …` and `hub key …`: credentials from the command line, by whoever may run the hub."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from datetime import datetime
from getpass import getpass
from typing import Annotated, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from hub.access import (
    TERMINAL_SCOPES,
    CreateKey,
    CreateUser,
    IssuedKey,
    KeySummary,
    PasswordVault,
    RoleGrant,
    create_key,
    create_user,
    list_keys,
    parse_role,
    parse_scopes,
    revoke_key,
    rotate_key,
)
from hub.infra.database import Database
from hub.kernel.errors import HubError
from hub.kernel.principal import SYSTEM, Scope

Result = TypeVar("Result")
DatabaseFactory = Callable[[], AbstractAsyncContextManager[Database]]

EXIT_REFUSED: Final = 1
SECONDS_PER_DAY: Final = 86_400

user_app = typer.Typer(name="user", help="Accounts of people who work here.", no_args_is_help=True)
key_app = typer.Typer(name="key", help="API keys of machines: channels, terminals, partners.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class _Hook:
    """Where the main command line puts the way to the database before it runs."""

    open_database: DatabaseFactory | None = None


def use_database(factory: DatabaseFactory) -> None:
    """Say how to reach the database: an async context manager that opens it and closes it."""
    _Hook.open_database = factory


@user_app.command("create")
def user_create(
    username: Annotated[str, typer.Argument(help="2 to 63 of a-z, 0-9, '.', '_', '-'; not an e-mail address.")],
    *,
    role: Annotated[
        list[str], typer.Option(help="ROLE, or ROLE@LOCATION-ID: associate, store_manager, operations, admin.")
    ],
    as_json: Json = False,
) -> None:
    """Create an account. The password is asked for, or read from standard input when that is not a terminal."""

    async def work(database: Database) -> UUID:
        command = CreateUser(username, _password(), tuple(_grant(text) for text in role))
        async with database.write() as session:
            return await create_user(session, command, principal=SYSTEM, vault=PasswordVault())

    user_id = _run(work)
    _tell({"id": user_id, "username": username}, f"created the user {username} ({user_id})", as_json=as_json)


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="What the key is for, as lists will show it.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="May be given more than once; a terminal has a sensible default.")
    ] = None,
    channel: Annotated[UUID | None, typer.Option(help="Bind to this channel's id.")] = None,
    terminal: Annotated[UUID | None, typer.Option(help="Bind to this terminal, its channel and location.")] = None,
    location: Annotated[list[UUID] | None, typer.Option(help="Bind to these locations' ids.")] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, max=3_650, help="Default: no end.")] = None,
    trusted_documents_only: Annotated[bool, typer.Option(help="Accept published GraphQL documents only.")] = False,
    as_json: Json = False,
) -> None:
    """Create an API key and print it: this is the only time it is shown."""

    async def work(database: Database) -> IssuedKey:
        command = CreateKey(
            name,
            parse_scopes(scope) if scope else _default_scopes(terminal),
            channel_id=channel,
            terminal_id=terminal,
            location_ids=frozenset(location) if location else None,
            trusted_documents_only=trusted_documents_only,
            expires_in_seconds=expires_days * SECONDS_PER_DAY if expires_days else None,
        )
        async with database.write() as session:
            return await create_key(session, command, principal=SYSTEM)

    _tell_key(_run(work), as_json=as_json)


@key_app.command("list")
def key_list(
    *,
    after: Annotated[UUID | None, typer.Option(help="Continue after this id; a page has 100 keys.")] = None,
    as_json: Json = False,
) -> None:
    """List keys in order of creation, never with a secret."""

    async def work(database: Database) -> list[KeySummary]:
        async with database.read() as session:
            return await list_keys(session, principal=SYSTEM, after=after)

    keys = _run(work)
    if as_json:
        print(json.dumps([asdict(key) for key in keys], default=_plain))
    else:
        Console().print(_table(keys))


@key_app.command("rotate")
def key_rotate(
    key_id: Annotated[UUID, typer.Argument(help="The key's id, from `hub key list`.")],
    *,
    overlap_seconds: Annotated[int, typer.Option(help="How long the old secret still works; 0: not at all.")] = 3_600,
    as_json: Json = False,
) -> None:
    """Give a key a new secret and print it."""

    async def work(database: Database) -> IssuedKey:
        async with database.write() as session:
            return await rotate_key(session, key_id, principal=SYSTEM, overlap_seconds=overlap_seconds)

    _tell_key(_run(work), as_json=as_json)


@key_app.command("revoke")
def key_revoke(
    key_id: Annotated[UUID, typer.Argument(help="The key's id, from `hub key list`.")],
    *,
    as_json: Json = False,
) -> None:
    """End a key for good, everywhere within five seconds. Repeating it is harmless."""

    async def work(database: Database) -> None:
        async with database.write() as session:
            await revoke_key(session, key_id, principal=SYSTEM)

    _run(work)
    _tell({"id": key_id, "state": "REVOKED"}, f"revoked {key_id}", as_json=as_json)


def _run(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run one piece of work on the database; a refusal is told on stderr and exits with 1."""
    try:
        return asyncio.run(_with_database(work))
    except HubError as error:
        where = f" ({'.'.join(error.path)})" if error.path else ""
        print(f"{error.code}{where}: {error.message}", file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED) from error


async def _with_database(work: Callable[[Database], Awaitable[Result]]) -> Result:
    if _Hook.open_database is None:
        raise RuntimeError("call use_database() before running these commands")
    async with _Hook.open_database() as database:
        return await work(database)


def _password() -> str:
    """Typed twice unseen at a terminal; else the first line of standard input. Never an argument: those are seen."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise typer.BadParameter("the two passwords differ")
    return password


def _default_scopes(terminal: UUID | None) -> frozenset[Scope]:
    if terminal is None:
        raise typer.BadParameter("name at least one --scope", param_hint="--scope")
    return TERMINAL_SCOPES


def _grant(text: str) -> RoleGrant:
    role, _, location = text.partition("@")
    try:
        return RoleGrant(parse_role(role), UUID(location) if location else None)
    except ValueError:
        raise typer.BadParameter(f"{location!r} is not a location's id", param_hint="--role") from None


def _tell_key(key: IssuedKey, *, as_json: bool) -> None:
    fields = {"id": key.id, "principalId": key.principal_id, "prefix": key.prefix, "token": key.token}
    if not as_json:
        print("keep this key; it is not shown again", file=sys.stderr)
    _tell(fields, key.token, as_json=as_json)


def _tell(fields: dict[str, object], line: str, *, as_json: bool) -> None:
    print(json.dumps(fields, default=_plain) if as_json else line)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(keys: list[KeySummary]) -> Table:
    table = Table("id", "name", "prefix", "state", "scopes", "last used", title="API keys")
    for key in keys:
        used = key.last_used_at.isoformat(timespec="minutes") if key.last_used_at is not None else "never"
        table.add_row(str(key.id), key.name, key.prefix, key.state, " ".join(key.scopes), used)
    return table
