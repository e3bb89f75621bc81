"""What follows once an order is to be delivered: its stock, who delivers, points, completion and a route."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.infra import work
from hub.infra.database import WriteSession
from hub.kernel.geo import GeoPoint
from hub.kernel.principal import Principal
from hub.loyalty import EarnPoints, earn
from hub.orders import claims
from hub.orders.messages import ROUTE_WORK
from hub.orders.models import LineFulfiller, Order, OrderLine, OrderMethod, OrderStatus
from hub.orders.repository import now
from hub.orders.rules import status_after

_DELIVERED = frozenset({OrderStatus.OPEN, OrderStatus.COMPLETED})
_EARNING_KINDS = frozenset({"GOODS", "BUNDLE"})


@dataclass(frozen=True, slots=True)
class Terms:
    """How stock is claimed: a cart's reservation to adopt, where goods were handed over, what may stay unfilled."""

    near: GeoPoint | None = None
    handed_over_at: UUID | None = None
    reservation_id: UUID | None = None
    shortage_allowed: bool = True


async def settle_stock(
    session: WriteSession, order: Order, lines: Sequence[OrderLine], principal: Principal, terms: Terms
) -> None:
    """Claim what the hub delivers, post what was handed over, note what the channel delivers; ask for a route.

    Nothing for an order that is not to be delivered (unpaid, cancelled). May be called again when lines or a
    location became known: what was sold or claimed before is not taken twice.
    """
    if order.status not in _DELIVERED:
        return
    for line in lines:
        if line.fulfilled_by == LineFulfiller.CHANNEL:
            line.fulfilled += line.open_quantity
    if order.method == OrderMethod.HANDED_OVER:
        await _sell(session, order, lines, principal, terms)
    elif order.status == OrderStatus.OPEN:
        await _claim(session, order, lines, principal, terms)
    await session.flush()


async def earn_delivered(session: WriteSession, order: Order, lines: Sequence[OrderLine]) -> None:
    """Points for what no store of ours hands out: sold at a counter, or delivered by the channel. Idempotent."""
    if order.is_history or order.status not in _DELIVERED:
        return
    for line in lines:
        if line.fulfilled_by != LineFulfiller.HUB and line.kind in _EARNING_KINDS and line.fulfilled:
            await earn(session, EarnPoints(line.id, line.id, line.fulfilled))


async def _sell(
    session: WriteSession, order: Order, lines: Sequence[OrderLine], principal: Principal, terms: Terms
) -> None:
    """A line that nobody has mapped yet stays open under the order's hold, and is sold when it is mapped."""
    if terms.handed_over_at is None:
        return
    await claims.sell(session, order, lines, terms.handed_over_at, principal, reservation_id=terms.reservation_id)
    for line in lines:
        if line.variant_id is not None:
            line.fulfilled += line.open_quantity
    await _complete(session, order)


async def _claim(
    session: WriteSession, order: Order, lines: Sequence[OrderLine], principal: Principal, terms: Terms
) -> None:
    if status_after(lines) is OrderStatus.COMPLETED:
        await _complete(session, order)
        return
    if terms.reservation_id is not None:
        await claims.adopt(session, order, lines, terms.reservation_id, principal)
    elif order.reservation_id is not None:
        await claims.keep(session, order, lines)
    else:
        await claims.reserve(session, order, lines, principal, near=terms.near, shortage_allowed=terms.shortage_allowed)
    await session.flush()
    await work.enqueue(session, ROUTE_WORK, str(order.id))


async def _complete(session: WriteSession, order: Order) -> None:
    order.status = OrderStatus.COMPLETED
    order.closed_at = order.closed_at or await now(session)
