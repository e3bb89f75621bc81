"""Goods come back, through whatever channel: stock, the order's lines and the points of the same lot follow."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from hub.catalog import repository as catalog
from hub.infra import outbox
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import (
    Actor,
    LevelKey,
    Refused,
    ReturnCondition,
    StockRequest,
    TakeBack,
    Units,
    apply,
    error_of,
    require_known_location,
)
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope
from hub.kernel.quantity import positive_quantity
from hub.loyalty import ReversePoints, reverse
from hub.orders.booking import changed
from hub.orders.components import components_of, parts_of_line
from hub.orders.errors import OrderNotFoundError, ReturnTooManyError
from hub.orders.models import Order, OrderLine, OrderReturn, OrderReturnLine
from hub.orders.repository import lock_order, now, order_lines, places_by_order_ids
from hub.orders.rules import expect_version
from hub.orders.timeline import note
from hub.orders.visibility import may_take_back

MAX_RETURN_LINES = 100


@dataclass(frozen=True, slots=True)
class ReturnLineInput:
    order_line_id: UUID
    quantity: int
    condition: ReturnCondition = ReturnCondition.SELLABLE


@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """`location_id` is where the goods are now; it need not be where they were bought."""

    order_id: UUID
    location_id: UUID
    lines: tuple[ReturnLineInput, ...]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """Units of a line that came back."""

    line: OrderLine
    quantity: int
    condition: ReturnCondition


async def return_order(
    database: Database, principal: Principal, command: ReturnOrder, *, idempotency_key: str
) -> Answer:
    """Take units back. Outcome: return_id.

    Refuses with OrderNotFoundError, UnknownLocationError, StaleVersionError and ReturnTooManyError; raises
    LocationNotAllowedError.
    """
    principal.require(Scope.ORDERS_WRITE)
    principal.require_location(command.location_id)
    if not 1 <= len(command.lines) <= MAX_RETURN_LINES:
        raise InvalidInputError(f"a return has 1 to {MAX_RETURN_LINES} lines", path=("lines",))
    for index, line in enumerate(command.lines):
        positive_quantity(line.quantity, path=("lines", str(index), "quantity"))

    async def work(session: WriteSession) -> Mapping[str, Any]:
        return await _take_back(session, principal, command)

    return await mutate(
        database,
        principal,
        operation="orderReturn",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=work,
    )


async def _take_back(session: WriteSession, principal: Principal, command: ReturnOrder) -> Mapping[str, Any]:
    order = await lock_order(session, command.order_id)
    places = (await places_by_order_ids(session, [order.id])).get(order.id, frozenset())
    if not may_take_back(principal, order, places):
        raise OrderNotFoundError(f"there is no order {order.id}", path=("orderId",))
    await require_known_location(session, command.location_id)
    expect_version(order, command.expected_version)
    known = {line.id: line for line in await order_lines(session, order.id)}
    rows = [Returned(_returned(known, item), item.quantity, item.condition) for item in command.lines]
    return_id = new_id()
    requests = await _stock(session, principal, command, return_id, rows)
    await book_return(session, principal, order, rows, requests, return_id=return_id, location_id=command.location_id)
    return {"return_id": str(return_id), "order_id": str(order.id), "ids": [str(return_id), str(order.id)]}


async def book_return(
    session: WriteSession,
    principal: Principal,
    order: Order,
    rows: Sequence[Returned],
    requests: Sequence[StockRequest],
    *,
    return_id: UUID,
    location_id: UUID,
) -> None:
    """Write the return, apply its stock `requests`, take the points of the same units back, and tell of it.

    The caller holds the order's lock and has counted the units in the lines' `returned`.
    """
    returned = OrderReturn(
        id=return_id,
        order_id=order.id,
        channel_id=principal.channel_id,
        location_id=location_id,
        created_at=await now(session),
    )
    session.add(returned)
    await session.flush()
    lines = [
        OrderReturnLine(
            id=new_id(),
            return_id=return_id,
            order_line_id=row.line.id,
            quantity=row.quantity,
            condition=row.condition,
        )
        for row in rows
    ]
    session.add_all(lines)
    order.version += 1
    await session.flush()
    await apply_all(session, requests)
    for line in lines:
        await reverse(session, ReversePoints(line.id, line.order_line_id, line.quantity))
    await note(session, order.id, "RETURNED", principal, detail={"return_id": str(return_id)})
    await outbox.record(session, changed(order))


async def apply_all(session: WriteSession, requests: Sequence[StockRequest]) -> None:
    """Apply requests of which none may be refused."""
    for outcome in await apply(session, requests) if requests else ():
        if isinstance(outcome, Refused):
            raise error_of(outcome)


def _returned(known: Mapping[UUID, OrderLine], item: ReturnLineInput) -> OrderLine:
    line = known.get(item.order_line_id)
    if line is None:
        raise InvalidInputError(f"the order has no line {item.order_line_id}", path=("lines", "orderLineId"))
    if line.returned + item.quantity > line.fulfilled:
        raise ReturnTooManyError(
            f"{line.fulfilled - line.returned} units of this line can come back, not {item.quantity}",
            path=("lines", "quantity"),
        )
    line.returned += item.quantity
    return line


async def _stock(
    session: WriteSession, principal: Principal, command: ReturnOrder, return_id: UUID, rows: Sequence[Returned]
) -> list[StockRequest]:
    """Whoever delivered them, tracked units are here now; a bundle comes back as all of its parts."""
    actor = Actor(principal.id, principal.channel_id)
    components = await components_of(session, [row.line for row in rows])
    parts = [
        (part, row)
        for row in rows
        if row.line.variant_id is not None
        for part in parts_of_line(row.line.id, row.line.variant_id, components)
    ]
    variants = await catalog.variants_by_ids(session, {part.variant_id for part, _ in parts})
    tracked = {variant.id for variant in variants.values() if variant.stock_policy != "UNTRACKED"}
    return [
        StockRequest(
            actor,
            TakeBack(
                (Units(LevelKey(part.variant_id, command.location_id), row.quantity * part.quantity),),
                row.condition,
                return_id,
            ),
        )
        for part, row in parts
        if part.variant_id in tracked
    ]
