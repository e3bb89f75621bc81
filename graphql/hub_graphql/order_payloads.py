"""What the mutations of orders answer."""

import strawberry

from hub_graphql.errors import Error
from hub_graphql.errors import Warning as Advice
from hub_graphql.order_types import Order, OrderReturn
from hub_graphql.payloads import ERRORS, REPLAYED, WARNINGS


@strawberry.type(description="What became of an order that was to be placed.")
class OrderPlacePayload:
    order: Order | None = strawberry.field(description="The order; null when it was refused.")
    errors: list[Error] = strawberry.field(description=ERRORS)
    warnings: list[Advice] = strawberry.field(description=WARNINGS)
    replayed: bool = strawberry.field(description=REPLAYED)


@strawberry.type(description="What became of an order that was to be cancelled.")
class OrderCancelPayload:
    order: Order | None = strawberry.field(description="The order as it is now; null when this was refused.")
    errors: list[Error] = strawberry.field(description=ERRORS)
    warnings: list[Advice] = strawberry.field(description=WARNINGS)
    replayed: bool = strawberry.field(description=REPLAYED)


@strawberry.type(description="What became of goods that were to be taken back.")
class OrderReturnPayload:
    order_return: OrderReturn | None = strawberry.field(description="The return; null when it was refused.")
    order: Order | None = strawberry.field(description="The order as it is now; null when this was refused.")
    errors: list[Error] = strawberry.field(description=ERRORS)
    warnings: list[Advice] = strawberry.field(description=WARNINGS)
    replayed: bool = strawberry.field(description=REPLAYED)
