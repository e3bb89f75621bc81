"""Telling a channel its stock: level-triggered, absolute, coalesced, and right again after any crash.

A row is dirty until the value computed for its newest mark was acknowledged. Between any two steps the process may
die: the row is still dirty, and the same absolute number is sent again.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text

from adapters.sdk.capabilities import Connection, PublishesStock, ReadsStock
from adapters.sdk.stock_traits import StockTraits, stock_traits
from adapters.sdk.types import ListingRef, StockOutcome, StockResult, StockUpdate
from hub.channel_sync import rules, stock_rows
from hub.channel_sync.polling import poll_orders
from hub.channel_sync.rules import Planned, PublishedRow
from hub.channels import Channel
from hub.infra.database import AnySession, Database, WriteSession
from hub.infra.sealing import Sealer
from hub.inventory import PlaceWanted, available_at, available_to_sell, levels

MAX_ROUNDS: Final = 10
MAX_SECONDS: Final = 30.0
"""Of one run; what is left is taken up by the next."""

Guard = Callable[[WriteSession], Awaitable[None]]
"""Raises when this run no longer may write: another has taken over. Called last: listings are locked before work."""

log = structlog.get_logger(__name__)


async def unguarded(_session: WriteSession) -> None:
    return


async def publish_stock(
    database: Database, channel: Channel, connection: Connection, sealer: Sealer, *, guard: Guard = unguarded
) -> float | None:
    """Tell the channel what has changed: seconds until there is more to do, None when all is told.

    Where the channel has no compare-and-set its orders are pulled first, what it shows is read back, and what was
    sold there unseen is held back. Raises the adapter's errors; what was acknowledged before is recorded.
    """
    if not isinstance(connection, PublishesStock) or not channel.publishes_stock:
        return None
    traits, until = stock_traits(connection), monotonic() + MAX_SECONDS
    if traits.per_location:
        async with database.write() as session:
            await stock_rows.make_places(session, channel.id)
    if not traits.compares:
        await poll_orders(database, channel, connection, sealer)
    for _ in range(MAX_ROUNDS):
        plans = await _plan(database, channel.id, traits, guard)
        conflicts = False
        for batch in rules.chunks(plans, connection.stock_batch_size):
            conflicts |= await _send(database, connection, batch, traits, guard)
            if monotonic() > until:
                return 0.0
        if not plans:
            break
        if conflicts:
            await poll_orders(database, channel, connection, sealer)
    async with database.read() as session:
        return await stock_rows.seconds_until_due(session, channel.id, per_location=traits.per_location)


async def _plan(database: Database, channel_id: UUID, traits: StockTraits, guard: Guard) -> list[Planned]:
    """Compute and remember what dirty rows should show; what the channel shows already is clean at once."""
    async with database.write() as session:
        rows = await stock_rows.dirty_rows(session, channel_id, per_location=traits.per_location)
        if not rows:
            return []
        now: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
        desired = await _desired(session, channel_id, rows, traits)
        wishes = [(row, desired[row.id], not _is_told(row, desired[row.id])) for row in rows]
        await stock_rows.write_desired(session, wishes, now)
        await guard(session)
    return rules.in_sending_order(
        Planned(row, wish, now) for row, wish, clean in wishes if wish is not None and not clean
    )


def _is_told(row: PublishedRow, desired: int | None) -> bool:
    return desired is not None and rules.needs_sending(row, desired)


async def _desired(
    session: AnySession, channel_id: UUID, rows: Sequence[PublishedRow], traits: StockTraits
) -> dict[UUID, int | None]:
    """What each row should show; None where nothing is to be said (not offered, or stock is not tracked)."""
    to_sell = await available_to_sell(session, [(row.variant_id, channel_id) for row in rows])
    at_places: dict[tuple[UUID, UUID], int] = {}
    if traits.per_location:
        places = {row.location_id for row in rows if row.location_id is not None}
        found = await levels(session, [row.variant_id for row in rows], sorted(places))
        at_places = {(level.variant_id, level.location_id): level.available for level in found}
        # What has no level may be a bundle, which is there as far as its parts are.
        others = {row.variant_id for row in rows} - {level.variant_id for level in found}
        wanted = [PlaceWanted(variant_id, channel_id) for variant_id in sorted(others)]
        for place, made in (await available_at(session, wanted) if wanted else {}).items():
            at_places |= {(place.variant_id, at.location_id): at.available for at in made}
    desired: dict[UUID, int | None] = {}
    for row in rows:
        whole = to_sell.get((row.variant_id, channel_id))
        if whole is None or whole.quantity is None or not row.offered:
            desired[row.id] = None
        elif row.location_id is not None:
            desired[row.id] = at_places.get((row.variant_id, row.location_id), 0)
        else:
            desired[row.id] = whole.quantity
    return desired


async def _send(
    database: Database, connection: PublishesStock, batch: Sequence[Planned], traits: StockTraits, guard: Guard
) -> bool:
    """Send one call's worth and record the answers. True when the channel had other values than we thought."""
    shown = await _shown(connection, batch, traits)
    updates = [_update(plan, shown.get(plan.row.ref), traits) for plan in batch]
    results = await connection.publish_stock(updates)
    answered = list(zip(batch, updates, results, strict=True))
    async with database.write() as session:
        await stock_rows.lock(session, [plan.row.id for plan in batch])
        await stock_rows.write_published(session, [_published(*one) for one in answered if _is_taken(one[2])])
        await stock_rows.write_failed(session, [_failed(*one) for one in answered if not _is_taken(one[2])])
        await guard(session)
    refused = sum(result.outcome is StockOutcome.REJECTED for result in results)
    log.info("stock.published", rows=len(results), refused=refused)
    return any(result.outcome is StockOutcome.CONFLICT for result in results)


async def _shown(
    connection: PublishesStock, batch: Sequence[Planned], traits: StockTraits
) -> dict[ListingRef, int | None]:
    """What the channel shows now, where that is needed: for every row, or to have something to compare with."""
    if not isinstance(connection, ReadsStock):
        return {}
    refs = [plan.row.ref for plan in batch if not traits.compares or plan.row.observed is None]
    return {reading.ref: reading.quantity for reading in await connection.read_stock(refs)} if refs else {}


def _update(plan: Planned, shown: int | None, traits: StockTraits) -> StockUpdate:
    row = plan.row
    quantity = plan.desired if traits.compares else max(0, plan.desired - rules.unseen_sales(row, shown))
    observed = row.observed if row.observed is not None else shown
    key = f"{row.id}:{row.dirty_seq}:{row.failures}:{quantity}"
    return StockUpdate(row.ref, quantity, key, observed if traits.compares else None)


def _is_taken(result: StockResult) -> bool:
    return result.outcome is StockOutcome.PUBLISHED


def _published(plan: Planned, update: StockUpdate, result: StockResult) -> dict[str, Any]:
    return {
        "id": plan.row.id,
        "quantity": update.quantity,
        "observed": update.quantity if result.published is None else result.published,
        "computed_at": plan.computed_at,
        "seq": plan.row.dirty_seq,
        "held": update.quantity != plan.desired,
        "pause": rules.HELD_BACK_SECONDS,
    }


def _failed(plan: Planned, _update: StockUpdate, result: StockResult) -> dict[str, Any]:
    pauses = {StockOutcome.CONFLICT: rules.conflict_pause, StockOutcome.RETRY: rules.retry_pause}
    pause = pauses.get(result.outcome, rules.rejected_pause)(plan.row.failures)
    observed = result.published if result.outcome is StockOutcome.CONFLICT else None
    return {"id": plan.row.id, "error": result.outcome.value, "observed": observed, "pause": pause}
