"""Returns that came in before the sale they belong to find it, so that the order of arrival does not matter."""

from collections.abc import Sequence
from uuid import UUID

from hub.infra.database import WriteSession
from hub.inventory import ReturnCondition
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders import Order, OrderLine, Returned, book_return
from hub.pos import repository
from hub.pos.messages import ReturnedLine
from hub.pos.models import PosReturnLine
from hub.pos.rules import take_from


async def link_waiting_returns(
    session: WriteSession,
    principal: Principal,
    sale: tuple[UUID, str],
    order: Order,
    lines: Sequence[OrderLine],
) -> None:
    """Link what is not linked yet to the `sale` (terminal, receipt), in the order in which it happened. Its stock was
    taken back when it came.

    The caller holds the order's lock and the receipt's.
    """
    waiting = await repository.returns_waiting_for(session, *sale)
    came_back = await repository.return_lines(session, [fact.id for fact in waiting])
    for fact in waiting:
        rows = link(came_back.get(fact.id, []), lines)
        if rows:
            await book_return(session, principal, order, rows, (), return_id=new_id(), location_id=fact.location_id)
            fact.order_id = order.id
    await session.flush()


def link(came_back: Sequence[PosReturnLine], lines: Sequence[OrderLine]) -> list[Returned]:
    """Place what is not placed yet, and note how much was."""
    wanted = [(_line(item), item.quantity - item.linked) for item in came_back]
    rows, placed = take_from(lines, wanted)
    for item, units in zip(came_back, placed, strict=True):
        item.linked += units
    return rows


def _line(item: PosReturnLine) -> ReturnedLine:
    return ReturnedLine(item.quantity, item.sku, item.title, ReturnCondition(item.condition))
