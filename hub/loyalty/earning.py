"""Points become the member's: when units are handed over, and when their return window closes."""

from uuid import UUID

from sqlalchemy import text

from hub.infra.database import WriteSession
from hub.kernel.quantity import positive_quantity
from hub.loyalty import repository
from hub.loyalty.errors import LedgerDamagedError
from hub.loyalty.messages import EarnPoints, Outcome
from hub.loyalty.posting import post
from hub.loyalty.repository import Account, Cause, LotOfLine
from hub.loyalty.rules import Posting, Source, TransactionKind, activate_points, earn_units

_SCHEDULE = text(
    """
    INSERT INTO loyalty_activations (transaction_id, account_id, lot_id, points, due_at)
    SELECT id, account_id, lot_id, :points, recorded_at + make_interval(days => :days)
    FROM loyalty_transactions WHERE id = :transaction
    """
)
_DUE_ACCOUNTS = text(
    """
    SELECT account_id FROM loyalty_activations WHERE NOT done AND due_at <= hub_now()
    GROUP BY account_id ORDER BY min(due_at) LIMIT :limit
    """
)
_TAKE_DUE = text(
    """
    UPDATE loyalty_activations SET done = true
    WHERE account_id = :account AND NOT done AND due_at <= hub_now()
    RETURNING transaction_id, lot_id, points
    """
)


async def earn(session: WriteSession, command: EarnPoints) -> tuple[Outcome, ...]:
    """Give the units' share of their line's points, at most for the units that the line has.

    Locks the accounts of the line's order, in programme order. Idempotent by fulfillment-order line; raises
    PointsSourceReusedError when that comes again with another line or quantity. A line without points (no customer,
    no programme in its currency) answers ().
    """
    positive_quantity(command.quantity)
    await repository.lock_accounts_of_order(session, command.order_line_id)
    lots = await repository.lots_of_line(session, command.order_line_id)
    return tuple([await _earn_in(session, lot, command) for lot in lots])


async def _earn_in(session: WriteSession, of_line: LotOfLine, command: EarnPoints) -> Outcome:
    account = await _locked(session, of_line.account_id)
    waits = of_line.pending_days > 0

    async def decide() -> Posting:
        lot = await repository.lot(session, of_line.lot_id)
        owing = [] if waits else await repository.lots_owing(session, account.id, lot.granted)
        return earn_units(lot, command.quantity, pending=waits, owing=owing)

    cause = Cause(
        TransactionKind.EARN,
        Source.FULFILLMENT_ORDER_LINE,
        command.fulfillment_order_line_id,
        asked=command.quantity,
    )
    outcome = await post(session, account, cause, decide, lot_id=of_line.lot_id)
    if waits and outcome.points and not outcome.replayed:
        await session.execute(
            _SCHEDULE,
            {
                "transaction": outcome.transaction_id,
                "points": outcome.points,
                "days": of_line.pending_days,
            },
        )
    return outcome


async def activate_due(session: WriteSession, *, limit: int = 100) -> int:
    """Make pending points available whose return window has closed, for at most `limit` accounts.

    Answers how many were activated. Accounts that somebody else holds are left for the next call.
    """
    activated = 0
    for account_id in (await session.execute(_DUE_ACCOUNTS, {"limit": limit})).scalars().all():
        account = await repository.lock_account(session, account_id, wait=False)
        if account is not None:
            activated += await _activate_account(session, account)
    return activated


async def _activate_account(session: WriteSession, account: Account) -> int:
    due = (await session.execute(_TAKE_DUE, {"account": account.id})).all()
    for earned in sorted(due, key=lambda row: row.transaction_id):
        await _activate(session, account, earned.transaction_id, earned.lot_id, earned.points)
    return len(due)


async def _activate(session: WriteSession, account: Account, earn_id: UUID, lot_id: UUID, points: int) -> None:
    async def decide() -> Posting:
        lot = await repository.lot(session, lot_id)
        owing = await repository.lots_owing(session, account.id, points)
        return activate_points(lot, points, owing=owing)

    cause = Cause(TransactionKind.ACTIVATE, Source.TRANSACTION, earn_id, asked=points)
    await post(session, account, cause, decide, lot_id=lot_id)


async def _locked(session: WriteSession, account_id: UUID) -> Account:
    account = await repository.lock_account(session, account_id)
    if account is None:
        raise LedgerDamagedError(f"loyalty account {account_id} vanished")
    return account
