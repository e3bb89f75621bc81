"""Units that are inspected, damaged or given up."""

from enum import Enum
from typing import Annotated

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.payloads import WHAT_TO_DO
from hub_graphql.permissions import require_scope
from hub_graphql.stock_reports import LevelInput, LevelPayload, StockAdjustmentReason, level_key_of, report_stock

_QUANTITY = "Units, 1 to 1,000,000,000; else INVALID_QUANTITY."


@strawberry.enum(description="Where units lie at a location.")
class StockBucket(Enum):
    ON_HAND = enum_value("ON_HAND", description="On sale.")
    QUALITY_CONTROL = enum_value("QUALITY_CONTROL", description="Held for inspection.")
    DAMAGED = enum_value("DAMAGED", description="Set aside as damaged.")


@strawberry.enum(description="Where units lie that can be written off.")
class StockWriteOffBucket(Enum):
    QUALITY_CONTROL = enum_value("QUALITY_CONTROL", description="Held for inspection.")
    DAMAGED = enum_value("DAMAGED", description="Set aside as damaged.")


@strawberry.input(description="Units that change between sellable, inspection and damaged.")
class StockInspectInput(LevelInput):
    source: StockBucket = strawberry.field(description="Where the units are.", name="from")
    target: StockBucket = strawberry.field(description="Where they go.", name="to")
    quantity: int = strawberry.field(description=_QUANTITY)
    reason: StockAdjustmentReason = strawberry.field(description="Why.")


@strawberry.input(description="Damaged or inspected units that are given up.")
class StockWriteOffInput(LevelInput):
    source: StockWriteOffBucket = strawberry.field(description="Where the units are.", name="from")
    quantity: int = strawberry.field(description=_QUANTITY)
    reason: StockAdjustmentReason = strawberry.field(description="Why.")


@strawberry.type(description="What came of an inspection.")
class StockInspectPayload(LevelPayload):
    pass


@strawberry.type(description="What came of a write-off.")
class StockWriteOffPayload(LevelPayload):
    pass


InspectArgument = Annotated[StockInspectInput, WHAT_TO_DO]
WriteOffArgument = Annotated[StockWriteOffInput, WHAT_TO_DO]


@strawberry.type
class StockStateMutation:
    @mutation(
        "Units change between sellable, inspection and damaged. Promised units stay sellable, unless they turn out to "
        "be damaged: a fact. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, INSUFFICIENT_STOCK, "
        "INVALID_INPUT.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_inspect(self, info: Info, input: InspectArgument) -> StockInspectPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.ChangeBucket:
            return inventory.ChangeBucket(
                await level_key_of(context, input),
                inventory.Bucket[input.source.name],
                inventory.Bucket[input.target.name],
                input.quantity,
                inventory.AdjustmentReason[input.reason.name],
            )

        settled, found = await report_stock(info, prepare, inventory.inspect_stock, input.idempotency_key)
        return StockInspectPayload(settled=settled, stock_level=found[0] if found else None)

    @mutation(
        "Damaged or inspected units are given up. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, "
        "INSUFFICIENT_STOCK.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_write_off(self, info: Info, input: WriteOffArgument) -> StockWriteOffPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.WriteOff:
            return inventory.WriteOff(
                await level_key_of(context, input),
                inventory.Bucket[input.source.name],
                input.quantity,
                inventory.AdjustmentReason[input.reason.name],
            )

        settled, found = await report_stock(info, prepare, inventory.write_off_stock, input.idempotency_key)
        return StockWriteOffPayload(settled=settled, stock_level=found[0] if found else None)
