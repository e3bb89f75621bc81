"""Points of an order, computed once when it is captured."""

from hub.infra.database import WriteSession
from hub.kernel.ids import new_id
from hub.kernel.quantity import positive_quantity
from hub.loyalty import repository
from hub.loyalty.messages import GrantPoints, Outcome
from hub.loyalty.models import LoyaltyLot, LoyaltyProgramme
from hub.loyalty.posting import post
from hub.loyalty.repository import Account, Cause
from hub.loyalty.rules import Posting, Ratio, Source, TransactionKind, points_of_lines


async def grant_for_order(session: WriteSession, command: GrantPoints) -> tuple[Outcome, ...]:
    """Make the order's lots in every active programme of its currency: expected, not yet earned.

    Opens and locks the customer's accounts, in programme order. Idempotent by order id: an order is computed once,
    whatever later calls say. Raises PointsError or QuantityError for lines that no order can have.
    """
    for line in command.lines:
        positive_quantity(line.quantity)
    outcomes = []
    for programme in await repository.active_programmes(session, command.currency):
        account = await repository.open_account(session, command.customer_id, programme.id)
        outcomes.append(await _grant_in(session, programme, account, command))
    return tuple(outcomes)


async def _grant_in(
    session: WriteSession, programme: LoyaltyProgramme, account: Account, command: GrantPoints
) -> Outcome:
    async def decide() -> Posting:
        await repository.insert_lots(session, _lots(programme, account, command))
        return Posting(lots=(), entries=())

    cause = Cause(TransactionKind.GRANT, Source.ORDER, command.order_id)
    return await post(session, account, cause, decide)


def _lots(programme: LoyaltyProgramme, account: Account, command: GrantPoints) -> list[LoyaltyLot]:
    ratio = Ratio(programme.points_per, programme.minor_units)
    bases = [line.base_minor + (line.tax_minor if programme.base_includes_tax else 0) for line in command.lines]
    return [
        LoyaltyLot(
            id=new_id(),
            account_id=account.id,
            programme_id=programme.id,
            order_id=command.order_id,
            order_line_id=line.line_id,
            quantity=line.quantity,
            granted=granted,
        )
        for line, granted in zip(command.lines, points_of_lines(ratio, bases), strict=True)
        if granted > 0
    ]
