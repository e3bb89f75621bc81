"""`hub import …`: catalogs, locations and counted stock from files."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hub.catalog import CsvSource, RowProblem, import_products, product_format
from hub.channels import Channel, channel_by_code
from hub.infra.database import Database
from hub.inventory import import_stock
from hub.kernel.principal import SYSTEM
from hub.locations import import_locations

SHOWN_PROBLEMS = 50
EXIT_REJECTED_ROWS = 3

import_app = typer.Typer(
    name="import",
    help="Bring in products, locations and stock. Exit code 3: rows were rejected, the rest is in.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The CSV file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read, match and report; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]

console = Console(stderr=True)
DatabaseFactory = Callable[[], AbstractAsyncContextManager[Database]]


class _Hook:
    open_database: DatabaseFactory | None = None


def use_database(factory: DatabaseFactory) -> None:
    """Say how to reach the database."""
    _Hook.open_database = factory


@import_app.command("products")
def products(
    file: File,
    *,
    channel: Annotated[str, typer.Option(help="Code of the channel the file comes from (currency, taxes, weights).")],
    file_format: Annotated[str, typer.Option("--format", help="shopify-csv or woocommerce-csv.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Products and variants from a channel's own export; running the same file again changes nothing."""
    chosen = product_format(file_format)

    async def work(database: Database) -> Any:
        found = await _channel(database, channel)
        with _bar("products") as progress:
            return await import_products(
                database, found, CsvSource.from_path(file), chosen, dry_run=dry_run, progress=progress
            )

    report = _run(work)
    _tell(report.counts(), report.problems, report.rejected, dry_run=dry_run, as_json=as_json)


@import_app.command("locations")
def locations(file: File, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Stores and warehouses: code,name,latitude,longitude,time_zone and more (see docs/guides/importing.md)."""

    async def work(database: Database) -> Any:
        return await import_locations(database, CsvSource.from_path(file), dry_run=dry_run)

    report = _run(work)
    counts = {name: getattr(report, name) for name in ("rows", "created", "updated", "unchanged", "rejected")}
    _tell(counts, report.problems, report.rejected, dry_run=dry_run, as_json=as_json)


@import_app.command("stock")
def stock(file: File, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Counted stock: sku,location,quantity. Each differing level gets one COUNT movement."""

    async def work(database: Database) -> Any:
        with _bar("counts") as progress:
            source = CsvSource.from_path(file)
            return await import_stock(database, SYSTEM, source, dry_run=dry_run, progress=progress)

    report = _run(work)
    counts = {name: getattr(report, name) for name in ("rows", "counted", "unchanged", "rejected", "units")}
    _tell(counts, report.problems, report.rejected, dry_run=dry_run, as_json=as_json)


async def _channel(database: Database, code: str) -> Channel:
    async with database.read() as session:
        return await channel_by_code(session, code)


def _run(work: Callable[[Database], Any]) -> Any:
    async def run() -> Any:
        if _Hook.open_database is None:
            raise RuntimeError("call use_database() before running these commands")
        async with _Hook.open_database() as database:
            return await work(database)

    return asyncio.run(run())


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, silence elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _tell(
    counts: dict[str, int], problems: Sequence[RowProblem], rejected: int, *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        plain = [{"line": p.line, "column": p.column, "rule": p.rule, "message": p.message} for p in problems]
        sys.stdout.write(json.dumps({"dry_run": dry_run, "counts": counts, "problems": plain}) + "\n")
    else:
        head = "would be imported" if dry_run else "imported"
        print(f"{head}: " + ", ".join(f"{name} {value}" for name, value in counts.items()))
        _show(problems)
    if rejected:
        raise typer.Exit(EXIT_REJECTED_ROWS)


def _show(problems: Sequence[RowProblem]) -> None:
    if not problems:
        return
    table = Table("line", "column", "rule", "message")
    for problem in problems[:SHOWN_PROBLEMS]:
        table.add_row(str(problem.line), problem.column, problem.rule, problem.message)
    console.print(table)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"… and {len(problems) - SHOWN_PROBLEMS} more")
