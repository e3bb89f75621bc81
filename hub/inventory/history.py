"""The ledger by months: partitions are made ahead, and an old month is detached once nothing needs it any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from hub.infra import audit
from hub.infra.database import AnySession, Database, WriteSession, raw_connection
from hub.inventory import locking, storage
from hub.inventory.books import Books
from hub.inventory.engine import SYSTEM_ACTOR
from hub.inventory.restating import carried_forward
from hub.inventory.units import LevelKey
from hub.kernel.errors import ConflictError
from hub.kernel.principal import SYSTEM

MONTHS_AHEAD = 3
CARRY_BATCH = 500

_MONTHS = text(
    """
    SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz AS ends,
           c.reltuples::bigint AS movements, pg_total_relation_size(c.oid) AS bytes
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'stock_movements'::regclass
    ORDER BY ends NULLS LAST
    """
)

# In the order of the partition's key, so that each batch reads on where the last one ended.
_NEEDED_LEVELS = """
SELECT old.variant_id, old.location_id, EXISTS (
           SELECT FROM stock_movements AS o
           WHERE o.variant_id = old.variant_id AND o.location_id = old.location_id AND o.kind = 'OPENING'
             AND o.level_version > old.newest) AS opened
FROM (SELECT variant_id, location_id, max(level_version) AS newest FROM {partition}
      WHERE $1::uuid IS NULL OR (variant_id, location_id) > ($1::uuid, $2::uuid)
      GROUP BY variant_id, location_id ORDER BY variant_id, location_id LIMIT $3) AS old
ORDER BY old.variant_id, old.location_id
"""


class MonthStillNeededError(ConflictError):
    code = "MONTH_STILL_NEEDED"


@dataclass(frozen=True, slots=True)
class Month:
    """One partition of the ledger. `ends` None: the default, for movements outside every month. Sizes are estimates."""

    table: str
    ends: datetime | None
    movements: int
    size_bytes: int


async def open_months(database: Database) -> int:
    """Make the partitions of the coming months: how many were missing. Harmless at any time."""
    async with database.write() as session:
        await session.execute(text("SET LOCAL lock_timeout = '2s'"))
        made = await session.execute(text("SELECT hub_open_movement_months(:ahead)"), {"ahead": MONTHS_AHEAD})
        return int(made.scalar_one())


async def months(session: AnySession) -> list[Month]:
    """The ledger's partitions, oldest first."""
    return [Month(row[0], row[1], max(0, row[2]), row[3]) for row in await session.execute(_MONTHS)]


async def detach_months(database: Database, before: datetime) -> list[str]:
    """Detach every month that ended by `before`, oldest first: the names of the tables, which stay in the database.

    First each level with movements there gets an OPENING movement, in batches. May be stopped and run again. Raises
    MonthStillNeededError for a month that has not ended.
    """
    async with database.read() as session:
        now: datetime = (await session.execute(text("SELECT date_trunc('month', hub_now(), 'UTC')"))).scalar_one()
        if before > now:
            raise MonthStillNeededError("only months that are over can be detached")
        old = [month for month in await months(session) if month.ends is not None and month.ends <= before]
    for month in old:
        await _carry_forward(database, month.table)
        await _detach(database, month.table)
    return [month.table for month in old]


async def _carry_forward(database: Database, table: str) -> None:
    """Give every level with movements in this partition an OPENING movement behind them."""
    after: LevelKey | None = None
    while True:
        async with database.write() as session:
            levels = await _levels_in(session, table, after)
            await _open_anew(session, [key for key, opened in levels if not opened])
        if len(levels) < CARRY_BATCH:
            return
        after = levels[-1][0]


async def _levels_in(session: WriteSession, table: str, after: LevelKey | None) -> list[tuple[LevelKey, bool]]:
    driver = await raw_connection(session)
    rows = await driver.fetch(_NEEDED_LEVELS.format(partition=table), *(after or (None, None)), CARRY_BATCH)
    return [(LevelKey(row[0], row[1]), row[2]) for row in rows]


async def _open_anew(session: WriteSession, keys: Sequence[LevelKey]) -> None:
    """Nobody is told: no level changes but its number."""
    if not keys:
        return
    driver = await raw_connection(session)
    levels = await locking.lock_levels(driver, keys)
    books = Books(levels, postings=[carried_forward(levels[key], SYSTEM_ACTOR) for key in sorted(levels)])
    await storage.write(driver, books)


async def _detach(database: Database, table: str) -> None:
    async with database.write() as session:
        await session.execute(text("SET LOCAL lock_timeout = '2s'"))
        await session.execute(text(f"ALTER TABLE stock_movements DETACH PARTITION {table}"))
        await _keep_append_only(session, table)
        await audit.record(session, SYSTEM, "stockMonthDetach", audit.hash_input({"table": table}))


async def _keep_append_only(session: WriteSession, table: str) -> None:
    """Detaching drops the trigger that the partition had from its parent."""
    await session.execute(
        text(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION hub_append_only()"
        )
    )
