"""Reads at dispatch and receipt advance a transfer; what differs becomes its discrepancy."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.inventory import AdjustmentReason, CreateTransfer, WantedLine, create_transfer
from hub.kernel.epc import Sgtin
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.rfid import (
    BookTransfer,
    ExpectedUnits,
    OpenSession,
    ReadPurpose,
    RecordReads,
    book_transfer,
    close_session,
    open_session,
    record_reads,
    session_of,
)
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

OFFICE = make_principal()
DISPATCH, RECEIPT = ReadPurpose.DISPATCH, ReadPurpose.RECEIPT


@pytest.fixture
async def stage(database: Database) -> Stage:
    """Ten units of each of two variants at the first place."""
    made = await make_stage(database, locations=2, variants=2)
    async with database.write() as session:
        for number, variant_id in enumerate(made.variants):
            await session.execute(
                text("INSERT INTO variant_barcodes (gtin, variant_id) VALUES (:gtin, :id)"),
                {"gtin": Sgtin("0614141", f"{number:06d}", "1").gtin, "id": variant_id},
            )
    for variant in range(2):
        await made.stock(10, variant=variant)
    return made


async def draft(stage: Stage, *lines: tuple[int, int]) -> UUID:
    wanted = tuple(WantedLine(f"SKU-{variant}", quantity) for variant, quantity in lines)
    command = CreateTransfer(stage.locations[0], stage.locations[1], wanted)
    answer = await create_transfer(stage.database, OFFICE, command, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["document_id"])


async def sweep(stage: Stage, purpose: ReadPurpose, transfer_id: UUID, *read: tuple[int, int], place: int = -1) -> UUID:
    """A closed session; `read` are (variant's number, items)."""
    location = stage.locations[place if place >= 0 else int(purpose is RECEIPT)]
    command = OpenSession(purpose, location, transfer_id=transfer_id)
    opened = await open_session(stage.database, OFFICE, command, idempotency_key=str(new_id()))
    session_id = UUID(opened.unwrap()["session_id"])
    epcs = tuple(Sgtin("0614141", f"{variant:06d}", str(n)).uri for variant, items in read for n in range(items))
    if epcs:
        reads = RecordReads(session_id, epcs)
        (await record_reads(stage.database, OFFICE, reads, idempotency_key=str(new_id()))).unwrap()
    (await close_session(stage.database, OFFICE, session_id, idempotency_key=str(new_id()))).unwrap()
    return session_id


async def book(stage: Stage, session_id: UUID, *, key: str = "", **given: Any) -> None:
    command = BookTransfer(session_id, **given)
    (await book_transfer(stage.database, OFFICE, command, idempotency_key=key or str(new_id()))).unwrap()


async def refusal(stage: Stage, session_id: UUID, **given: Any) -> str:
    with pytest.raises(HubError) as caught:
        await book(stage, session_id, **given)
    return caught.value.code


async def state(stage: Stage, transfer_id: UUID) -> str:
    return str((await stage.row("SELECT status FROM consignments WHERE id = $1", transfer_id))[0])


async def line(stage: Stage, transfer_id: UUID, variant: int) -> tuple[int, ...]:
    """(sent, received, extra, missing)"""
    return tuple(
        await stage.row(
            "SELECT quantity, received, extra, missing FROM consignment_lines"
            " WHERE (consignment_id, variant_id) = ($1, $2)",
            transfer_id,
            stage.variants[variant],
        )
    )


async def on_its_way(stage: Stage, *lines: tuple[int, int]) -> UUID:
    transfer_id = await draft(stage, *lines)
    await book(stage, await sweep(stage, DISPATCH, transfer_id, *lines))
    return transfer_id


async def test_what_was_read_leaves_and_arrives(stage: Stage) -> None:
    transfer_id = await draft(stage, (0, 3), (1, 2))
    leaving = await sweep(stage, DISPATCH, transfer_id, (0, 3), (1, 2))
    await book(stage, leaving)
    assert await state(stage, transfer_id) == "IN_TRANSIT"
    assert (await session_of(stage.database, OFFICE, leaving)).booked_at is not None
    await book(stage, await sweep(stage, RECEIPT, transfer_id, (0, 3), (1, 2)))
    assert await state(stage, transfer_id) == "RECEIVED"
    assert (await stage.level(stage.key(0, 1)))["on_hand"] == 3
    await stage.assert_sound()


async def test_missing_and_extra_items_become_the_discrepancy(stage: Stage) -> None:
    transfer_id = await on_its_way(stage, (0, 3))
    arriving = await sweep(stage, RECEIPT, transfer_id, (0, 1), (1, 2))
    assert await refusal(stage, arriving) == "REASON_REQUIRED"
    await book(stage, arriving, reason=AdjustmentReason.LOST, missing_is_lost=True)
    assert await line(stage, transfer_id, 0) == (3, 1, 0, 2)
    assert await line(stage, transfer_id, 1) == (0, 0, 2, 0)
    assert await state(stage, transfer_id) == "RECEIVED"
    await stage.assert_sound()


async def test_what_was_not_read_may_still_come(stage: Stage) -> None:
    transfer_id = await on_its_way(stage, (0, 3))
    await book(stage, await sweep(stage, RECEIPT, transfer_id, (0, 1)))
    assert await state(stage, transfer_id) == "PARTIALLY_RECEIVED"
    await book(stage, await sweep(stage, RECEIPT, transfer_id, (0, 2)))
    assert (await line(stage, transfer_id, 0), await state(stage, transfer_id)) == ((3, 3, 0, 0), "RECEIVED")


async def test_a_session_is_booked_once(stage: Stage) -> None:
    transfer_id = await on_its_way(stage, (0, 3))
    arriving = await sweep(stage, RECEIPT, transfer_id, (0, 1))
    await book(stage, arriving, key="once")
    await book(stage, arriving, key="once")
    assert await refusal(stage, arriving) == "RFID_SESSION_BOOKED"
    assert await line(stage, transfer_id, 0) == (3, 1, 0, 0)


async def test_a_dispatch_that_differs_is_accepted_by_name_or_not_at_all(stage: Stage) -> None:
    transfer_id = await draft(stage, (0, 3))
    leaving = await sweep(stage, DISPATCH, transfer_id, (0, 2))
    assert await refusal(stage, leaving) == "RFID_DIFFERENCES"
    assert await state(stage, transfer_id) == "DRAFT"
    await book(stage, leaving, accept_differences=True)
    assert await state(stage, transfer_id) == "IN_TRANSIT"


async def test_a_refused_step_leaves_the_session_to_be_booked(stage: Stage) -> None:
    transfer_id = await draft(stage, (0, 3))
    arriving = await sweep(stage, RECEIPT, transfer_id, (0, 3))
    assert await refusal(stage, arriving) == "INVALID_TRANSITION"
    await book(stage, await sweep(stage, DISPATCH, transfer_id, (0, 3)))
    await book(stage, arriving)
    assert await state(stage, transfer_id) == "RECEIVED"


async def test_a_session_names_a_transfer_of_its_location(stage: Stage) -> None:
    transfer_id = await draft(stage, (0, 3))
    for purpose, place, named in ((DISPATCH, 1, transfer_id), (RECEIPT, 0, transfer_id), (DISPATCH, 0, new_id())):
        with pytest.raises(HubError):
            await sweep(stage, purpose, named, place=place)
    both = OpenSession(DISPATCH, stage.locations[0], (ExpectedUnits("SKU-0", 1),), transfer_id)
    with pytest.raises(HubError):
        await open_session(stage.database, OFFICE, both, idempotency_key="both")


async def test_without_a_transfer_nothing_is_booked(stage: Stage) -> None:
    command = OpenSession(DISPATCH, stage.locations[0], (ExpectedUnits("SKU-0", 1),))
    opened = await open_session(stage.database, OFFICE, command, idempotency_key="open")
    session_id = UUID(opened.unwrap()["session_id"])
    assert await refusal(stage, session_id) == "RFID_SESSION_OPEN"
    await close_session(stage.database, OFFICE, session_id, idempotency_key="close")
    assert await refusal(stage, session_id) == "RFID_NO_TRANSFER"
