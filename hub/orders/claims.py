"""What an order does to stock when it enters: reserve, adopt a cart's reservation, or sell what was handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final
from uuid import UUID

from hub.infra.database import WriteSession
from hub.inventory import (
    NO_LOCATION,
    Actor,
    Adopt,
    InsufficientStockError,
    LevelKey,
    PoolClaim,
    RefusalCode,
    Refused,
    ReservationOwner,
    Reserve,
    Sell,
    StockRequest,
    Unfilled,
    Units,
    apply,
    error_of,
    exploded,
    pin,
    replace_unfilled,
    reserved_units,
)
from hub.kernel.errors import UnavailableError
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders.components import Components, by_variant, components_of, parts_of_line
from hub.orders.errors import ReservationMismatchError
from hub.orders.models import LineFulfiller, Order, OrderLine
from hub.orders.rules import destination_of
from routing import RoutingMethod

_NOTHING: Final[Mapping[UUID, int]] = MappingProxyType({})


class StockMovedError(UnavailableError):
    """Stock moved between choosing the locations and locking them: run the whole transaction again."""

    code = "STOCK_MOVED"


async def reserve(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    principal: Principal,
    *,
    near: GeoPoint | None,
    shortage_allowed: bool,
) -> None:
    """Pin what the pool can promise as the order's own reservation; note the rest as unfilled demand."""
    demand = claimed_demand(lines)
    if not demand:
        return
    components = await components_of(session, lines)
    pinned = await pin(session, _pool_claim(order, lines, near, components))
    if pinned.short and not shortage_allowed:
        raise InsufficientStockError(
            {
                "variant_id": str(item.key.variant_id),
                "location_id": None,
                "requested": item.requested,
                "available": item.available,
            }
            for item in pinned.short
        )
    if pinned.units:
        await _reserve(session, order, pinned.units, principal)
    await record_unfilled(session, order, lines, _by_variant(pinned.units), components)


async def reserve_together(
    session: WriteSession, wanted: Sequence[tuple[Order, Sequence[OrderLine]]], principal: Principal
) -> None:
    """As `reserve` for several orders, shortage allowed, with the one `apply` that a transaction may have.

    An order whose units another of them takes first gets none yet: its route takes what is left.
    """
    chosen: list[tuple[Order, Reserve]] = []
    components = await components_of(session, [line for _, lines in wanted for line in lines])
    for order, lines in wanted:
        claim = _pool_claim(order, lines, destination_of(order), components)
        units = (await pin(session, claim)).units if claim.demand else ()
        if units:
            chosen.append((order, _own(order, units)))
    requests = [StockRequest(Actor(principal.id, order.channel_id), command) for order, command in chosen]
    outcomes = await apply(session, requests) if requests else ()
    held: dict[UUID, dict[UUID, int]] = {}
    for (order, command), outcome in zip(chosen, outcomes, strict=True):
        if not isinstance(outcome, Refused):
            order.reservation_id = command.reservation_id
            held[order.id] = _by_variant(command.units)
    uncovered = [
        row
        for order, lines in wanted
        for row in _unfilled(order, lines, _uncovered(lines, held.get(order.id, {}), components), components)
    ]
    await replace_unfilled(session, [line.id for _, lines in wanted for line in lines], uncovered)


async def keep(session: WriteSession, order: Order, lines: Sequence[OrderLine]) -> None:
    """The order's reservation stands; what it does not hold, since it was not known then, is unfilled demand."""
    held = () if order.reservation_id is None else await reserved_units(session, order.reservation_id)
    components = await components_of(session, lines)
    await record_unfilled(session, order, lines, _by_variant(held), components)


async def adopt(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    reservation_id: UUID,
    principal: Principal,
) -> None:
    """Take over a cart's reservation, which must hold exactly what the order's lines need."""
    held = _by_variant(await reserved_units(session, reservation_id))
    if held != _needed(lines, await components_of(session, lines)):
        raise ReservationMismatchError(
            "the reservation does not hold exactly the order's lines; reserve what is ordered", path=("reservationId",)
        )
    request = StockRequest(Actor(principal.id, order.channel_id), Adopt(reservation_id))
    [outcome] = await apply(session, [request])
    if isinstance(outcome, Refused):
        raise error_of(outcome)
    order.reservation_id = reservation_id


async def sell(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    location_id: UUID,
    principal: Principal,
    *,
    reservation_id: UUID | None = None,
    sold_before: Mapping[UUID, int] = _NOTHING,
) -> None:
    """Post the sale of open units that already happened at the counter: a fact, never refused for lack of stock.

    The units of `reservation_id` are sold first and what it holds besides is released; a lapsed one no longer holds
    anything and is left alone. Units of `sold_before` (per variant) were posted before.
    Raises ReservationNotActiveError when it was used or released before.
    """
    units = tuple(
        Units(LevelKey(variant_id, location_id), quantity - sold_before.get(variant_id, 0))
        for variant_id, quantity in _handed_over(lines, await components_of(session, lines)).items()
        if quantity > sold_before.get(variant_id, 0)
    )
    if not units:
        return
    actor = Actor(principal.id, order.channel_id)
    command = Sell(order.id, units, reservation_id, occurred_at=order.placed_at)
    [outcome] = await apply(session, [StockRequest(actor, command)])
    if isinstance(outcome, Refused) and outcome.code is RefusalCode.RESERVATION_EXPIRED:
        # The same levels are locked already, so asking twice takes no lock out of order.
        [outcome] = await apply(session, [StockRequest(actor, replace(command, reservation_id=None))])
    elif not isinstance(outcome, Refused) and reservation_id is not None:
        order.reservation_id = reservation_id
    if isinstance(outcome, Refused):
        raise error_of(outcome)


def _handed_over(lines: Sequence[OrderLine], components: Components) -> dict[UUID, int]:
    """Units per stocked variant."""
    units: dict[UUID, int] = {}
    for line in lines:
        if line.variant_id is None or line.fulfilled_by != LineFulfiller.HANDED_OVER:
            continue
        for part in parts_of_line(line.id, line.variant_id, components):
            units[part.variant_id] = units.get(part.variant_id, 0) + line.open_quantity * part.quantity
    return units


def claimed_demand(lines: Sequence[OrderLine]) -> dict[UUID, int]:
    """Units per variant that the hub has to deliver; bundles as such."""
    demand: dict[UUID, int] = {}
    for line in lines:
        if line.fulfilled_by == LineFulfiller.HUB and line.variant_id is not None and line.open_quantity:
            demand[line.variant_id] = demand.get(line.variant_id, 0) + line.open_quantity
    return demand


async def record_unfilled(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    covered: dict[UUID, int],
    components: Components,
) -> None:
    """Keep, per line, the units that no stock covers. `covered`: units per stocked variant; earlier lines first."""
    await set_unfilled(session, order, lines, _uncovered(lines, covered, components), components)


def _uncovered(lines: Sequence[OrderLine], covered: Mapping[UUID, int], components: Components) -> dict[UUID, int]:
    """Units per line that are not covered: of a bundle whole ones."""
    left = dict(covered)
    short: dict[UUID, int] = {}
    for line in lines:
        if line.fulfilled_by != LineFulfiller.HUB or line.variant_id is None:
            continue
        parts = parts_of_line(line.id, line.variant_id, components)
        served = min(line.open_quantity, *(left.get(part.variant_id, 0) // part.quantity for part in parts))
        for part in parts:
            left[part.variant_id] = left.get(part.variant_id, 0) - served * part.quantity
        if line.open_quantity > served:
            short[line.id] = line.open_quantity - served
    return short


async def set_unfilled(
    session: WriteSession,
    order: Order,
    lines: Sequence[OrderLine],
    short: Mapping[UUID, int],
    components: Components,
) -> None:
    """Replace the unfilled demand of these lines with `short` (line → units)."""
    rows = _unfilled(order, lines, short, components)
    await replace_unfilled(session, [line.id for line in lines], rows)


def _unfilled(
    order: Order, lines: Sequence[OrderLine], short: Mapping[UUID, int], components: Components
) -> list[Unfilled]:
    """A bundle waits for all of its parts, those that are there included: they are meant for it."""
    return [
        Unfilled(line.id, part.variant_id, order.channel_id, short[line.id] * part.quantity, order.placed_at)
        for line in lines
        if line.variant_id is not None and short.get(line.id)
        for part in parts_of_line(line.id, line.variant_id, components)
    ]


def _pool_claim(order: Order, lines: Sequence[OrderLine], near: GeoPoint | None, components: Components) -> PoolClaim:
    return PoolClaim(
        order.channel_id,
        claimed_demand(lines),
        RoutingMethod(order.method),
        order.pickup_location_id,
        near,
        bundles=by_variant(lines, components),
    )


def _needed(lines: Sequence[OrderLine], components: Components) -> dict[UUID, int]:
    """Units per stocked variant that the hub has to deliver."""
    return _by_variant(
        exploded(
            (Units(LevelKey(variant, NO_LOCATION), units) for variant, units in claimed_demand(lines).items()),
            by_variant(lines, components),
        )
    )


async def _reserve(session: WriteSession, order: Order, units: tuple[Units, ...], principal: Principal) -> None:
    command = _own(order, units)
    [outcome] = await apply(session, [StockRequest(Actor(principal.id, order.channel_id), command)])
    if isinstance(outcome, Refused):
        raise StockMovedError("stock moved while the order was being booked; try again", retry_after_seconds=0.1)
    order.reservation_id = command.reservation_id


def _own(order: Order, units: tuple[Units, ...]) -> Reserve:
    return Reserve(new_id(), ReservationOwner.ORDER, units, ttl_seconds=None, customer_id=order.customer_id)


def _by_variant(units: Sequence[Units]) -> dict[UUID, int]:
    total: dict[UUID, int] = {}
    for key, quantity in units:
        total[key.variant_id] = total.get(key.variant_id, 0) + quantity
    return total
