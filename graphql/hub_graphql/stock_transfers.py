"""The steps of a stock transfer: create, dispatch, receive, cancel."""

from datetime import datetime
from typing import Annotated, TypeVar

import strawberry

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import CreateTransfer, DocumentStep
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.keyed import Settled
from hub_graphql.naming import location_key
from hub_graphql.payloads import WHAT_TO_DO, KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.stock_document_inputs import (
    ExpectedLineInput,
    ReceiptLineInput,
    StockTransferStepInput,
    receipt_lines,
    settle_document,
    settle_step,
    wanted_lines,
)
from hub_graphql.stock_documents import TRANSFER, StockTransfer, transfer_node

_PLACE = "By default the credential's only location. Errors: INVALID_ID, UNKNOWN_LOCATION."


@strawberry.input(description="Units that shall move from one location to another.")
class StockTransferCreateInput(KeyedInput):
    from_location_id: strawberry.ID | None = strawberry.field(default=None, description=f"Where from, by id. {_PLACE}")
    from_location_code: str | None = strawberry.field(default=None, description="Where from, by code instead.")
    to_location_id: strawberry.ID | None = strawberry.field(default=None, description=f"Where to, by id. {_PLACE}")
    to_location_code: str | None = strawberry.field(default=None, description="Where to, by code instead.")
    lines: list[ExpectedLineInput] = strawberry.field(description="What shall move; 1 to 1,000, else TOO_MANY_LINES.")
    expected_at: datetime | None = strawberry.field(default=None, description="When it is expected to arrive.")


@strawberry.input(description="Which transfer leaves.")
class StockTransferDispatchInput(StockTransferStepInput):
    expected_at: datetime | None = strawberry.field(
        default=None, description="When it is expected to arrive; null: as the draft says."
    )


@strawberry.input(description="What of a transfer came.")
class StockTransferReceiveInput(StockTransferStepInput):
    lines: list[ReceiptLineInput] = strawberry.field(description="What came; 1 to 1,000, else TOO_MANY_LINES.")


@strawberry.input(description="Which draft to give up.")
class StockTransferCancelInput(StockTransferStepInput):
    pass


@strawberry.type
class _Payload(KeyedPayload):
    stock_transfer: StockTransfer | None = strawberry.field(description="The transfer as it is now; null if refused.")


@strawberry.type(description="What came of planning a transfer.")
class StockTransferCreatePayload(_Payload):
    pass


@strawberry.type(description="What came of sending a transfer.")
class StockTransferDispatchPayload(_Payload):
    pass


@strawberry.type(description="What came of receiving a transfer.")
class StockTransferReceivePayload(_Payload):
    pass


@strawberry.type(description="What came of giving a transfer up.")
class StockTransferCancelPayload(_Payload):
    pass


P = TypeVar("P", bound=_Payload)
CreateInput = Annotated[StockTransferCreateInput, WHAT_TO_DO]
DispatchInput = Annotated[StockTransferDispatchInput, WHAT_TO_DO]
ReceiveInput = Annotated[StockTransferReceiveInput, WHAT_TO_DO]
CancelInput = Annotated[StockTransferCancelInput, WHAT_TO_DO]


@strawberry.type
class StockTransferMutation:
    @mutation(
        "Plans a transfer as a draft, which claims nothing. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, "
        "TOO_MANY_LINES, INVALID_INPUT.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_transfer_create(self, info: Info, input: CreateInput) -> StockTransferCreatePayload:  # noqa: A002
        async def prepare(context: RequestContext) -> CreateTransfer:
            source = await location_key(
                context, input.from_location_id, input.from_location_code, path=("fromLocationId",)
            )
            target = await location_key(context, input.to_location_id, input.to_location_code, path=("toLocationId",))
            return CreateTransfer(source, target, wanted_lines(input.lines), input.expected_at)

        async def run(database: Database, command: CreateTransfer) -> Answer:
            return await inventory.create_transfer(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            )

        return _payload(StockTransferCreatePayload, *await settle_document(info, prepare, run))

    @mutation(
        "The units leave, all or none: free units only. They are incoming at the destination. Errors: "
        "STOCK_TRANSFER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION, INSUFFICIENT_STOCK.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_transfer_dispatch(
        self,
        info: Info,
        input: DispatchInput,  # noqa: A002
    ) -> StockTransferDispatchPayload:
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.dispatch_transfer(
                database, info.context.principal, step, expected_at=input.expected_at
            )

        return _payload(StockTransferDispatchPayload, *await settle_step(info, TRANSFER, input, run))

    @mutation(
        "Units came: a part, all, more (found) or fewer (lost). Errors: STOCK_TRANSFER_NOT_FOUND, STALE_VERSION, "
        "INVALID_TRANSITION, REASON_REQUIRED, MISSING_EXCEEDS_OUTSTANDING, UNKNOWN_SKU, INVALID_QUANTITY, "
        "TOO_MANY_LINES.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_transfer_receive(
        self,
        info: Info,
        input: ReceiveInput,  # noqa: A002
    ) -> StockTransferReceivePayload:
        async def run(database: Database, step: DocumentStep) -> Answer:
            lines = receipt_lines(input.lines)
            return await inventory.receive_transfer(database, info.context.principal, step, lines)

        return _payload(StockTransferReceivePayload, *await settle_step(info, TRANSFER, input, run))

    @mutation(
        "Gives a draft up. Errors: STOCK_TRANSFER_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_transfer_cancel(self, info: Info, input: CancelInput) -> StockTransferCancelPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.cancel_transfer(database, info.context.principal, step)

        return _payload(StockTransferCancelPayload, *await settle_step(info, TRANSFER, input, run))


def _payload(made: type[P], settled: Settled, row: inventory.Consignment | None) -> P:
    return made(settled=settled, stock_transfer=transfer_node(row) if row else None)
