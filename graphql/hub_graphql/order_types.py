"""Orders as the API shows them."""

import dataclasses
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import orders
from hub.customers import customers_by_ids
from hub.fulfillment import decisions_by_order_ids, fulfillment_orders_by_order_ids, sees_fulfillment_order
from hub.infra.sealing import Sealer
from hub.kernel.principal import Scope
from hub_graphql.channels import Channel, channel_reference
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.locations import Location, load_location
from hub_graphql.money import Money, money
from hub_graphql.nodes import Node, register_node
from hub_graphql.permissions import require_scope
from hub_graphql.products import BundleComponent, Variant, component_node, load_variant
from hub_graphql.words import known, shown

LINES = 5
FEW = 2
"""What an order's lists are assumed to hold when a document is priced."""

if TYPE_CHECKING:
    from hub_graphql.customer_types import Customer
    from hub_graphql.fulfillment_types import FulfillmentOrder
    from hub_graphql.routing_types import RoutingDecision

LazyCustomer = Annotated["Customer", strawberry.lazy("hub_graphql.customer_types")]
LazyFulfillmentOrder = Annotated["FulfillmentOrder", strawberry.lazy("hub_graphql.fulfillment_types")]
LazyRoutingDecision = Annotated["RoutingDecision", strawberry.lazy("hub_graphql.routing_types")]


@strawberry.enum(description="Where an order stands.")
class OrderStatus(Enum):
    PENDING_PAYMENT = enum_value("PENDING_PAYMENT", description="Not paid yet: it claims no stock.")
    OPEN = enum_value("OPEN", description="Units are still to be handed out.")
    COMPLETED = enum_value("COMPLETED", description="Everything that was not cancelled was handed out.")
    CANCELLED = enum_value("CANCELLED", description="Cancelled before anything was handed out.")


@strawberry.enum(description="Why an order waits for a person. It keeps its claims on stock while it waits.")
class OrderHold(Enum):
    UNMAPPED_LINE = enum_value("UNMAPPED_LINE", description="A line names a product that the hub does not know.")
    CHANNEL_CONFLICT = enum_value("CHANNEL_CONFLICT", description="The channel changed what was already under way.")
    UNKNOWN_STATE = enum_value("UNKNOWN_STATE", description="The channel uses a state that the hub does not know.")
    UNKNOWN_LOCATION = enum_value("UNKNOWN_LOCATION", description="The channel names a location that is not mapped.")
    GO_LIVE_REVIEW = enum_value("GO_LIVE_REVIEW", description="It was open when the channel went live.")


@strawberry.enum(description="How the buyer receives the goods.")
class OrderMethod(Enum):
    SHIP = enum_value("SHIP", description="By parcel.")
    PICKUP = enum_value("PICKUP", description="Collected at a location.")
    LOCAL_DELIVERY = enum_value("LOCAL_DELIVERY", description="Delivered by a location in its neighbourhood.")
    HANDED_OVER = enum_value("HANDED_OVER", description="Handed over at the counter when it was bought.")


@strawberry.enum(description="Who delivers an order line.")
class LineFulfiller(Enum):
    HUB = enum_value("HUB", description="A location that the hub chooses.")
    CHANNEL = enum_value("CHANNEL", description="The channel itself.")
    HANDED_OVER = enum_value("HANDED_OVER", description="Nobody: it was handed over when it was bought.")


@strawberry.enum(description="What an order line is.")
class OrderLineKind(Enum):
    GOODS = enum_value("GOODS", description="Units of a variant.")
    BUNDLE = enum_value("BUNDLE", description="A set that is priced as one.")
    CUSTOM = enum_value("CUSTOM", description="Something outside the catalog.")
    FEE = enum_value("FEE", description="A charge; never claimed or delivered.")


@strawberry.enum(description="In what condition goods came back.")
class ReturnCondition(Enum):
    SELLABLE = enum_value("SELLABLE", description="Back to the shelf.")
    INSPECT = enum_value("INSPECT", description="To quality control first.")
    DAMAGED = enum_value("DAMAGED", description="Not to be sold.")


@strawberry.type(description="A line of an order: prices as the selling system computed them.")
class OrderLine:
    row: strawberry.Private[orders.OrderLine]
    currency: strawberry.Private[str]
    id: strawberry.ID = strawberry.field(description="The line's global id.")
    external_id: str = strawberry.field(description="The channel's own id of the line.")
    sku: str | None = strawberry.field(description="The sku as it was ordered; null when the channel named none.")
    title: str = strawberry.field(description="The title as it was ordered.")
    kind: OrderLineKind | None = strawberry.field(description="What it is; null for a kind newer than this API.")
    fulfilled_by: LineFulfiller | None = strawberry.field(description="Who delivers it; null when newer than this API.")
    quantity: int = strawberry.field(description="Units ordered = open + cancelled + fulfilled.")
    open: int = strawberry.field(description="Units still to be handed out.")
    cancelled: int = strawberry.field(description="Units cancelled.")
    fulfilled: int = strawberry.field(description="Units handed out.")
    returned: int = strawberry.field(description="Units of the fulfilled ones that came back.")

    @field("The variant; null when the channel's line matches none.", require_scope(Scope.CATALOG_READ))
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.row.variant_id) if self.row.variant_id else None

    @field("What one unit of a bundle was made of when it was ordered; empty: it is no bundle.", cost(assumed_size=5))
    async def components(self, info: Info) -> list[BundleComponent]:
        if self.row.kind != orders.BUNDLE:
            return []
        return [
            component_node(part) for part in await info.context.load(orders.components_by_line_ids, self.row.id) or ()
        ]

    @field("The price of one unit, before discounts.")
    def unit_price(self) -> Money:
        return money(self.row.unit_price_minor, self.currency)

    @field("All discounts of the line together, not negative.")
    def discount(self) -> Money:
        return money(self.row.discount_minor, self.currency)

    @field("The line's tax; part of the prices when the order's prices include tax.")
    def tax(self) -> Money:
        return money(self.row.tax_minor, self.currency)


@strawberry.type(description="A reference to a payment that another system took. Never card data.")
class OrderPayment:
    reference: str = strawberry.field(description="The payment's id in the system that took it.")
    method: str = strawberry.field(description="How it was paid, in that system's words.")
    amount: Money = strawberry.field(description="What was paid.")
    paid_at: datetime | None = strawberry.field(description="When it was paid; null when unknown.")


@strawberry.type(description="Something that happened to an order.")
class OrderEvent:
    id: strawberry.ID = strawberry.field(description="The entry's id.")
    kind: str = strawberry.field(description="What happened, such as CAPTURED, ROUTED, FULFILLMENT_CLOSED, RETURNED.")
    at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="Units of one line that came back.")
class OrderReturnLine:
    order_line_id: strawberry.ID = strawberry.field(description="The order line they belong to.")
    quantity: int = strawberry.field(description="Units that came back.")
    condition: ReturnCondition | None = strawberry.field(description="Their condition; null when newer than this API.")


@strawberry.type(description="Goods that came back, at whatever location and through whatever channel.")
class OrderReturn:
    row: strawberry.Private[orders.OrderReturn]
    id: strawberry.ID = strawberry.field(description="The return's global id.")
    created_at: datetime = strawberry.field(description="When they came back.")

    @field("Where they came back.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.row.location_id)

    @field("What came back.", cost(assumed_size=LINES))
    async def lines(self, info: Info) -> list[OrderReturnLine]:
        rows = await info.context.load(orders.return_lines_by_return_ids, self.row.id) or []
        return [
            OrderReturnLine(
                order_line_id=global_id("OrderLine", row.order_line_id),
                quantity=shown(row.quantity),
                condition=known(ReturnCondition, row.condition),
            )
            for row in rows
        ]


@strawberry.type(description="A postal address. Personal data; empty texts are unknown.")
class Address:
    name: str = strawberry.field(description="The addressee.")
    line1: str = strawberry.field(description="Street and number.")
    line2: str = strawberry.field(description="More of it.")
    postal_code: str = strawberry.field(description="Postal code.")
    city: str = strawberry.field(description="City.")
    region: str = strawberry.field(description="State or province.")
    country_code: str = strawberry.field(description="ISO 3166-1 alpha-2 code.")
    phone: str = strawberry.field(description="A phone number for the carrier.")


@strawberry.type(description="Whom an order goes to. Personal data, kept sealed; gone once the customer is erased.")
class OrderContact:
    ship_to: Address | None = strawberry.field(description="Where it is sent; null when nowhere.")
    bill_to: Address | None = strawberry.field(description="Who pays; null when not told.")
    note: str | None = strawberry.field(description="What the buyer wrote with the order.")


@strawberry.type(description="A sale from any channel, captured once by channel and external id.")
class Order(Node):
    row: strawberry.Private[orders.Order]
    external_id: str = strawberry.field(description="The channel's own id of the order.")
    number: str = strawberry.field(description="The number that the buyer was told.")
    origin: str | None = strawberry.field(
        description="Where the sale came from, when not the capturing channel itself."
    )
    status: OrderStatus | None = strawberry.field(description="Where it stands; null for one newer than this API.")
    hold: OrderHold | None = strawberry.field(description="Why it waits for a person; null when it does not.")
    is_history: bool = strawberry.field(
        description="Placed before its channel went live: it moves no stock and no points."
    )
    method: OrderMethod | None = strawberry.field(description="How it is received; null for one newer than this API.")
    prices_include_tax: bool = strawberry.field(description="Whether its prices include tax.")
    totals_match: bool = strawberry.field(description="Whether lines and shipping add up to the total.")
    version: int = strawberry.field(description="Counts changes; give it as expectedVersion.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    captured_at: datetime = strawberry.field(description="When the hub captured it.")
    closed_at: datetime | None = strawberry.field(description="When nothing was left to do; null while open.")

    @field("What the buyer pays in all, as the selling system says.")
    def total(self) -> Money:
        return money(self.row.total_minor, self.row.currency)

    @field("What of the total is shipping.")
    def shipping(self) -> Money:
        return money(self.row.shipping_minor, self.row.currency)

    @field("The channel that it was captured from.")
    async def channel(self, info: Info) -> Channel | None:
        return await channel_reference(info.context, self.row.channel_id)

    @field("Where it is to be collected; null when it is not.")
    async def pickup_location(self, info: Info) -> Location | None:
        key = self.row.pickup_location_id
        return await load_location(info.context, key) if key else None

    @field("Its lines, in the channel's order.", cost(assumed_size=LINES))
    async def lines(self, info: Info) -> list[OrderLine]:
        rows = await info.context.load(orders.lines_by_order_ids, self.row.id) or []
        return [order_line_node(row, self.row.currency) for row in rows]

    @field("References to its payments.", cost(assumed_size=FEW))
    async def payments(self, info: Info) -> list[OrderPayment]:
        rows = await info.context.load(orders.payments_by_order_ids, self.row.id) or []
        return [
            OrderPayment(
                reference=row.reference,
                method=row.method,
                amount=money(row.amount_minor, row.currency),
                paid_at=row.paid_at,
            )
            for row in rows
        ]

    @field("Everything that happened to it, oldest first.")
    async def timeline(self, info: Info) -> list[OrderEvent]:
        rows = await info.context.load(orders.events_by_order_ids, self.row.id) or []
        return [OrderEvent(id=global_id("OrderEvent", row.id), kind=row.kind, at=row.at) for row in rows]

    @field("What came back of it, oldest first.", cost(assumed_size=FEW))
    async def returns(self, info: Info) -> list[OrderReturn]:
        rows = await info.context.load(orders.returns_by_order_ids, self.row.id) or []
        return [order_return_node(row) for row in rows]

    @field(
        "The parts that locations fulfil, oldest first. A credential bound to locations sees theirs.",
        require_scope(Scope.FULFILLMENT_READ, Scope.ORDERS_READ),
        cost(assumed_size=FEW),
    )
    async def fulfillment_orders(self, info: Info) -> list[LazyFulfillmentOrder]:
        from hub_graphql.fulfillment_types import fulfillment_order_node

        rows = await info.context.load(fulfillment_orders_by_order_ids, self.row.id) or []
        principal = info.context.principal
        return [fulfillment_order_node(row) for row in rows if sees_fulfillment_order(principal, row, self.row)]

    @field(
        "Every routing run, first run first, with every candidate's reasons.",
        require_scope(Scope.ROUTING_READ),
        cost(assumed_size=FEW),
    )
    async def routing_decisions(self, info: Info) -> list[LazyRoutingDecision]:
        from hub_graphql.routing_types import routing_decision_node

        rows = await info.context.load(decisions_by_order_ids, self.row.id) or []
        return [routing_decision_node(row) for row in rows]

    @field("Who bought it; null for nobody known.", require_scope(Scope.CUSTOMERS_READ))
    async def customer(self, info: Info) -> LazyCustomer | None:
        from hub_graphql.customer_types import load_visible_customer

        return await load_visible_customer(info.context, self.row.customer_id) if self.row.customer_id else None

    @field(
        "Whom it goes to; null when nobody was named, when it was erased, and in the history of other channels.",
        require_scope(Scope.CUSTOMERS_READ),
    )
    async def contact(self, info: Info) -> OrderContact | None:
        if self.row.contact is None or not await is_visible(info.context, self.row):
            return None
        key = self.row.customer_id
        customer = await info.context.load(customers_by_ids, key) if key else None
        return _contact(orders.open_contact(self.row, customer, info.context.service(Sealer)))


def order_node(row: orders.Order) -> Order:
    return Order(
        row=row,
        id=global_id("Order", row.id),
        external_id=row.external_id,
        number=row.number,
        origin=row.origin,
        status=known(OrderStatus, row.status),
        hold=known(OrderHold, row.hold),
        is_history=row.is_history,
        method=known(OrderMethod, row.method),
        prices_include_tax=row.prices_include_tax,
        totals_match=row.totals_match,
        version=shown(row.version),
        placed_at=row.placed_at,
        captured_at=row.captured_at,
        closed_at=row.closed_at,
    )


def order_line_node(row: orders.OrderLine, currency: str) -> OrderLine:
    return OrderLine(
        row=row,
        currency=currency,
        id=global_id("OrderLine", row.id),
        external_id=row.external_id,
        sku=row.sku,
        title=row.title,
        kind=known(OrderLineKind, row.kind),
        fulfilled_by=known(LineFulfiller, row.fulfilled_by),
        quantity=shown(row.quantity),
        open=shown(row.open_quantity),
        cancelled=shown(row.cancelled),
        fulfilled=shown(row.fulfilled),
        returned=shown(row.returned),
    )


def order_return_node(row: orders.OrderReturn) -> OrderReturn:
    return OrderReturn(row=row, id=global_id("OrderReturn", row.id), created_at=row.created_at)


async def is_visible(context: RequestContext, row: orders.Order) -> bool:
    """Whether the caller may see the order by itself, not only in its customer's history."""
    places = await context.load(orders.places_by_order_ids, row.id) or frozenset()
    return orders.sees_order(context.principal, row, places)


async def load_order(context: RequestContext, key: UUID) -> Order | None:
    """The order behind a reference in an object that the caller may see."""
    row = await context.load(orders.orders_by_ids, key)
    return order_node(row) if row else None


async def load_order_line(context: RequestContext, key: UUID) -> OrderLine | None:
    """The order line behind a reference in an object that the caller may see."""
    row = await context.load(orders.order_lines_by_ids, key)
    order = await context.load(orders.orders_by_ids, row.order_id) if row else None
    return order_line_node(row, order.currency) if row and order else None


async def load_visible_order(context: RequestContext, key: UUID) -> Order | None:
    row = await context.load(orders.orders_by_ids, key)
    return order_node(row) if row and await is_visible(context, row) else None


def _contact(plain: dict[str, Any] | None) -> OrderContact | None:
    if plain is None:
        return None
    return OrderContact(
        ship_to=_address(plain.get("ship_to")), bill_to=_address(plain.get("bill_to")), note=plain.get("note")
    )


def _address(plain: dict[str, Any] | None) -> Address | None:
    if not plain:
        return None
    return Address(**{part.name: plain.get(part.name) or "" for part in dataclasses.fields(Address)})


register_node("Order", load_visible_order, Scope.ORDERS_READ)
