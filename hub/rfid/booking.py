"""Let what was read advance the transfer that it was read for."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.inventory import (
    AdjustmentReason,
    DocumentStep,
    ReceiptLine,
    TooManyLinesError,
    dispatch_transfer,
    receive_transfer,
)
from hub.kernel.principal import Principal, Scope
from hub.rfid import repository
from hub.rfid.access import locked, seen
from hub.rfid.errors import DifferencesError, SessionBookedError, SessionOpenError, TransferMissingError
from hub.rfid.models import ReadPurpose, ReadSessionStatus
from hub.rfid.repository import LineView, SessionView

MAX_BOOKED_LINES = 1_000


@dataclass(frozen=True, slots=True)
class BookTransfer:
    """`accept_differences`: dispatch as drafted though other items were read. Of a receipt `reason` explains items
    beyond what was sent, and with `missing_is_lost` those that are given up; else they stay expected."""

    session_id: UUID
    reason: AdjustmentReason | None = None
    missing_is_lost: bool = False
    accept_differences: bool = False


async def book_transfer(
    database: Database, principal: Principal, command: BookTransfer, *, idempotency_key: str
) -> Answer:
    """Dispatch the session's transfer, or receive into it what was read; once per session, in one transaction.

    Raises and refuses as `dispatch_transfer` and `receive_transfer`, and with SessionNotFoundError,
    SessionOpenError, TransferMissingError, DifferencesError, SessionBookedError and TooManyLinesError.
    """
    principal.require(Scope.STOCK_WRITE)
    async with database.read() as session:
        found = await seen(session, principal, command.session_id)
        transfer_id = _transfer_of(found)
        # A closed session's lines never change, so they may be read ahead of the transaction that books them.
        lines = await repository.lines(session, found.id, after=None, limit=MAX_BOOKED_LINES + 1)
    if len(lines) > MAX_BOOKED_LINES:
        raise TooManyLinesError(f"more than {MAX_BOOKED_LINES} variants were read; book the transfer by hand")

    async def book(session: WriteSession) -> None:
        now = await locked(session, principal, found.id)
        if now.booked_at is not None:
            raise SessionBookedError("what this session read has been booked to its transfer")
        await repository.mark_booked(session, found.id)

    step = DocumentStep(transfer_id, idempotency_key, first=book)
    if found.purpose == ReadPurpose.DISPATCH:
        _require_same(lines, command)
        return await dispatch_transfer(database, principal, step)
    return await receive_transfer(database, principal, step, receipt_of(lines, command))


def receipt_of(lines: Sequence[LineView], command: BookTransfer) -> list[ReceiptLine]:
    """What the reads say of each variant that came or is given up; lines with nothing to say are left out."""
    receipt = []
    for line in lines:
        missing = max(0, -line.difference) if command.missing_is_lost else 0
        if line.read + missing:
            differs = line.difference > 0 or missing > 0
            reason = command.reason if differs else None
            receipt.append(ReceiptLine(line.variant_id, line.read, missing, reason=reason))
    return receipt


def _transfer_of(found: SessionView) -> UUID:
    if found.status != ReadSessionStatus.CLOSED:
        raise SessionOpenError(f"the session is {found.status}; only what a closed one read can be booked")
    if found.transfer_id is None:
        raise TransferMissingError("this session belongs to no transfer")
    return found.transfer_id


def _require_same(lines: Sequence[LineView], command: BookTransfer) -> None:
    differing = sum(line.difference != 0 for line in lines)
    if differing and not command.accept_differences:
        raise DifferencesError(
            f"{differing} variants differ from the draft: look at the lines, then accept them or draft anew"
        )
