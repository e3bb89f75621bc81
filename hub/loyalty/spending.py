"""Points are spent, oldest lot first."""

from hub.infra.database import WriteSession
from hub.loyalty import repository
from hub.loyalty.errors import UnknownAccountError
from hub.loyalty.messages import Outcome, SpendPoints
from hub.loyalty.posting import post
from hub.loyalty.repository import Cause
from hub.loyalty.rules import Posting, Source, TransactionKind, require_points, spend_points


async def spend(session: WriteSession, command: SpendPoints) -> Outcome:
    """Burn exactly the points, once per checkout. Locks the account.

    Raises InsufficientPointsError, PointsError, UnknownAccountError or PointsSourceReusedError.
    """
    require_points(command.points)
    account = await repository.find_account(session, command.customer_id, command.programme_id)
    if account is None:
        raise UnknownAccountError("this customer has no points in this programme", path=("customerId",))

    async def decide() -> Posting:
        lots = await repository.lots_to_spend(session, account.id, command.points)
        return spend_points(command.points, lots)

    cause = Cause(TransactionKind.SPEND, Source.CHECKOUT, command.checkout_id, asked=command.points)
    return await post(session, account, cause, decide)
