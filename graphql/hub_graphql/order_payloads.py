"""What the mutations of orders answer."""

import strawberry

from hub_graphql.order_types import Order, OrderReturn
from hub_graphql.payloads import KeyedPayload


@strawberry.type(description="What came of placing an order.")
class OrderPlacePayload(KeyedPayload):
    order: Order | None = strawberry.field(description="The order; null when it was refused.")


@strawberry.type(description="What came of cancelling an order.")
class OrderCancelPayload(KeyedPayload):
    order: Order | None = strawberry.field(description="The order as it is now; null when this was refused.")


@strawberry.type(description="What came of taking goods back.")
class OrderReturnPayload(KeyedPayload):
    order_return: OrderReturn | None = strawberry.field(description="The return; null when it was refused.")
    order: Order | None = strawberry.field(description="The order as it is now; null when this was refused.")
