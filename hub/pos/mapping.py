"""Lines whose sku nobody knew are settled once the catalog knows it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from hub.catalog import repository as catalog
from hub.infra import outbox
from hub.infra.database import Database, WriteSession
from hub.kernel.principal import SYSTEM
from hub.orders import (
    LineFulfiller,
    NewOrder,
    NewOrderLine,
    Order,
    OrderLine,
    OrderMethod,
    OrderStatus,
    apply_all,
    changed,
    follow_mapping,
    lock_order,
    note,
    order_lines,
)
from hub.pos import repository
from hub.pos.linking import link_waiting_returns
from hub.pos.models import FactKind, PosFact
from hub.pos.returns import take_back

MAX_AT_ONCE = 100

log = structlog.get_logger(__name__)


async def map_waiting_lines(database: Database) -> int:
    """Sell, or take back, what waited for its sku: a transaction for each receipt. Returns how many were settled."""
    async with database.read() as session:
        sales = await repository.sales_to_map(session, MAX_AT_ONCE)
        returns = await repository.returns_to_map(session, MAX_AT_ONCE)
    for fact_id in sales:
        async with database.write() as session:
            await _map_sale(session, fact_id)
    for fact_id in returns:
        async with database.write() as session:
            await _map_return(session, fact_id)
    if sales or returns:
        log.info("pos.mapped", sales=len(sales), returns=len(returns))
    return len(sales) + len(returns)


async def _map_sale(session: WriteSession, fact_id: UUID) -> None:
    fact = await repository.fact_by_id(session, fact_id)
    if fact.order_id is None:
        return
    await repository.lock_receipts(session, [(fact.terminal_id, FactKind.SALE, fact.receipt)])
    order = await lock_order(session, fact.order_id)
    lines = await order_lines(session, order.id)
    if not await follow_mapping(session, order, await _as_known_now(session, fact, order, lines)):
        return
    order.version += 1
    await session.flush()
    await link_waiting_returns(session, SYSTEM, (fact.terminal_id, fact.receipt), order, lines)
    await note(session, order.id, "MAPPED", SYSTEM, channel_id=order.channel_id)
    await outbox.record(session, changed(order))


async def _as_known_now(session: WriteSession, fact: PosFact, order: Order, lines: Sequence[OrderLine]) -> NewOrder:
    known = await catalog.variants_by_skus(session, {line.sku for line in lines if line.sku is not None})
    told = []
    for line in lines:
        variant = known.get(line.sku or "")
        item = NewOrderLine(
            line.external_id,
            line.title,
            line.kind,
            line.quantity,
            line.unit_price_minor,
            sku=line.sku,
            fulfilled_by=LineFulfiller(line.fulfilled_by),
        )
        if variant is not None:
            counted = variant.stock_policy != "UNTRACKED"
            by = LineFulfiller.HANDED_OVER if counted else LineFulfiller.CHANNEL
            item = replace(item, variant_id=variant.id, fulfilled_by=by)
        told.append(item)
    return NewOrder(
        channel_id=order.channel_id,
        external_id=order.external_id,
        number=order.number,
        status=OrderStatus(order.status),
        method=OrderMethod.HANDED_OVER,
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
        total_minor=order.total_minor,
        placed_at=order.placed_at,
        source_version="",
        content_hash="",
        lines=tuple(told),
        handed_over_at=fact.location_id,
    )


async def _map_return(session: WriteSession, fact_id: UUID) -> None:
    fact = await repository.fact_by_id(session, fact_id)
    await repository.lock_receipts(session, [(fact.terminal_id, FactKind.RETURN, fact.receipt)])
    lines = (await repository.return_lines(session, [fact_id])).get(fact_id, [])
    waiting = [line for line in lines if line.variant_id is None and line.sku is not None]
    known = await catalog.variants_by_skus(session, {line.sku for line in waiting if line.sku is not None})
    mapped = [line for line in waiting if line.sku in known]
    for line in mapped:
        line.variant_id = known[line.sku or ""].id
    await session.flush()
    await apply_all(session, await take_back(session, SYSTEM, fact.location_id, fact.occurred_at, mapped))
