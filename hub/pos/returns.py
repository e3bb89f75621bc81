"""Goods that came back over the counter: linked to the sale they belong to as far as it is known, and put on stock."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hub.catalog import repository as catalog
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.inventory import Actor, LevelKey, ReturnCondition, StockRequest, TakeBack, Units
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders import apply_all, book_return, lock_order, order_lines
from hub.pos import repository
from hub.pos.linking import link
from hub.pos.messages import Batch, GoodsReturn
from hub.pos.models import FactKind, PosFact, PosReturnLine
from hub.pos.recording import Arrived, Reported, Row, original_terminal, record_batch

NOT_LINKED = "NOT_LINKED"
"""Warning: units that no known sale covers; they are on stock, and take no points back."""
UNKNOWN_SKU = "UNKNOWN_SKU"
"""Warning: lines wait until the catalog knows their sku."""


async def record_returns(database: Database, principal: Principal, batch: Batch, *, idempotency_key: str) -> Answer:
    """Record what a terminal took back. Rows as `record_batch`, with order_id and return_id (None unless linked),
    received_at, clock_offset_ms, warnings, unmapped, and `linked`: units of each line that found their sale.

    Never more is linked than was sold and not returned yet, whatever came back. Raises TerminalRequiredError.
    """
    return await record_batch(
        database,
        principal,
        FactKind.RETURN,
        batch,
        _record,
        operation="posReturnsRecord",
        idempotency_key=idempotency_key,
    )


async def _record(session: WriteSession, reported: Reported, fact: GoodsReturn, arrived: Arrived) -> Row:
    desk = reported.desk
    lines = await _lines(session, fact, arrived.fact_id)
    terminal_id = await original_terminal(session, desk, fact)
    sale = await _sale(session, terminal_id, fact)
    moves = fact.occurred_at >= desk.go_live_at
    requests = await take_back(session, reported.principal, desk.location_id, fact.occurred_at, lines) if moves else []
    order_id, return_id = None, None
    if sale is not None and sale.order_id is not None:
        order = await lock_order(session, sale.order_id)
        rows = link(lines, await order_lines(session, order.id))
        if rows:
            order_id, return_id = order.id, new_id()
            await book_return(
                session, reported.principal, order, rows, requests, return_id=return_id, location_id=desk.location_id
            )
            requests = []
    await apply_all(session, requests)
    outcome = _outcome(arrived, lines, order_id, return_id)
    session.add(
        PosFact(
            id=arrived.fact_id,
            terminal_id=desk.id,
            kind=FactKind.RETURN,
            receipt=fact.receipt,
            content_hash=arrived.content_hash,
            location_id=desk.location_id,
            occurred_at=fact.occurred_at,
            received_at=arrived.received_at,
            clock_offset_ms=arrived.clock_offset_ms,
            order_id=order_id,
            original_terminal_id=terminal_id,
            original_receipt=fact.original.receipt if fact.original is not None and terminal_id is not None else None,
            outcome=outcome,
        )
    )
    await session.flush()
    session.add_all(lines)
    await session.flush()
    return outcome


async def _sale(session: WriteSession, terminal_id: UUID | None, fact: GoodsReturn) -> PosFact | None:
    if terminal_id is None or fact.original is None:
        return None
    receipt = fact.original.receipt
    return (await repository.facts_by_receipts(session, terminal_id, FactKind.SALE, [receipt])).get(receipt)


async def _lines(session: WriteSession, fact: GoodsReturn, fact_id: UUID) -> list[PosReturnLine]:
    known = await catalog.variants_by_skus(session, {line.sku for line in fact.lines if line.sku is not None})
    return [
        PosReturnLine(
            fact_id=fact_id,
            position=position,
            variant_id=known[line.sku].id if line.sku in known else None,
            sku=line.sku,
            title=line.title or line.sku or "",
            quantity=line.quantity,
            condition=line.condition,
        )
        for position, line in enumerate(fact.lines)
    ]


async def take_back(
    session: WriteSession, principal: Principal, location_id: UUID, occurred_at: Any, lines: Sequence[PosReturnLine]
) -> list[StockRequest]:
    """What puts the lines' counted units where their condition says, whether a sale is known or not."""
    variants = await catalog.variants_by_ids(session, {line.variant_id for line in lines if line.variant_id})
    tracked = {variant.id for variant in variants.values() if variant.stock_policy != "UNTRACKED"}
    actor = Actor(principal.id, principal.channel_id)
    return [
        StockRequest(
            actor,
            TakeBack(
                (Units(LevelKey(line.variant_id, location_id), line.quantity),),
                ReturnCondition(line.condition),
                line.fact_id,
                occurred_at,
            ),
        )
        for line in lines
        if line.variant_id is not None and line.variant_id in tracked
    ]


def _outcome(
    arrived: Arrived, lines: Sequence[PosReturnLine], order_id: UUID | None, return_id: UUID | None
) -> dict[str, Any]:
    unmapped = list(dict.fromkeys(line.sku for line in lines if line.sku is not None and line.variant_id is None))
    said = {NOT_LINKED: any(line.linked < line.quantity for line in lines), UNKNOWN_SKU: bool(unmapped)}
    return {
        "order_id": None if order_id is None else str(order_id),
        "return_id": None if return_id is None else str(return_id),
        "received_at": arrived.received_at.isoformat(),
        "clock_offset_ms": arrived.clock_offset_ms,
        "warnings": [warning for warning, holds in said.items() if holds],
        "unmapped": unmapped,
        "linked": [line.linked for line in lines],
    }
