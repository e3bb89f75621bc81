"""Staff give or take points, with a reason."""

from uuid import UUID

from hub.infra.database import WriteSession
from hub.kernel.ids import new_id
from hub.loyalty import repository
from hub.loyalty.messages import AdjustPoints, Outcome
from hub.loyalty.models import LoyaltyLot
from hub.loyalty.posting import post
from hub.loyalty.repository import Account, Cause
from hub.loyalty.rules import Lot, Posting, Source, TransactionKind, earn_units, require_points, spend_points


async def adjust(session: WriteSession, command: AdjustPoints) -> Outcome:
    """Give points (a lot of their own, available at once) or take available ones, once per adjustment id.

    Opens the account when it is missing and locks it. Raises PointsError, InsufficientPointsError,
    UnknownProgrammeError or PointsSourceReusedError.
    """
    require_points(abs(command.points))
    await repository.programme(session, command.programme_id)
    account = await repository.open_account(session, command.customer_id, command.programme_id)

    async def decide() -> Posting:
        if command.points > 0:
            return await _give(session, account, new_id(), command.points)
        lots = await repository.lots_to_spend(session, account.id, -command.points)
        return spend_points(-command.points, lots)

    cause = Cause(
        TransactionKind.ADJUST,
        Source.STAFF,
        command.adjustment_id,
        asked=command.points,
        reason=command.reason.value,
    )
    return await post(session, account, cause, decide)


async def _give(session: WriteSession, account: Account, lot_id: UUID, points: int) -> Posting:
    lot = LoyaltyLot(id=lot_id, account_id=account.id, programme_id=account.programme_id, granted=points)
    await repository.insert_lots(session, [lot])
    owing = await repository.lots_owing(session, account.id, points)
    return earn_units(Lot(id=lot_id, quantity=1, granted=points), 1, pending=False, owing=owing)
