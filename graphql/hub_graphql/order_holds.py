"""Orders that wait for a person: what a person says of a list of them."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import orders
from hub.infra.database import Database
from hub.infra.idempotency import Answer, ReplayedRefusal
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import Error, to_error
from hub_graphql.fields import mutation
from hub_graphql.ids import expect_id, global_id
from hub_graphql.keyed import settle
from hub_graphql.order_types import Order, OrderHold, order_node
from hub_graphql.payloads import WHAT_TO_DO, ErrorPolicy, KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope


@strawberry.enum(description="What a person says of an order that waits for one.")
class OrderHoldDecision(Enum):
    CONFIRM = enum_value(
        "CONFIRM",
        description="The hub goes on with it as it stands here. After GO_LIVE_REVIEW and UNKNOWN_STATE it is a paid "
        "order of the hub's: it claims stock, is routed and earns points. After CHANNEL_CONFLICT it keeps what it "
        "claimed and is routed, if it was not.",
    )
    DECLINE = enum_value("DECLINE", description="It stays history. For GO_LIVE_REVIEW only.")


@strawberry.input(description="An order that waits.")
class OrderHoldReleaseRowInput:
    id: strawberry.ID = strawberry.field(description="The order's global id. Errors: INVALID_ID, ORDER_NOT_FOUND.")
    expected_version: int | None = strawberry.field(
        default=None,
        description="The version that was looked at: STALE_VERSION when it moved on. Null: any version.",
    )


@strawberry.input(description="Orders that a person has decided about.")
class OrderHoldReleaseInput(KeyedInput):
    orders: list[OrderHoldReleaseRowInput] = strawberry.field(
        description="1 to 100 orders, each once; else INVALID_INPUT."
    )
    reason: OrderHold = strawberry.field(
        description="What they wait for; ORDER_NOT_HELD for an order that does not. CHANNEL_CONFLICT, GO_LIVE_REVIEW "
        "or UNKNOWN_STATE: the other holds end by themselves (HOLD_NOT_DECIDABLE)."
    )
    decision: OrderHoldDecision = strawberry.field(description="What was decided. Errors: HOLD_NOT_DECIDABLE.")
    error_policy: ErrorPolicy = strawberry.field(
        default=ErrorPolicy.REJECT_EVERYTHING, description="What a refused order means for the others."
    )


@strawberry.type(description="What came of one order of the list.")
class OrderHoldReleaseRow:
    id: strawberry.ID = strawberry.field(description="The order's id, as it was given.")
    released: bool = strawberry.field(description="Whether its hold for this reason ended.")
    order: Order | None = strawberry.field(description="The order as it is now; null when it was refused.")
    errors: list[Error] = strawberry.field(description="Why it was refused; empty when it was not.")


@strawberry.type(description="What came of ending the holds of orders.")
class OrderHoldReleasePayload(KeyedPayload):
    rows: list[OrderHoldReleaseRow] = strawberry.field(
        description="One for each order, in the order of the input; none when the input was refused as such."
    )


ReleaseInput = Annotated[OrderHoldReleaseInput, WHAT_TO_DO]


@strawberry.type
class OrderHoldMutation:
    @mutation(
        "End the holds of orders by a person's decision, all for one reason, in one transaction. Refused rows "
        "say why; with REJECT_EVERYTHING one of them changes nothing. Errors: ORDER_NOT_FOUND, "
        "ORDER_NOT_HELD, STALE_VERSION, HOLD_NOT_DECIDABLE, INVALID_ID, INVALID_INPUT.",
        require_scope(Scope.ORDERS_REVIEW),
    )
    async def order_hold_release(self, info: Info, input: ReleaseInput) -> OrderHoldReleasePayload:  # noqa: A002
        context = info.context

        async def prepare(_context: RequestContext) -> orders.ReleaseHolds:
            return _command(input)

        async def run(database: Database, command: orders.ReleaseHolds) -> Answer:
            return await orders.release_holds(
                database, context.principal, command, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, prepare, run)
        told = list((settled.outcome or {}).get("rows", ()))
        rows = await _rows(context, told)
        if not any(row.released for row in rows):
            settled = replace(settled, errors=[*settled.errors, *(error for row in rows for error in row.errors)])
        return OrderHoldReleasePayload(settled=settled, rows=rows)


def _command(given: OrderHoldReleaseInput) -> orders.ReleaseHolds:
    return orders.ReleaseHolds(
        orders=tuple(
            orders.HeldOrder(expect_id("Order", row.id, path=("orders", str(at), "id")), row.expected_version)
            for at, row in enumerate(given.orders)
        ),
        reason=orders.OrderHold[given.reason.name],
        decision=orders.HoldDecision[given.decision.name],
        error_policy=orders.ErrorPolicy[given.error_policy.name],
    )


async def _rows(context: RequestContext, told: list[Mapping[str, Any]]) -> list[OrderHoldReleaseRow]:
    keys = [UUID(row["order_id"]) for row in told]
    wanted = [key for key, row in zip(keys, told, strict=True) if row["refused"] is None]
    found = dict(zip(wanted, await context.load_many(orders.orders_by_ids, wanted), strict=True))
    return [_row(key, row, found.get(key)) for key, row in zip(keys, told, strict=True)]


def _row(key: UUID, told: Mapping[str, Any], order: orders.Order | None) -> OrderHoldReleaseRow:
    return OrderHoldReleaseRow(
        id=global_id("Order", key),
        released=told["released"],
        order=order_node(order) if order else None,
        errors=[_error(told["refused"])] if told["refused"] else [],
    )


def _error(refused: Mapping[str, Any]) -> Error:
    error = ReplayedRefusal(refused)
    error.path = ("input", *error.path)
    return to_error(error)
