"""Pure rules of orders: what adds up, what earns points, when an order is done."""

from collections.abc import Sequence

from hub.loyalty import GrantLine
from hub.orders.errors import StaleVersionError
from hub.orders.messages import NewOrder, NewOrderLine
from hub.orders.models import Order, OrderLine, OrderStatus

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
        GrantLine(
            line.id,
            line.quantity,
            base_minor=line.unit_price_minor * line.quantity
            - line.discount_minor
            - (line.tax_minor if prices_include_tax else 0),
            tax_minor=line.tax_minor,
        )
        for line in lines
        if line.kind in {"GOODS", "BUNDLE"}
    )


def status_after(lines: Sequence[OrderLine]) -> OrderStatus:
    """OPEN while units that the hub must deliver are outstanding; CANCELLED when nothing was delivered."""
    routed = [line for line in lines if line.fulfilled_by == "HUB" and line.kind in {"GOODS", "BUNDLE"}]
    if any(line.open_quantity for line in routed):
        return OrderStatus.OPEN
    delivered = any(line.fulfilled for line in lines)
    return OrderStatus.COMPLETED if delivered or not routed else OrderStatus.CANCELLED


def expect_version(order: Order, expected: int | None) -> None:
    """Raises StaleVersionError when the order moved on since the caller saw `expected` (None: any will do)."""
    if expected is not None and expected != order.version:
        raise StaleVersionError(
            f"the order is at version {order.version}, not {expected}; look at it again", path=("expectedVersion",)
        )
