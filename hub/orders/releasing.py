"""The end of a hold by a person's word: a list of orders goes on, or is left alone for good."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog

from hub.infra import metrics, outbox, work
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, told_refusal
from hub.infra.mutations import mutate
from hub.kernel.errors import HubError, InvalidInputError
from hub.kernel.principal import Principal, Scope
from hub.orders.booking import changed
from hub.orders.errors import HoldNotDecidableError, OrderNotFoundError, OrderNotHeldError
from hub.orders.messages import ROUTE_WORK
from hub.orders.models import HoldDecision, Order, OrderHold, OrderLine, OrderStatus
from hub.orders.repository import lines_by_order_ids, lock_orders, places_by_order_ids
from hub.orders.rules import expect_version, mapping_hold
from hub.orders.settling import settle_together
from hub.orders.timeline import note_each
from hub.orders.visibility import sees_order

MAX_ORDERS: Final = 100

DECIDABLE: Final[Mapping[OrderHold, frozenset[HoldDecision]]] = {
    OrderHold.CHANNEL_CONFLICT: frozenset({HoldDecision.CONFIRM}),
    OrderHold.UNKNOWN_STATE: frozenset({HoldDecision.CONFIRM}),
    OrderHold.GO_LIVE_REVIEW: frozenset(HoldDecision),
}
"""What a person may say to which hold. The others end by themselves, once what is unknown is known."""

_NOTES: Final = {HoldDecision.CONFIRM: "HOLD_CONFIRMED", HoldDecision.DECLINE: "HOLD_DECLINED"}

log = structlog.get_logger(__name__)


class ErrorPolicy(StrEnum):
    REJECT_EVERYTHING = "REJECT_EVERYTHING"
    """One refused row refuses them all."""
    REJECT_FAILED_ROWS = "REJECT_FAILED_ROWS"
    """The other rows go on."""


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """`expected_version`: what the person looked at; None: any version."""

    order_id: UUID
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHolds:
    orders: tuple[HeldOrder, ...]
    reason: OrderHold
    decision: HoldDecision
    error_policy: ErrorPolicy = ErrorPolicy.REJECT_EVERYTHING


async def release_holds(
    database: Database, principal: Principal, command: ReleaseHolds, *, idempotency_key: str
) -> Answer:
    """End the hold of each order, if it is held for `reason`, in one transaction.

    Confirmed: after CHANNEL_CONFLICT an order goes on where it stood; after GO_LIVE_REVIEW and UNKNOWN_STATE it is
    an open order of ours, which claims stock and earns. What is not routed yet is routed soon. Declined: the order
    stays history. A hold for what is still unknown (an article, the place) takes the place of the one that ended.

    Outcome: "rows" in the order of `orders`, each with order_id, released, and refused (None, or the stored form
    of OrderNotFoundError, OrderNotHeldError or StaleVersionError). Raises HoldNotDecidableError.
    """
    principal.require(Scope.ORDERS_REVIEW)
    _check(command)

    async def run(session: WriteSession) -> Mapping[str, Any]:
        return await _release(session, principal, command)

    answer = await mutate(
        database,
        principal,
        operation="orderHoldRelease",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=run,
    )
    if not answer.replayed:
        _tell(command, len(answer.outcome.get("ids", ())))
    return answer


def _tell(command: ReleaseHolds, released: int) -> None:
    reason, decision = command.reason.value, command.decision.value
    metrics.order_holds_ended.labels(reason, decision).inc(released)
    log.info("orders.holds_ended", reason=reason, decision=decision, released=released, asked=len(command.orders))


def _check(command: ReleaseHolds) -> None:
    if command.reason not in DECIDABLE:
        raise HoldNotDecidableError(
            f"a hold for {command.reason} ends by itself: map what is unknown, then let the order come again",
            path=("reason",),
        )
    if command.decision not in DECIDABLE[command.reason]:
        raise HoldNotDecidableError(
            f"{command.decision} says nothing about {command.reason}; cancel the order instead", path=("decision",)
        )
    if not 1 <= len(command.orders) <= MAX_ORDERS:
        raise InvalidInputError(f"name 1 to {MAX_ORDERS} orders, not {len(command.orders)}", path=("orders",))
    if len({item.order_id for item in command.orders}) < len(command.orders):
        raise InvalidInputError("name each order once", path=("orders",))


async def _release(session: WriteSession, principal: Principal, command: ReleaseHolds) -> Mapping[str, Any]:
    ids = [item.order_id for item in command.orders]
    found = await lock_orders(session, ids)
    places = await places_by_order_ids(session, ids)
    visible = {key: one for key, one in found.items() if sees_order(principal, one, places.get(key, frozenset()))}
    refused = [_refusal(visible.get(item.order_id), item, command.reason, at) for at, item in enumerate(command.orders)]
    good = [key for key, error in zip(ids, refused, strict=True) if error is None]
    if len(good) < len(ids) and command.error_policy is ErrorPolicy.REJECT_EVERYTHING:
        good = []
    if good:
        await _end(session, [visible[key] for key in sorted(good)], principal, command)
    rows = [
        {
            "order_id": str(key),
            "released": key in good,
            "refused": None if error is None else told_refusal(error),
        }
        for key, error in zip(ids, refused, strict=True)
    ]
    return {"rows": rows, "ids": [str(key) for key in good]}


def _refusal(order: Order | None, item: HeldOrder, reason: OrderHold, at: int) -> HubError | None:
    path = ("orders", str(at))
    if order is None:
        return OrderNotFoundError(f"there is no order {item.order_id}", path=path)
    try:
        expect_version(order, item.expected_version)
    except HubError as error:
        error.path = (*path, *error.path)
        return error
    if order.hold != reason:
        return OrderNotHeldError(f"order {order.number} does not wait for {reason}", path=path)
    return None


async def _end(session: WriteSession, held: Sequence[Order], principal: Principal, command: ReleaseHolds) -> None:
    """The caller holds the orders' locks and gives them by id."""
    if command.decision is HoldDecision.DECLINE:
        for order in held:
            order.hold = None
    else:
        grouped = await lines_by_order_ids(session, [order.id for order in held])
        together = [(order, grouped.get(order.id, [])) for order in held]
        if command.reason is OrderHold.CHANNEL_CONFLICT:
            await _go_on(session, together)
        else:
            await _accept(session, together, principal)
    for order in held:
        order.version += 1
    await session.flush()
    await note_each(session, [order.id for order in held], _NOTES[command.decision], principal)
    await outbox.record(session, *(changed(order) for order in held))


async def _go_on(session: WriteSession, held: Sequence[tuple[Order, Sequence[OrderLine]]]) -> None:
    """An order in conflict kept its claims, perhaps in stores' queues already: it just needs a route."""
    for order, lines in held:
        order.hold = mapping_hold(order, lines)
    waiting = [order for order, _ in held if order.status == OrderStatus.OPEN and not order.is_history]
    await work.enqueue_many(session, ROUTE_WORK, [str(order.id) for order in waiting if order.hold is None])


async def _accept(
    session: WriteSession, held: Sequence[tuple[Order, Sequence[OrderLine]]], principal: Principal
) -> None:
    """The orders are ours and paid from here on."""
    for order, lines in held:
        order.status = OrderStatus.OPEN
        order.is_history = False
        order.hold = mapping_hold(order, lines)
    await settle_together(session, held, principal)
