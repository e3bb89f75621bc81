"""The command line: `hub …`. Exit codes: 0 done, 1 refused or a promise is broken, 2 wrong usage, 130 interrupted."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from hub.entrypoints import cli_access, cli_channels, cli_import, cli_stock, cli_work
from hub.entrypoints.checking import CheckedPart, run_checks
from hub.infra.checks import Violation
from hub.infra.database import Database
from hub.infra.settings import Settings
from hub.inventory import Repair, repair_stock
from hub.kernel.errors import HubError

EXIT_REFUSED = 1

app = typer.Typer(
    name="hub",
    help="The unified commerce hub: one place that is right about catalog, stock, orders, customers and points.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_access.user_app)
app.add_typer(cli_access.key_app)
app.add_typer(cli_channels.channel_app)
app.add_typer(cli_import.import_app)
app.add_typer(cli_stock.stock_app)
app.add_typer(cli_work.work_app)

errors = Console(stderr=True)
output = Console()

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def load_settings() -> Settings:
    """The settings, or exit 2 naming each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "HUB_" + "_".join(str(part) for part in item["loc"]).upper()
            errors.print(f"[red]{name}[/red]: {item['msg']}")
        raise typer.Exit(2) from None


def open_database() -> AbstractAsyncContextManager[Database]:
    from hub.entrypoints.servers import opened_database

    return opened_database(load_settings())


cli_access.use_database(open_database)
cli_channels.use_database(open_database)
cli_import.use_database(open_database)
cli_stock.use_database(open_database)
cli_work.use_database(open_database)


@app.command()
def up(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Load demo data and run simulated shops and tills.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", min=1, help="Stop after so many seconds (with --demo: summary, checks).")
    ] = None,
) -> None:
    """Start embedded servers, migrate, serve, work and schedule; Ctrl-C stops all of it."""
    from hub.entrypoints.up import run_up

    settings = load_settings()
    raise typer.Exit(run_up(settings, demo=demo, seconds=seconds))


@app.command()
def serve() -> None:
    """Serve GraphQL, webhooks and the console on HUB_HOST:HUB_PORT."""
    _run_process("serve")


@app.command()
def worker() -> None:
    """Run background work. Start as many as you like."""
    _run_process("worker")


@app.command()
def scheduler() -> None:
    """Run the relay, consumers and periodic jobs. Of several, one leads."""
    _run_process("scheduler")


def _run_process(name: str) -> None:
    from hub.entrypoints.child import main as run

    load_settings()
    run(name)


@app.command()
def down() -> None:
    """Stop embedded servers that a killed `hub up` left running on HUB_DATA_DIR. Their data stays."""
    from hub.entrypoints.supervisor import stop_leftovers

    for name in stop_leftovers(load_settings()):
        output.print(f"stopped {name}")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from hub.entrypoints.servers import postgres_url
    from hub.infra.schema import current_revision, upgrade

    settings = load_settings()
    with postgres_url(settings) as url:
        before = asyncio.run(current_revision(url))
        asyncio.run(upgrade(url))
        after = asyncio.run(current_revision(url))
    output.print(f"schema: {before or 'nothing'} → {after}")


@app.command()
def config(*, as_json: Json = False) -> None:
    """Print the settings that would be used; secrets are shown only as set or unset."""
    values = load_settings().redacted()
    if as_json:
        sys.stdout.write(json.dumps(values, default=str, indent=2) + "\n")
        return
    table = Table("variable", "value")
    for name, value in values.items():
        table.add_row(f"HUB_{name.upper()}", "unset" if value is None else str(value))
    output.print(table)


@app.command()
def check(
    part: Annotated[CheckedPart | None, typer.Argument(help="Only this part; all of them by default.")] = None,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be decided (stock only).")] = False,
    trust_level: Annotated[
        bool, typer.Option("--trust-level", help="With --repair: levels decide, their ledgers start anew.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the stored data with the hub's promises; exit 1 and name every broken one."""
    if (repair and part is not CheckedPart.STOCK) or (trust_level and not repair):
        raise typer.BadParameter("--repair is for `hub check stock`, and --trust-level goes with it")
    repairs, found = asyncio.run(_checked(part, repair=repair, trust_level=trust_level))
    if repairs is not None:
        cli_stock.print_repairs(repairs, as_json=as_json)
    if as_json:
        if repairs is None:
            sys.stdout.write(json.dumps([_plain(item) for item in found]) + "\n")
    elif found:
        table = Table("promise", "where", "what")
        for item in found:
            table.add_row(item.invariant, item.entity, item.message)
        errors.print(table)
    else:
        output.print("every promise holds")
    if found:
        raise typer.Exit(EXIT_REFUSED)


async def _checked(
    part: CheckedPart | None, *, repair: bool, trust_level: bool
) -> tuple[Sequence[Repair] | None, Sequence[Violation]]:
    """The repairs, when asked for, and what is broken after them."""
    async with open_database() as database:
        repairs = await repair_stock(database, trust_level=trust_level) if repair else None
        return repairs, await run_checks(database, part)


@app.command()
def schema(
    *,
    write: Annotated[bool, typer.Option("--write", help="Write graphql/schema.graphql.")] = False,
    compare: Annotated[bool, typer.Option("--check", help="Exit 1 when that file is not up to date.")] = False,
) -> None:
    """Print the GraphQL schema, write it, or compare it with the published file."""
    from hub_graphql.schema import schema as built
    from hub_graphql.schema_file import breaking_changes, print_sdl, undescribed

    text, published = print_sdl(built), Path("graphql/schema.graphql")
    if write:
        published.write_text(text)
    elif compare:
        _compare(published, text, [*breaking_changes(published.read_text(), built), *undescribed(built)])
    else:
        sys.stdout.write(text)


def _compare(published: Path, text: str, faults: list[Any]) -> None:
    for fault in faults:
        errors.print(f"[red]{fault}[/red]")
    if published.read_text() != text:
        errors.print(f"{published} is not up to date; run `hub schema --write` and read the difference")
    elif not faults:
        return
    raise typer.Exit(EXIT_REFUSED)


def _plain(item: Any) -> dict[str, str]:
    return {"invariant": item.invariant, "entity": item.entity, "message": item.message}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command; a refusal is one readable line on stderr and exit code 1."""
    _guarded(lambda: app(args=arguments, standalone_mode=True))
    sys.exit(0)


def _guarded(run: Callable[[], Any]) -> None:
    try:
        run()
    except HubError as error:
        errors.print(f"[red]{error.code}[/red]: {error.message}", highlight=False)
        sys.exit(EXIT_REFUSED)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
