"""What a store does with the work in its queue, step by step."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from hub import fulfillment
from hub.fulfillment import QueueStep
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.infra.sealing import Sealer
from hub.kernel.principal import Principal, Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.fulfillment_types import FulfillmentOrder, FulfillmentOrderRejectReason, fulfillment_order_node
from hub_graphql.ids import expect_id
from hub_graphql.keyed import settle
from hub_graphql.payloads import WHAT_TO_DO, KeyedPayload, VersionedInput
from hub_graphql.permissions import require_scope


@strawberry.input
class FulfillmentOrderInput(VersionedInput):
    id: strawberry.ID = strawberry.field(
        description="The fulfillment order's global id. Errors: INVALID_ID, FULFILLMENT_ORDER_NOT_FOUND."
    )


@strawberry.input(description="Which fulfillment order to take on.")
class FulfillmentOrderAcceptInput(FulfillmentOrderInput):
    pass


@strawberry.input(description="Which fulfillment order is picked.")
class FulfillmentOrderReadyInput(FulfillmentOrderInput):
    pass


@strawberry.input(description="Which fulfillment order to turn down, and why.")
class FulfillmentOrderRejectInput(FulfillmentOrderInput):
    reason: FulfillmentOrderRejectReason = strawberry.field(description="Why; it decides what happens to the stock.")


@strawberry.input(description="Which fulfillment order the customer collects.")
class FulfillmentOrderCollectInput(FulfillmentOrderInput):
    code: str = strawberry.field(description="The pickup code that the customer shows; else WRONG_PICKUP_CODE.")


@strawberry.input(description="Which fulfillment order has left.")
class FulfillmentOrderShipInput(FulfillmentOrderInput):
    carrier: str = strawberry.field(default="", description="Who carries it.")
    tracking_number: str = strawberry.field(default="", description="The parcel's number.")
    tracking_url: str = strawberry.field(default="", description="Where the parcel can be followed.")


@strawberry.type
class FulfillmentOrderPayload(KeyedPayload):
    fulfillment_order: FulfillmentOrder | None = strawberry.field(
        description="The fulfillment order as it is now; null when the step was refused."
    )


@strawberry.type(description="What came of taking a fulfillment order on.")
class FulfillmentOrderAcceptPayload(FulfillmentOrderPayload):
    pass


@strawberry.type(description="What came of calling a fulfillment order picked.")
class FulfillmentOrderReadyPayload(FulfillmentOrderPayload):
    pass


@strawberry.type(description="What came of turning a fulfillment order down.")
class FulfillmentOrderRejectPayload(FulfillmentOrderPayload):
    pass


@strawberry.type(description="What came of handing a fulfillment order to its customer.")
class FulfillmentOrderCollectPayload(FulfillmentOrderPayload):
    pass


@strawberry.type(description="What came of sending a fulfillment order away.")
class FulfillmentOrderShipPayload(FulfillmentOrderPayload):
    pass


P = TypeVar("P", bound=FulfillmentOrderPayload)
AcceptInput = Annotated[FulfillmentOrderAcceptInput, WHAT_TO_DO]
ReadyInput = Annotated[FulfillmentOrderReadyInput, WHAT_TO_DO]
RejectInput = Annotated[FulfillmentOrderRejectInput, WHAT_TO_DO]
CollectInput = Annotated[FulfillmentOrderCollectInput, WHAT_TO_DO]
ShipInput = Annotated[FulfillmentOrderShipInput, WHAT_TO_DO]


@strawberry.type
class FulfillmentMutation:
    @mutation(
        "Take an OPEN fulfillment order on. Errors: FULFILLMENT_ORDER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.FULFILLMENT_WRITE),
    )
    async def fulfillment_order_accept(
        self,
        info: Info,
        input: AcceptInput,  # noqa: A002
    ) -> FulfillmentOrderAcceptPayload:
        return await _step(info, input, fulfillment.accept, FulfillmentOrderAcceptPayload)

    @mutation(
        "Picked and waiting: an accepted fulfillment order becomes READY. Errors: FULFILLMENT_ORDER_NOT_FOUND, "
        "STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.FULFILLMENT_WRITE),
    )
    async def fulfillment_order_ready(
        self,
        info: Info,
        input: ReadyInput,  # noqa: A002
    ) -> FulfillmentOrderReadyPayload:
        return await _step(info, input, fulfillment.ready, FulfillmentOrderReadyPayload)

    @mutation(
        "Turn a fulfillment order down: its stock is released and its order is routed again without this location. "
        "Errors: FULFILLMENT_ORDER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.FULFILLMENT_WRITE),
    )
    async def fulfillment_order_reject(
        self,
        info: Info,
        input: RejectInput,  # noqa: A002
    ) -> FulfillmentOrderRejectPayload:
        reject = partial(fulfillment.reject, reason=fulfillment.RejectReason[input.reason.name])
        return await _step(info, input, reject, FulfillmentOrderRejectPayload)

    @mutation(
        "Hand a READY order to the customer who shows its code; points are earned. Errors: "
        "FULFILLMENT_ORDER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION, WRONG_PICKUP_CODE.",
        require_scope(Scope.FULFILLMENT_WRITE),
    )
    async def fulfillment_order_collect(
        self,
        info: Info,
        input: CollectInput,  # noqa: A002
    ) -> FulfillmentOrderCollectPayload:
        collect = partial(fulfillment.collect, sealer=info.context.service(Sealer), code=input.code)
        return await _step(info, input, collect, FulfillmentOrderCollectPayload)

    @mutation(
        "The parcel has left; points are earned and the channel is told. Errors: FULFILLMENT_ORDER_NOT_FOUND, "
        "STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.FULFILLMENT_WRITE),
    )
    async def fulfillment_order_ship(
        self,
        info: Info,
        input: ShipInput,  # noqa: A002
    ) -> FulfillmentOrderShipPayload:
        tracking = fulfillment.Tracking(input.carrier, input.tracking_number, input.tracking_url)
        return await _step(info, input, partial(fulfillment.ship, tracking=tracking), FulfillmentOrderShipPayload)


async def _step(
    info: Info,
    given: FulfillmentOrderInput,
    take: Callable[[Database, Principal, QueueStep], Awaitable[Answer]],
    payload: type[P],
) -> P:
    async def prepare(_context: RequestContext) -> QueueStep:
        return QueueStep(expect_id("FulfillmentOrder", given.id), given.idempotency_key, given.expected_version)

    async def run(database: Database, step: QueueStep) -> Answer:
        return await take(database, info.context.principal, step)

    settled = await settle(info, prepare, run)
    item = None
    if settled.outcome is not None:
        key = UUID(settled.outcome["fulfillment_order_id"])
        row = await info.context.load(fulfillment.fulfillment_orders_by_ids, key)
        item = fulfillment_order_node(row) if row else None
    return payload(settled=settled, fulfillment_order=item)
