"""The one way points move: replay check, rule, rows and event, under the account's lock."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from hub.infra import outbox
from hub.infra.database import WriteSession
from hub.loyalty import repository
from hub.loyalty.errors import PointsSourceReusedError
from hub.loyalty.messages import CHANGED, Outcome
from hub.loyalty.repository import Account, Cause
from hub.loyalty.rules import Book, Posting


async def post(
    session: WriteSession,
    account: Account,
    cause: Cause,
    decide: Callable[[], Awaitable[Posting]],
    *,
    lot_id: UUID | None = None,
) -> Outcome:
    """Move points once for `cause`; `account` is locked by the caller, `decide` is called unless it is a replay.

    Raises PointsSourceReusedError when the cause moved points before and now names another account, line or amount.
    """
    before = await repository.recorded(session, account, cause)
    if before is not None:
        if (before.account_id, before.lot_id, before.asked) != (account.id, lot_id, cause.asked):
            raise PointsSourceReusedError(
                f"{cause.source.value} {cause.source_id} moved points before, with another line or amount"
            )
        return Outcome(before.id, account.id, account.programme_id, before.points, replayed=True)
    posting = await decide()
    transaction_id, version = await repository.write(session, account, cause, posting, lot_id=lot_id)
    await outbox.record(session, _changed(account, cause, transaction_id, version))
    return Outcome(
        transaction_id,
        account.id,
        account.programme_id,
        sum(posting.moved(book) for book in Book if book.of_member),
    )


def _changed(account: Account, cause: Cause, transaction_id: UUID, version: int) -> outbox.Event:
    return outbox.Event(
        topic=CHANGED,
        entity_id=account.id,
        entity_version=version,
        payload={
            "customer_id": account.customer_id,
            "programme_id": account.programme_id,
            "transaction_id": transaction_id,
            "kind": cause.kind.value,
        },
    )
