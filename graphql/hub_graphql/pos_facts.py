"""What terminals report: sales and returns that happened, a row for each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from hub import orders, pos
from hub.catalog import views
from hub.infra.database import Database
from hub.infra.idempotency import Answer, ReplayedRefusal
from hub.infra.sealing import Sealer
from hub.kernel.principal import Scope
from hub_graphql.channels import needed_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import Error, PlainWarning, to_error
from hub_graphql.errors import Warning as Advice
from hub_graphql.fields import mutation
from hub_graphql.ids import global_id
from hub_graphql.keyed import Settled, settle
from hub_graphql.order_types import Order, OrderReturn, order_node, order_return_node
from hub_graphql.payloads import WHAT_TO_DO, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.pos_inputs import PosReturnsRecordInput, PosSalesRecordInput, returns_batch, sales_batch
from hub_graphql.words import shown

_SALES, _RETURNS = "sales", "returns"
_ADVICE = {
    "UNKNOWN_CUSTOMER": "nobody is known by the customerId; the sale is nobody's and earns no points",
    "RESERVATION_NOT_USED": "the reservation is not this till's, or gone; the units were sold from the shelf",
    "UNKNOWN_SKU": "lines with an unknown sku wait until the catalog knows it",
    "PROMISES_AT_RISK": "units were promised to others too; a count tells what is really there",
    "NOT_LINKED": "units that no known sale covers are on stock, and take no points back",
}


@strawberry.type(description="A promise of units that cannot be kept for everybody any more.")
class PosAffectedPromise:
    id: strawberry.ID = strawberry.field(description="Of the reservation, or of the fulfillment order, by id.")
    sku: str = strawberry.field(description="The variant's sku.")
    quantity: int = strawberry.field(description="Units that were promised.")


@strawberry.type
class PosFactRow:
    receipt: str = strawberry.field(description="The receipt, as it was given.")
    recorded: bool = strawberry.field(description="Whether the hub has it.")
    known: bool = strawberry.field(
        description="Whether it was reported before, so that this is the first answer again and nothing was changed."
    )
    received_at: datetime | None = strawberry.field(description="When it was recorded; null when it was refused.")
    clock_offset_ms: int | None = strawberry.field(
        description="How far the till's clock was ahead of the hub's, in milliseconds; null without sentAt."
    )
    unmapped_skus: list[str] = strawberry.field(description="Skus that nobody knew; their lines wait for the catalog.")
    order: Order | None = strawberry.field(
        description="The order it made or belongs to; null when it was refused, or a return without a known sale."
    )
    errors: list[Error] = strawberry.field(description="Why it was refused; empty when it was not.")
    warnings: list[Advice] = strawberry.field(description="What to know about it.")


@strawberry.type(description="What came of one sale.")
class PosSaleRow(PosFactRow):
    affected_reservations: list[PosAffectedPromise] = strawberry.field(
        description="Holds at this location that cannot all be kept, newest first. At most 100 promises "
        "are named, with affectedAllocations."
    )
    affected_allocations: list[PosAffectedPromise] = strawberry.field(
        description="Fulfillment orders of this location that cannot all be served, newest first. Those that nobody "
        "took on yet are routed anew."
    )


@strawberry.type(description="What came of one return.")
class PosReturnRow(PosFactRow):
    order_return: OrderReturn | None = strawberry.field(description="The return of the order; null unless linked.")
    linked: list[int] = strawberry.field(
        description="For each line, the units that found the line of the sale; the rest is on stock all the same."
    )


@strawberry.type(description="What came of reporting sales.")
class PosSalesRecordPayload(KeyedPayload):
    rows: list[PosSaleRow] = strawberry.field(
        description="One for each sale, in the order of the input; none when the input was refused as such."
    )


@strawberry.type(description="What came of reporting returns.")
class PosReturnsRecordPayload(KeyedPayload):
    rows: list[PosReturnRow] = strawberry.field(
        description="One for each return, in the order of the input; none when the input was refused as such."
    )


SalesInput = Annotated[PosSalesRecordInput, WHAT_TO_DO]
ReturnsInput = Annotated[PosReturnsRecordInput, WHAT_TO_DO]


@strawberry.type
class PosMutation:
    @mutation(
        "Report sales of the terminal that asks: order, stock, payment references and points of each in a transaction "
        "of its own, once for ever by its receipt, never refused for lack of stock. With REJECT_EVERYTHING a refused "
        "row lets none be recorded. Errors: INVALID_RECEIPT, RECEIPT_REUSED, OCCURRED_AT_OUT_OF_RANGE, "
        "INVALID_QUANTITY, INVALID_AMOUNT, UNKNOWN_CURRENCY, INVALID_ID, INVALID_INPUT; TERMINAL_REQUIRED as a "
        "top-level error.",
        require_scope(Scope.ORDERS_WRITE),
    )
    async def pos_sales_record(self, info: Info, input: SalesInput) -> PosSalesRecordPayload:  # noqa: A002
        context = info.context
        sealer = context.service(Sealer)

        async def prepare(context: RequestContext) -> pos.Batch:
            return sales_batch(input, await needed_channel(context, None))

        async def run(database: Database, batch: pos.Batch) -> Answer:
            return await pos.record_sales(
                database, context.principal, batch, sealer, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, prepare, run)
        rows = await _sale_rows(context, _told(settled))
        return PosSalesRecordPayload(settled=_with_errors(settled, rows), rows=rows)

    @mutation(
        "Report returns to the terminal that asks: linked to the lines of the sale whose receipt is known, never more "
        "than was sold, with the points of the same units; taken on stock in any case. With REJECT_EVERYTHING a "
        "refused row lets none be recorded. Errors: INVALID_RECEIPT, RECEIPT_REUSED, OCCURRED_AT_OUT_OF_RANGE, "
        "INVALID_QUANTITY, INVALID_INPUT; TERMINAL_REQUIRED as a top-level error.",
        require_scope(Scope.ORDERS_WRITE),
    )
    async def pos_returns_record(self, info: Info, input: ReturnsInput) -> PosReturnsRecordPayload:  # noqa: A002
        context = info.context

        async def prepare(_context: RequestContext) -> pos.Batch:
            return returns_batch(input)

        async def run(database: Database, batch: pos.Batch) -> Answer:
            return await pos.record_returns(database, context.principal, batch, idempotency_key=input.idempotency_key)

        settled = await settle(info, prepare, run)
        rows = await _return_rows(context, _told(settled))
        return PosReturnsRecordPayload(settled=_with_errors(settled, rows), rows=rows)


def _told(settled: Settled) -> Sequence[Mapping[str, Any]]:
    return list((settled.outcome or {}).get("rows", ()))


def _with_errors(settled: Settled, rows: Sequence[PosFactRow]) -> Settled:
    """The payload's errors say why nothing was recorded."""
    if any(row.recorded for row in rows):
        return settled
    return replace(settled, errors=[*settled.errors, *(error for row in rows for error in row.errors)])


async def _sale_rows(context: RequestContext, told: Sequence[Mapping[str, Any]]) -> list[PosSaleRow]:
    common = await _common(context, told, _SALES)
    promised = [item for row in told for name in ("reservations", "allocations") for item in row.get(name, ())]
    keys = [UUID(item[1]) for item in promised]
    skus = dict(zip(keys, await context.load_many(views.skus_by_variant_ids, keys), strict=True))
    return [
        PosSaleRow(
            **said,
            affected_reservations=_promises("Reservation", row.get("reservations", ()), skus),
            affected_allocations=_promises("FulfillmentOrder", row.get("allocations", ()), skus),
        )
        for row, said in zip(told, common, strict=True)
    ]


async def _return_rows(context: RequestContext, told: Sequence[Mapping[str, Any]]) -> list[PosReturnRow]:
    common = await _common(context, told, _RETURNS)
    keys = [UUID(row["return_id"]) for row in told if row.get("return_id")]
    found = dict(zip(keys, await context.load_many(orders.returns_by_ids, keys), strict=True))
    rows = []
    for row, said in zip(told, common, strict=True):
        returned = found.get(UUID(row["return_id"])) if row.get("return_id") else None
        node = order_return_node(returned) if returned else None
        rows.append(PosReturnRow(**said, order_return=node, linked=[shown(units) for units in row.get("linked", ())]))
    return rows


async def _common(context: RequestContext, told: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """What every row says. The orders are the till's own, or sold under a receipt that it holds."""
    keys = [UUID(row["order_id"]) for row in told if row.get("order_id")]
    found = dict(zip(keys, await context.load_many(orders.orders_by_ids, keys), strict=True))
    rows = []
    for at, row in enumerate(told):
        order = found.get(UUID(row["order_id"])) if row.get("order_id") else None
        at_fault = ["input", name, str(at)]
        rows.append(
            {
                "receipt": row["receipt"],
                "recorded": row["recorded"],
                "known": row["known"],
                "received_at": datetime.fromisoformat(row["received_at"]) if row.get("received_at") else None,
                "clock_offset_ms": None if row.get("clock_offset_ms") is None else shown(row["clock_offset_ms"]),
                "unmapped_skus": list(row.get("unmapped", ())),
                "order": order_node(order) if order else None,
                "errors": [_error(row["refused"], name)] if row["refused"] else [],
                "warnings": [PlainWarning(message=_ADVICE[code], path=at_fault) for code in row.get("warnings", ())],
            }
        )
    return rows


def _promises(kind: str, items: Sequence[Sequence[Any]], skus: Mapping[UUID, str | None]) -> list[PosAffectedPromise]:
    return [
        PosAffectedPromise(id=global_id(kind, UUID(key)), sku=skus[UUID(variant)] or "", quantity=shown(units))
        for key, variant, units in items
    ]


def _error(refused: Mapping[str, Any], name: str) -> Error:
    error = ReplayedRefusal(refused)
    error.path = ("input", *(name if part == "facts" else part for part in error.path))
    return to_error(error)
