"""Points go back when units come back."""

from hub.infra.database import WriteSession
from hub.kernel.quantity import positive_quantity
from hub.loyalty import repository
from hub.loyalty.errors import LedgerDamagedError
from hub.loyalty.messages import Outcome, ReversePoints
from hub.loyalty.posting import post
from hub.loyalty.repository import Cause, LotOfLine
from hub.loyalty.rules import Posting, Source, TransactionKind, return_units


async def reverse(session: WriteSession, command: ReversePoints) -> tuple[Outcome, ...]:
    """Take back the returned units' share of their line's points, at most for the units that the line has.

    Points already spent are owed and paid by the next points earned. A return reported before its hand-over
    takes nothing now; `earn` nets it. Locks the accounts of the line's order, in programme order. Idempotent by
    return line; raises PointsSourceReusedError when that comes again with another line or quantity.
    """
    positive_quantity(command.quantity)
    await repository.lock_accounts_of_order(session, command.order_line_id)
    lots = await repository.lots_of_line(session, command.order_line_id)
    return tuple([await _reverse_in(session, lot, command) for lot in lots])


async def _reverse_in(session: WriteSession, of_line: LotOfLine, command: ReversePoints) -> Outcome:
    account = await repository.lock_account(session, of_line.account_id)
    if account is None:
        raise LedgerDamagedError(f"loyalty account {of_line.account_id} vanished")

    async def decide() -> Posting:
        lot = await repository.lot(session, of_line.lot_id)
        others = await repository.lots_to_spend(session, account.id, lot.granted)
        return return_units(lot, command.quantity, others=others)

    cause = Cause(TransactionKind.REVERSE, Source.RETURN_LINE, command.return_line_id, asked=command.quantity)
    return await post(session, account, cause, decide, lot_id=of_line.lot_id)
