"""Stock transfers: what leaves, what is on the way, what comes, and what is found or lost when it does."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    AdjustmentReason,
    CreateTransfer,
    DocumentStep,
    ReceiptLine,
    ReturnCondition,
    Units,
    WantedLine,
    cancel_transfer,
    check_stock,
    create_transfer,
    dispatch_transfer,
    expected_by_levels,
    receive_transfer,
)
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

LOST, FOUND = AdjustmentReason.LOST, AdjustmentReason.FOUND
OFFICE = make_principal()


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database, locations=3, variants=2)


def step(transfer_id: UUID, expected_version: int | None = None) -> DocumentStep:
    return DocumentStep(transfer_id, str(new_id()), expected_version)


async def draft(stage: Stage, *lines: tuple[int, int], who: Principal = OFFICE) -> UUID:
    """From the first place to the second; lines are (variant's number, units)."""
    wanted = tuple(WantedLine(f"SKU-{variant}", quantity) for variant, quantity in lines)
    command = CreateTransfer(stage.locations[0], stage.locations[1], wanted)
    answer = await create_transfer(stage.database, who, command, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["document_id"])


async def sent(stage: Stage, *lines: tuple[int, int]) -> UUID:
    transfer_id = await draft(stage, *lines)
    (await dispatch_transfer(stage.database, OFFICE, step(transfer_id))).unwrap()
    return transfer_id


async def receive(
    stage: Stage, transfer_id: UUID, *lines: ReceiptLine, who: Principal = OFFICE, version: int | None = None
) -> Answer:
    return await receive_transfer(stage.database, who, step(transfer_id, version), lines)


async def status(stage: Stage, transfer_id: UUID) -> str:
    return str((await stage.row("SELECT status FROM consignments WHERE id = $1", transfer_id))[0])


async def numbers(stage: Stage, place: int, variant: int = 0) -> tuple[int, ...]:
    """(onHand, incoming, damaged, qualityControl)"""
    level = await stage.level(stage.key(variant, place))
    return level["on_hand"], level["incoming"], level["damaged"], level["quality_control"]


async def refused(asked: Answer) -> str:
    assert asked.refusal is not None
    return asked.refusal.code


async def test_a_draft_claims_nothing_and_dispatch_puts_its_units_on_the_way(stage: Stage) -> None:
    await stage.stock(5)
    transfer_id = await draft(stage, (0, 2), (0, 1))
    assert await numbers(stage, 0) == (5, 0, 0, 0)
    (await dispatch_transfer(stage.database, OFFICE, step(transfer_id))).unwrap()
    assert await status(stage, transfer_id) == "IN_TRANSIT"
    assert await numbers(stage, 0) == (2, 0, 0, 0)
    assert await numbers(stage, 1) == (0, 3, 0, 0)
    await stage.assert_sound()


async def test_a_transfer_comes_in_parts_and_in_every_condition(stage: Stage) -> None:
    await stage.stock(9)
    transfer_id = await sent(stage, (0, 9))
    await receive(stage, transfer_id, ReceiptLine("SKU-0", 4))
    assert await status(stage, transfer_id) == "PARTIALLY_RECEIVED"
    assert await numbers(stage, 1) == (4, 5, 0, 0)
    answer = await receive(
        stage,
        transfer_id,
        ReceiptLine("SKU-0", 2),
        ReceiptLine("SKU-0", 2, condition=ReturnCondition.DAMAGED),
        ReceiptLine("SKU-0", 1, condition=ReturnCondition.INSPECT),
    )
    answer.unwrap()
    assert await status(stage, transfer_id) == "RECEIVED"
    assert await numbers(stage, 1) == (6, 0, 2, 1)
    await stage.assert_sound()


async def test_missing_units_are_lost_and_extra_ones_found_each_with_its_reason(stage: Stage) -> None:
    await stage.stock(6)
    await stage.stock(1, variant=1)
    transfer_id = await sent(stage, (0, 6))
    came = (ReceiptLine("SKU-0", 4, missing=2, reason=LOST), ReceiptLine(stage.variants[1], 3, reason=FOUND))
    (await receive(stage, transfer_id, *came)).unwrap()
    assert await status(stage, transfer_id) == "RECEIVED"
    assert await numbers(stage, 1) == (4, 0, 0, 0)
    assert await numbers(stage, 1, 1) == (3, 0, 0, 0)
    row = await stage.row(
        "SELECT array_agg((kind, reason)::text ORDER BY kind) FROM stock_movements WHERE reason IS NOT NULL"
    )
    assert row[0] == ["(ADJUST,FOUND)", "(TRANSFER_LOSS,LOST)"]
    line = await stage.row("SELECT * FROM consignment_lines WHERE variant_id = $1", stage.variants[1])
    assert (line["quantity"], line["extra"]) == (0, 3)
    await stage.assert_sound()


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([ReceiptLine("SKU-0", 4)], "REASON_REQUIRED"),
        ([ReceiptLine("SKU-0", 2), ReceiptLine("SKU-0", 2)], "REASON_REQUIRED"),
        ([ReceiptLine("SKU-0", 1, missing=2)], "REASON_REQUIRED"),
        ([ReceiptLine("SKU-0", 1, missing=3, reason=LOST)], "MISSING_EXCEEDS_OUTSTANDING"),
        ([ReceiptLine("SKU-1", 1)], "REASON_REQUIRED"),
        ([ReceiptLine("NOBODY", 1)], "UNKNOWN_SKU"),
    ],
)
async def test_a_receipt_that_does_not_add_up_changes_nothing(
    stage: Stage, lines: Sequence[ReceiptLine], code: str
) -> None:
    await stage.stock(3)
    transfer_id = await sent(stage, (0, 3))
    assert await refused(await receive(stage, transfer_id, *lines)) == code
    assert await numbers(stage, 1) == (0, 3, 0, 0)
    assert await status(stage, transfer_id) == "IN_TRANSIT"
    await stage.assert_sound()


@pytest.mark.parametrize("lines", [[], [ReceiptLine("SKU-0", 0)], [ReceiptLine("SKU-0", -1)]])
async def test_a_receipt_of_nothing_is_refused(stage: Stage, lines: Sequence[ReceiptLine]) -> None:
    with pytest.raises(HubError):
        await receive(stage, new_id(), *lines)


async def test_promised_units_do_not_leave(stage: Stage) -> None:
    level = await stage.stock(5)
    await stage.reserve([Units(level, 3)])
    transfer_id = await draft(stage, (0, 3))
    assert await refused(await dispatch_transfer(stage.database, OFFICE, step(transfer_id))) == "INSUFFICIENT_STOCK"
    assert await status(stage, transfer_id) == "DRAFT"
    await stage.assert_sound()


async def test_every_step_has_its_place(stage: Stage) -> None:
    await stage.stock(5)
    transfer_id = await draft(stage, (0, 3))
    assert await refused(await receive(stage, transfer_id, ReceiptLine("SKU-0", 1))) == "INVALID_TRANSITION"
    (await dispatch_transfer(stage.database, OFFICE, step(transfer_id))).unwrap()
    assert await refused(await dispatch_transfer(stage.database, OFFICE, step(transfer_id))) == "INVALID_TRANSITION"
    assert await refused(await cancel_transfer(stage.database, OFFICE, step(transfer_id))) == "INVALID_TRANSITION"
    (await receive(stage, transfer_id, ReceiptLine("SKU-0", 3))).unwrap()
    assert await refused(await receive(stage, transfer_id, ReceiptLine("SKU-0", 1, reason=FOUND))) == (
        "INVALID_TRANSITION"
    )
    given_up = await draft(stage, (0, 1))
    (await cancel_transfer(stage.database, OFFICE, step(given_up))).unwrap()
    assert await refused(await dispatch_transfer(stage.database, OFFICE, step(given_up))) == "INVALID_TRANSITION"
    await stage.assert_sound()


async def test_a_step_on_what_has_changed_meanwhile_is_refused(stage: Stage) -> None:
    await stage.stock(5)
    transfer_id = await sent(stage, (0, 3))
    assert await refused(await receive(stage, transfer_id, ReceiptLine("SKU-0", 1), version=1)) == "STALE_VERSION"
    (await receive(stage, transfer_id, ReceiptLine("SKU-0", 1), version=2)).unwrap()


async def test_a_replayed_dispatch_and_receipt_are_booked_once(stage: Stage) -> None:
    await stage.stock(5)
    transfer_id = await draft(stage, (0, 3))
    leave, arrive = step(transfer_id), step(transfer_id)
    left = [await dispatch_transfer(stage.database, OFFICE, leave) for _ in range(2)]
    came = [await receive_transfer(stage.database, OFFICE, arrive, [ReceiptLine("SKU-0", 2)]) for _ in range(2)]
    assert [answer.replayed for answer in [*left, *came]] == [False, True, False, True]
    assert await numbers(stage, 1) == (2, 1, 0, 0)


async def test_of_two_receipts_of_the_same_units_at_once_one_is_booked(stage: Stage) -> None:
    await stage.stock(3)
    transfer_id = await sent(stage, (0, 3))
    came = await asyncio.gather(*(receive(stage, transfer_id, ReceiptLine("SKU-0", 3)) for _ in range(6)))
    assert sorted(answer.refusal.code if answer.refusal else "" for answer in came) == ["", *["INVALID_TRANSITION"] * 5]
    assert await numbers(stage, 1) == (3, 0, 0, 0)
    await stage.assert_sound()


async def test_parts_received_at_once_never_add_up_to_more_than_was_sent(stage: Stage) -> None:
    await stage.stock(10)
    transfer_id = await sent(stage, (0, 10))
    came = await asyncio.gather(*(receive(stage, transfer_id, ReceiptLine("SKU-0", 3)) for _ in range(6)))
    assert sorted(answer.refusal.code if answer.refusal else "" for answer in came) == [
        *[""] * 3,
        *["REASON_REQUIRED"] * 3,
    ]
    assert await numbers(stage, 1) == (9, 1, 0, 0)
    await stage.assert_sound()


async def test_dispatch_and_cancel_at_once_leave_one_truth(stage: Stage) -> None:
    await stage.stock(8)
    for _ in range(4):
        transfer_id = await draft(stage, (0, 2))
        left, gone = await asyncio.gather(
            dispatch_transfer(stage.database, OFFICE, step(transfer_id)),
            cancel_transfer(stage.database, OFFICE, step(transfer_id)),
        )
        assert (left.refusal is None) != (gone.refusal is None)
        assert await status(stage, transfer_id) == ("IN_TRANSIT" if left.refusal is None else "CANCELLED")
    await stage.assert_sound()


async def test_transfers_against_each_other_and_claims_do_not_deadlock(stage: Stage) -> None:
    here, there = stage.locations[:2]
    for place in (0, 1):
        for variant in (0, 1):
            await stage.stock(50, variant=variant, location=place)

    async def there_and_back(number: int) -> None:
        ends = (here, there) if number % 2 else (there, here)
        lines = tuple(WantedLine(f"SKU-{variant}", 2) for variant in ((0, 1) if number % 3 else (1, 0)))
        made = await create_transfer(
            stage.database, OFFICE, CreateTransfer(*ends, lines), idempotency_key=str(new_id())
        )
        transfer_id = UUID(made.unwrap()["document_id"])
        (await dispatch_transfer(stage.database, OFFICE, step(transfer_id))).unwrap()
        (await receive(stage, transfer_id, ReceiptLine("SKU-1", 2), ReceiptLine("SKU-0", 2))).unwrap()

    claims = [stage.reserve([Units(stage.key(number % 2, number % 2), 1)]) for number in range(8)]
    await asyncio.gather(*(there_and_back(number) for number in range(12)), *claims)
    total = await stage.row("SELECT sum(on_hand), sum(incoming) FROM stock_levels")
    assert tuple(total) == (200, 0)
    await stage.assert_sound()


async def test_a_store_sends_what_is_its_own_and_receives_what_comes_to_it(stage: Stage) -> None:
    await stage.stock(5)
    source, target, other = (make_principal(location_ids=frozenset({place})) for place in stage.locations)
    transfer_id = await draft(stage, (0, 2), who=target)
    assert await refused(await dispatch_transfer(stage.database, target, step(transfer_id))) == "LOCATION_NOT_ALLOWED"
    (await dispatch_transfer(stage.database, source, step(transfer_id))).unwrap()
    line = ReceiptLine("SKU-0", 2)
    assert await refused(await receive(stage, transfer_id, line, who=source)) == "LOCATION_NOT_ALLOWED"
    assert await refused(await receive(stage, transfer_id, line, who=other)) == "STOCK_TRANSFER_NOT_FOUND"
    (await receive(stage, transfer_id, line, who=target)).unwrap()
    with pytest.raises(HubError) as caught:
        await draft(stage, (0, 2), who=other)
    assert caught.value.code == "LOCATION_NOT_ALLOWED"


async def test_a_channels_key_acts_within_its_pool_and_nobody_without_the_scope(stage: Stage) -> None:
    stranger = make_principal(channel_id=new_id())
    with pytest.raises(HubError) as caught:
        await draft(stage, (0, 2), who=stranger)
    assert caught.value.code == "LOCATION_NOT_ALLOWED"
    await draft(stage, (0, 2), who=make_principal(channel_id=stage.channel_id))
    with pytest.raises(HubError) as caught:
        await draft(stage, (0, 2), who=make_principal(scopes=frozenset(Scope) - {Scope.STOCK_WRITE}))
    assert caught.value.code == "SCOPE_MISSING"


async def test_what_is_expected_is_told_with_its_date(stage: Stage) -> None:
    await stage.stock(9)
    first = await draft(stage, (0, 2))
    when = (await stage.row("SELECT hub_now() + interval '2 days'"))[0]
    await dispatch_transfer(stage.database, OFFICE, step(first), expected_at=when)
    await sent(stage, (0, 3))
    async with stage.database.read() as session:
        found = await expected_by_levels(session, [stage.key(0, 1)])
    assert found == {stage.key(0, 1): [(when, 2), (None, 3)]}


async def test_the_checker_sees_incoming_units_that_nobody_announced(stage: Stage) -> None:
    await stage.stock(5)
    transfer_id = await sent(stage, (0, 2))
    await stage.row(
        "UPDATE consignments SET status = 'CANCELLED', closed_at = now() WHERE id = $1 RETURNING 1", transfer_id
    )
    async with stage.database.read() as session:
        assert [found.invariant for found in await check_stock(session)] == ["incoming_equals_expected"]
