"""What the steps of transfers and purchase orders take, and how they are carried out."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeVar
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import DocumentStep, ReceiptLine, WantedLine
from hub_graphql.context import Info, RequestContext
from hub_graphql.ids import expect_id
from hub_graphql.keyed import Settled, settle
from hub_graphql.naming import UnitsInput, VariantInput, variant_names
from hub_graphql.payloads import VersionedInput
from hub_graphql.stock_reports import StockAdjustmentReason

C = TypeVar("C")


@strawberry.enum(description="In what state units arrived.")
class ArrivalCondition(Enum):
    SELLABLE = enum_value("SELLABLE", description="Into onHand.")
    INSPECT = enum_value("INSPECT", description="Into qualityControl, until somebody has looked.")
    DAMAGED = enum_value("DAMAGED", description="Into damaged.")


@strawberry.input(description="Units of one variant that a document announces; a variant named twice is one line.")
class ExpectedLineInput(UnitsInput):
    pass


@strawberry.input(description="Units of one variant that came, and those that will not.")
class ReceiptLineInput(VariantInput):
    quantity: int = strawberry.field(
        default=0,
        description="Units that came, 0 to 1,000,000,000; else INVALID_QUANTITY. Beyond those expected they are extra.",
    )
    missing: int = strawberry.field(
        default=0, description="Units still expected after these that will not come; else MISSING_EXCEEDS_OUTSTANDING."
    )
    condition: ArrivalCondition = strawberry.field(
        default=ArrivalCondition.SELLABLE, description="The state of the units that came."
    )
    reason: StockAdjustmentReason | None = strawberry.field(
        default=None, description="Why units are extra or missing; needed when they are, else REASON_REQUIRED."
    )


@strawberry.input
class StockTransferStepInput(VersionedInput):
    id: strawberry.ID = strawberry.field(
        description="The transfer's global id. Errors: INVALID_ID, STOCK_TRANSFER_NOT_FOUND."
    )


@strawberry.input
class PurchaseOrderStepInput(VersionedInput):
    id: strawberry.ID = strawberry.field(
        description="The purchase order's global id. Errors: INVALID_ID, PURCHASE_ORDER_NOT_FOUND."
    )


def wanted_lines(lines: Sequence[ExpectedLineInput]) -> tuple[WantedLine, ...]:
    return tuple(WantedLine(name, line.quantity) for name, line in zip(variant_names(lines), lines, strict=True))


def receipt_lines(lines: Sequence[ReceiptLineInput]) -> list[ReceiptLine]:
    return [
        ReceiptLine(
            name,
            line.quantity,
            line.missing,
            inventory.ReturnCondition[line.condition.name],
            inventory.AdjustmentReason[line.reason.name] if line.reason else None,
        )
        for name, line in zip(variant_names(lines), lines, strict=True)
    ]


async def settle_document(
    info: Info,
    prepare: Callable[[RequestContext], Awaitable[C]],
    run: Callable[[Database, C], Awaitable[Answer]],
) -> tuple[Settled, inventory.Consignment | None]:
    """Carry the mutation out and read its document as it is now."""
    settled = await settle(info, prepare, run)
    if settled.outcome is None:
        return settled, None
    key = UUID(settled.outcome["document_id"])
    return settled, await info.context.load(inventory.consignments_by_ids, key)


async def settle_step(
    info: Info,
    type_name: str,
    given: StockTransferStepInput | PurchaseOrderStepInput,
    run: Callable[[Database, DocumentStep], Awaitable[Answer]],
) -> tuple[Settled, inventory.Consignment | None]:
    async def prepare(_context: RequestContext) -> DocumentStep:
        return DocumentStep(expect_id(type_name, given.id), given.idempotency_key, given.expected_version)

    return await settle_document(info, prepare, run)
