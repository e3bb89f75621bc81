"""Orders: asked for, placed, cancelled, returned."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from hub import fulfillment, orders
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.infra.sealing import Sealer
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub_graphql.channels import meant_channel, needed_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import PlainWarning
from hub_graphql.fields import field, mutation
from hub_graphql.ids import expect_id, expect_id_or_none
from hub_graphql.keyed import settle
from hub_graphql.order_inputs import (
    OrderCancelInput,
    OrderFilterInput,
    OrderPlaceInput,
    OrderReturnInput,
    place_command,
    return_command,
)
from hub_graphql.order_payloads import OrderCancelPayload, OrderPlacePayload, OrderReturnPayload
from hub_graphql.order_types import Order, load_order, load_visible_order, order_node, order_return_node
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.payloads import WHAT_TO_DO
from hub_graphql.permissions import require_scope

OrderId = Annotated[strawberry.ID | None, strawberry.argument(description="The order's global id.")]
OfChannel = Annotated[
    str | None,
    strawberry.argument(description="Beside externalId: the channel's code or id; without it, the caller's own."),
]
ExternalId = Annotated[str | None, strawberry.argument(description="The channel's own id of the order.")]
Filter = Annotated[OrderFilterInput | None, strawberry.argument(description="Which orders; without it, all.")]
PlaceInput = Annotated[OrderPlaceInput, WHAT_TO_DO]
CancelInput = Annotated[OrderCancelInput, WHAT_TO_DO]
ReturnInput = Annotated[OrderReturnInput, WHAT_TO_DO]


@strawberry.type
class OrderQuery:
    @field(
        "One order by its id, or by its channel and external id; null when it does not exist for this caller. "
        "Errors: INVALID_ID, CHANNEL_NOT_FOUND, CHANNEL_NOT_ALLOWED, INVALID_INPUT.",
        require_scope(Scope.ORDERS_READ),
    )
    async def order(
        self,
        info: Info,
        id: OrderId = None,  # noqa: A002
        channel: OfChannel = None,
        external_id: ExternalId = None,
    ) -> Order | None:
        if (id is None) == (external_id is None):
            raise InvalidInputError("name the order by id, or by channel and externalId", path=("id",))
        if id is not None:
            return await load_visible_order(info.context, expect_id("Order", id))
        of = await needed_channel(info.context, channel)
        found = await info.context.read(lambda session: orders.order_by_external_id(session, of.id, external_id or ""))
        return await load_visible_order(info.context, found.id) if found else None

    @field(
        "Orders, newest first. A customer sees its own, a channel's credential that channel's, one bound to locations "
        "those with a part there. Errors: INVALID_ID, INVALID_CURSOR, CHANNEL_NOT_FOUND, CHANNEL_NOT_ALLOWED.",
        require_scope(Scope.ORDERS_READ),
    )
    async def orders(
        self,
        info: Info,
        filter: Filter = None,  # noqa: A002
        first: First = None,
        after: After = None,
    ) -> Connection[Order]:
        asked = filter or OrderFilterInput()
        path = ("filter", "channel")
        channel = await meant_channel(info.context, asked.channel, path=path) if asked.channel else None
        customer = expect_id_or_none("Customer", asked.customer_id, path=("filter", "customerId"))
        statuses = None if asked.statuses is None else sorted({status.name for status in asked.statuses})
        holds = None if asked.holds is None else sorted({hold.name for hold in asked.holds})
        channel_id = channel.id if channel else None
        scope = cursor_scope(
            "orders", channel=channel_id, customer=customer, statuses=statuses, held=asked.held, holds=holds
        )
        wanted = page(scope, tuple[datetime, UUID], first=first, after=after)
        rows = await info.context.read(
            lambda session: orders.orders_page(
                session,
                limit=wanted.fetch,
                after=wanted.position,
                channel_id=channel_id,
                customer_id=customer,
                statuses=statuses,
                held=asked.held,
                holds=holds,
                reach=orders.reach_of(info.context.principal),
            )
        )
        return connect(rows, wanted, node=order_node, key=lambda row: (row.placed_at, row.id))


@strawberry.type
class OrderMutation:
    @mutation(
        "Place an order: its stock is claimed or the order is refused as a whole. An external id used before gives "
        "that order, with a warning. Errors: INSUFFICIENT_STOCK, PRICE_CHANGED, UNKNOWN_SKU, UNKNOWN_CURRENCY, "
        "INVALID_QUANTITY, INVALID_AMOUNT, INVALID_INPUT, INVALID_ID, EMPTY_ORDER, UNKNOWN_CUSTOMER, "
        "STOCK_NOT_TRACKED, STOCK_MOVED, CHANNEL_NOT_FOUND, RESERVATION_NOT_FOUND, RESERVATION_EXPIRED, "
        "RESERVATION_NOT_ACTIVE, RESERVATION_MISMATCH, UNKNOWN_LOCATION.",
        require_scope(Scope.ORDERS_WRITE),
    )
    async def order_place(self, info: Info, input: PlaceInput) -> OrderPlacePayload:  # noqa: A002
        context = info.context
        sealer = context.service(Sealer)

        async def run(database: Database, command: orders.PlaceOrder) -> Answer:
            return await orders.place_order(
                database, context.principal, command, sealer, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, lambda _context: place_command(context, input), run)
        outcome = settled.outcome or {}
        known = PlainWarning(
            message="an order with this external id was placed before; this is that order, unchanged",
            path=["input", "externalId"],
        )
        return OrderPlacePayload(
            settled=replace(settled, warnings=[known]) if outcome.get("known") else settled,
            order=await load_order(context, UUID(outcome["order_id"])) if outcome else None,
        )

    @mutation(
        "Cancel every unit that was not handed out; stock and queues are put right. Errors: ORDER_NOT_FOUND, "
        "STALE_VERSION, ORDER_NOT_CANCELLABLE.",
        require_scope(Scope.ORDERS_WRITE),
    )
    async def order_cancel(self, info: Info, input: CancelInput) -> OrderCancelPayload:  # noqa: A002
        context = info.context

        async def prepare(_context: RequestContext) -> UUID:
            return expect_id("Order", input.id)

        async def run(database: Database, order_id: UUID) -> Answer:
            return await fulfillment.cancel_order(
                database,
                context.principal,
                order_id=order_id,
                reason=input.reason.name,
                idempotency_key=input.idempotency_key,
                expected_version=input.expected_version,
            )

        settled = await settle(info, prepare, run)
        order = await load_order(context, UUID(settled.outcome["order_id"])) if settled.outcome else None
        return OrderCancelPayload(settled=settled, order=order)

    @mutation(
        "Take goods back, wherever and through whatever channel they were bought: stock, lines and the points of the "
        "same units follow. Errors: ORDER_NOT_FOUND, STALE_VERSION, RETURN_EXCEEDS_FULFILLED, INVALID_QUANTITY, "
        "UNKNOWN_LOCATION; LOCATION_NOT_ALLOWED as a top-level error.",
        require_scope(Scope.ORDERS_WRITE),
    )
    async def order_return(self, info: Info, input: ReturnInput) -> OrderReturnPayload:  # noqa: A002
        context = info.context

        async def run(database: Database, command: orders.ReturnOrder) -> Answer:
            return await orders.return_order(
                database, context.principal, command, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, lambda _context: return_command(context, input), run)
        outcome = settled.outcome or {}
        row = await context.load(orders.returns_by_ids, UUID(outcome["return_id"])) if outcome else None
        return OrderReturnPayload(
            settled=settled,
            order_return=order_return_node(row) if row else None,
            order=await load_order(context, UUID(outcome["order_id"])) if outcome else None,
        )
