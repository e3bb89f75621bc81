"""Routing one order: snapshot, pure decision, fulfillment orders and allocation in one transaction.

The reservation that the order holds is pinned anew to where the decision puts it. When stock moved between the
snapshot and the locks nothing is written and the run starts over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.fulfillment.messages import FULFILLMENT_ORDER_CHANGED
from hub.fulfillment.models import FulfillmentOrder, FulfillmentOrderLine, FulfillmentStatus, RoutingDecisionRow
from hub.infra import outbox
from hub.infra.database import AnySession, Database, WriteSession
from hub.inventory import Actor, Allocate, LevelKey, Refused, Release, StockRequest, Units, apply
from hub.kernel.errors import UnavailableError
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import SYSTEM
from hub.orders import (
    Components,
    LineFulfiller,
    Order,
    OrderLine,
    OrderMethod,
    OrderStatus,
    changed,
    components_of,
    lock_order,
    note,
    order_lines,
    orders_by_ids,
    parts_of_line,
    set_unfilled,
)
from routing import (
    Assignment,
    Candidate,
    LineDemand,
    RoutingDecision,
    RoutingMethod,
    RoutingRequest,
    RoutingSnapshot,
    WeeklyHours,
    to_plain,
)

ATTEMPTS = 3

_PLACES = text(
    """
    SELECT l.id, l.name, l.latitude, l.longitude, l.active, l.capabilities, l.time_zone, l.opening_hours,
           l.daily_capacity,
           (SELECT count(*) FROM fulfillment_orders AS f
            WHERE f.location_id = l.id AND f.status NOT IN ('REJECTED', 'CANCELLED')
              AND f.created_at >= date_trunc('day', hub_now() AT TIME ZONE l.time_zone) AT TIME ZONE l.time_zone
           ) AS capacity_used
    FROM channel_locations AS c JOIN locations AS l ON l.id = c.location_id
    WHERE c.channel_id = :channel AND l.kind <> 'EXTERNAL'
    ORDER BY l.id
    """
)

_STOCK = text(
    """
    SELECT s.variant_id, s.location_id,
           greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) AS available,
           coalesce((
               SELECT r.quantity FROM reservation_lines AS r JOIN reservations AS v ON v.id = r.reservation_id
               WHERE r.reservation_id = :reservation AND v.status = 'ACTIVE'
                 AND r.variant_id = s.variant_id AND r.location_id = s.location_id), 0) AS held
    FROM stock_levels AS s
    WHERE s.variant_id = ANY(:variants) AND s.location_id = ANY(:locations)
    """
)


class StockKeepsMovingError(UnavailableError):
    code = "STOCK_MOVED"


class _StockMovedError(Exception):
    """Undo this run and start over from a new snapshot."""


@dataclass(frozen=True, slots=True)
class RoutingRun:
    """What a run came to: nothing to do, or a stored decision and its fulfillment orders."""

    decision_id: UUID | None = None
    fulfillment_order_ids: tuple[UUID, ...] = ()
    complete: bool = True


async def route_order(database: Database, order_id: UUID, *, cause: str = "CAPTURED") -> RoutingRun:
    """Route what is not routed yet. Running it again is harmless.

    What it leaves unfilled is looked at once more after the commit: the event of stock that came while the run read
    and decided was perhaps handled when the demand could not be seen yet.

    Raises OrderNotFoundError, and StockKeepsMovingError after three lost races.
    """
    for _attempt in range(ATTEMPTS):
        try:
            async with database.write() as session:
                run = await _run(session, order_id, cause)
        except _StockMovedError:
            continue
        if run.complete or not await _came_meanwhile(database, order_id):
            return run
    raise StockKeepsMovingError(
        f"stock of order {order_id} kept moving; it is routed again soon", retry_after_seconds=1
    )


async def _came_meanwhile(database: Database, order_id: UUID) -> bool:
    async with database.read() as session:
        order = (await orders_by_ids(session, [order_id]))[order_id]
        if not _is_routable(order):
            return False
        open_lines = await _open_demand(session, order_id, await order_lines(session, order_id))
        if not open_lines:
            return False
        components = await components_of(session, [line for line, _ in open_lines])
        return bool((await _snapshot(session, order, open_lines, components)).decide().assignments)


def _is_routable(order: Order) -> bool:
    return order.status == OrderStatus.OPEN and order.hold is None and not order.is_history


async def _run(session: WriteSession, order_id: UUID, cause: str) -> RoutingRun:
    order = await lock_order(session, order_id)
    if not _is_routable(order):
        return RoutingRun()
    lines = await order_lines(session, order_id)
    open_lines = await _open_demand(session, order_id, lines)
    if not open_lines:
        return RoutingRun()
    components = await components_of(session, [line for line, _ in open_lines])
    snapshot = await _snapshot(session, order, open_lines, components)
    decision = snapshot.decide()
    row = await _store(session, order, snapshot, decision, cause)
    made = await _make_fulfillment_orders(session, order, row, decision)
    await _allocate(session, order, made, components)
    await _park(session, order, open_lines, decision, components)
    order.version += 1
    await session.flush()
    await note(session, order.id, "ROUTED", SYSTEM, detail=_detail(row, decision))
    await outbox.record(session, *(fulfillment_changed(item) for item, _ in made), changed(order))
    return RoutingRun(row.id, tuple(item.id for item, _ in made), decision.complete)


async def _open_demand(session: AnySession, order_id: UUID, lines: Sequence[OrderLine]) -> list[tuple[OrderLine, int]]:
    """HUB lines with the units that no live fulfillment order covers yet."""
    rows = await session.execute(
        text(
            "SELECT l.order_line_id, sum(l.quantity)::bigint FROM fulfillment_order_lines AS l"
            " JOIN fulfillment_orders AS f ON f.id = l.fulfillment_order_id"
            " WHERE f.order_id = :order AND f.status IN ('OPEN', 'IN_PROGRESS', 'READY', 'ON_HOLD')"
            " GROUP BY l.order_line_id"
        ),
        {"order": order_id},
    )
    covered: dict[UUID, int] = {row[0]: row[1] for row in rows}
    demand = [(line, line.open_quantity - covered.get(line.id, 0)) for line in lines if _is_routed(line)]
    return [(line, quantity) for line, quantity in demand if quantity > 0]


def _is_routed(line: OrderLine) -> bool:
    return line.fulfilled_by == LineFulfiller.HUB and line.variant_id is not None and line.kind in {"GOODS", "BUNDLE"}


async def _snapshot(
    session: AnySession, order: Order, open_lines: Sequence[tuple[OrderLine, int]], components: Components
) -> RoutingSnapshot:
    now: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
    excluded = await session.execute(
        text("SELECT location_id FROM routing_rejections WHERE order_id = :order"), {"order": order.id}
    )
    demand = tuple(
        LineDemand(line.id, line.variant_id, quantity, components.get(line.id, ()))
        for line, quantity in open_lines
        if line.variant_id is not None
    )
    request = RoutingRequest(
        order_id=order.id,
        lines=demand,
        method=RoutingMethod(order.method),
        channel_id=order.channel_id,
        at=now.astimezone(UTC),
        pickup_location_id=order.pickup_location_id,
        destination=_destination(order),
        excluded_location_ids=frozenset(excluded.scalars()),
    )
    stocked = {part.variant_id for line in demand for part in parts_of_line(line.line_id, line.variant_id, components)}
    return RoutingSnapshot(request, await _candidates(session, order, stocked))


def _destination(order: Order) -> GeoPoint | None:
    if order.destination_latitude is None or order.destination_longitude is None:
        return None
    return GeoPoint(order.destination_latitude, order.destination_longitude)


async def _candidates(session: AnySession, order: Order, variant_ids: set[UUID]) -> tuple[Candidate, ...]:
    places = (await session.execute(_PLACES, {"channel": order.channel_id})).all()
    stock = await session.execute(
        _STOCK,
        {
            "variants": sorted(variant_ids),
            "locations": [place.id for place in places],
            "reservation": order.reservation_id,
        },
    )
    available: dict[UUID, dict[UUID, int]] = {}
    held: dict[UUID, dict[UUID, int]] = {}
    for row in stock:
        available.setdefault(row.location_id, {})[row.variant_id] = row.available
        if row.held:
            held.setdefault(row.location_id, {})[row.variant_id] = row.held
    return tuple(
        Candidate(
            location_id=place.id,
            name=place.name,
            geo=None if place.latitude is None else GeoPoint(place.latitude, place.longitude),
            active=place.active,
            capabilities=frozenset(place.capabilities),
            time_zone=place.time_zone,
            available=available.get(place.id, {}),
            held=held.get(place.id, {}),
            opening_hours=None if place.opening_hours is None else WeeklyHours.parse(place.opening_hours),
            daily_capacity=place.daily_capacity,
            capacity_used=place.capacity_used,
        )
        for place in places
    )


async def _store(
    session: WriteSession, order: Order, snapshot: RoutingSnapshot, decision: RoutingDecision, cause: str
) -> RoutingDecisionRow:
    runs = await session.execute(
        text("SELECT count(*) FROM routing_decisions WHERE order_id = :order"), {"order": order.id}
    )
    row = RoutingDecisionRow(
        order_id=order.id,
        run=runs.scalar_one() + 1,
        cause=cause,
        snapshot=to_plain(snapshot),
        decision=to_plain(decision),
        decided_at=snapshot.request.at,
    )
    session.add(row)
    await session.flush()
    return row


Made = Sequence[tuple[FulfillmentOrder, Sequence[FulfillmentOrderLine]]]


async def _make_fulfillment_orders(
    session: WriteSession, order: Order, row: RoutingDecisionRow, decision: RoutingDecision
) -> Made:
    made = [_fulfillment_order(order, row, assignment) for assignment in decision.assignments]
    session.add_all(item for item, _ in made)
    await session.flush()
    session.add_all(line for _, lines in made for line in lines)
    await session.flush()
    return made


def _fulfillment_order(
    order: Order, row: RoutingDecisionRow, assignment: Assignment
) -> tuple[FulfillmentOrder, list[FulfillmentOrderLine]]:
    item = FulfillmentOrder(
        id=new_id(),
        order_id=order.id,
        location_id=assignment.location_id,
        routing_decision_id=row.id,
        method=OrderMethod(order.method),
        status=FulfillmentStatus.OPEN,
        created_at=row.decided_at,
    )
    lines = [
        FulfillmentOrderLine(
            id=new_id(),
            fulfillment_order_id=item.id,
            order_line_id=line.line_id,
            variant_id=line.variant_id,
            quantity=line.quantity,
        )
        for line in assignment.lines
    ]
    return item, lines


async def _allocate(session: WriteSession, order: Order, made: Made, components: Components) -> None:
    """Bind the stock to the fulfillment orders' lines, a bundle's line holding all of its parts; reserved units
    elsewhere are given back: they are noted as unfilled, and would be held twice."""
    holders = tuple((line.id, units) for item, lines in made for line, units in stocked_units(item, lines, components))
    command: Allocate | Release
    if holders:
        command = Allocate(holders, order.id, order.reservation_id)
    elif order.reservation_id is not None:
        command = Release(order.reservation_id)
    else:
        return
    [outcome] = await apply(session, [StockRequest(Actor(SYSTEM.id, order.channel_id), command)])
    if isinstance(outcome, Refused):
        raise _StockMovedError
    order.reservation_id = None


def stocked_units(
    item: FulfillmentOrder, lines: Sequence[FulfillmentOrderLine], components: Components
) -> list[tuple[FulfillmentOrderLine, Units]]:
    """What each line takes from the location's levels: a bundle its parts."""
    return [
        (line, Units(LevelKey(part.variant_id, item.location_id), line.quantity * part.quantity))
        for line in lines
        for part in parts_of_line(line.order_line_id, line.variant_id, components)
    ]


async def _park(
    session: WriteSession,
    order: Order,
    open_lines: Sequence[tuple[OrderLine, int]],
    decision: RoutingDecision,
    components: Components,
) -> None:
    """Keep what nobody can deliver yet as unfilled demand; stock that arrives asks for another run."""
    short = {item.line_id: item.quantity for item in decision.unfilled}
    await set_unfilled(session, order, [line for line, _ in open_lines], short, components)


def _detail(row: RoutingDecisionRow, decision: RoutingDecision) -> Mapping[str, Any]:
    return {
        "routing_decision_id": str(row.id),
        "run": row.run,
        "locations": [str(item.location_id) for item in decision.assignments],
        "unfilled": sum(item.quantity for item in decision.unfilled),
    }


def fulfillment_changed(item: FulfillmentOrder) -> outbox.Event:
    return outbox.Event(
        FULFILLMENT_ORDER_CHANGED,
        item.id,
        item.version,
        {"order_id": str(item.order_id), "location_id": str(item.location_id), "status": item.status},
    )
