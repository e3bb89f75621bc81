"""Purchase orders: announced from the first moment, received in parts or beyond, and never announced for ever."""

import asyncio
from uuid import UUID

import pytest

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    AdjustmentReason,
    CreatePurchaseOrder,
    DocumentStep,
    ReceiptLine,
    WantedLine,
    cancel_purchase_order,
    create_purchase_order,
    receive_purchase_order,
)
from hub.kernel.ids import new_id
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

OFFICE = make_principal()


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database, variants=2)


def step(order_id: UUID) -> DocumentStep:
    return DocumentStep(order_id, str(new_id()))


async def order(stage: Stage, number: str, *lines: WantedLine) -> Answer:
    command = CreatePurchaseOrder(number, stage.locations[0], lines or (WantedLine("SKU-0", 6),))
    return await create_purchase_order(stage.database, OFFICE, command, idempotency_key=str(new_id()))


async def ordered(stage: Stage, *lines: WantedLine) -> UUID:
    return UUID((await order(stage, "PO-1", *lines)).unwrap()["document_id"])


async def numbers(stage: Stage, variant: int = 0) -> tuple[int, int]:
    level = await stage.level(stage.key(variant))
    return level["on_hand"], level["incoming"]


async def test_an_order_is_received_in_part_beyond_and_short(stage: Stage) -> None:
    order_id = await ordered(stage, WantedLine("SKU-0", 6), WantedLine("SKU-1", 2))
    assert await numbers(stage) == (0, 6)
    (await receive_purchase_order(stage.database, OFFICE, step(order_id), [ReceiptLine("SKU-0", 4)])).unwrap()
    assert await numbers(stage) == (4, 2)
    rest = [
        ReceiptLine("SKU-0", 3, reason=AdjustmentReason.FOUND),
        ReceiptLine("SKU-1", 0, missing=2, reason=AdjustmentReason.OTHER),
    ]
    (await receive_purchase_order(stage.database, OFFICE, step(order_id), rest)).unwrap()
    assert (await numbers(stage), await numbers(stage, 1)) == ((7, 0), (0, 0))
    found = await stage.row("SELECT status, closed_at IS NOT NULL FROM consignments")
    assert tuple(found) == ("RECEIVED", True)
    await stage.assert_sound()


async def test_a_cancelled_order_announces_nothing_and_keeps_what_came(stage: Stage) -> None:
    order_id = await ordered(stage)
    (await receive_purchase_order(stage.database, OFFICE, step(order_id), [ReceiptLine("SKU-0", 4)])).unwrap()
    (await cancel_purchase_order(stage.database, OFFICE, step(order_id))).unwrap()
    assert await numbers(stage) == (4, 0)
    again = await cancel_purchase_order(stage.database, OFFICE, step(order_id))
    assert again.refusal is not None
    assert again.refusal.code == "INVALID_TRANSITION"
    await stage.assert_sound()


async def test_a_number_is_used_once_also_by_requests_at_once(stage: Stage) -> None:
    answers = await asyncio.gather(*(order(stage, "PO-9") for _ in range(5)))
    codes = sorted(answer.refusal.code if answer.refusal else "" for answer in answers)
    assert codes == ["", *["PURCHASE_ORDER_EXISTS"] * 4]
    assert await numbers(stage) == (0, 6)
    await stage.assert_sound()


async def test_receipt_and_cancellation_at_once_leave_nothing_announced(stage: Stage) -> None:
    order_id = await ordered(stage)
    came, gone = await asyncio.gather(
        receive_purchase_order(stage.database, OFFICE, step(order_id), [ReceiptLine("SKU-0", 6)]),
        cancel_purchase_order(stage.database, OFFICE, step(order_id)),
    )
    assert (came.refusal is None) != (gone.refusal is None)
    assert await numbers(stage) == ((6, 0) if came.refusal is None else (0, 0))
    await stage.assert_sound()
