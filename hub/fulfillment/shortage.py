"""Promises that cannot all be kept: which they are, and how the newest of them find another place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text

from hub.fulfillment.messages import RELIEVE_WORK
from hub.fulfillment.models import FulfillmentOrder, FulfillmentStatus
from hub.fulfillment.repository import lines_of, lock_fulfillment_order, order_of
from hub.fulfillment.routing_run import fulfillment_changed, stocked_units
from hub.infra import metrics, outbox, work
from hub.infra.database import AnySession, Database, WriteSession
from hub.inventory import Actor, Deallocate, LevelKey, StockRequest
from hub.kernel.principal import SYSTEM
from hub.orders import ROUTE_WORK, Order, apply_all, changed, components_by_line_ids, lock_order, note, now

MAX_PROMISES: Final = 100
"""Named per look; the rest is seen when these have found another place."""

log = structlog.get_logger(__name__)

_RESERVATION = "RESERVATION"

# What stands picked in the store comes last: its units are there. Of the others the newest gives way.
_AT_RISK = text(
    """
    WITH short AS (
        SELECT s.variant_id, s.location_id, s.shortage FROM stock_levels AS s
        JOIN unnest(CAST(:variants AS uuid[]), CAST(:locations AS uuid[])) AS k (variant_id, location_id)
            USING (variant_id, location_id)
        WHERE s.shortage > 0
    ), promises AS (
        SELECT s.*, 'RESERVATION' AS kind, r.id, NULL::uuid AS order_id, NULL AS status, l.quantity,
               r.created_at AS made
        FROM short AS s JOIN reservation_lines AS l USING (variant_id, location_id)
        JOIN reservations AS r ON r.id = l.reservation_id AND r.status = 'ACTIVE'
        UNION ALL
        SELECT s.*, 'ALLOCATION', f.id, f.order_id, f.status, a.quantity, o.placed_at
        FROM short AS s JOIN allocations AS a USING (variant_id, location_id)
        JOIN fulfillment_order_lines AS l ON l.id = a.holder_id
        JOIN fulfillment_orders AS f ON f.id = l.fulfillment_order_id JOIN orders AS o ON o.id = f.order_id
    ), ranked AS (
        SELECT p.*, sum(p.quantity) OVER newest - p.quantity AS before FROM promises AS p
        WINDOW newest AS (PARTITION BY variant_id, location_id
                          ORDER BY coalesce(status = 'READY', false), made DESC, id DESC ROWS UNBOUNDED PRECEDING)
    )
    SELECT kind, id, order_id, status, variant_id, location_id, quantity::bigint AS quantity FROM ranked
    WHERE before < shortage ORDER BY variant_id, location_id, before, id LIMIT :most
    """
)
_SHORT_LEVELS = text(
    "SELECT variant_id, location_id FROM stock_levels WHERE variant_id = ANY(:variants) AND shortage > 0"
    " ORDER BY variant_id, location_id"
)


@dataclass(frozen=True, slots=True)
class AffectedReservation:
    """A hold of more units than can be kept at its level."""

    reservation_id: UUID
    key: LevelKey
    quantity: int


@dataclass(frozen=True, slots=True)
class AffectedAllocation:
    """A fulfillment order that is to get more units than can be kept at its level."""

    fulfillment_order_id: UUID
    order_id: UUID
    status: FulfillmentStatus
    key: LevelKey
    quantity: int


@dataclass(frozen=True, slots=True)
class PromisesAtRisk:
    """The newest promises at levels with a shortage, as many as it takes to cover it."""

    reservations: tuple[AffectedReservation, ...] = ()
    allocations: tuple[AffectedAllocation, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reservations or self.allocations)


async def promises_at_risk(session: AnySession, keys: Iterable[LevelKey]) -> PromisesAtRisk:
    """What cannot all be kept at these levels. Certain under the levels' locks, else as of now."""
    wanted = sorted(set(keys))
    values = {
        "variants": [key.variant_id for key in wanted],
        "locations": [key.location_id for key in wanted],
        "most": MAX_PROMISES,
    }
    rows = (await session.execute(_AT_RISK, values)).all()
    return PromisesAtRisk(
        tuple(
            AffectedReservation(row.id, LevelKey(row.variant_id, row.location_id), row.quantity)
            for row in rows
            if row.kind == _RESERVATION
        ),
        tuple(
            AffectedAllocation(
                row.id,
                row.order_id,
                FulfillmentStatus(row.status),
                LevelKey(row.variant_id, row.location_id),
                row.quantity,
            )
            for row in rows
            if row.kind != _RESERVATION
        ),
    )


async def ask_for_relief(session: WriteSession, variant_ids: Sequence[UUID]) -> int:
    """Ask that the newest fulfillment orders which stock of these variants cannot serve find another place.

    Only those that no store has taken on yet: a picker who does not find the units rejects. Returns how many.
    """
    found = await session.execute(_SHORT_LEVELS, {"variants": sorted(variant_ids)})
    keys = [LevelKey(row.variant_id, row.location_id) for row in found]
    if not keys:
        return 0
    affected = (await promises_at_risk(session, keys)).allocations
    subjects = sorted({str(item.fulfillment_order_id) for item in affected if item.status is FulfillmentStatus.OPEN})
    await work.enqueue_many(session, RELIEVE_WORK, subjects)
    return len(subjects)


async def relieve(database: Database, fulfillment_order_id: UUID) -> bool:
    """Take an OPEN fulfillment order that cannot be served out of its store's queue, and have its order routed.

    False when it is served, or taken on, by now: running it again is harmless. Raises FulfillmentOrderNotFoundError.
    """
    async with database.write() as session:
        order = await lock_order(session, await order_of(session, fulfillment_order_id))
        item = await lock_fulfillment_order(session, fulfillment_order_id)
        if item.status != FulfillmentStatus.OPEN or not await _is_short(session, item):
            return False
        await _take_out(session, order, item)
    metrics.fulfillment_orders_relieved.inc()
    log.info("fulfillment.relieved", fulfillment_order_id=str(fulfillment_order_id), order_id=str(order.id))
    return True


async def _is_short(session: WriteSession, item: FulfillmentOrder) -> bool:
    lines = await lines_of(session, item.id)
    components = await components_by_line_ids(session, [line.order_line_id for line in lines])
    keys = [units.key for _, units in stocked_units(item, lines, components)]
    affected = (await promises_at_risk(session, keys)).allocations
    return any(found.fulfillment_order_id == item.id for found in affected)


async def _take_out(session: WriteSession, order: Order, item: FulfillmentOrder) -> None:
    item.status = FulfillmentStatus.CANCELLED
    item.closed_at = await now(session)
    item.version += 1
    order.version += 1
    holders = tuple(line.id for line in await lines_of(session, item.id))
    await apply_all(session, [StockRequest(Actor(SYSTEM.id, order.channel_id), Deallocate(holders, item.id))])
    await session.flush()
    detail = {"fulfillment_order_id": str(item.id), "location_id": str(item.location_id), "reason": "SHORTAGE"}
    await note(session, order.id, "FULFILLMENT_CANCELLED", SYSTEM, detail=detail)
    await work.enqueue(session, ROUTE_WORK, str(order.id))
    await outbox.record(session, fulfillment_changed(item), changed(order))
