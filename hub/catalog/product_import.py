"""Bringing a channel's product file into the catalog: streaming, a thousand rows a transaction, idempotent."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.types import ChannelProduct
from hub.catalog.errors import UnknownFormatError
from hub.catalog.import_reads import load_snapshot
from hub.catalog.import_report import ImportReport
from hub.catalog.import_writes import CATALOG_LOCK, write_plan
from hub.catalog.importers.delimited import CsvSource, inspect_source
from hub.catalog.importers.records import (
    CatalogEvent,
    ImportSettings,
    ProductRecord,
    RowProblem,
)
from hub.catalog.importers.shopify_csv import read_shopify_products
from hub.catalog.importers.woocommerce_csv import read_woocommerce_products
from hub.catalog.kinds import WeightUnit
from hub.catalog.pulled import pulled_events
from hub.catalog.rehearsal import Rehearsal
from hub.catalog.rules import Importer, Plan, Record, decide
from hub.infra.database import Database, WriteSession, raw_connection
from hub.kernel.clock import utc_now
from hub.kernel.ids import new_id
from hub.kernel.money import currency_exponent

ROWS_PER_TRANSACTION = 1_000


class ProductFormat(StrEnum):
    SHOPIFY_CSV = "shopify-csv"
    WOOCOMMERCE_CSV = "woocommerce-csv"


Reader = Callable[[CsvSource, ImportSettings], Iterator[CatalogEvent]]
_READERS: dict[ProductFormat, Reader] = {
    ProductFormat.SHOPIFY_CSV: read_shopify_products,
    ProductFormat.WOOCOMMERCE_CSV: read_woocommerce_products,
}


class ImportChannel(Protocol):
    """What an import needs to know about its channel; `hub.channels.Channel` is one."""

    id: UUID
    code: str
    currency: str
    prices_include_tax: bool
    weight_unit: str


Progress = Callable[[int, int], None]
"""Called after each batch with the rows done and the rows of the whole file."""


def _no_progress(_rows: int, _total: int) -> None:
    return


def product_format(name: str) -> ProductFormat:
    try:
        return ProductFormat(name)
    except ValueError:
        known = ", ".join(ProductFormat)
        raise UnknownFormatError(f"format {name!r} is not one of {known}", path=("format",)) from None


async def import_products(
    database: Database,
    channel: ImportChannel,
    source: CsvSource,
    file_format: ProductFormat,
    *,
    dry_run: bool = False,
    progress: Progress = _no_progress,
) -> ImportReport:
    """Bring in every good row of a product file and report the others. Running it twice changes nothing.

    Raises FileError subclasses (before anything is written) for a file that cannot be read as a whole, and
    CurrencyError when the channel's currency is not one.
    """
    currency_exponent(channel.currency)
    settings = ImportSettings(
        channel.code,
        channel.currency,
        WeightUnit(channel.weight_unit),
        channel.prices_include_tax,
        utc_now().date().isoformat(),
    )
    run = _Run(database, Importer(channel.id, channel.currency, channel.prices_include_tax), dry_run=dry_run)
    batches = _batches(_READERS[file_format](source, settings))
    batch = await _next(batches)
    facts = await asyncio.to_thread(inspect_source, source)
    await run.start(file_format, source.name, facts.digest)
    while batch is not None:
        # The next batch is read in a thread while Postgres works on this one.
        following = asyncio.ensure_future(_next(batches))
        try:
            await run.take(batch)
        finally:
            await asyncio.wait([following])
        progress(run.report.rows, facts.rows)
        batch = following.result()
    await run.finish()
    return run.report


async def apply_pulled_products(
    database: Database, channel: ImportChannel, pulled: Sequence[ChannelProduct]
) -> ImportReport:
    """Bring in one page of products that an adapter pulled, by the same rules as a file; idempotent."""
    importer = Importer(channel.id, channel.currency, channel.prices_include_tax)
    run = _Run(database, importer, dry_run=False)
    for batch in _batches(pulled_events(pulled, channel.code, channel.currency)):
        await run.take(batch)
    return run.report


@dataclass(slots=True)
class _Batch:
    records: list[Record] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    rows: int = 0


def _batches(events: Iterator[CatalogEvent]) -> Iterator[_Batch]:
    """Whole records, about a thousand rows at a time (more only where one product alone has more)."""
    batch = _Batch()
    for event in events:
        if isinstance(event, RowProblem):
            batch.problems.append(event)
            batch.rows += event.rejects_row
        else:
            batch.records.append(event)
            batch.rows += event.rows if isinstance(event, ProductRecord) else 1
        if batch.rows >= ROWS_PER_TRANSACTION:
            yield batch
            batch = _Batch()
    if batch.records or batch.problems:
        yield batch


async def _next(batches: Iterator[_Batch]) -> _Batch | None:
    return await asyncio.to_thread(next, batches, None)


class _Run:
    def __init__(self, database: Database, importer: Importer, *, dry_run: bool) -> None:
        self._database = database
        self._importer = importer
        self._id: UUID | None = None
        self._rehearsal = Rehearsal(importer) if dry_run else None
        self.report = ImportReport(dry_run=dry_run)

    async def start(self, file_format: ProductFormat, name: str, digest: str) -> None:
        if self._rehearsal is None:
            self._id = new_id()
            async with self._database.write() as session:
                await session.execute(
                    text(
                        "INSERT INTO import_runs (id, channel_id, format, file_name, file_digest)"
                        " VALUES (:id, :channel, :format, :name, :digest)"
                    ),
                    {
                        "id": self._id,
                        "channel": self._importer.channel_id,
                        "format": file_format.value,
                        "name": name[:255],
                        "digest": digest,
                    },
                )

    async def take(self, batch: _Batch) -> None:
        """Write one batch in one transaction and count it."""
        if batch.records and self._rehearsal is None:
            async with self._database.write() as session:
                plan = await self._write(session, batch.records)
            self.report.add_plan(plan)
        elif batch.records and self._rehearsal is not None:
            self.report.add_plan(await self._rehearse(batch.records, self._rehearsal))
        self.report.rows += batch.rows
        for problem in batch.problems:
            self.report.rejected += problem.rejects_row
            self.report.add_problem(problem)

    async def _write(self, session: WriteSession, records: Sequence[Record]) -> Plan:
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CATALOG_LOCK})
        connection = await raw_connection(session)
        snapshot = await load_snapshot(connection, records, self._importer)
        plan = decide(records, snapshot, self._importer)
        await write_plan(connection, plan, snapshot, self._importer, self._id)
        return plan

    async def _rehearse(self, records: Sequence[Record], rehearsal: Rehearsal) -> Plan:
        async with self._database.read() as session:
            connection = await raw_connection(session)
            snapshot = await load_snapshot(connection, records, self._importer)
        rehearsal.complete(snapshot, records)
        plan = decide(records, snapshot, self._importer)
        rehearsal.remember(plan, records)
        return plan

    async def finish(self) -> None:
        """Find the products that groups refer to, and close the run."""
        if self._rehearsal is not None:
            return
        async with self._database.write() as session:
            await session.execute(text(_RESOLVE_MEMBERS), {"channel": self._importer.channel_id})
            await session.execute(
                text(
                    "UPDATE import_runs SET finished_at = clock_timestamp(), counts = CAST(:counts AS jsonb)"
                    " WHERE id = :id"
                ),
                {"id": self._id, "counts": json.dumps(self.report.counts())},
            )


_RESOLVE_MEMBERS = """
        UPDATE product_members m SET member_product_id = found.product_id FROM ( SELECT channel_id,
        product_key AS reference, product_id FROM product_listings WHERE channel_id = :channel UNION ALL
        SELECT channel_id, 'sku:' || reference_sku, product_id FROM product_listings WHERE channel_id =
        :channel AND reference_sku IS NOT NULL ) found WHERE m.channel_id = :channel AND m.member_product_id
        IS NULL AND found.reference = m.reference
"""
