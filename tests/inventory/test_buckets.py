"""Units that change between sellable, inspection and damaged, and units that are given up."""

import pytest

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    AdjustmentReason,
    Bucket,
    ChangeBucket,
    Units,
    WriteOff,
    inspect_stock,
    write_off_stock,
)
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

SHOP, CHECK, BROKEN = Bucket.ON_HAND, Bucket.QUALITY_CONTROL, Bucket.DAMAGED
OFFICE = make_principal()


@pytest.fixture
async def stage(database: Database) -> Stage:
    made = await make_stage(database)
    await made.stock(5)
    return made


async def move(stage: Stage, source: Bucket, target: Bucket, quantity: int) -> Answer:
    command = ChangeBucket(stage.key(), source, target, quantity, AdjustmentReason.DAMAGED)
    return await inspect_stock(stage.database, OFFICE, command, idempotency_key=str(new_id()))


async def give_up(stage: Stage, source: Bucket, quantity: int) -> Answer:
    command = WriteOff(stage.key(), source, quantity, AdjustmentReason.EXPIRED_GOODS)
    return await write_off_stock(stage.database, OFFICE, command, idempotency_key=str(new_id()))


async def numbers(stage: Stage) -> tuple[int, int, int, int]:
    level = await stage.level(stage.key())
    return level["on_hand"], level["quality_control"], level["damaged"], level["shortage"]


async def test_units_are_inspected_pass_fail_are_repaired_and_given_up(stage: Stage) -> None:
    for source, target, quantity in ((SHOP, CHECK, 4), (CHECK, SHOP, 1), (CHECK, BROKEN, 2), (BROKEN, SHOP, 1)):
        (await move(stage, source, target, quantity)).unwrap()
    assert await numbers(stage) == (3, 1, 1, 0)
    (await move(stage, BROKEN, CHECK, 1)).unwrap()
    (await give_up(stage, CHECK, 1)).unwrap()
    (await move(stage, SHOP, BROKEN, 2)).unwrap()
    (await give_up(stage, BROKEN, 2)).unwrap()
    assert await numbers(stage) == (1, 1, 0, 0)
    without = await stage.row(
        "SELECT count(*) FROM stock_movements WHERE reason IS NULL AND kind IN ('INSPECT', 'WRITE_OFF', 'DAMAGE')"
    )
    assert without[0] == 0
    await stage.assert_sound()


async def test_promised_units_are_not_inspected_but_may_turn_out_to_be_damaged(stage: Stage) -> None:
    await stage.reserve([Units(stage.key(), 4)])
    refused = await move(stage, SHOP, CHECK, 2)
    assert refused.refusal is not None
    assert refused.refusal.code == "INSUFFICIENT_STOCK"
    (await move(stage, SHOP, BROKEN, 2)).unwrap()
    assert await numbers(stage) == (3, 0, 2, 1)
    await stage.assert_sound()


@pytest.mark.parametrize("source", [CHECK, BROKEN])
async def test_what_is_not_there_cannot_change_or_go(stage: Stage, source: Bucket) -> None:
    for answer in (await move(stage, source, SHOP, 1), await give_up(stage, source, 1)):
        assert answer.refusal is not None
        assert answer.refusal.code == "INSUFFICIENT_STOCK"
    assert await numbers(stage) == (5, 0, 0, 0)


async def test_a_change_to_the_same_place_or_a_write_off_of_sellable_units_is_refused(stage: Stage) -> None:
    with pytest.raises(HubError, match="there already"):
        await move(stage, SHOP, SHOP, 1)
    with pytest.raises(HubError, match="adjust sellable"):
        await give_up(stage, SHOP, 1)
