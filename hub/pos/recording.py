"""A batch of receipts: each is recorded in a transaction of its own, once for ever, and answered the same for ever."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError

from hub.infra import audit, metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, Replay, fingerprint, keyed, look_up, replayed, told_refusal
from hub.infra.mutations import mutate
from hub.kernel.errors import ErrorKind, HubError, InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope
from hub.orders import ErrorPolicy, StockMovedError, now
from hub.pos import repository
from hub.pos.errors import ReceiptReusedError, TerminalRequiredError
from hub.pos.messages import Batch, GoodsReturn, Sale, Unreadable
from hub.pos.models import FactKind, PosFact
from hub.pos.repository import Desk
from hub.pos.rules import MAX_FACTS, check

ATTEMPTS: Final = 3
"""A receipt is tried again when something moved between reading and locking it."""

F = TypeVar("F", Sale, GoodsReturn)
Row = dict[str, Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reported:
    """What is the same for every receipt of a batch."""

    principal: Principal
    desk: Desk
    kind: FactKind
    operation: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """One receipt in its transaction: nobody has recorded it, and nobody else can until the end."""

    fact_id: UUID
    content_hash: bytes
    received_at: datetime
    clock_offset_ms: int | None


Record = Callable[[WriteSession, Reported, F, Arrived], Awaitable[Row]]
"""Write the receipt and what follows from it; its answer is kept for ever."""


class MovedMeanwhileError(Exception):
    """Undo this receipt's transaction and read again."""


async def record_batch(
    database: Database,
    principal: Principal,
    kind: FactKind,
    batch: Batch,
    record: Record[Any],
    *,
    operation: str,
    idempotency_key: str,
) -> Answer:
    """Outcome: "rows", one for each fact in order: receipt, recorded, known (it was before), refused, and what
    `record` answered the first time. Whatever happens between, sending it again completes it and repeats nothing.

    The key guards the answer to the batch; what guards each receipt is (terminal, kind, receipt), which never lapses.
    """
    reported = Reported(principal, await _desk(database, principal), kind, operation, batch.sent_at)
    if not 1 <= len(batch.facts) <= MAX_FACTS:
        raise InvalidInputError(f"report 1 to {MAX_FACTS} receipts at once, not {len(batch.facts)}", path=("facts",))
    payload = {"facts": [asdict(fact) for fact in batch.facts], "error_policy": batch.error_policy}
    item = keyed(principal.id, idempotency_key, operation, payload)
    async with database.write() as session:
        [state] = await look_up(session, [item])
    if isinstance(state, HubError):
        raise state
    if isinstance(state, Replay):
        return replayed(state.outcome)
    rows = await _rows(database, reported, batch, record)

    async def keep(_session: WriteSession) -> Mapping[str, Any]:
        return {"rows": rows, "ids": sorted({row["order_id"] for row in rows if row.get("order_id")})}

    return await mutate(
        database, principal, operation=operation, idempotency_key=idempotency_key, payload=payload, work=keep
    )


async def _desk(database: Database, principal: Principal) -> Desk:
    principal.require(Scope.ORDERS_WRITE)
    if principal.terminal_id is None:
        raise TerminalRequiredError("only a terminal's own credential reports its receipts")
    async with database.read() as session:
        desk = await repository.desk_of(session, principal.terminal_id)
    if desk is None:
        raise TerminalRequiredError("this credential's terminal does not exist")
    principal.require_channel(desk.channel_id)
    principal.require_location(desk.location_id)
    return desk


async def _rows(database: Database, reported: Reported, batch: Batch, record: Record[Any]) -> list[Row]:
    rows = await _seen(database, reported, batch)
    refused = any(row is not None and row["refused"] for row in rows)
    if not (refused and batch.error_policy is ErrorPolicy.REJECT_EVERYTHING):
        for at, fact in enumerate(batch.facts):
            if rows[at] is None and not isinstance(fact, Unreadable):
                rows[at] = await _recorded(database, reported, fact, record, at)
    for row in rows:
        if row is not None:
            outcome = "refused" if row["refused"] else "known" if row["known"] else "recorded"
            metrics.pos_facts.labels(reported.kind.value, outcome).inc()
    told = [row if row is not None else _row(fact.receipt) for row, fact in zip(rows, batch.facts, strict=True)]
    log.info(
        "pos.reported",
        kind=reported.kind.value,
        terminal=reported.desk.code,
        receipts=len(told),
        recorded=sum(row["recorded"] and not row["known"] for row in told),
        refused=sum(row["refused"] is not None for row in told),
    )
    return told


async def _seen(database: Database, reported: Reported, batch: Batch) -> list[Row | None]:
    """What is known of each receipt before anything is written: its first answer, or why it cannot be recorded."""
    async with database.read() as session:
        receipts = [fact.receipt for fact in batch.facts]
        facts = await repository.facts_by_receipts(session, reported.desk.id, reported.kind, receipts)
        instant = await now(session)
    hashes: dict[str, bytes] = {receipt: fact.content_hash for receipt, fact in facts.items()}
    rows: list[Row | None] = []
    for at, fact in enumerate(batch.facts):
        if isinstance(fact, Unreadable):
            rows.append(_row(fact.receipt, refused=fact.refused))
            continue
        try:
            content = fingerprint(asdict(fact))
            if hashes.setdefault(fact.receipt, content) != content:
                raise _reused(fact.receipt)
            known = facts.get(fact.receipt)
            if known is None:
                check(fact, instant)
            rows.append(None if known is None else _known(known))
        except HubError as error:
            rows.append(_refused(fact.receipt, error, at))
    return rows


async def _recorded(
    database: Database, reported: Reported, fact: Sale | GoodsReturn, record: Record[Any], at: int
) -> Row:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.write() as session:
                return await _record(session, reported, fact, record)
        except (MovedMeanwhileError, IntegrityError) as moved:
            if attempt == ATTEMPTS:
                raise StockMovedError("the receipt kept moving; send it again", retry_after_seconds=1) from moved
        except HubError as error:
            if error.kind is ErrorKind.UNAVAILABLE:
                raise
            return _refused(fact.receipt, error, at)
    raise AssertionError  # the last attempt answers or raises


async def _record(session: WriteSession, reported: Reported, fact: Sale | GoodsReturn, record: Record[Any]) -> Row:
    content = fingerprint(asdict(fact))
    arrived = await _arrive(session, reported, fact, content)
    if isinstance(arrived, PosFact):
        if arrived.content_hash != content:
            raise _reused(fact.receipt)
        return _known(arrived)
    outcome = await record(session, reported, fact, arrived)
    ids = [UUID(outcome[name]) for name in ("order_id", "return_id") if outcome.get(name)]
    await audit.record(session, reported.principal, reported.operation, content, [arrived.fact_id, *ids])
    return _row(fact.receipt) | {"recorded": True} | outcome


async def _arrive(
    session: WriteSession, reported: Reported, fact: Sale | GoodsReturn, content: bytes
) -> Arrived | PosFact:
    names = [(reported.desk.id, reported.kind, fact.receipt)]
    if isinstance(fact, GoodsReturn) and fact.original is not None:
        terminal = await original_terminal(session, reported.desk, fact)
        if terminal is not None:
            names.append((terminal, FactKind.SALE, fact.original.receipt))
    await repository.lock_receipts(session, names)
    known = (await repository.facts_by_receipts(session, reported.desk.id, reported.kind, [fact.receipt])).get(
        fact.receipt
    )
    if known is not None:
        return known
    received = await now(session)
    offset = None if reported.sent_at is None else round((reported.sent_at - received).total_seconds() * 1000)
    return Arrived(new_id(), content, received, offset)


async def original_terminal(session: WriteSession, desk: Desk, fact: GoodsReturn) -> UUID | None:
    """The terminal that made the sale; None when nobody knows it."""
    if fact.original is None or fact.original.terminal in {None, desk.code}:
        return desk.id if fact.original is not None else None
    return await repository.terminal_by_code(session, fact.original.terminal or "")


def _row(receipt: str, *, refused: Mapping[str, Any] | None = None) -> Row:
    return {"receipt": receipt, "recorded": False, "known": False, "refused": refused}


def _known(fact: PosFact) -> Row:
    return _row(fact.receipt) | {"recorded": True, "known": True} | fact.outcome


def _refused(receipt: str, error: HubError, at: int) -> Row:
    error.path = ("facts", str(at), *error.path)
    return _row(receipt, refused=told_refusal(error))


def _reused(receipt: str) -> ReceiptReusedError:
    return ReceiptReusedError(
        f"receipt {receipt[:64]!r} was reported before with other content; a receipt never changes", path=("receipt",)
    )
