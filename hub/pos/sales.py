"""A sale over the counter becomes an order, with its stock, payment references and points: one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hub.catalog import repository as catalog
from hub.customers import customers_by_ids
from hub.fulfillment import PromisesAtRisk, promises_at_risk
from hub.infra import metrics, outbox
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.sealing import Sealer
from hub.inventory import LevelKey, ReservationOwner, ReservationStatus
from hub.kernel.errors import HubError
from hub.kernel.principal import Principal
from hub.orders import (
    LineFulfiller,
    NewOrder,
    NewOrderLine,
    Order,
    OrderHold,
    OrderMethod,
    OrderStatus,
    book_order,
    lock_order,
    order_by_external_id,
    order_lines,
)
from hub.pos import repository
from hub.pos.linking import link_waiting_returns
from hub.pos.messages import PROMISES_AFFECTED, Batch, Sale, SaleLine
from hub.pos.models import FactKind, PosFact
from hub.pos.recording import Arrived, MovedMeanwhileError, Reported, Row, record_batch
from hub.pos.repository import Desk, NamedHold

UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
"""Warning: nobody is known by the id; the sale is nobody's."""
RESERVATION_NOT_USED = "RESERVATION_NOT_USED"
"""Warning: the hold is not the terminal's, or gone; the units were sold from the shelf."""
UNKNOWN_SKU = "UNKNOWN_SKU"
"""Warning: lines wait until the catalog knows their sku."""
PROMISES_AT_RISK = "PROMISES_AT_RISK"
"""Warning: units were promised to others too."""


@dataclass(frozen=True, slots=True)
class _Hold:
    """What the reservation that a sale names does for it."""

    use: UUID | None = None
    """It is the terminal's own and holds units: the sale uses them up."""
    sold_before: Mapping[UUID, int] = field(default_factory=dict)
    """Its units were committed to a receipt already."""
    order_id: UUID | None = None
    """It was used up by this very sale, told on another road."""
    named: UUID | None = None
    """What is noted, so that no second receipt uses it."""


async def record_sales(
    database: Database, principal: Principal, batch: Batch, sealer: Sealer, *, idempotency_key: str
) -> Answer:
    """Record what a terminal sold. Rows as `record_batch`, with order_id, received_at, clock_offset_ms, warnings,
    unmapped (skus that nobody knows yet), reservations and allocations (promises that cannot all be kept now).

    A sale is never refused for lack of stock. Raises TerminalRequiredError.
    """

    async def record(session: WriteSession, reported: Reported, sale: Sale, arrived: Arrived) -> Row:
        return await _record(session, reported, sale, arrived, sealer)

    return await record_batch(
        database,
        principal,
        FactKind.SALE,
        batch,
        record,
        operation="posSalesRecord",
        idempotency_key=idempotency_key,
    )


async def _record(session: WriteSession, reported: Reported, sale: Sale, arrived: Arrived, sealer: Sealer) -> Row:
    desk = reported.desk
    hold = await _hold(session, reported, sale)
    customer_id = await _customer(session, sale)
    new = await _new_order(session, desk, sale, hold, customer_id)
    order_id, booked = await _book(session, reported, new, hold, sealer)
    order = await lock_order(session, order_id)
    lines = await order_lines(session, order_id)
    affected = PromisesAtRisk()
    await link_waiting_returns(session, reported.principal, (desk.id, sale.receipt), order, lines)
    if booked and not new.is_history:
        keys = [LevelKey(line.variant_id, desk.location_id) for line in lines if line.variant_id is not None]
        affected = await promises_at_risk(session, keys)
        await _tell(session, desk, order, affected)
    warnings = _warnings(sale, hold, order, customer_id, affected)
    outcome = _outcome(arrived, order, new, warnings, affected)
    fact = PosFact(
        id=arrived.fact_id,
        terminal_id=desk.id,
        kind=FactKind.SALE,
        receipt=sale.receipt,
        content_hash=arrived.content_hash,
        location_id=desk.location_id,
        occurred_at=sale.occurred_at,
        received_at=arrived.received_at,
        clock_offset_ms=arrived.clock_offset_ms,
        order_id=order.id,
        reservation_id=hold.named,
        outcome=outcome,
    )
    session.add(fact)
    await session.flush()
    return outcome


async def _book(
    session: WriteSession, reported: Reported, new: NewOrder, hold: _Hold, sealer: Sealer
) -> tuple[UUID, bool]:
    """The sale's order, and whether it was made now: the same sale may have come by another road."""
    if hold.order_id is not None:
        return hold.order_id, False
    try:
        made = await book_order(session, new, reported.principal, sealer, shortage_allowed=True)
    except HubError as error:
        if hold.use is not None and error.code.startswith("RESERVATION_"):
            raise MovedMeanwhileError from error
        raise
    if made is not None:
        return made, True
    known = await order_by_external_id(session, new.channel_id, new.external_id)
    if known is None:
        raise MovedMeanwhileError
    return known.id, False


async def _hold(session: WriteSession, reported: Reported, sale: Sale) -> _Hold:
    if sale.reservation_id is None:
        return _Hold()
    named = await repository.named_hold(session, sale.reservation_id)
    if named is None or named.told or named.principal_id != reported.principal.id:
        return _Hold()
    if named.status == ReservationStatus.ACTIVE and named.owner == ReservationOwner.TERMINAL:
        return _Hold(use=sale.reservation_id, named=sale.reservation_id)
    if named.status == ReservationStatus.COMMITTED:
        return await _used_before(session, reported.desk, named, sale.reservation_id)
    return _Hold()


async def _used_before(session: WriteSession, desk: Desk, named: NamedHold, reservation_id: UUID) -> _Hold:
    """Its commit went through and the answer was lost: nothing of it is sold a second time."""
    if named.order_id is None:
        units = await repository.reserved_at(session, reservation_id, desk.location_id)
        return _Hold(sold_before=units, named=reservation_id)
    if named.method == OrderMethod.HANDED_OVER and not await repository.told_of_order(session, named.order_id):
        return _Hold(order_id=named.order_id, named=reservation_id)
    return _Hold()


async def _customer(session: WriteSession, sale: Sale) -> UUID | None:
    if sale.customer_id is None:
        return None
    return sale.customer_id if await customers_by_ids(session, [sale.customer_id]) else None


async def _new_order(session: WriteSession, desk: Desk, sale: Sale, hold: _Hold, customer_id: UUID | None) -> NewOrder:
    is_history = sale.occurred_at < desk.go_live_at
    lines = await _lines(session, sale.lines)
    unmapped = any(line.kind == "GOODS" and line.variant_id is None for line in lines)
    return NewOrder(
        channel_id=desk.channel_id,
        external_id=f"{desk.code}/{sale.receipt}",
        number=sale.receipt,
        status=OrderStatus.COMPLETED if is_history else OrderStatus.OPEN,
        hold=OrderHold.UNMAPPED_LINE if unmapped and not is_history else None,
        is_history=is_history,
        method=OrderMethod.HANDED_OVER,
        currency=sale.currency,
        prices_include_tax=desk.prices_include_tax,
        total_minor=_total(lines, desk) if sale.total_minor is None else sale.total_minor,
        placed_at=sale.occurred_at,
        source_version="",
        content_hash="",
        lines=lines,
        handed_over_at=desk.location_id,
        evidence=sale.evidence if sale.customer_id is None else (),
        person=sale.person if sale.customer_id is None else None,
        customer_id=customer_id,
        payments=sale.payments,
        reservation_id=hold.use,
        sold_before=hold.sold_before,
    )


def _total(lines: Sequence[NewOrderLine], desk: Desk) -> int:
    goods = sum(line.unit_price_minor * line.quantity - line.discount_minor for line in lines)
    return goods if desk.prices_include_tax else goods + sum(line.tax_minor for line in lines)


async def _lines(session: WriteSession, lines: Sequence[SaleLine]) -> tuple[NewOrderLine, ...]:
    known = await catalog.variants_by_skus(session, {line.sku for line in lines if line.sku is not None})
    found = []
    for position, line in enumerate(lines, start=1):
        variant = None if line.sku is None else known.get(line.sku)
        tracked = line.sku is not None and (variant is None or variant.stock_policy != "UNTRACKED")
        found.append(
            NewOrderLine(
                external_id=str(position),
                title=line.title or (variant.title if variant is not None else "") or line.sku or "",
                kind="CUSTOM" if line.sku is None else "GOODS",
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
                variant_id=None if variant is None else variant.id,
                sku=line.sku,
                fulfilled_by=LineFulfiller.HANDED_OVER if tracked else LineFulfiller.CHANNEL,
            )
        )
    return tuple(found)


async def _tell(session: WriteSession, desk: Desk, order: Order, affected: PromisesAtRisk) -> None:
    if not affected:
        return
    metrics.pos_promises_affected.inc(len(affected.reservations) + len(affected.allocations))
    payload = {"terminal_id": str(desk.id), "location_id": str(desk.location_id), **_affected(affected)}
    await outbox.record(session, outbox.Event(PROMISES_AFFECTED, order.id, order.version, payload))


def _affected(affected: PromisesAtRisk) -> dict[str, list[list[Any]]]:
    """As short rows: an event has no room for names."""
    return {
        "reservations": [
            [str(item.reservation_id), str(item.key.variant_id), item.quantity] for item in affected.reservations
        ],
        "allocations": [
            [str(item.fulfillment_order_id), str(item.key.variant_id), item.quantity] for item in affected.allocations
        ],
    }


def _warnings(sale: Sale, hold: _Hold, order: Order, customer_id: UUID | None, affected: PromisesAtRisk) -> list[str]:
    said = {
        UNKNOWN_CUSTOMER: sale.customer_id is not None and customer_id is None,
        RESERVATION_NOT_USED: sale.reservation_id is not None and hold.named is None,
        UNKNOWN_SKU: order.hold == OrderHold.UNMAPPED_LINE,
        PROMISES_AT_RISK: bool(affected),
    }
    return [warning for warning, holds in said.items() if holds]


def _outcome(
    arrived: Arrived, order: Order, new: NewOrder, warnings: list[str], affected: PromisesAtRisk
) -> dict[str, Any]:
    unmapped = [line.sku for line in new.lines if line.kind == "GOODS" and line.variant_id is None]
    return {
        "order_id": str(order.id),
        "received_at": arrived.received_at.isoformat(),
        "clock_offset_ms": arrived.clock_offset_ms,
        "warnings": warnings,
        "unmapped": list(dict.fromkeys(unmapped)),
        **_affected(affected),
    }
