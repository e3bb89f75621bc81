"""A channel's later word on an order that we know: paid, mapped at last, changed, cancelled."""

from collections.abc import Sequence
from typing import Protocol

from adapters.sdk.types import ChannelOrder, OrderState
from hub.infra import work
from hub.infra.database import WriteSession
from hub.kernel.principal import SYSTEM, Principal
from hub.orders.components import BUNDLE, keep_components
from hub.orders.messages import ROUTE_WORK, NewOrder
from hub.orders.models import LineFulfiller, Order, OrderHold, OrderLine, OrderMethod, OrderStatus
from hub.orders.repository import order_lines
from hub.orders.rules import destination_of, hold_of
from hub.orders.settling import Terms, earn_delivered, settle_stock

MAPPABLE = frozenset({OrderHold.UNMAPPED_LINE, OrderHold.UNKNOWN_LOCATION})
"""Holds that end by themselves once the sku, the listing or the location is known."""


class CancelsOpenUnits(Protocol):
    """Cancels what has not been handed out; given by the caller, since the stores' queues are not ours to know."""

    async def __call__(self, session: WriteSession, order: Order, principal: Principal, *, reason: str) -> None: ...


async def follow(
    session: WriteSession, known: Order, order: ChannelOrder, new: NewOrder, cancel: CancelsOpenUnits
) -> None:
    """Bring the order to what a newer version says. What a person has to decide becomes a hold.

    The caller holds the order's lock. `new` is `order` in the hub's words, as things are mapped now.
    """
    if order.state is OrderState.CANCELLED:
        if known.status != OrderStatus.CANCELLED:
            await cancel(session, known, SYSTEM, reason="CHANNEL")
            known.hold = None if known.status == OrderStatus.CANCELLED else OrderHold.CHANNEL_CONFLICT
        return
    if known.is_history:
        _follow_history(known, new)
        return
    lines = list(await order_lines(session, known.id))
    if known.source_version == "":
        await _take_line_ids(session, lines, new)
    if _quantities_differ(lines, order) or _delivered_elsewhere(known, lines, order):
        if known.status == OrderStatus.PENDING_PAYMENT and order.state is OrderState.OPEN:
            # The money is there, whatever else is in dispute: what was ordered is claimed while a person looks.
            await _go_on(session, known, lines, new)
        known.hold = OrderHold.CHANNEL_CONFLICT
    elif order.state is not OrderState.UNKNOWN:
        await _go_on(session, known, lines, new)


async def follow_mapping(session: WriteSession, known: Order, new: NewOrder) -> bool:
    """Map again what was unknown when the order was captured. Whether anything is known now that was not."""
    lines = list(await order_lines(session, known.id))
    before = known.hold
    mapped = _map_lines(known, lines, new)
    known.hold = hold_of(known, lines, new)
    if not mapped and known.hold == before:
        return False
    await _resume(session, known, lines, new, claim=mapped, freed=True)
    return True


async def _go_on(session: WriteSession, known: Order, lines: Sequence[OrderLine], new: NewOrder) -> None:
    """Payment, a mapping or the end of a conflict: claim what can be claimed now and ask for a route."""
    held, mapped = known.hold, _map_lines(known, lines, new)
    paid = known.status == OrderStatus.PENDING_PAYMENT and new.status is not OrderStatus.PENDING_PAYMENT
    if paid:
        known.status = new.status
        if new.status is OrderStatus.COMPLETED:
            _leave_to_channel(known, lines)
    known.hold = hold_of(known, lines, new)
    await _resume(session, known, lines, new, claim=paid or mapped, freed=known.hold != held)


async def _resume(
    session: WriteSession, known: Order, lines: Sequence[OrderLine], new: NewOrder, *, claim: bool, freed: bool
) -> None:
    """An order that was only held has its claims, perhaps in stores' queues already: it just needs a route."""
    if claim or known.method == OrderMethod.HANDED_OVER:
        await _settle(session, known, lines, new)
    elif freed and known.hold is None:
        await work.enqueue(session, ROUTE_WORK, str(known.id))


async def _settle(session: WriteSession, known: Order, lines: Sequence[OrderLine], new: NewOrder) -> None:
    await session.flush()
    await keep_components(session, lines)
    terms = Terms(near=destination_of(known), handed_over_at=new.handed_over_at)
    await settle_stock(session, known, lines, SYSTEM, terms)
    await earn_delivered(session, known, lines)


def _follow_history(known: Order, new: NewOrder) -> None:
    """An order from before going live moves no stock, paid or not: whether it is ours is for the operator to say.

    An open one without a hold was declined: it is asked about again only after it was not open.
    """
    if known.status == OrderStatus.CANCELLED:
        return
    declined = known.status == OrderStatus.OPEN and known.hold is None
    known.hold = None if declined else new.hold
    known.status = new.status


def _map_lines(known: Order, lines: Sequence[OrderLine], new: NewOrder) -> bool:
    theirs = {line.external_id: line for line in new.lines}
    mapped = False
    for line in lines:
        found = theirs.get(line.external_id)
        if line.variant_id is None and found is not None and found.variant_id is not None:
            line.variant_id = found.variant_id
            line.fulfilled_by = found.fulfilled_by
            mapped = True
    if known.pickup_location_id is None and new.pickup_location_id is not None:
        known.pickup_location_id = new.pickup_location_id
        mapped = True
    return mapped


def _leave_to_channel(known: Order, lines: Sequence[OrderLine]) -> None:
    """The channel delivered before we were asked to: nothing of it is ours to claim or to route."""
    if known.method == OrderMethod.HANDED_OVER:
        return
    for line in lines:
        line.fulfilled_by = LineFulfiller.CHANNEL


def _quantities_differ(lines: Sequence[OrderLine], order: ChannelOrder) -> bool:
    """Whether the channel wants goods that we do not know, or less than we still owe: a person has to look.

    The channel may or may not count what was cancelled or brought back.
    """
    ours = {line.external_id: line for line in lines if line.kind in {"GOODS", BUNDLE}}
    theirs = {line.external_id: line.quantity for line in order.lines if line.kind.value == "GOODS" and line.quantity}
    if theirs.keys() - ours.keys():
        return True
    return any(
        not line.quantity - line.cancelled - line.returned <= theirs.get(key, 0) <= line.quantity
        for key, line in ours.items()
    )


def _delivered_elsewhere(known: Order, lines: Sequence[OrderLine], order: ChannelOrder) -> bool:
    """The channel calls an order done of which we have handed out nothing: somebody may be about to ship it twice."""
    ours = [line for line in lines if line.fulfilled_by == LineFulfiller.HUB]
    untouched = bool(ours) and not any(line.fulfilled for line in ours)
    return order.state is OrderState.COMPLETED and known.status == OrderStatus.OPEN and untouched


async def _take_line_ids(session: WriteSession, lines: Sequence[OrderLine], new: NewOrder) -> None:
    """An order placed here first, told by the channel now: the lines take the channel's ids, if they are the same."""
    theirs: dict[tuple[object, int], list[str]] = {}
    for item in new.lines:
        if item.variant_id is not None:
            theirs.setdefault((item.variant_id, item.quantity), []).append(item.external_id)
    names = [theirs.get((line.variant_id, line.quantity), []) for line in lines]
    taken = {line.id: found.pop(0) for line, found in zip(lines, names, strict=True) if found}
    if len(taken) != len(lines):
        return
    # In two steps: ids change places under a constraint that allows each once.
    for line in lines:
        line.external_id = f"was:{line.id}"
    await session.flush()
    for line in lines:
        line.external_id = taken[line.id]
    await session.flush()
