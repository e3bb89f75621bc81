"""`hub stock …`: the ledger's months, and what `hub check stock --repair` says."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from hub.infra.database import Database
from hub.inventory import Month, Repair, detach_months, months

DatabaseFactory = Callable[[], AbstractAsyncContextManager[Database]]
T = TypeVar("T")

stock_app = typer.Typer(name="stock", help="The stock ledger's months.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class _Hook:
    open_database: DatabaseFactory | None = None


def use_database(factory: DatabaseFactory) -> None:
    """Say how to reach the database."""
    _Hook.open_database = factory


@stock_app.command("months")
def stock_months(*, as_json: Json = False) -> None:
    """The partitions of the ledger with their sizes, oldest first."""

    async def read(database: Database) -> list[Month]:
        async with database.read() as session:
            return await months(session)

    rows = [
        (month.table, month.ends.isoformat() if month.ends else None, month.movements, month.size_bytes)
        for month in _run(read)
    ]
    names = ("table", "ends", "movements", "sizeBytes")
    if as_json:
        sys.stdout.write(json.dumps([dict(zip(names, row, strict=True)) for row in rows]) + "\n")
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*(str(value) if value is not None else "other times" for value in row))
    Console().print(table)


@stock_app.command("detach-months")
def stock_detach_months(
    *,
    before: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="The first month to keep, as YYYY-MM.")],
    as_json: Json = False,
) -> None:
    """Take old months out of the ledger: each level's ledger is opened anew first. The tables stay, to be archived."""
    detached = _run(lambda database: detach_months(database, before.replace(tzinfo=UTC)))
    if as_json:
        sys.stdout.write(json.dumps(detached) + "\n")
        return
    Console().print("\n".join(f"detached {table}" for table in detached) or "nothing to detach")


def print_repairs(repairs: Sequence[Repair], *, as_json: bool) -> None:
    """What was repaired on stdout; in prose, what was refused on stderr."""
    if as_json:
        sys.stdout.write(json.dumps([_plain(repair) for repair in repairs]) + "\n")
        return
    for repair in repairs:
        where = f"variant {repair.key.variant_id} at location {repair.key.location_id}"
        if repair.refused is not None:
            Console(stderr=True).print(f"[red]not repaired[/red]: {where}: {repair.refused}", highlight=False)
        else:
            Console().print(f"repaired: {where}: {_change(repair)}", highlight=False)
    if not repairs:
        Console().print("nothing to repair")


def _change(repair: Repair) -> str:
    before, after = repair.before or {}, repair.after or {}
    changed = [f"{name} {before[name]} → {after[name]}" for name in after if before.get(name) != after[name]]
    return f"{', '.join(changed) or 'the ledger now adds up to the level'} ({repair.kind})"


def _plain(repair: Repair) -> dict[str, Any]:
    return {
        "variantId": str(repair.key.variant_id),
        "locationId": str(repair.key.location_id),
        "repaired": repair.refused is None,
        "reason": repair.refused,
        "movement": repair.kind,
        "before": repair.before,
        "after": repair.after,
    }


def _run(work: Callable[[Database], Awaitable[T]]) -> T:
    async def connected() -> T:
        assert _Hook.open_database is not None  # noqa: S101 (the command line sets it before it runs)
        async with _Hook.open_database() as database:
            return await work(database)

    return asyncio.run(connected())
