"""Counted stock from a file: each row is a count of one sku at one location."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from sqlalchemy import text

from hub.catalog import CsvSource, RowProblem, StockRecord, inspect_source, read_stock
from hub.catalog import repository as catalog
from hub.infra.database import Database, WriteSession
from hub.inventory.adjustments import book_opening_stock
from hub.inventory.bundles import bundle_parts
from hub.inventory.units import LevelKey, Units
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal

MAX_REPORTED = 1_000
ROWS_PER_TRANSACTION = 500


@dataclass(slots=True)
class StockImportReport:
    """`counted` levels changed; `unchanged` had that quantity already. The first 1,000 problems are kept."""

    rows: int = 0
    counted: int = 0
    unchanged: int = 0
    rejected: int = 0
    units: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def reject(self, problem: RowProblem) -> None:
        self.rejected += 1
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(problem)


async def import_stock(
    database: Database,
    principal: Principal,
    source: CsvSource,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda _rows, _total: None,
) -> StockImportReport:
    """Post a COUNT for every level whose onHand differs from the file; running it again changes nothing.

    Rows that name an unknown sku or location are reported with their line. Raises FileError before anything is
    written when the file cannot be read as a whole.
    """
    reader = read_stock(source)
    facts = await asyncio.to_thread(inspect_source, source)
    report, run_id = StockImportReport(), new_id()
    for batch in _batches(reader):
        records = _sorted_out(batch, report)
        async with database.write() as session:
            units = await _differing(session, records, report)
            if not dry_run:
                await book_opening_stock(session, principal, units, reference_id=run_id)
        progress(report.rows, facts.rows)
    return report


def _batches(reader: Iterator[StockRecord | RowProblem]) -> Iterator[tuple[StockRecord | RowProblem, ...]]:
    while batch := tuple(islice(reader, ROWS_PER_TRANSACTION)):
        yield batch


def _sorted_out(batch: Sequence[StockRecord | RowProblem], report: StockImportReport) -> list[StockRecord]:
    records = []
    for item in batch:
        report.rows += 1
        if isinstance(item, RowProblem):
            report.reject(item)
        else:
            records.append(item)
    return records


async def _differing(session: WriteSession, records: Sequence[StockRecord], report: StockImportReport) -> list[Units]:
    variants = await catalog.variant_ids_by_skus(session, [record.sku for record in records])
    locations = await _locations(session, {record.location_code for record in records})
    bundles = await bundle_parts(session, variants.values())
    wanted: dict[LevelKey, int] = {}
    for record in records:
        problem = _problem(record, variants, locations, bundles)
        if problem is not None:
            report.reject(problem)
            continue
        wanted[LevelKey(variants[record.sku], locations[record.location_code])] = record.quantity
        report.units += record.quantity
    current = await _on_hand(session, wanted)
    units = [Units(key, quantity) for key, quantity in wanted.items() if current.get(key, 0) != quantity]
    report.counted += len(units)
    report.unchanged += len(wanted) - len(units)
    return units


def _problem(
    record: StockRecord, variants: dict[str, UUID], locations: dict[str, UUID], bundles: Collection[UUID]
) -> RowProblem | None:
    if record.sku not in variants:
        return RowProblem(record.line, "sku", "UNKNOWN_SKU", f"no variant has sku {record.sku!r}", rejects_row=True)
    if record.location_code not in locations:
        message = f"no location has code {record.location_code!r}; import the locations first"
        return RowProblem(record.line, "location", "UNKNOWN_LOCATION", message, rejects_row=True)
    if variants[record.sku] in bundles:
        message = f"sku {record.sku!r} is a bundle; count its components instead"
        return RowProblem(record.line, "sku", "BUNDLE_HAS_NO_STOCK", message, rejects_row=True)
    return None


async def _locations(session: WriteSession, codes: set[str]) -> dict[str, UUID]:
    rows = await session.execute(
        text("SELECT code, id FROM locations WHERE code = ANY(:codes)"), {"codes": sorted(codes)}
    )
    return {row.code: row.id for row in rows}


async def _on_hand(session: WriteSession, keys: dict[LevelKey, int]) -> dict[LevelKey, int]:
    rows = await session.execute(
        text(
            "SELECT s.variant_id, s.location_id, s.on_hand FROM stock_levels AS s"
            " JOIN unnest(CAST(:variants AS uuid[]), CAST(:locations AS uuid[])) AS k (variant_id, location_id)"
            " USING (variant_id, location_id)"
        ),
        {"variants": [key.variant_id for key in keys], "locations": [key.location_id for key in keys]},
    )
    return {LevelKey(row.variant_id, row.location_id): row.on_hand for row in rows}
