"""`hub work …`: what was set aside, and making it run again."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from hub.infra import work
from hub.infra.database import Database
from hub.infra.work import QuarantinedWork

DatabaseFactory = Callable[[], AbstractAsyncContextManager[Database]]

work_app = typer.Typer(name="work", help="Background work that was set aside.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class _Hook:
    open_database: DatabaseFactory | None = None


def use_database(factory: DatabaseFactory) -> None:
    """Say how to reach the database."""
    _Hook.open_database = factory


@work_app.command("list")
def work_list(
    *,
    after: Annotated[UUID | None, typer.Option(help="Go on behind this id.")] = None,
    as_json: Json = False,
) -> None:
    """Rows that are set aside, a hundred at a time, with what went wrong."""

    async def read(database: Database) -> tuple[QuarantinedWork, ...]:
        async with database.read() as session:
            return await work.list_quarantined(session, after=after)

    rows = _run(read)
    if as_json:
        sys.stdout.write(json.dumps([_plain(row) for row in rows]) + "\n")
        return
    table = Table("id", "kind", "subject", "since", "failed", "last error")
    for row in rows:
        table.add_row(*(str(value) for value in _plain(row).values()))
    Console().print(table if rows else "nothing is set aside")


@work_app.command("requeue")
def work_requeue(ids: Annotated[list[UUID], typer.Argument(help="From `hub work list`.")]) -> None:
    """Let rows run again now, with a clean record. All of them, or none when one is not set aside."""

    async def requeue(database: Database) -> None:
        async with database.write() as session:
            for work_id in sorted(set(ids)):
                await work.replay(session, work_id)

    _run(requeue)
    print(f"{len(set(ids))} queued again")


def _plain(row: QuarantinedWork) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": row.kind,
        "subject": row.subject,
        "created_at": row.created_at.isoformat(timespec="seconds"),
        "attempts": row.attempts,
        "last_error": row.last_error,
    }


def _run(step: Callable[[Database], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        if _Hook.open_database is None:
            raise RuntimeError("call use_database() before running these commands")
        async with _Hook.open_database() as database:
            return await step(database)

    return asyncio.run(run())
