"""Count sessions as the API shows them."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import expect_id, global_id
from hub_graphql.locations import Location, load_location
from hub_graphql.nodes import Node, register_node
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from hub_graphql.stock_documents import places_asked_for, visible_places
from hub_graphql.stock_reports import StockAdjustmentReason
from hub_graphql.words import known, shown

SESSION = "CountSession"
_ASSUMED_LINES = 10


@strawberry.enum(description="Where a count session stands.")
class CountSessionStatus(Enum):
    OPEN = enum_value("OPEN", description="It is being counted.")
    APPLIED = enum_value("APPLIED", description="Everything that was counted is booked.")
    CANCELLED = enum_value("CANCELLED", description="It was ended; what was booked before stays booked.")


@strawberry.enum(description="Where the count of one article stands.")
class CountLineStatus(Enum):
    TO_COUNT = enum_value("TO_COUNT", description="Nobody counted it yet.")
    RECOUNT = enum_value("RECOUNT", description="It has to be counted again.")
    COUNTED = enum_value("COUNTED", description="It can be applied.")
    APPLIED = enum_value("APPLIED", description="It is booked.")


@strawberry.type(description="What was found of one article.")
class CountLine:
    variant_key: strawberry.Private[UUID]
    status: CountLineStatus | None = strawberry.field(description="Where it stands; null for a newer word.")
    counted: int | None = strawberry.field(description="Units found at the last count; null before it.")
    counted_at: datetime | None = strawberry.field(description="When they were found.")
    attempts: int = strawberry.field(description="How often it was counted.")
    expected: int | None = strawberry.field(
        description="onHand when it was counted; null before it, and in a blind session until the line is applied."
    )
    variance: int | None = strawberry.field(description="counted - expected; null whenever expected is.")
    reason: StockAdjustmentReason | None = strawberry.field(description="Why it differs, where somebody said so.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.variant_key)


@strawberry.type(description="A location's articles being counted.")
class CountSession(Node):
    row: strawberry.Private[inventory.CountSession]
    status: CountSessionStatus | None = strawberry.field(description="Where it stands; null for a newer word.")
    blind: bool = strawberry.field(description="Whether counters are not told what is expected.")
    recount_above: int | None = strawberry.field(
        description="A variance of more units is counted again until two counts agree; null: never."
    )
    version: int = strawberry.field(description="Grows with each step; give it as expectedVersion.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    closed_at: datetime | None = strawberry.field(description="When it was applied whole or cancelled.")

    @field("What is counted, by variant.", cost(assumed_size=_ASSUMED_LINES))
    async def lines(self, info: Info) -> list[CountLine]:
        found = await info.context.load(inventory.count_lines_by_session_ids, self.row.id) or []
        return [_line_node(line, blind=self.row.blind) for line in found]

    @field("Where it takes place.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.row.location_id)


def _line_node(line: inventory.CountLine, *, blind: bool) -> CountLine:
    told = not blind or line.status == inventory.CountLineStatus.APPLIED
    return CountLine(
        variant_key=line.variant_id,
        status=known(CountLineStatus, line.status),
        counted=None if line.counted is None else shown(line.counted),
        counted_at=line.counted_at,
        attempts=line.attempts,
        expected=shown(line.expected) if told and line.expected is not None else None,
        variance=shown(line.variance) if told and line.variance is not None else None,
        reason=known(StockAdjustmentReason, line.reason),
    )


def session_node(row: inventory.CountSession) -> CountSession:
    return CountSession(
        id=global_id(SESSION, row.id),
        row=row,
        status=known(CountSessionStatus, row.status),
        blind=row.blind,
        recount_above=None if row.recount_above is None else shown(row.recount_above),
        version=shown(row.version),
        created_at=row.created_at,
        closed_at=row.closed_at,
    )


async def load_visible_session(context: RequestContext, key: UUID) -> CountSession | None:
    row = await context.load(inventory.count_sessions_by_ids, key)
    places = await visible_places(context)
    if row is None or (places is not None and row.location_id not in places):
        return None
    return session_node(row)


register_node(SESSION, load_visible_session, Scope.STOCK_READ)

SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's global id.")]
AtLocation = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Only those of this location, by id; without it, all that the caller sees."),
]
Statuses = Annotated[
    list[CountSessionStatus] | None, strawberry.argument(description="Only these; without them, every status.")
]


@strawberry.type
class CountSessionQuery:
    @field(
        "One count session; null when the caller does not see it. Errors: INVALID_ID.", require_scope(Scope.STOCK_READ)
    )
    async def count_session(self, info: Info, id: SessionId) -> CountSession | None:  # noqa: A002
        return await load_visible_session(info.context, expect_id(SESSION, id))

    @field(
        "Count sessions, newest first; a bound credential sees those of its locations. Errors: LOCATION_NOT_ALLOWED, "
        "INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def count_sessions(
        self,
        info: Info,
        *,
        location_id: AtLocation = None,
        statuses: Statuses = None,
        first: First = None,
        after: After = None,
    ) -> Connection[CountSession]:
        places = await places_asked_for(info.context, location_id)
        words = None if statuses is None else sorted({status.name for status in statuses})
        scope = cursor_scope("countSessions", places=places, statuses=words)
        wanted = page(scope, tuple[datetime, UUID], first=first, after=after)
        rows = await info.context.read(
            lambda session: inventory.count_sessions_page(
                session, limit=wanted.fetch, after=wanted.position, location_ids=places, statuses=words
            )
        )
        return connect(rows, wanted, node=session_node, key=lambda row: (row.created_at, row.id))
