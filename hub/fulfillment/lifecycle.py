"""A fulfillment order's way through the store: accept, reject, ready, collect, ship.

Each function is one keyed mutation. Locks: the order, then the fulfillment order, then stock, then points.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.fulfillment.errors import FulfillmentOrderNotFoundError, WrongPickupCodeError
from hub.fulfillment.messages import PUSH_WORK
from hub.fulfillment.models import FulfillmentOrder, FulfillmentOrderLine, RejectReason
from hub.fulfillment.repository import lines_of, lock_fulfillment_order, order_of
from hub.fulfillment.routing_run import fulfillment_changed, stocked_units
from hub.fulfillment.rules import ASKS_FOR_COUNT, DAMAGES_STOCK, Step, after
from hub.fulfillment.visibility import sees_fulfillment_order
from hub.infra import outbox, work
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.infra.sealing import Sealer
from hub.inventory import (
    Actor,
    Deallocate,
    Fulfill,
    MarkDamaged,
    Refused,
    StockRequest,
    apply,
    ask_for_count,
    error_of,
)
from hub.kernel.principal import Principal, Scope
from hub.loyalty import EarnPoints, earn
from hub.orders import (
    ROUTE_WORK,
    Order,
    StaleVersionError,
    changed,
    components_by_line_ids,
    lock_order,
    note,
    order_lines,
    status_after,
)

PICKUP_CODE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Tracking:
    carrier: str = ""
    number: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class QueueStep:
    """Which fulfillment order, seen at which version (None: any), under which idempotency key."""

    fulfillment_order_id: UUID
    idempotency_key: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class _Locked:
    order: Order
    item: FulfillmentOrder
    lines: tuple[FulfillmentOrderLine, ...]
    now: datetime


async def accept(database: Database, principal: Principal, request: QueueStep) -> Answer:
    """The store takes the work on."""

    async def step(_session: WriteSession, locked: _Locked) -> None:
        locked.item.accepted_at = locked.now

    return await _advance(database, principal, request, Step.ACCEPT, step)


async def ready(database: Database, principal: Principal, request: QueueStep) -> Answer:
    """Picked and waiting: for the customer, or for the carrier."""

    async def step(_session: WriteSession, locked: _Locked) -> None:
        locked.item.ready_at = locked.now

    return await _advance(database, principal, request, Step.READY, step)


async def reject(database: Database, principal: Principal, request: QueueStep, *, reason: RejectReason) -> Answer:
    """The store turns it down: its stock is released (damaged units leave onHand, missing ones ask for a count) and
    the order is routed again without this location."""

    async def step(session: WriteSession, locked: _Locked) -> None:
        locked.item.reject_reason = reason
        locked.item.closed_at = locked.now
        await _release(session, principal, locked, reason)
        await session.execute(
            text(
                "INSERT INTO routing_rejections (order_id, location_id, reason, at)"
                " VALUES (:order, :location, :reason, hub_now()) ON CONFLICT DO NOTHING"
            ),
            {"order": locked.order.id, "location": locked.item.location_id, "reason": reason},
        )
        await work.enqueue(session, ROUTE_WORK, str(locked.order.id))

    return await _advance(database, principal, request, Step.REJECT, step, inputs={"reason": reason.value})


async def collect(database: Database, principal: Principal, request: QueueStep, sealer: Sealer, *, code: str) -> Answer:
    """Hand the goods to the customer who knows the code. Raises WrongPickupCodeError."""

    async def step(session: WriteSession, locked: _Locked) -> None:
        if not hmac.compare_digest(pickup_code(sealer, locked.item.id), code.strip()):
            raise WrongPickupCodeError("this is not the code of this order; ask the customer again", path=("code",))
        await _hand_over(session, principal, locked)

    return await _advance(database, principal, request, Step.COLLECT, step, inputs={"code": code})


async def ship(database: Database, principal: Principal, request: QueueStep, *, tracking: Tracking) -> Answer:
    """The parcel has left."""

    async def step(session: WriteSession, locked: _Locked) -> None:
        locked.item.carrier = tracking.carrier or None
        locked.item.tracking_number = tracking.number or None
        locked.item.tracking_url = tracking.url or None
        await _hand_over(session, principal, locked)

    inputs = {"carrier": tracking.carrier, "number": tracking.number, "url": tracking.url}
    return await _advance(database, principal, request, Step.SHIP, step, inputs=inputs)


def pickup_code(sealer: Sealer, fulfillment_order_id: UUID) -> str:
    """The code the customer shows: derived from the hub's secret, stored nowhere."""
    digest = sealer.blind_index("fulfillment.pickup_code", str(fulfillment_order_id))
    return str(int.from_bytes(digest[:8]) % 10**PICKUP_CODE_DIGITS).zfill(PICKUP_CODE_DIGITS)


async def _advance(
    database: Database,
    principal: Principal,
    request: QueueStep,
    step: Step,
    effect: Callable[[WriteSession, _Locked], Awaitable[None]],
    *,
    inputs: Mapping[str, Any] | None = None,
) -> Answer:
    principal.require(Scope.FULFILLMENT_WRITE)

    async def run(session: WriteSession) -> Mapping[str, Any]:
        locked = await _lock(session, principal, request.fulfillment_order_id)
        _expect(locked.item, request.expected_version)
        locked.item.status = after(locked.item.status, step, locked.item.method)
        locked.item.version += 1
        locked.order.version += 1
        await effect(session, locked)
        await session.flush()
        await note(session, locked.order.id, f"FULFILLMENT_{locked.item.status}", principal, detail=_detail(locked))
        await outbox.record(session, fulfillment_changed(locked.item), changed(locked.order))
        return {"fulfillment_order_id": str(locked.item.id), "ids": [str(locked.item.id), str(locked.order.id)]}

    return await mutate(
        database,
        principal,
        operation=f"fulfillmentOrder{step.value.capitalize()}",
        idempotency_key=request.idempotency_key,
        payload={
            "id": str(request.fulfillment_order_id),
            "expected_version": request.expected_version,
            **(inputs or {}),
        },
        work=run,
    )


async def _lock(session: WriteSession, principal: Principal, fulfillment_order_id: UUID) -> _Locked:
    order = await lock_order(session, await order_of(session, fulfillment_order_id))
    item = await lock_fulfillment_order(session, fulfillment_order_id)
    if not sees_fulfillment_order(principal, item, order):
        raise FulfillmentOrderNotFoundError(
            f"there is no fulfillment order {fulfillment_order_id}", path=("fulfillmentOrderId",)
        )
    lines = tuple(await lines_of(session, item.id))
    now: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
    return _Locked(order, item, lines, now)


def _expect(item: FulfillmentOrder, expected_version: int | None) -> None:
    if expected_version is not None and expected_version != item.version:
        raise StaleVersionError(
            f"the fulfillment order is at version {item.version}, not {expected_version}; look at it again",
            path=("expectedVersion",),
        )


async def _hand_over(session: WriteSession, principal: Principal, locked: _Locked) -> None:
    """Stock leaves, the order's lines are fulfilled, points are earned, the channel is told."""
    locked.item.closed_at = locked.now
    holders = tuple(line.id for line in locked.lines)
    request = StockRequest(Actor(principal.id, locked.order.channel_id), Fulfill(holders, locked.item.id))
    [outcome] = await apply(session, [request])
    if isinstance(outcome, Refused):
        raise error_of(outcome)
    await _fulfil_lines(session, locked)
    for line in locked.lines:
        await earn(session, EarnPoints(line.id, line.order_line_id, line.quantity))
    await work.enqueue(session, PUSH_WORK, str(locked.item.id), queue="channels")


async def _fulfil_lines(session: WriteSession, locked: _Locked) -> None:
    lines = {line.id: line for line in await order_lines(session, locked.order.id)}
    for line in locked.lines:
        lines[line.order_line_id].fulfilled += line.quantity
    status = status_after(list(lines.values()))
    if status != locked.order.status:
        locked.order.status = status
        locked.order.closed_at = locked.now
    await session.flush()


async def _release(session: WriteSession, principal: Principal, locked: _Locked, reason: RejectReason) -> None:
    actor = Actor(principal.id, locked.order.channel_id)
    components = await components_by_line_ids(session, [line.order_line_id for line in locked.lines])
    units = tuple(units for _, units in stocked_units(locked.item, locked.lines, components))
    requests = [StockRequest(actor, Deallocate(tuple(line.id for line in locked.lines), locked.item.id))]
    if reason in DAMAGES_STOCK:
        requests.append(StockRequest(actor, MarkDamaged(units, locked.item.id)))
    for outcome in await apply(session, requests):
        if isinstance(outcome, Refused):
            raise error_of(outcome)
    if reason in ASKS_FOR_COUNT:
        await ask_for_count(session, [key for key, _ in units], reason="NOT_FOUND")


def _detail(locked: _Locked) -> Mapping[str, Any]:
    detail = {"fulfillment_order_id": str(locked.item.id), "location_id": str(locked.item.location_id)}
    if locked.item.reject_reason is not None:
        detail["reason"] = locked.item.reject_reason
    return detail
