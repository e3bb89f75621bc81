"""What transfers and purchase orders have in common: who may act on them, their lines, and receiving them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import commands as c
from hub.inventory import consignments as rows
from hub.inventory.consignments import Consignment, ConsignmentKind, ConsignmentLine, ConsignmentStatus
from hub.inventory.engine import apply
from hub.inventory.errors import (
    DocumentChangedError,
    PurchaseOrderNotFoundError,
    StockTransferNotFoundError,
    TooManyLinesError,
    WrongStepError,
    error_of,
)
from hub.inventory.known import Wanted, reaches_its_channel_only, read_known
from hub.inventory.receiving import ReceiptLine, check_receipt, receive
from hub.kernel.principal import LocationNotAllowedError, Principal, Scope
from hub.kernel.quantity import positive_quantity

MAX_DOCUMENT_LINES = 1_000

_MISSING_DOCUMENT = {
    ConsignmentKind.TRANSFER: StockTransferNotFoundError,
    ConsignmentKind.PURCHASE: PurchaseOrderNotFoundError,
}
_NAMES = {ConsignmentKind.TRANSFER: "stock transfer", ConsignmentKind.PURCHASE: "purchase order"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WantedLine:
    """Units of a variant, named by id or by sku."""

    variant: UUID | str
    quantity: int


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """Which document, seen at which version (None: any), under which idempotency key.

    `first` runs in the step's transaction before the document is locked; what it raises refuses the step.
    """

    id: UUID
    idempotency_key: str
    expected_version: int | None = None
    first: Callable[[WriteSession], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """A document under its lock. `reach` None: the caller may act everywhere."""

    item: Consignment
    lines: dict[UUID, ConsignmentLine]
    reach: frozenset[UUID] | None
    now: datetime

    def require_place(self, location_id: UUID | None) -> None:
        require_place(self.reach, location_id)

    def require_status(self, *allowed: ConsignmentStatus) -> None:
        if self.item.status not in allowed:
            raise WrongStepError(f"this document is {self.item.status}; the step needs {' or '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class Operation:
    """A keyed step of one kind of document; `more` is its input besides the document and its version."""

    kind: ConsignmentKind
    name: str
    step: DocumentStep
    more: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[WriteSession, Locked], Awaitable[None]]


async def reach_of(session: WriteSession, principal: Principal) -> frozenset[UUID] | None:
    """The locations that the caller may act at: its own, else its channel's pool; None: everywhere."""
    if not reaches_its_channel_only(principal):
        return principal.location_ids
    found = await session.execute(
        text("SELECT location_id FROM channel_locations WHERE channel_id = :channel"), {"channel": principal.channel_id}
    )
    return frozenset(found.scalars())


def require_place(reach: frozenset[UUID] | None, location_id: UUID | None) -> None:
    """Raises LocationNotAllowedError."""
    if reach is not None and location_id not in reach:
        raise LocationNotAllowedError("this credential does not act for this location", path=("locationId",))


def check_lines(lines: Sequence[WantedLine]) -> None:
    """Raises TooManyLinesError and QuantityError."""
    require_line_count(lines)
    for number, line in enumerate(lines):
        positive_quantity(line.quantity, path=("lines", str(number), "quantity"))


def require_line_count(lines: Sequence[object]) -> None:
    if not 1 <= len(lines) <= MAX_DOCUMENT_LINES:
        raise TooManyLinesError(f"a document has 1 to {MAX_DOCUMENT_LINES} lines", path=("lines",))


async def named_variants(
    session: WriteSession, names: Sequence[UUID | str], location_ids: Iterable[UUID] = ()
) -> list[UUID]:
    """The ids of the lines' variants. Raises UnknownVariantError and UnknownLocationError."""
    places = list(location_ids)
    known = await read_known(session, Wanted(set(names), set(places)), locked=True)
    known.require_locations(places)
    return [known.variant(name, ("lines", str(number), "sku")).id for number, name in enumerate(names)]


async def units_of(session: WriteSession, lines: Sequence[WantedLine], location_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Units per variant; a variant that is named twice is one line."""
    units: dict[UUID, int] = {}
    for variant_id, line in zip(
        await named_variants(session, [line.variant for line in lines], location_ids), lines, strict=True
    ):
        units[variant_id] = units.get(variant_id, 0) + line.quantity
    return units


async def take_step(database: Database, principal: Principal, operation: Operation, work: Work) -> Answer:
    """One keyed step of a document under its lock: its version grows by one."""
    principal.require(Scope.STOCK_WRITE)
    step = operation.step

    async def run(session: WriteSession) -> Mapping[str, Any]:
        if step.first is not None:
            await step.first(session)
        locked = await _lock(session, principal, operation.kind, step)
        await work(session, locked)
        locked.item.version += 1
        await session.flush()
        return {"document_id": str(step.id), "ids": [str(step.id)]}

    answer = await mutate(
        database,
        principal,
        operation=operation.name,
        idempotency_key=step.idempotency_key,
        payload={"id": step.id, "expected_version": step.expected_version, **operation.more},
        work=run,
    )
    if answer.refusal is None and not answer.replayed:
        log.info("stock_document_changed", operation=operation.name, document_id=str(step.id))
    return answer


async def receive_document(
    database: Database, principal: Principal, operation: Operation, receipt: Sequence[ReceiptLine]
) -> Answer:
    """Book what came at the destination."""
    require_line_count(receipt)
    check_receipt(receipt)
    arrivals: list[c.Arrival] = []

    async def work(session: WriteSession, locked: Locked) -> None:
        item = locked.item
        locked.require_place(item.to_location_id)
        locked.require_status(*rows.UNDER_WAY)
        variants = await named_variants(session, [line.variant for line in receipt])
        known = {variant_id: line.expected for variant_id, line in locked.lines.items()}
        changed, came = receive(known, zip(variants, receipt, strict=True), item.to_location_id)
        await rows.write_lines(session, item, locked.lines, changed)
        close_or_go_on(locked, more=any(line.outstanding for line in (known | changed).values()))
        await post(session, principal, c.Arrive(tuple(came), c.ArrivalKind(operation.kind), item.id))
        arrivals.extend(came)

    answer = await take_step(database, principal, replace(operation, more={"lines": list(receipt)}), work)
    if answer.refusal is None:
        _count_differences(operation.kind, arrivals)
    return answer


def close_or_go_on(locked: Locked, *, more: bool) -> None:
    if more:
        locked.item.status = ConsignmentStatus.PARTIALLY_RECEIVED
    else:
        close(locked, ConsignmentStatus.RECEIVED)


def close(locked: Locked, status: ConsignmentStatus) -> None:
    locked.item.status = status
    locked.item.closed_at = locked.now


async def post(session: WriteSession, principal: Principal, command: c.StockCommand) -> None:
    """Have the engine do it. Raises the refusal."""
    [outcome] = await apply(session, [c.StockRequest(c.Actor(principal.id, principal.channel_id), command)])
    if isinstance(outcome, c.Refused):
        raise error_of(outcome)


async def _lock(session: WriteSession, principal: Principal, kind: ConsignmentKind, step: DocumentStep) -> Locked:
    reach = await reach_of(session, principal)
    item = await rows.lock(session, kind, step.id)
    if item is None or (reach is not None and reach.isdisjoint(item.places)):
        raise _MISSING_DOCUMENT[kind](f"there is no {_NAMES[kind]} {step.id}", path=("id",))
    if step.expected_version is not None and step.expected_version != item.version:
        raise DocumentChangedError(
            f"the {_NAMES[kind]} is at version {item.version}, not {step.expected_version}; look at it again",
            path=("expectedVersion",),
        )
    return Locked(item, await rows.lines_of(session, item.id), reach, await rows.database_now(session))


def _count_differences(kind: ConsignmentKind, arrivals: Iterable[c.Arrival]) -> None:
    for item in arrivals:
        if item.reason is not None:
            metrics.stock_difference_units.labels(kind, "EXTRA", item.reason).inc(item.extra)
            metrics.stock_difference_units.labels(kind, "MISSING", item.reason).inc(item.missing)
