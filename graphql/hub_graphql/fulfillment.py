"""The stores' queues and the routing behind them: what can be asked, done and watched."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry

from hub import fulfillment
from hub.infra.events import EventHub
from hub.inventory import UnknownLocationError
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field, subscription
from hub_graphql.fulfillment_types import (
    FulfillmentOrder,
    FulfillmentOrderStatus,
    fulfillment_order_node,
    load_visible_fulfillment_order,
)
from hub_graphql.ids import expect_id
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.permissions import require_scope
from hub_graphql.routing_types import RoutingDecision, load_visible_decision
from hub_graphql.stream_cursors import CURSOR, Stream, StreamCursor, StreamEventKind

SNAPSHOT_PAGE = 50

FulfillmentOrderId = Annotated[strawberry.ID, strawberry.argument(description="The fulfillment order's global id.")]
DecisionId = Annotated[strawberry.ID, strawberry.argument(description="The routing decision's global id.")]
OfLocation = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Only this location's; without it, every location that the caller may see."),
]
Watched = Annotated[strawberry.ID, strawberry.argument(description="The location whose queue is watched.")]
Statuses = Annotated[
    list[FulfillmentOrderStatus] | None, strawberry.argument(description="Only these; without them, every status.")
]


@strawberry.type(description="A location's queue, read or changed.")
class FulfillmentQueueEvent:
    kind: StreamEventKind = strawberry.field(description="Why it was sent.")
    cursor: str = strawberry.field(description=CURSOR)
    caught_up: bool = strawberry.field(
        description="False while the queue as it stands is still being told; true from its last page on."
    )
    fulfillment_orders: list[FulfillmentOrder] = strawberry.field(
        description="The next part of the queue, at most 50, oldest first; or the one that changed, as it is now.",
        metadata=cost(assumed_size=SNAPSHOT_PAGE),
    )


@strawberry.type
class FulfillmentQuery:
    @field(
        "One fulfillment order; null when it is not the caller's. Errors: INVALID_ID.",
        require_scope(Scope.FULFILLMENT_READ),
    )
    async def fulfillment_order(self, info: Info, id: FulfillmentOrderId) -> FulfillmentOrder | None:  # noqa: A002
        return await load_visible_fulfillment_order(info.context, expect_id("FulfillmentOrder", id))

    @field(
        "Fulfillment orders, oldest first. A credential bound to locations sees theirs, a channel's credential its "
        "orders'. Errors: UNKNOWN_LOCATION for another's location, INVALID_ID, INVALID_CURSOR.",
        require_scope(Scope.FULFILLMENT_READ),
    )
    async def fulfillment_orders(
        self,
        info: Info,
        *,
        location_id: OfLocation = None,
        statuses: Statuses = None,
        first: First = None,
        after: After = None,
    ) -> Connection[FulfillmentOrder]:
        principal = info.context.principal
        wanted_statuses = None if statuses is None else sorted({status.name for status in statuses})
        places = principal.location_ids
        if location_id is not None:
            places = frozenset({_own_location(info.context, location_id)})
        scope = cursor_scope("fulfillmentOrders", places=sorted(places) if places else None, statuses=wanted_statuses)
        wanted = page(scope, tuple[datetime, UUID], first=first, after=after)
        rows = await info.context.read(
            lambda session: fulfillment.queue_page(
                session,
                limit=wanted.fetch,
                after=wanted.position,
                location_ids=None if places is None else sorted(places),
                statuses=wanted_statuses,
                channel_id=principal.channel_id if principal.location_ids is None else None,
            )
        )
        return connect(rows, wanted, node=fulfillment_order_node, key=lambda row: (row.created_at, row.id))

    @field(
        "One routing decision with every candidate; null when its order is not the caller's. Errors: INVALID_ID.",
        require_scope(Scope.ROUTING_READ),
    )
    async def routing_decision(self, info: Info, id: DecisionId) -> RoutingDecision | None:  # noqa: A002
        return await load_visible_decision(info.context, expect_id("RoutingDecision", id))


@strawberry.type
class FulfillmentSubscription:
    @subscription(
        "A location's queue: first as it stands (open, in progress, ready, on hold), then each fulfillment order that "
        "changes. Errors: UNKNOWN_LOCATION for another's location, INVALID_ID, INVALID_CURSOR.",
        require_scope(Scope.FULFILLMENT_READ),
    )
    async def fulfillment_order_changed(
        self, info: Info, location_id: Watched, after: StreamCursor = None
    ) -> AsyncGenerator[FulfillmentQueueEvent, None]:
        context = info.context
        place = _own_location(context, location_id)
        stream = Stream(
            context.service(EventHub),
            f"fulfillmentOrderChanged {place}",
            {fulfillment.FULFILLMENT_ORDER_CHANGED},
            lambda event: event.payload.get("location_id") == str(place),
        )
        told: dict[UUID, int] = {}
        async with AsyncExitStack() as stack:
            followed = await stream.follow(stack, after)
            if followed.begins_with is not None:
                async for rows, more in _queue(context, place):
                    told.update((row.id, row.version) for row in rows)
                    yield _news(followed.begins_with, followed.cursor, rows, caught_up=not more)
            async for event in followed.events:
                if told.pop(event.entity_id, 0) >= event.entity_version:
                    continue
                item = await load_visible_fulfillment_order(context, event.entity_id)
                if item is not None:
                    yield _news(StreamEventKind.CHANGE, stream.cursor(event.seq), [item.row], caught_up=True)


async def _queue(
    context: RequestContext, place: UUID
) -> AsyncGenerator[tuple[list[fulfillment.FulfillmentOrder], bool], None]:
    """The queue page by page, and whether more follows."""
    principal = context.principal
    position: tuple[datetime, UUID] | None = None
    more = True
    while more:
        page_of = partial(
            fulfillment.queue_page,
            limit=SNAPSHOT_PAGE + 1,
            after=position,
            location_ids=[place],
            statuses=sorted(fulfillment.OPEN_STATES),
            channel_id=principal.channel_id if principal.location_ids is None else None,
        )
        found = await context.read(page_of)
        rows, more = found[:SNAPSHOT_PAGE], len(found) > SNAPSHOT_PAGE
        position = (rows[-1].created_at, rows[-1].id) if rows else None
        yield rows, more


def _news(
    kind: StreamEventKind, cursor: str, rows: Sequence[fulfillment.FulfillmentOrder], *, caught_up: bool
) -> FulfillmentQueueEvent:
    nodes = [fulfillment_order_node(row) for row in rows]
    return FulfillmentQueueEvent(kind=kind, cursor=cursor, caught_up=caught_up, fulfillment_orders=nodes)


def _own_location(context: RequestContext, location_id: strawberry.ID) -> UUID:
    """Raises UnknownLocationError for a location that a bound credential is not bound to."""
    key = expect_id("Location", location_id, path=("locationId",))
    places = context.principal.location_ids
    if places is not None and key not in places:
        raise UnknownLocationError("there is no such location", path=("locationId",))
    return key
