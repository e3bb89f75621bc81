"""What staff and systems report about stock: accepted as facts, refused when they make no sense."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import pytest

from hub.infra.database import Database
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    Count,
    Fulfill,
    Move,
    Receive,
    Sell,
    SetSafetyStock,
    Units,
    adjust_stock,
    count_stock,
    receive_stock,
    set_safety_stock,
    transfer_stock,
)
from hub.inventory.commands import Allocate
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import LocationNotAllowedError, Principal, Scope, ScopeMissingError
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

CORRECTION = AdjustmentReason.CORRECTION
Report: TypeAlias = Callable[[Stage, Principal], Awaitable[object]]


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database)


def key() -> str:
    return str(new_id())


async def adjust(stage: Stage, delta: int, expected: int | None = None, *, who: Principal | None = None) -> None:
    command = Adjust(stage.key(), delta, CORRECTION, expected)
    answer = await adjust_stock(stage.database, who or make_principal(), command, idempotency_key=key())
    answer.unwrap()


async def test_an_adjustment_changes_on_hand_and_says_why(stage: Stage) -> None:
    await stage.stock(5)
    await adjust(stage, -2, expected=5)
    assert (await stage.level(stage.key()))["on_hand"] == 3
    row = await stage.row("SELECT reason, on_hand_delta FROM stock_movements WHERE kind = 'ADJUST'")
    assert tuple(row) == ("CORRECTION", -2)
    await stage.assert_sound()


async def test_an_adjustment_of_what_has_changed_meanwhile_is_refused(stage: Stage) -> None:
    await stage.stock(5)
    with pytest.raises(HubError, match="onHand is 5, not the expected 4") as caught:
        await adjust(stage, -2, expected=4)
    assert caught.value.code == "STALE_QUANTITY"
    assert (await stage.level(stage.key()))["on_hand"] == 5


async def test_a_replayed_adjustment_is_made_once(stage: Stage) -> None:
    who = make_principal()
    command = Adjust(stage.key(), 4, CORRECTION)
    answers = [await adjust_stock(stage.database, who, command, idempotency_key="k") for _ in range(3)]
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert (await stage.level(stage.key()))["on_hand"] == 4


@pytest.mark.parametrize("delta", [0, 10**12, -(10**12)])
async def test_an_absurd_adjustment_is_refused(stage: Stage, delta: int) -> None:
    with pytest.raises(HubError) as caught:
        await adjust(stage, delta)
    assert caught.value.code == "INVALID_QUANTITY"
    assert (await stage.row("SELECT count(*) FROM stock_movements"))[0] == 0


@pytest.mark.parametrize("quantity", [0, -1, 10**12])
async def test_an_absurd_receipt_or_transfer_is_refused(stage: Stage, quantity: int) -> None:
    here, there = stage.locations
    who = make_principal()
    with pytest.raises(HubError, match="must be between 1"):
        await receive_stock(stage.database, who, Receive((Units(stage.key(), quantity),)), idempotency_key=key())
    move = Move(stage.variants[0], here, there, quantity, new_id())
    with pytest.raises(HubError, match="must be between 1"):
        await transfer_stock(stage.database, who, move, idempotency_key=key())


@pytest.mark.parametrize("quantity", [-1, 10**12])
async def test_an_absurd_count_or_safety_stock_is_refused(stage: Stage, quantity: int) -> None:
    who = make_principal()
    with pytest.raises(HubError, match="must be between 0"):
        await count_stock(stage.database, who, Count(stage.key(), quantity), idempotency_key=key())
    with pytest.raises(HubError, match="must be between 0"):
        await set_safety_stock(stage.database, who, SetSafetyStock(stage.key(), quantity), idempotency_key=key())


@pytest.mark.parametrize("lines", [0, 1_001])
async def test_a_receipt_has_one_to_a_thousand_lines(stage: Stage, lines: int) -> None:
    with pytest.raises(HubError) as caught:
        await receive_stock(
            stage.database,
            make_principal(),
            Receive((Units(stage.key(), 1),) * lines),
            idempotency_key=key(),
        )
    assert caught.value.code == "TOO_MANY_LINES"


@pytest.mark.parametrize(("unknown", "code"), [("variant", "UNKNOWN_SKU"), ("location", "UNKNOWN_LOCATION")])
async def test_what_nobody_knows_is_named_and_nothing_is_opened(stage: Stage, unknown: str, code: str) -> None:
    known = stage.key()
    wrong = known._replace(**{f"{unknown}_id": UUID(int=1)})
    answer = await count_stock(stage.database, make_principal(), Count(wrong, 3), idempotency_key=key())
    assert answer.refusal is not None
    assert answer.refusal.code == code
    assert (await stage.row("SELECT count(*) FROM stock_levels"))[0] == 0


async def test_an_adjustment_below_the_promises_sets_exactly_the_shortage_and_receipts_lower_it(stage: Stage) -> None:
    level = await stage.stock(10)
    await stage.reserve([Units(level, 8)])
    await adjust(stage, -5)
    assert (await stage.level(level))["shortage"] == 3
    await stage.apply(Receive((Units(level, 2),)))
    assert (await stage.level(level))["shortage"] == 1
    await stage.apply(Receive((Units(level, 4),)))
    assert (await stage.level(level))["shortage"] == 0
    await stage.assert_sound()


async def test_a_lower_count_opens_a_shortage_and_a_higher_one_closes_it(stage: Stage) -> None:
    level = await stage.stock(10)
    await stage.reserve([Units(level, 8)])
    for counted, shortage in ((6, 2), (0, 8), (9, 0)):
        answer = await count_stock(stage.database, make_principal(), Count(level, counted), idempotency_key=key())
        answer.unwrap()
        assert (await stage.level(level))["shortage"] == shortage
    await stage.assert_sound()


async def test_a_sale_beyond_what_is_there_asks_for_one_count_which_closes_it(stage: Stage) -> None:
    level = await stage.stock(1)
    for _ in range(2):
        await stage.apply(Sell(new_id(), (Units(level, 2),)))
    assert (await stage.level(level))["on_hand"] == -3
    assert await stage.open_count_tasks() == 1
    await stage.apply(Receive((Units(level, 5),)))
    assert await stage.open_count_tasks() == 1
    await stage.apply(Count(level, 2))
    assert await stage.open_count_tasks() == 0
    await stage.assert_sound()


async def test_shipping_more_than_is_there_asks_for_a_count(stage: Stage) -> None:
    level = await stage.stock(5)
    holder = new_id()
    await stage.apply(Allocate(((holder, Units(level, 5)),), new_id()))
    await stage.apply(Count(level, 3))
    await stage.apply(Fulfill((holder,), new_id()))
    assert (await stage.level(level))["on_hand"] == -2
    assert await stage.open_count_tasks() == 1


async def test_a_sale_after_a_count_in_the_same_batch_asks_for_another_count(stage: Stage) -> None:
    level = await stage.stock(1)
    await stage.apply(Count(level, 0), Sell(new_id(), (Units(level, 1),)))
    assert await stage.open_count_tasks() == 1


async def test_a_sale_from_before_the_last_count_is_booked_and_corrected(stage: Stage) -> None:
    level = await stage.stock(7)
    yesterday = (await stage.row("SELECT hub_now() - interval '1 day'"))[0]
    await stage.apply(Sell(new_id(), (Units(level, 2),), occurred_at=yesterday))
    assert (await stage.level(level))["on_hand"] == 7
    kinds = await stage.row("SELECT array_agg(kind ORDER BY level_version) FROM stock_movements")
    assert kinds[0] == ["COUNT", "SELL", "COUNT_CORRECTION"]
    await stage.assert_sound()


async def test_safety_stock_keeps_units_back_from_carts_also_within_one_batch(stage: Stage) -> None:
    level = await stage.stock(3)
    answer = await set_safety_stock(stage.database, make_principal(), SetSafetyStock(level, 2), idempotency_key=key())
    answer.unwrap()
    assert (await stage.level(level))["safety_stock"] == 2
    with pytest.raises(AssertionError, match="INSUFFICIENT_STOCK"):
        await stage.reserve([Units(level, 2)])
    await stage.reserve([Units(level, 1)])
    await stage.assert_sound()


async def test_a_transfer_moves_free_units_only(stage: Stage) -> None:
    level = await stage.stock(5)
    await stage.reserve([Units(level, 3)])
    here, there = stage.locations
    refused = await transfer_stock(
        stage.database, make_principal(), Move(stage.variants[0], here, there, 3, new_id()), idempotency_key=key()
    )
    assert refused.refusal is not None
    assert refused.refusal.code == "INSUFFICIENT_STOCK"
    moved = await transfer_stock(
        stage.database, make_principal(), Move(stage.variants[0], here, there, 2, new_id()), idempotency_key=key()
    )
    moved.unwrap()
    assert [(await stage.level(stage.key(0, place)))["on_hand"] for place in (0, 1)] == [3, 2]
    await stage.assert_sound()


async def test_a_transfer_needs_two_places(stage: Stage) -> None:
    here = stage.locations[0]
    with pytest.raises(HubError, match="two different locations"):
        await transfer_stock(
            stage.database, make_principal(), Move(stage.variants[0], here, here, 1, new_id()), idempotency_key=key()
        )


REPORTS: list[Report] = [
    lambda stage, who: adjust(stage, 1, who=who),
    lambda stage, who: count_stock(stage.database, who, Count(stage.key(), 1), idempotency_key=key()),
    lambda stage, who: receive_stock(stage.database, who, Receive((Units(stage.key(), 1),)), idempotency_key=key()),
    lambda stage, who: set_safety_stock(stage.database, who, SetSafetyStock(stage.key(), 1), idempotency_key=key()),
    lambda stage, who: transfer_stock(
        stage.database,
        who,
        Move(stage.variants[0], stage.locations[1], stage.locations[0], 1, new_id()),
        idempotency_key=key(),
    ),
]


@pytest.mark.parametrize("report", REPORTS)
async def test_a_till_reports_for_its_own_location_only(stage: Stage, report: Report) -> None:
    till = make_principal(location_ids=frozenset({stage.locations[1]}))
    with pytest.raises(LocationNotAllowedError):
        await report(stage, till)


@pytest.mark.parametrize("report", REPORTS)
async def test_reporting_stock_needs_its_scope(stage: Stage, report: Report) -> None:
    with pytest.raises(ScopeMissingError):
        await report(stage, make_principal(scopes=frozenset(Scope) - {Scope.STOCK_WRITE}))
