"""The steps of a purchase order: create, receive, reschedule, cancel."""

from datetime import datetime
from typing import Annotated, TypeVar

import strawberry

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import CreatePurchaseOrder, DocumentStep
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.keyed import Settled
from hub_graphql.naming import LocationInput, location_key
from hub_graphql.payloads import WHAT_TO_DO, KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.stock_document_inputs import (
    ExpectedLineInput,
    PurchaseOrderStepInput,
    ReceiptLineInput,
    receipt_lines,
    settle_document,
    settle_step,
    wanted_lines,
)
from hub_graphql.stock_documents import PURCHASE, PurchaseOrder, purchase_order_node


@strawberry.input(description="What a supplier is expected to bring.")
class PurchaseOrderCreateInput(KeyedInput, LocationInput):
    number: str = strawberry.field(
        description="The paper's own number, 1 to 100 characters, once for ever; else PURCHASE_ORDER_EXISTS."
    )
    lines: list[ExpectedLineInput] = strawberry.field(description="What is expected; 1 to 1,000, else TOO_MANY_LINES.")
    supplier: str = strawberry.field(default="", description="Who brings it, at most 100 characters.")
    expected_at: datetime | None = strawberry.field(default=None, description="When it is expected.")


@strawberry.input(description="What of a purchase order came.")
class PurchaseOrderReceiveInput(PurchaseOrderStepInput):
    lines: list[ReceiptLineInput] = strawberry.field(description="What came; 1 to 1,000, else TOO_MANY_LINES.")


@strawberry.input(description="Another date for a purchase order.")
class PurchaseOrderRescheduleInput(PurchaseOrderStepInput):
    expected_at: datetime | None = strawberry.field(description="When it is expected now; null: nobody knows.")


@strawberry.input(description="Which purchase order will not come, or not the rest of it.")
class PurchaseOrderCancelInput(PurchaseOrderStepInput):
    pass


@strawberry.type
class _Payload(KeyedPayload):
    purchase_order: PurchaseOrder | None = strawberry.field(
        description="The purchase order as it is now; null if refused."
    )


@strawberry.type(description="What came of announcing a purchase order.")
class PurchaseOrderCreatePayload(_Payload):
    pass


@strawberry.type(description="What came of receiving a purchase order.")
class PurchaseOrderReceivePayload(_Payload):
    pass


@strawberry.type(description="What came of giving a purchase order another date.")
class PurchaseOrderReschedulePayload(_Payload):
    pass


@strawberry.type(description="What came of cancelling a purchase order.")
class PurchaseOrderCancelPayload(_Payload):
    pass


P = TypeVar("P", bound=_Payload)
CreateInput = Annotated[PurchaseOrderCreateInput, WHAT_TO_DO]
ReceiveInput = Annotated[PurchaseOrderReceiveInput, WHAT_TO_DO]
RescheduleInput = Annotated[PurchaseOrderRescheduleInput, WHAT_TO_DO]
CancelInput = Annotated[PurchaseOrderCancelInput, WHAT_TO_DO]


@strawberry.type
class PurchaseOrderMutation:
    @mutation(
        "Announces what a supplier brings: incoming from now on. Errors: PURCHASE_ORDER_EXISTS, UNKNOWN_SKU, "
        "UNKNOWN_LOCATION, INVALID_QUANTITY, TOO_MANY_LINES, INVALID_INPUT.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def purchase_order_create(self, info: Info, input: CreateInput) -> PurchaseOrderCreatePayload:  # noqa: A002
        async def prepare(context: RequestContext) -> CreatePurchaseOrder:
            location_id = await location_key(context, input.location_id, input.location_code)
            lines = wanted_lines(input.lines)
            return CreatePurchaseOrder(input.number, location_id, lines, input.supplier, input.expected_at)

        async def run(database: Database, command: CreatePurchaseOrder) -> Answer:
            return await inventory.create_purchase_order(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            )

        return _payload(PurchaseOrderCreatePayload, *await settle_document(info, prepare, run))

    @mutation(
        "Units came: a part, all, or more; missing ones are no longer expected. Errors: PURCHASE_ORDER_NOT_FOUND, "
        "STALE_VERSION, INVALID_TRANSITION, REASON_REQUIRED, MISSING_EXCEEDS_OUTSTANDING, UNKNOWN_SKU, "
        "INVALID_QUANTITY, TOO_MANY_LINES.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def purchase_order_receive(
        self,
        info: Info,
        input: ReceiveInput,  # noqa: A002
    ) -> PurchaseOrderReceivePayload:
        async def run(database: Database, step: DocumentStep) -> Answer:
            lines = receipt_lines(input.lines)
            return await inventory.receive_purchase_order(database, info.context.principal, step, lines)

        return _payload(PurchaseOrderReceivePayload, *await settle_step(info, PURCHASE, input, run))

    @mutation(
        "The supplier named another date. Errors: PURCHASE_ORDER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def purchase_order_reschedule(
        self,
        info: Info,
        input: RescheduleInput,  # noqa: A002
    ) -> PurchaseOrderReschedulePayload:
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.reschedule_purchase_order(
                database, info.context.principal, step, expected_at=input.expected_at
            )

        return _payload(PurchaseOrderReschedulePayload, *await settle_step(info, PURCHASE, input, run))

    @mutation(
        "What has not come will not come; what came stays. Errors: PURCHASE_ORDER_NOT_FOUND, STALE_VERSION, "
        "INVALID_TRANSITION.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def purchase_order_cancel(self, info: Info, input: CancelInput) -> PurchaseOrderCancelPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.cancel_purchase_order(database, info.context.principal, step)

        return _payload(PurchaseOrderCancelPayload, *await settle_step(info, PURCHASE, input, run))


def _payload(made: type[P], settled: Settled, row: inventory.Consignment | None) -> P:
    return made(settled=settled, purchase_order=purchase_order_node(row) if row else None)
