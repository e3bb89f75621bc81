"""Orders find their place: routing decisions, the stores' queues, hand-over."""

from hub.fulfillment.cancellation import cancel_open_units, cancel_order
from hub.fulfillment.checking import check_orders
from hub.fulfillment.errors import FulfillmentOrderNotFoundError, TransitionError, WrongPickupCodeError
from hub.fulfillment.lifecycle import QueueStep, Tracking, accept, collect, pickup_code, ready, reject, ship
from hub.fulfillment.messages import FULFILLMENT_ORDER_CHANGED, PUSH_WORK, RELIEVE_WORK
from hub.fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    FulfillmentStatus,
    RejectReason,
    RoutingDecisionRow,
)
from hub.fulfillment.repository import (
    decisions_by_ids,
    decisions_by_order_ids,
    fulfillment_orders_by_ids,
    fulfillment_orders_by_order_ids,
    lines_by_fulfillment_order_ids,
    lines_of,
    queue_page,
)
from hub.fulfillment.routing_run import RoutingRun, route_order
from hub.fulfillment.rules import OPEN_STATES
from hub.fulfillment.shortage import (
    AffectedAllocation,
    AffectedReservation,
    PromisesAtRisk,
    ask_for_relief,
    promises_at_risk,
    relieve,
)
from hub.fulfillment.visibility import may_see_pickup_code, sees_fulfillment_order
from hub.fulfillment.waiting import reroute_waiting

__all__ = [
    "FULFILLMENT_ORDER_CHANGED",
    "OPEN_STATES",
    "PUSH_WORK",
    "RELIEVE_WORK",
    "AffectedAllocation",
    "AffectedReservation",
    "FulfillmentOrder",
    "FulfillmentOrderLine",
    "FulfillmentOrderNotFoundError",
    "FulfillmentStatus",
    "PromisesAtRisk",
    "QueueStep",
    "RejectReason",
    "RoutingDecisionRow",
    "RoutingRun",
    "Tracking",
    "TransitionError",
    "WrongPickupCodeError",
    "accept",
    "ask_for_relief",
    "cancel_open_units",
    "cancel_order",
    "check_orders",
    "collect",
    "decisions_by_ids",
    "decisions_by_order_ids",
    "fulfillment_orders_by_ids",
    "fulfillment_orders_by_order_ids",
    "lines_by_fulfillment_order_ids",
    "lines_of",
    "may_see_pickup_code",
    "pickup_code",
    "promises_at_risk",
    "queue_page",
    "ready",
    "reject",
    "relieve",
    "reroute_waiting",
    "route_order",
    "sees_fulfillment_order",
    "ship",
]
