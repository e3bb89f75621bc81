"""What follows once an order is to be delivered: its stock, who delivers, points, completion and a route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from hub.infra import work
from hub.infra.database import WriteSession
from hub.kernel.geo import GeoPoint
from hub.kernel.principal import Principal
from hub.loyalty import EarnPoints, GrantPoints, earn, grant_for_order
from hub.orders import claims
from hub.orders.messages import ROUTE_WORK
from hub.orders.models import LineFulfiller, Order, OrderLine, OrderMethod, OrderStatus
from hub.orders.repository import now
from hub.orders.rules import grant_lines, status_after

_DELIVERED = frozenset({OrderStatus.OPEN, OrderStatus.COMPLETED})
_EARNING_KINDS = frozenset({"GOODS", "BUNDLE"})


@dataclass(frozen=True, slots=True)
class Terms:
    """How stock is claimed: a cart's reservation to adopt, where goods were handed over, what may stay unfilled."""

    near: GeoPoint | None = None
    handed_over_at: UUID | None = None
    reservation_id: UUID | None = None
    shortage_allowed: bool = True
    sold_before: Mapping[UUID, int] = field(default_factory=dict)


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


async def settle_together(
    session: WriteSession, wanted: Sequence[tuple[Order, Sequence[OrderLine]]], principal: Principal
) -> None:
    """As `settle_stock` for OPEN orders that claimed nothing before, by one claim for all; then their points.

    What was handed over at a counter is left for when the channel tells the counter again. Unlike orders on their
    way in these do not fail for stock: who cannot be served now has unfilled demand and a route to come.
    """
    routed = []
    for order, lines in wanted:
        for line in lines:
            if line.fulfilled_by == LineFulfiller.CHANNEL:
                line.fulfilled += line.open_quantity
        if order.method == OrderMethod.HANDED_OVER:
            continue
        if status_after(lines) is OrderStatus.COMPLETED:
            await _complete(session, order)
        else:
            routed.append((order, lines))
    await claims.reserve_together(session, routed, principal)
    await session.flush()
    # Accounts are locked in the customers' order, whatever order the list was in.
    for order, lines in sorted(wanted, key=lambda item: (str(item[0].customer_id), item[0].id)):
        await grant_points(session, order, lines)
    await work.enqueue_many(session, ROUTE_WORK, [str(order.id) for order, _ in routed])


async def grant_points(session: WriteSession, order: Order, lines: Sequence[OrderLine]) -> None:
    """The points that the order can earn, and at once those of what was delivered. Idempotent."""
    if order.customer_id is None or order.status == OrderStatus.CANCELLED:
        return
    granted = grant_lines(lines, prices_include_tax=order.prices_include_tax)
    if granted:
        await grant_for_order(session, GrantPoints(order.id, order.customer_id, order.currency, granted))
        await earn_delivered(session, order, lines)


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
    await claims.sell(
        session,
        order,
        lines,
        terms.handed_over_at,
        principal,
        reservation_id=terms.reservation_id,
        sold_before=terms.sold_before,
    )
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
