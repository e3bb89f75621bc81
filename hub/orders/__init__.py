"""Orders from every channel: captured once, placed, returned, and never lost."""

from hub.orders.booking import changed, read_contact
from hub.orders.capture import CaptureResult, capture_order
from hub.orders.claims import StockMovedError, claimed_demand, set_unfilled
from hub.orders.errors import OrderNotCancellableError, OrderNotFoundError, PriceChangedError, StaleVersionError
from hub.orders.messages import ORDER_CHANGED, ROUTE_WORK, NewPayment
from hub.orders.models import (
    LineFulfiller,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
    OrderMethod,
    OrderPayment,
    OrderReturn,
    OrderReturnLine,
    OrderStatus,
)
from hub.orders.placement import PlaceOrder, PlaceOrderLine, place_order
from hub.orders.repository import (
    HistoryPage,
    customers_of_channels,
    events_by_order_ids,
    history_pages,
    lines_by_order_ids,
    lock_order,
    order_by_external_id,
    order_lines,
    order_lines_by_ids,
    orders_by_ids,
    orders_page,
    payments_by_order_ids,
    places_by_order_ids,
    return_lines_by_return_ids,
    returns_by_ids,
    returns_by_order_ids,
)
from hub.orders.returning import ReturnLineInput, ReturnOrder, return_order
from hub.orders.rules import expect_version, status_after
from hub.orders.timeline import note
from hub.orders.visibility import Reach, may_take_back, reach_of, sees_order, serves_anybody

__all__ = [
    "ORDER_CHANGED",
    "ROUTE_WORK",
    "CaptureResult",
    "HistoryPage",
    "LineFulfiller",
    "NewPayment",
    "Order",
    "OrderEvent",
    "OrderHold",
    "OrderLine",
    "OrderMethod",
    "OrderNotCancellableError",
    "OrderNotFoundError",
    "OrderPayment",
    "OrderReturn",
    "OrderReturnLine",
    "OrderStatus",
    "PlaceOrder",
    "PlaceOrderLine",
    "PriceChangedError",
    "Reach",
    "ReturnLineInput",
    "ReturnOrder",
    "StaleVersionError",
    "StockMovedError",
    "capture_order",
    "changed",
    "claimed_demand",
    "customers_of_channels",
    "events_by_order_ids",
    "expect_version",
    "history_pages",
    "lines_by_order_ids",
    "lock_order",
    "may_take_back",
    "note",
    "order_by_external_id",
    "order_lines",
    "order_lines_by_ids",
    "orders_by_ids",
    "orders_page",
    "payments_by_order_ids",
    "place_order",
    "places_by_order_ids",
    "reach_of",
    "read_contact",
    "return_lines_by_return_ids",
    "return_order",
    "returns_by_ids",
    "returns_by_order_ids",
    "sees_order",
    "serves_anybody",
    "set_unfilled",
    "status_after",
]
