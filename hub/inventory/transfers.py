"""Stock transfers: a document of units on their way from one location to another.

DRAFT → IN_TRANSIT → PARTIALLY_RECEIVED → RECEIVED, or CANCELLED from DRAFT. Dispatch takes free units out of the
source and announces them at the destination; what does not arrive as sent is found or lost there, with a reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import consignments as rows
from hub.inventory.commands import Dispatch
from hub.inventory.consigning import (
    DocumentStep,
    Locked,
    Operation,
    WantedLine,
    check_lines,
    close,
    post,
    reach_of,
    receive_document,
    take_step,
    units_of,
)
from hub.inventory.consignments import Consignment, ConsignmentKind, ConsignmentStatus
from hub.inventory.receiving import ReceiptLine
from hub.inventory.units import LevelKey, Units
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import LocationNotAllowedError, Principal, Scope

TRANSFER = ConsignmentKind.TRANSFER


@dataclass(frozen=True, slots=True)
class CreateTransfer:
    from_location_id: UUID
    to_location_id: UUID
    lines: tuple[WantedLine, ...]
    expected_at: datetime | None = None


async def create_transfer(
    database: Database, principal: Principal, command: CreateTransfer, *, idempotency_key: str
) -> Answer:
    """A draft, by whoever may act at one of its ends. It claims nothing."""
    principal.require(Scope.STOCK_WRITE)
    check_lines(command.lines)
    places = [command.from_location_id, command.to_location_id]
    if places[0] == places[1]:
        raise InvalidInputError("a transfer needs two different locations", path=("toLocationId",))

    async def work(session: WriteSession) -> Mapping[str, Any]:
        reach = await reach_of(session, principal)
        if reach is not None and reach.isdisjoint(places):
            raise LocationNotAllowedError("this credential is bound to another location", path=("fromLocationId",))
        units = await units_of(session, command.lines, places)
        item = Consignment(
            id=new_id(),
            kind=TRANSFER,
            status=ConsignmentStatus.DRAFT,
            from_location_id=command.from_location_id,
            to_location_id=command.to_location_id,
            expected_at=command.expected_at,
            created_at=await rows.database_now(session),
        )
        await rows.add(session, item, units)
        return {"document_id": str(item.id), "ids": [str(item.id)]}

    return await mutate(
        database,
        principal,
        operation="stockTransferCreate",
        idempotency_key=idempotency_key,
        payload={
            "places": places,
            "lines": [(line.variant, line.quantity) for line in command.lines],
            "expected_at": command.expected_at,
        },
        work=work,
    )


async def dispatch_transfer(
    database: Database, principal: Principal, step: DocumentStep, *, expected_at: datetime | None = None
) -> Answer:
    """The units leave the source, all or none; they have to be free. `expected_at` replaces the draft's."""

    async def work(session: WriteSession, locked: Locked) -> None:
        item = locked.item
        locked.require_place(item.from_location_id)
        locked.require_status(ConsignmentStatus.DRAFT)
        item.status = ConsignmentStatus.IN_TRANSIT
        item.dispatched_at = locked.now
        item.expected_at = expected_at or item.expected_at
        units = tuple(
            Units(LevelKey(line.variant_id, item.from_location_id), line.quantity)
            for line in locked.lines.values()
            if item.from_location_id is not None
        )
        await post(session, principal, Dispatch(units, item.to_location_id, item.id))

    operation = Operation(TRANSFER, "stockTransferDispatch", step, {"expected_at": expected_at})
    return await take_step(database, principal, operation, work)


async def receive_transfer(
    database: Database,
    principal: Principal,
    step: DocumentStep,
    receipt: Sequence[ReceiptLine],
) -> Answer:
    """Units came, as many as they are: in part, beyond what was sent (found), or known to be lost."""
    return await receive_document(database, principal, Operation(TRANSFER, "stockTransferReceive", step), receipt)


async def cancel_transfer(database: Database, principal: Principal, step: DocumentStep) -> Answer:
    """Give a draft up. What has left cannot be cancelled: it is received, or lost."""

    async def work(_session: WriteSession, locked: Locked) -> None:
        locked.require_status(ConsignmentStatus.DRAFT)
        close(locked, ConsignmentStatus.CANCELLED)

    return await take_step(database, principal, Operation(TRANSFER, "stockTransferCancel", step), work)
