"""Pure rules of orders: what adds up, what earns points, when an order is done."""

from collections.abc import Sequence

from hub.kernel.geo import GeoPoint
from hub.loyalty import GrantLine
from hub.orders.errors import StaleVersionError
from hub.orders.messages import NewOrder, NewOrderLine
from hub.orders.models import Order, OrderHold, OrderLine, OrderMethod, OrderStatus

GEO_PRECISION = 2
"""Decimals of the stored destination, about a kilometre: enough to choose a store, too little to find a door."""


def line_total_minor(line: NewOrderLine | OrderLine, *, prices_include_tax: bool) -> int:
    """What the buyer pays for the line."""
    net = line.unit_price_minor * line.quantity - line.discount_minor
    return net if prices_include_tax else net + line.tax_minor


def totals_match(order: NewOrder) -> bool:
    """Whether lines and shipping add up to the total that the channel states. A mismatch is kept and flagged."""
    lines = sum(line_total_minor(line, prices_include_tax=order.prices_include_tax) for line in order.lines)
    return lines + order.shipping_minor == order.total_minor


def grant_lines(lines: Sequence[OrderLine], *, prices_include_tax: bool) -> tuple[GrantLine, ...]:
    """The lines that earn points: goods, net of discounts, tax apart."""
    return tuple(
        _grant_line(line, prices_include_tax=prices_include_tax) for line in lines if line.kind in {"GOODS", "BUNDLE"}
    )


def _grant_line(line: OrderLine, *, prices_include_tax: bool) -> GrantLine:
    """Channels also state discounts beyond the price, and tax on what was given away: those earn nothing."""
    net = max(0, line.unit_price_minor * line.quantity - line.discount_minor)
    tax = max(0, line.tax_minor)
    if prices_include_tax:
        tax = min(tax, net)
        net -= tax
    return GrantLine(line.id, line.quantity, base_minor=net, tax_minor=tax)


def status_after(lines: Sequence[OrderLine]) -> OrderStatus:
    """OPEN while units that the hub must deliver are outstanding; CANCELLED when no goods were delivered."""
    goods = [line for line in lines if line.kind in {"GOODS", "BUNDLE"}]
    routed = [line for line in goods if line.fulfilled_by == "HUB"]
    if any(line.open_quantity for line in routed):
        return OrderStatus.OPEN
    delivered = any(line.fulfilled for line in goods)
    return OrderStatus.COMPLETED if delivered or not routed else OrderStatus.CANCELLED


def status_when_cancelled(lines: Sequence[OrderLine]) -> OrderStatus:
    """What a cancellation leaves: COMPLETED where goods were handed out before. Fees and the like hand out nothing."""
    handed_out = any(line.fulfilled for line in lines if line.fulfilled_by != "CHANNEL")
    return OrderStatus.COMPLETED if handed_out else OrderStatus.CANCELLED


def hold_of(order: Order, lines: Sequence[OrderLine], new: NewOrder) -> OrderHold | None:
    """What still keeps a known order waiting, by what is mapped now; `new` is what the channel says today."""
    if new.hold is OrderHold.UNKNOWN_STATE and order.status == OrderStatus.PENDING_PAYMENT:
        return OrderHold.UNKNOWN_STATE
    return mapping_hold(order, lines, counter_known=new.handed_over_at is not None)


def mapping_hold(order: Order, lines: Sequence[OrderLine], *, counter_known: bool = False) -> OrderHold | None:
    """The hold of an order of which an article or the place is unknown. History waits for neither.

    `counter_known`: whether the counter of a sale is known; an order does not remember it until it is sold.
    """
    if (
        order.is_history
        or order.status == OrderStatus.CANCELLED
        or all(line.fulfilled_by == "CHANNEL" for line in lines)
    ):
        return None
    if any(line.variant_id is None and line.open_quantity for line in lines if line.kind == "GOODS"):
        return OrderHold.UNMAPPED_LINE
    nowhere = order.method == OrderMethod.PICKUP and order.pickup_location_id is None
    unsold = order.method == OrderMethod.HANDED_OVER and any(line.open_quantity for line in lines)
    if nowhere or (unsold and not counter_known):
        return OrderHold.UNKNOWN_LOCATION
    return None


def destination_of(order: Order) -> GeoPoint | None:
    """About where it goes."""
    if order.destination_latitude is None or order.destination_longitude is None:
        return None
    return GeoPoint(order.destination_latitude, order.destination_longitude)


def expect_version(order: Order, expected: int | None) -> None:
    """Raises StaleVersionError when the order moved on since the caller saw `expected` (None: any will do)."""
    if expected is not None and expected != order.version:
        raise StaleVersionError(
            f"the order is at version {order.version}, not {expected}; look at it again", path=("expectedVersion",)
        )
