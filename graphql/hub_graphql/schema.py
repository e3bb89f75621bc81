"""The hub's schema: every feature's roots, put together."""

import strawberry

from hub_graphql.bundles import BundleMutation
from hub_graphql.catalog import CatalogQuery
from hub_graphql.console import ConsoleQuery
from hub_graphql.count_session_steps import CountSessionMutation
from hub_graphql.count_sessions import CountSessionQuery
from hub_graphql.customers import CustomerQuery, LoyaltySubscription
from hub_graphql.errors import ERROR_TYPES
from hub_graphql.fulfillment import FulfillmentQuery, FulfillmentSubscription
from hub_graphql.fulfillment_steps import FulfillmentMutation
from hub_graphql.instants import CONFIG
from hub_graphql.inventory import AvailabilitySubscription, InventoryMutation, InventoryQuery
from hub_graphql.locations import LocationQuery
from hub_graphql.nodes import NodeQuery
from hub_graphql.order_holds import OrderHoldMutation
from hub_graphql.orders import OrderMutation, OrderQuery
from hub_graphql.pos_facts import PosMutation
from hub_graphql.purchase_orders import PurchaseOrderMutation
from hub_graphql.reservations import ReservationMutation, ReservationQuery
from hub_graphql.rfid import RfidMutation, RfidQuery
from hub_graphql.stock_documents import StockDocumentQuery
from hub_graphql.stock_states import StockStateMutation
from hub_graphql.stock_transfers import StockTransferMutation


@strawberry.type(description="What can be read.")
class Query(
    CatalogQuery,
    LocationQuery,
    InventoryQuery,
    StockDocumentQuery,
    CountSessionQuery,
    ReservationQuery,
    OrderQuery,
    FulfillmentQuery,
    CustomerQuery,
    ConsoleQuery,
    RfidQuery,
    NodeQuery,
):
    pass


@strawberry.type(description="What can be changed; every mutation takes an idempotency key.")
class Mutation(
    InventoryMutation,
    BundleMutation,
    StockStateMutation,
    CountSessionMutation,
    StockTransferMutation,
    PurchaseOrderMutation,
    ReservationMutation,
    OrderMutation,
    OrderHoldMutation,
    PosMutation,
    FulfillmentMutation,
    RfidMutation,
):
    pass


@strawberry.type(description="What can be watched: current state first, then changes.")
class Subscription(AvailabilitySubscription, FulfillmentSubscription, LoyaltySubscription):
    pass


schema = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, types=ERROR_TYPES, config=CONFIG)
