"""Routing decisions as the API shows them: every candidate and the reason it won or lost."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry import enum_value

import routing
from hub import orders
from hub.fulfillment import RoutingDecisionRow, decisions_by_ids
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.locations import Location, load_location
from hub_graphql.nodes import Node, register_node
from hub_graphql.order_types import FEW, LINES, OrderLine, is_visible, load_order, load_order_line
from hub_graphql.words import known, shown

if TYPE_CHECKING:
    from hub_graphql.order_types import Order

LazyOrder = Annotated["Order", strawberry.lazy("hub_graphql.order_types")]


LOCATIONS = 10
"""Locations that a decision is assumed to weigh when a document is priced."""


def _stored(assumed_size: int) -> dict[str, Any]:
    """A list inside the stored decision: reading it asks the database for nothing more."""
    return cost(weight=0, assumed_size=assumed_size)


@strawberry.enum(description="What became of a candidate.")
class RoutingOutcome(Enum):
    CHOSEN = enum_value("CHOSEN", description="It fulfils the order, or a part of it.")
    NOT_NEEDED = enum_value("NOT_NEEDED", description="It could have helped, but a better choice made it superfluous.")
    REFUSED = enum_value("REFUSED", description="A rule keeps it out, or it has too little stock.")


@strawberry.enum(description="Why a candidate won or lost.")
class RoutingReasonCode(Enum):
    WHOLE_ORDER = enum_value("WHOLE_ORDER", description="It has everything.")
    PART_OF_ORDER = enum_value("PART_OF_ORDER", description="It gives a part, together with others.")
    OUTRANKED = enum_value("OUTRANKED", description="It has everything, but another location ranks better.")
    NOT_IN_SET = enum_value("NOT_IN_SET", description="The chosen locations do without it.")
    INSUFFICIENT_STOCK = enum_value("INSUFFICIENT_STOCK", description="It has too little of what is needed.")
    INACTIVE = enum_value("INACTIVE", description="It takes no part in selling.")
    CAPABILITY_MISSING = enum_value("CAPABILITY_MISSING", description="It does not offer the order's method.")
    EXCLUDED = enum_value("EXCLUDED", description="It rejected this order before.")
    CLOSED = enum_value("CLOSED", description="It is closed for too long.")
    CAPACITY_EXHAUSTED = enum_value("CAPACITY_EXHAUSTED", description="It has its orders of the day.")
    NOT_PICKUP_LOCATION = enum_value("NOT_PICKUP_LOCATION", description="The buyer collects elsewhere.")
    PICKUP_LOCATION_UNKNOWN = enum_value("PICKUP_LOCATION_UNKNOWN", description="The order names no pickup location.")
    NO_RULE = enum_value("NO_RULE", description="No rule says how to route such an order.")
    UNKNOWN = enum_value("UNKNOWN", description="A reason newer than this API; its message says what it means.")


@strawberry.type(description="A number that a reason rests on.")
class RoutingNumber:
    name: str = strawberry.field(description="What it counts or measures, such as available or distance_km.")
    value: float = strawberry.field(description="The number: units, or kilometres for names that end in km.")


@strawberry.type(description="Why a candidate won or lost.")
class RoutingReason:
    code: RoutingReasonCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason as a clause, for people.")
    numbers: list[RoutingNumber] = strawberry.field(
        description="The numbers that decided it, by name.", metadata=_stored(3)
    )


@strawberry.type(description="A location that was weighed, and its fate.")
class RoutingCandidate:
    location_key: strawberry.Private[UUID]
    name: str = strawberry.field(description="The location's name when it was decided.")
    distance_km: float | None = strawberry.field(description="Kilometres to the destination; null when unknown.")
    outcome: RoutingOutcome = strawberry.field(description="What became of it.")
    explanation: str = strawberry.field(description="One English sentence with its numbers.")
    reasons: list[RoutingReason] = strawberry.field(description="Why.", metadata=_stored(2))
    units_demanded: int = strawberry.field(description="Units that the order needed.")
    units_available: int = strawberry.field(description="Units of them that this location had.")
    units_assigned: int = strawberry.field(description="Units that it was given.")

    @field("The location as it is now.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@strawberry.type(description="Units of an order line in a routing decision.")
class RoutedLine:
    line_key: strawberry.Private[UUID]
    quantity: int = strawberry.field(description="Units.")

    @field("The order line.")
    async def order_line(self, info: Info) -> OrderLine | None:
        return await load_order_line(info.context, self.line_key)


@strawberry.type(description="The part of an order that a location was given.")
class RoutingAssignment:
    location_key: strawberry.Private[UUID]
    lines: list[RoutedLine] = strawberry.field(description="What it was given.", metadata=_stored(LINES))

    @field("The location.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@strawberry.type(description="One evaluation of the routing rules for an order, stored as it was decided.")
class RoutingDecision(Node):
    order_key: strawberry.Private[UUID]
    run: int = strawberry.field(description="Its number among the order's runs, from 1.")
    cause: str = strawberry.field(description="Why it ran, such as CAPTURED, REJECTED or STOCK_ARRIVED.")
    decided_at: datetime = strawberry.field(description="The instant that hours and stock were judged by.")
    rule_set: str = strawberry.field(description="The rule set that was in force.")
    rule: str = strawberry.field(description="The rule that matched the order.")
    engine_version: str = strawberry.field(description="The version of the engine; another may decide differently.")
    complete: bool = strawberry.field(description="Whether everything was assigned.")
    assignments: list[RoutingAssignment] = strawberry.field(
        description="Who fulfils what, best rank first.", metadata=_stored(FEW)
    )
    unfilled: list[RoutedLine] = strawberry.field(description="What no location covers.", metadata=_stored(FEW))
    candidates: list[RoutingCandidate] = strawberry.field(
        description="Every location that was weighed: chosen first, then not needed, then refused.",
        metadata=_stored(LOCATIONS),
    )
    explanation: list[str] = strawberry.field(description="The decision in sentences, chosen locations first.")

    @field("The order that was routed.")
    async def order(self, info: Info) -> LazyOrder | None:
        return await load_order(info.context, self.order_key)


def routing_decision_node(row: RoutingDecisionRow) -> RoutingDecision:
    decided = routing.decision_from_plain(row.decision)
    return RoutingDecision(
        order_key=row.order_id,
        id=global_id("RoutingDecision", row.id),
        run=row.run,
        cause=row.cause,
        decided_at=row.decided_at,
        rule_set=decided.rule_set,
        rule=decided.rule,
        engine_version=decided.engine_version,
        complete=decided.complete,
        assignments=[
            RoutingAssignment(location_key=one.location_id, lines=[_routed(line) for line in one.lines])
            for one in decided.assignments
        ],
        unfilled=[_routed(line) for line in decided.unfilled],
        candidates=[_candidate(verdict) for verdict in decided.candidates],
        explanation=routing.explain(decided),
    )


async def load_visible_decision(context: RequestContext, key: UUID) -> RoutingDecision | None:
    row = await context.load(decisions_by_ids, key)
    order = await context.load(orders.orders_by_ids, row.order_id) if row else None
    return routing_decision_node(row) if row and order and await is_visible(context, order) else None


async def load_decision(context: RequestContext, key: UUID) -> RoutingDecision | None:
    """The decision behind a reference in an object that the caller may see."""
    row = await context.load(decisions_by_ids, key)
    return routing_decision_node(row) if row else None


def _routed(line: routing.AssignedLine | routing.UnfilledLine) -> RoutedLine:
    return RoutedLine(line_key=line.line_id, quantity=shown(line.quantity))


def _candidate(verdict: routing.CandidateVerdict) -> RoutingCandidate:
    return RoutingCandidate(
        location_key=verdict.location_id,
        name=verdict.name,
        distance_km=verdict.distance_km,
        outcome=RoutingOutcome[verdict.outcome.value],
        explanation=verdict.explanation,
        reasons=[_reason(reason) for reason in verdict.reasons],
        units_demanded=shown(verdict.units_demanded),
        units_available=shown(verdict.units_available),
        units_assigned=shown(verdict.units_assigned),
    )


def _reason(reason: routing.Reason) -> RoutingReason:
    return RoutingReason(
        code=known(RoutingReasonCode, reason.code.value) or RoutingReasonCode.UNKNOWN,
        message=reason.message,
        numbers=[RoutingNumber(name=name, value=float(value)) for name, value in sorted(reason.numbers.items())],
    )


register_node("RoutingDecision", load_visible_decision, Scope.ROUTING_READ)
