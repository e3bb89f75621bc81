"""Looking at what a channel shows: a difference seen twice is drift, kept with its cause and repaired."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog

from adapters.sdk.capabilities import Connection, ReadsStock
from adapters.sdk.stock_traits import stock_traits
from adapters.sdk.types import ListingRef
from hub.channel_sync import rules, stock_rows
from hub.channel_sync.messages import CHANNEL_QUEUE, PUBLISH_WORK
from hub.channel_sync.polling import poll_orders
from hub.channel_sync.rules import PublishedRow
from hub.channels import Channel
from hub.infra import work
from hub.infra.database import Database, WriteSession
from hub.infra.sealing import Sealer

ROWS_A_RUN: Final = 500
READS_BEFORE_DRIFT: Final = 2
SECOND_LOOK_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


async def read_back_stock(database: Database, channel: Channel, connection: Connection, sealer: Sealer) -> float | None:
    """Read some rows back: seconds until a second look is due, None when nothing is suspicious.

    Rows that changed meanwhile are left to the publisher. Raises the adapter's errors.
    """
    if not isinstance(connection, ReadsStock) or not channel.publishes_stock:
        return None
    per_location = stock_traits(connection).per_location
    await poll_orders(database, channel, connection, sealer)
    async with database.read() as session:
        rows = await stock_rows.rows_to_read(session, channel.id, per_location=per_location, rows=ROWS_A_RUN)
    if not rows:
        return None
    readings = await connection.read_stock([row.ref for row in rows])
    shown = {reading.ref: reading.quantity for reading in readings if reading.quantity is not None}
    suspicious = await _judge(database, channel.id, rows, shown, per_location=per_location)
    return SECOND_LOOK_SECONDS if suspicious else None


async def _judge(
    database: Database,
    channel_id: UUID,
    rows: list[PublishedRow],
    shown: Mapping[ListingRef, int],
    *,
    per_location: bool,
) -> bool:
    before = {row.id: row for row in rows}
    suspicious = drifted = False
    async with database.write() as session:
        for row in await stock_rows.lock_still_clean(session, channel_id, list(before), per_location=per_location):
            if row.published_at != before[row.id].published_at or row.ref not in shown:
                continue
            seen = await _judge_one(session, channel_id, row, shown[row.ref])
            suspicious |= seen == 1
            drifted |= seen >= READS_BEFORE_DRIFT
        if drifted:
            await work.enqueue(session, PUBLISH_WORK, str(channel_id), queue=CHANNEL_QUEUE)
    return suspicious


async def _judge_one(session: WriteSession, channel_id: UUID, row: PublishedRow, shown: int) -> int:
    """In how many reads in a row this row has not shown what it should."""
    cause = rules.drift_cause(row, shown)
    seen = 0 if cause is None else row.drift_seen + 1
    is_drift = cause is not None and seen >= READS_BEFORE_DRIFT
    if cause is not None and is_drift:
        log.warning("stock.drift", listing_id=str(row.listing_id), cause=cause.value, shown=shown)
        await stock_rows.write_drift(session, channel_id, row, shown, cause)
    await stock_rows.write_shown(session, row, shown, drift_seen=0 if is_drift else seen, repair=is_drift)
    return seen
