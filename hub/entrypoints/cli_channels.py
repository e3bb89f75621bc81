"""`hub channel …`: connect a channel, prove that it answers, say which place is which."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from adapters.sdk.types import ChannelHealth, ChannelKind
from hub.channel_sync import CATALOG_WORK, CHANNEL_QUEUE, mark_all_dirty
from hub.channels import (
    DIRECT,
    Channel,
    CreateChannel,
    WeightUnit,
    channel_by_code,
    check_channel,
    create_channel,
    list_channels,
    map_location,
)
from hub.infra import work
from hub.infra.database import Database
from hub.infra.sealing import Sealer, load_sealer
from hub.infra.settings import Settings
from hub.kernel.clock import parse_instant
from hub.kernel.errors import HubError
from hub.kernel.principal import SYSTEM

Result = TypeVar("Result")
DatabaseFactory = Callable[[], AbstractAsyncContextManager[Database]]
SealerFactory = Callable[[], Sealer]

EXIT_REFUSED: Final = 1

channel_app = typer.Typer(name="channel", help="Connected systems: shops, marketplaces, tills.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Code = Annotated[str, typer.Argument(help="The channel's code, from `hub channel list`.")]


def _own_sealer() -> Sealer:
    return load_sealer(Settings())


class _Hook:
    """Where the main command line puts the ways to the database and the secret key before it runs."""

    open_database: DatabaseFactory | None = None
    make_sealer: SealerFactory = staticmethod(_own_sealer)


def use_database(factory: DatabaseFactory, make_sealer: SealerFactory = _own_sealer) -> None:
    """Say how to reach the database, and what seals settings."""
    _Hook.open_database = factory
    _Hook.make_sealer = staticmethod(make_sealer)


@channel_app.command("add")
def channel_add(
    code: Annotated[str, typer.Argument(help="1 to 63 of a-z, 0-9 and '-'; part of the webhook URL.")],
    *,
    kind: Annotated[ChannelKind, typer.Option(help="What it is to the retailer.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code of its prices.")],
    system: Annotated[str, typer.Option(help="Installed adapter; direct: it uses the hub's API itself.")] = DIRECT,
    name: Annotated[str | None, typer.Option(help="As people call it; default: the code.")] = None,
    settings_file: Annotated[
        Path | None, typer.Option(help="JSON object with the adapter's settings; '-' reads standard input.")
    ] = None,
    go_live_at: Annotated[str | None, typer.Option(help="RFC 3339; earlier orders are history. Default: now.")] = None,
    prices_include_tax: Annotated[bool, typer.Option(help="Whether its prices are gross.")] = True,
    weight_unit: Annotated[WeightUnit, typer.Option(help="Of its product files.")] = WeightUnit.KILOGRAM,
    stock_buffer: Annotated[int, typer.Option(min=0, help="Units per variant to keep back.")] = 0,
    publish_stock: Annotated[bool, typer.Option(help="Whether the hub writes its stock.")] = True,
    as_json: Json = False,
) -> None:
    """Connect a channel. Its settings are checked by the adapter and stored encrypted."""
    command = CreateChannel(
        code=code,
        name=name or code,
        kind=kind,
        currency=currency,
        prices_include_tax=prices_include_tax,
        system=system,
        settings=_settings(settings_file),
        go_live_at=_instant(go_live_at),
        weight_unit=weight_unit,
        stock_buffer=stock_buffer,
        publishes_stock=publish_stock,
    )

    async def add(database: Database) -> UUID:
        async with database.write() as session:
            channel_id = await create_channel(session, command, principal=SYSTEM, sealer=_Hook.make_sealer())
            if system != DIRECT:
                await work.enqueue(session, CATALOG_WORK, str(channel_id), queue=CHANNEL_QUEUE)
            return channel_id

    channel_id = _run(add)
    _tell({"id": channel_id, "code": code}, f"added {code} ({channel_id}); webhooks: /webhooks/{code}", as_json=as_json)


@channel_app.command("list")
def channel_list(*, as_json: Json = False) -> None:
    """List channels, never with their settings."""

    async def read(database: Database) -> list[Channel]:
        async with database.read() as session:
            return list(await list_channels(session))

    channels = _run(read)
    if as_json:
        print(json.dumps([_shown(channel) for channel in channels], default=str))
    else:
        Console().print(_table(channels))


@channel_app.command("test")
def channel_test(code: Code, *, as_json: Json = False) -> None:
    """Ask the channel who we are. Exit code 1 when it does not answer or something is not as set up."""

    async def check(database: Database) -> ChannelHealth:
        async with database.read() as session:
            channel = await channel_by_code(session, code)
        return await check_channel(channel, _Hook.make_sealer())

    health = _run(check)
    fields = {"ok": health.ok, "detail": health.detail, "account": health.external_account}
    _tell(fields, f"{'ok' if health.ok else 'NOT OK'}: {health.detail}", as_json=as_json)
    if not health.ok:
        raise typer.Exit(EXIT_REFUSED)


@channel_app.command("map-location")
def channel_map_location(
    code: Code,
    location: Annotated[str, typer.Argument(help="The location's code.")],
    *,
    external_id: Annotated[
        str | None, typer.Option(help="The channel's own name for it, if it counts per place.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a location into the channel's pool; its stock is then published."""

    async def put(database: Database) -> UUID:
        async with database.write() as session:
            channel = await channel_by_code(session, code)
            location_id = await map_location(session, channel, location, external_id, principal=SYSTEM)
            await mark_all_dirty(session, channel.id)
            return location_id

    location_id = _run(put)
    _tell({"channel": code, "locationId": location_id}, f"{location} now sells for {code}", as_json=as_json)


def _run(job: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run one piece of work on the database; a refusal is told on stderr and exits with 1."""
    try:
        return asyncio.run(_with_database(job))
    except HubError as error:
        where = f" ({'.'.join(error.path)})" if error.path else ""
        print(f"{error.code}{where}: {error.message}", file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED) from error


async def _with_database(job: Callable[[Database], Awaitable[Result]]) -> Result:
    if _Hook.open_database is None:
        raise RuntimeError("call use_database() before running these commands")
    async with _Hook.open_database() as database:
        return await job(database)


def _settings(file: Path | None) -> dict[str, Any] | None:
    """Settings hold secrets: they come from a file or a pipe, never from an argument that others can see."""
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        settings = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        problem = f"cannot be read as JSON ({type(error).__name__})"
        raise typer.BadParameter(problem, param_hint="--settings-file") from None
    if not isinstance(settings, dict):
        raise typer.BadParameter("must hold one JSON object", param_hint="--settings-file")
    return settings


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--go-live-at") from None


def _tell(fields: dict[str, object], line: str, *, as_json: bool) -> None:
    print(json.dumps(fields, default=str) if as_json else line)


def _shown(channel: Channel) -> dict[str, object]:
    return {
        "id": channel.id,
        "code": channel.code,
        "name": channel.name,
        "kind": channel.kind,
        "system": channel.system,
        "currency": channel.currency,
        "goLiveAt": channel.go_live_at.isoformat(),
        "publishesStock": channel.publishes_stock,
        "active": channel.active,
    }


def _table(channels: list[Channel]) -> Table:
    table = Table("code", "name", "kind", "system", "currency", "go live", "publishes", "active", title="Channels")
    for channel in channels:
        live = channel.go_live_at.isoformat(timespec="minutes")
        publishes, active = ("yes" if flag else "no" for flag in (channel.publishes_stock, channel.active))
        table.add_row(
            channel.code, channel.name, channel.kind, channel.system, channel.currency, live, publishes, active
        )
    return table
