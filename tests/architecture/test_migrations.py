"""The tables that the migrations make are the tables that the code declares, and there is one way through them."""

import importlib
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, String, Text
from sqlmodel import SQLModel

from hub.infra.database import Database
from hub.infra.schema import alembic_config

ROOT = Path(__file__).resolve().parents[2]
# Written by SQL only: infra's own tables, and loyalty's and access's ledgers that no class stands for.
WITHOUT_MODEL = {
    "alembic_version", "outbox", "events", "relay_state", "event_consumers", "work_items", "idempotency_keys", "audit_log",
}  # fmt: skip
PARTITIONS = ("idempotency_keys_", "stock_movements_")


def _import_models() -> None:
    for path in sorted((ROOT / "hub").glob("*/models.py")):
        importlib.import_module(f"hub.{path.parent.name}.models")


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection,
        opts={
            "include_name": lambda name, kind, _parents: (
                not (kind == "table" and (name in WITHOUT_MODEL or name.startswith(PARTITIONS)))
            ),
            "compare_server_default": False,
        },
    )
    # Indexes and constraints live in the migrations only: the promises' names are tested by themselves.
    ignored = {
        "remove_index",
        "add_index",
        "remove_constraint",
        "add_constraint",
        "add_fk",
        "remove_fk",
        "modify_default",
    }
    changes = [
        change
        for item in compare_metadata(context, SQLModel.metadata)
        for change in (item if isinstance(item, list) else [item])
    ]
    return [change for change in changes if change[0] not in ignored and not _is_text(change)]


def _is_text(change: tuple[Any, ...]) -> bool:
    """SQLModel says VARCHAR where we say text: the same to Postgres."""
    return (
        change[0] == "modify_type"
        and isinstance(change[5], Text)
        and isinstance(getattr(change[6], "impl", change[6]), String)
    )


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


async def test_models_and_migrations_agree(database: Database) -> None:
    _import_models()
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
