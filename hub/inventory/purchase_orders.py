"""Purchase orders and advance notices: what a supplier is expected to bring to a location, and when.

OPEN → PARTIALLY_RECEIVED → RECEIVED, or CANCELLED while something is expected. From the first moment the units are
`incoming` at the location.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import consignments as rows
from hub.inventory.commands import Announce, Withdraw
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
    require_place,
    take_step,
    units_of,
)
from hub.inventory.consignments import Consignment, ConsignmentKind, ConsignmentStatus
from hub.inventory.errors import PurchaseOrderExistsError
from hub.inventory.receiving import ReceiptLine
from hub.inventory.units import LevelKey, Units
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope

PURCHASE = ConsignmentKind.PURCHASE
MAX_WORDS = 100


@dataclass(frozen=True, slots=True)
class CreatePurchaseOrder:
    """`number` is the paper's own, unique among purchase orders for ever."""

    number: str
    location_id: UUID
    lines: tuple[WantedLine, ...]
    supplier: str = ""
    expected_at: datetime | None = None


async def create_purchase_order(
    database: Database, principal: Principal, command: CreatePurchaseOrder, *, idempotency_key: str
) -> Answer:
    """Announce the units at the location. Raises PurchaseOrderExistsError through the answer."""
    principal.require(Scope.STOCK_WRITE)
    check_lines(command.lines)
    _check_words(command)

    async def work(session: WriteSession) -> Mapping[str, Any]:
        require_place(await reach_of(session, principal), command.location_id)
        units = await units_of(session, command.lines, [command.location_id])
        item = Consignment(
            id=new_id(),
            kind=PURCHASE,
            status=ConsignmentStatus.OPEN,
            to_location_id=command.location_id,
            number=command.number,
            supplier=command.supplier,
            expected_at=command.expected_at,
            created_at=await rows.database_now(session),
        )
        await _add(session, item, units)
        announced = tuple(
            Units(LevelKey(variant_id, command.location_id), count) for variant_id, count in units.items()
        )
        await post(session, principal, Announce(announced, item.id))
        return {"document_id": str(item.id), "ids": [str(item.id)]}

    return await mutate(
        database,
        principal,
        operation="purchaseOrderCreate",
        idempotency_key=idempotency_key,
        payload={
            "number": command.number,
            "supplier": command.supplier,
            "location_id": command.location_id,
            "lines": [(line.variant, line.quantity) for line in command.lines],
            "expected_at": command.expected_at,
        },
        work=work,
    )


async def receive_purchase_order(
    database: Database,
    principal: Principal,
    step: DocumentStep,
    receipt: Sequence[ReceiptLine],
) -> Answer:
    """Units came, in part or beyond what was ordered; missing ones are no longer expected."""
    return await receive_document(database, principal, Operation(PURCHASE, "purchaseOrderReceive", step), receipt)


async def reschedule_purchase_order(
    database: Database, principal: Principal, step: DocumentStep, *, expected_at: datetime | None
) -> Answer:
    """The supplier named another date, or none."""

    async def work(_session: WriteSession, locked: Locked) -> None:
        locked.require_status(*rows.UNDER_WAY)
        locked.item.expected_at = expected_at

    operation = Operation(PURCHASE, "purchaseOrderReschedule", step, {"expected_at": expected_at})
    return await take_step(database, principal, operation, work)


async def cancel_purchase_order(database: Database, principal: Principal, step: DocumentStep) -> Answer:
    """What is still outstanding will not come; what came stays."""

    async def work(session: WriteSession, locked: Locked) -> None:
        locked.require_status(*rows.UNDER_WAY)
        units = rows.outstanding(locked.item, locked.lines.values())
        for line in locked.lines.values():
            line.missing += line.expected.outstanding
        close(locked, ConsignmentStatus.CANCELLED)
        await session.flush()
        await post(session, principal, Withdraw(units, locked.item.id))

    return await take_step(database, principal, Operation(PURCHASE, "purchaseOrderCancel", step), work)


def _check_words(command: CreatePurchaseOrder) -> None:
    for name, value, least in (("number", command.number, 1), ("supplier", command.supplier, 0)):
        if not (least <= len(value.strip()) <= MAX_WORDS and value.isprintable()):
            raise InvalidInputError(f"{name} has {least} to {MAX_WORDS} printable characters", path=(name,))


async def _add(session: WriteSession, item: Consignment, units: Mapping[UUID, int]) -> None:
    """Raises PurchaseOrderExistsError, also when another request writes the same number right now."""
    try:
        async with session.begin_nested():
            await rows.add(session, item, units)
    except IntegrityError as error:
        if "purchase_order_number_is_used_once" not in str(error):
            raise
        raise PurchaseOrderExistsError(f"there is a purchase order {item.number!r} already", path=("number",)) from None
