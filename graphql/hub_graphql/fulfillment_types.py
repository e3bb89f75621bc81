"""Fulfillment orders as the API shows them."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, cast
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import fulfillment, orders
from hub.infra.sealing import Sealer
from hub.kernel.principal import Scope
from hub_graphql.availability import FulfillmentMethod
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.locations import Location, load_location
from hub_graphql.nodes import Node, register_node
from hub_graphql.order_types import LINES, OrderLine, load_order, load_order_line
from hub_graphql.permissions import require_scope
from hub_graphql.routing_types import RoutingDecision, load_decision
from hub_graphql.words import known, shown

if TYPE_CHECKING:
    from hub_graphql.order_types import Order

LazyOrder = Annotated["Order", strawberry.lazy("hub_graphql.order_types")]


@strawberry.enum(description="Where a store's work stands.")
class FulfillmentOrderStatus(Enum):
    OPEN = enum_value("OPEN", description="Nobody took it on yet.")
    IN_PROGRESS = enum_value("IN_PROGRESS", description="The location took it on.")
    READY = enum_value("READY", description="Picked: it waits for the customer or the carrier.")
    CLOSED = enum_value("CLOSED", description="Handed out.")
    ON_HOLD = enum_value("ON_HOLD", description="It waits for a person.")
    REJECTED = enum_value("REJECTED", description="The location turned it down; the order was routed again.")
    CANCELLED = enum_value("CANCELLED", description="The order was cancelled.")


@strawberry.enum(description="Why a location turns work down.")
class FulfillmentOrderRejectReason(Enum):
    NOT_FOUND = enum_value("NOT_FOUND", description="The units are not there: somebody has to count.")
    DAMAGED = enum_value("DAMAGED", description="The units are damaged: they leave the sellable stock.")
    TOO_BUSY = enum_value("TOO_BUSY", description="No time for it.")
    CLOSED = enum_value("CLOSED", description="The location is closed.")
    OTHER = enum_value("OTHER", description="Something else.")


@strawberry.type(description="Units of an order line that a location hands out.")
class FulfillmentOrderLine:
    row: strawberry.Private[fulfillment.FulfillmentOrderLine]
    id: strawberry.ID = strawberry.field(description="The line's global id.")
    quantity: int = strawberry.field(description="Units.")

    @field("The order line it serves.")
    async def order_line(self, info: Info) -> OrderLine | None:
        return await load_order_line(info.context, self.row.order_line_id)


@strawberry.type(description="The part of an order that one location fulfils.")
class FulfillmentOrder(Node):
    row: strawberry.Private[fulfillment.FulfillmentOrder]
    number: int = strawberry.field(description="A short number for people, unique among fulfillment orders.")
    status: FulfillmentOrderStatus | None = strawberry.field(
        description="Where it stands; null when newer than this API."
    )
    method: FulfillmentMethod | None = strawberry.field(
        description="How it is handed out; null when newer than this API."
    )
    reject_reason: FulfillmentOrderRejectReason | None = strawberry.field(
        description="Why it was turned down; null when it was not."
    )
    carrier: str | None = strawberry.field(description="Who carries the parcel; null before it left.")
    tracking_number: str | None = strawberry.field(description="The parcel's number; null when there is none.")
    tracking_url: str | None = strawberry.field(description="Where the parcel can be followed; null when unknown.")
    version: int = strawberry.field(description="Counts changes; give it as expectedVersion.")
    created_at: datetime = strawberry.field(description="When it entered the queue.")
    accepted_at: datetime | None = strawberry.field(description="When the location took it on.")
    ready_at: datetime | None = strawberry.field(description="When it was picked.")
    closed_at: datetime | None = strawberry.field(description="When it was handed out or turned down.")

    @field("The order it is a part of.")
    async def order(self, info: Info) -> LazyOrder | None:
        return await load_order(info.context, self.row.order_id)

    @field("The location that fulfils it.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.row.location_id)

    @field("What is handed out.", cost(assumed_size=LINES))
    async def lines(self, info: Info) -> list[FulfillmentOrderLine]:
        rows = await info.context.load(fulfillment.lines_by_fulfillment_order_ids, self.row.id) or []
        return [
            FulfillmentOrderLine(row=row, id=global_id("FulfillmentOrderLine", row.id), quantity=shown(row.quantity))
            for row in rows
        ]

    @field("The decision that chose the location.", require_scope(Scope.ROUTING_READ))
    async def routing_decision(self, info: Info) -> RoutingDecision | None:
        key = self.row.routing_decision_id
        return await load_decision(info.context, key) if key else None

    @field(
        "The code that the customer shows to collect it. Told to the customer, the shop that sold it and central "
        "staff with customers:read; null for everybody else, and once nothing is left to collect."
    )
    async def pickup_code(self, info: Info) -> str | None:
        if self.row.method != "PICKUP" or self.row.status not in fulfillment.OPEN_STATES:
            return None
        order = await info.context.load(orders.orders_by_ids, self.row.order_id)
        if order is None or not fulfillment.may_see_pickup_code(info.context.principal, order):
            return None
        return fulfillment.pickup_code(info.context.service(Sealer), self.row.id)


def fulfillment_order_node(row: fulfillment.FulfillmentOrder) -> FulfillmentOrder:
    return FulfillmentOrder(
        row=row,
        id=global_id("FulfillmentOrder", row.id),
        number=shown(cast("int", row.number)),  # the database numbers every row
        status=known(FulfillmentOrderStatus, row.status),
        method=known(FulfillmentMethod, row.method),
        reject_reason=known(FulfillmentOrderRejectReason, row.reject_reason),
        carrier=row.carrier,
        tracking_number=row.tracking_number,
        tracking_url=row.tracking_url,
        version=shown(row.version),
        created_at=row.created_at,
        accepted_at=row.accepted_at,
        ready_at=row.ready_at,
        closed_at=row.closed_at,
    )


async def load_visible_fulfillment_order(context: RequestContext, key: UUID) -> FulfillmentOrder | None:
    row = await context.load(fulfillment.fulfillment_orders_by_ids, key)
    order = await context.load(orders.orders_by_ids, row.order_id) if row else None
    if row is None or order is None or not fulfillment.sees_fulfillment_order(context.principal, row, order):
        return None
    return fulfillment_order_node(row)


register_node("FulfillmentOrder", load_visible_fulfillment_order, Scope.FULFILLMENT_READ)
