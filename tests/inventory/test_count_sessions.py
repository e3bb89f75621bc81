"""Cycle counts: what is found, found again when it is far off, and applied only where nothing has moved since."""

import asyncio
from uuid import UUID

import pytest

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    CountedUnits,
    DocumentStep,
    OpenCount,
    Sell,
    Units,
    apply_count,
    ask_for_recount,
    cancel_count,
    open_count,
    record_counts,
)
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

LOST = AdjustmentReason.LOST
OFFICE = make_principal()


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database, variants=2)


def step(session_id: UUID) -> DocumentStep:
    return DocumentStep(session_id, str(new_id()))


async def opened(stage: Stage, *variants: str, recount_above: int | None = None) -> UUID:
    command = OpenCount(stage.locations[0], variants, recount_above=recount_above)
    answer = await open_count(stage.database, OFFICE, command, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["document_id"])


async def record(stage: Stage, session_id: UUID, *counts: CountedUnits, who: Principal = OFFICE) -> Answer:
    return await record_counts(stage.database, who, step(session_id), counts)


async def applied(stage: Stage, session_id: UUID, reason: AdjustmentReason | None = LOST) -> Answer:
    return await apply_count(stage.database, OFFICE, step(session_id), reason=reason)


async def status(stage: Stage, session_id: UUID) -> str:
    return str((await stage.row("SELECT status FROM count_sessions WHERE id = $1", session_id))[0])


async def line(stage: Stage, variant: int = 0) -> str:
    return str((await stage.row("SELECT status FROM count_lines WHERE variant_id = $1", stage.variants[variant]))[0])


def code(answer: Answer) -> str:
    return answer.refusal.code if answer.refusal else ""


async def test_what_was_counted_becomes_on_hand_with_its_reason(stage: Stage) -> None:
    await stage.stock(9)
    session_id = await opened(stage, "SKU-0")
    (await record(stage, session_id, CountedUnits("SKU-0", 7), CountedUnits("SKU-1", 2, reason=LOST))).unwrap()
    assert (await stage.level(stage.key()))["on_hand"] == 9
    (await applied(stage, session_id)).unwrap()
    assert await status(stage, session_id) == "APPLIED"
    assert [(await stage.level(stage.key(variant)))["on_hand"] for variant in (0, 1)] == [7, 2]
    found = await stage.row(
        "SELECT kind, on_hand_delta, reason FROM stock_movements WHERE reference_id = $1 AND variant_id = $2",
        session_id,
        stage.variants[0],
    )
    assert tuple(found) == ("COUNT", -2, "LOST")
    await stage.assert_sound()


async def test_a_variance_without_a_reason_is_not_applied(stage: Stage) -> None:
    await stage.stock(9)
    session_id = await opened(stage)
    (await record(stage, session_id, CountedUnits("SKU-0", 8))).unwrap()
    assert code(await applied(stage, session_id, None)) == "REASON_REQUIRED"
    (await record(stage, session_id, CountedUnits("SKU-0", 9))).unwrap()
    (await applied(stage, session_id, None)).unwrap()
    await stage.assert_sound()


async def test_a_large_variance_is_counted_again_until_two_counts_agree(stage: Stage) -> None:
    await stage.stock(20)
    session_id = await opened(stage, recount_above=2)
    for counted, expected in ((10, "RECOUNT"), (12, "RECOUNT"), (12, "COUNTED"), (19, "COUNTED"), (3, "RECOUNT")):
        (await record(stage, session_id, CountedUnits("SKU-0", counted))).unwrap()
        assert await line(stage) == expected
    assert code(await applied(stage, session_id)) == "INVALID_TRANSITION"
    assert (await stage.level(stage.key()))["on_hand"] == 20


async def test_two_counts_agree_when_the_same_is_missing_although_some_was_sold_between(stage: Stage) -> None:
    level = await stage.stock(20)
    session_id = await opened(stage, recount_above=2)
    (await record(stage, session_id, CountedUnits("SKU-0", 15))).unwrap()
    await stage.apply(Sell(new_id(), (Units(level, 3),)))
    (await record(stage, session_id, CountedUnits("SKU-0", 12))).unwrap()
    assert await line(stage) == "COUNTED"
    (await applied(stage, session_id)).unwrap()
    assert (await stage.level(level))["on_hand"] == 12
    await stage.assert_sound()


async def test_what_moved_since_it_was_counted_is_counted_again_and_the_rest_applied(stage: Stage) -> None:
    level = await stage.stock(9)
    await stage.stock(4, variant=1)
    session_id = await opened(stage)
    (await record(stage, session_id, CountedUnits("SKU-0", 8), CountedUnits("SKU-1", 3))).unwrap()
    await stage.apply(Sell(new_id(), (Units(level, 1),)))
    (await applied(stage, session_id)).unwrap()
    assert (await line(stage), await line(stage, 1)) == ("RECOUNT", "APPLIED")
    assert await status(stage, session_id) == "OPEN"
    assert (await stage.level(level))["on_hand"] == 8
    (await record(stage, session_id, CountedUnits("SKU-0", 7))).unwrap()
    (await applied(stage, session_id)).unwrap()
    assert await status(stage, session_id) == "APPLIED"
    assert [(await stage.level(stage.key(variant)))["on_hand"] for variant in (0, 1)] == [7, 3]
    await stage.assert_sound()


async def test_a_sale_between_count_and_application_is_no_part_of_the_count(stage: Stage) -> None:
    """It comes late, from a till that was offline; the counter still saw its units."""
    level = await stage.stock(9)
    session_id = await opened(stage)
    (await record(stage, session_id, CountedUnits("SKU-0", 9))).unwrap()
    sold_at = (await stage.row("SELECT clock_timestamp()"))[0]
    (await applied(stage, session_id)).unwrap()
    await stage.apply(Sell(new_id(), (Units(level, 2),), occurred_at=sold_at))
    assert (await stage.level(level))["on_hand"] == 7
    await stage.assert_sound()


async def test_a_counter_may_say_what_they_expect(stage: Stage) -> None:
    await stage.stock(9)
    session_id = await opened(stage)
    assert code(await record(stage, session_id, CountedUnits("SKU-0", 7, expected_quantity=8))) == "STALE_QUANTITY"
    (await record(stage, session_id, CountedUnits("SKU-0", 7, expected_quantity=9))).unwrap()


async def test_somebody_may_doubt_a_count(stage: Stage) -> None:
    await stage.stock(9)
    session_id = await opened(stage)
    (await record(stage, session_id, CountedUnits("SKU-0", 9))).unwrap()
    (await ask_for_recount(stage.database, OFFICE, step(session_id), ["SKU-0"])).unwrap()
    assert await line(stage) == "RECOUNT"
    (await record(stage, session_id, CountedUnits("SKU-0", 9))).unwrap()
    (await applied(stage, session_id)).unwrap()


async def test_a_session_that_ended_takes_nothing_more(stage: Stage) -> None:
    session_id = await opened(stage, "SKU-0")
    (await cancel_count(stage.database, OFFICE, step(session_id))).unwrap()
    for answer in (
        await record(stage, session_id, CountedUnits("SKU-0", 9)),
        await applied(stage, session_id),
        await cancel_count(stage.database, OFFICE, step(session_id)),
    ):
        assert code(answer) == "INVALID_TRANSITION"


async def test_a_store_counts_itself_only(stage: Stage) -> None:
    session_id = await opened(stage, "SKU-0")
    other = make_principal(location_ids=frozenset({stage.locations[1]}))
    assert code(await record(stage, session_id, CountedUnits("SKU-0", 9), who=other)) == "COUNT_SESSION_NOT_FOUND"
    answer = await open_count(stage.database, other, OpenCount(stage.locations[0]), idempotency_key="k")
    assert code(answer) == "LOCATION_NOT_ALLOWED"


async def test_a_session_applied_twice_at_once_is_applied_once(stage: Stage) -> None:
    await stage.stock(9)
    session_id = await opened(stage)
    (await record(stage, session_id, CountedUnits("SKU-0", 7))).unwrap()
    answers = await asyncio.gather(*(applied(stage, session_id) for _ in range(4)))
    assert sorted(map(code, answers)) == ["", *["INVALID_TRANSITION"] * 3]
    counts = await stage.row("SELECT count(*) FROM stock_movements WHERE reference_id = $1", session_id)
    assert counts[0] == 1
    await stage.assert_sound()


async def test_counts_between_moving_stock_never_lose_a_movement(stage: Stage) -> None:
    """Whatever order they come in: each count that was applied saw exactly what was there."""
    level = await stage.stock(40)
    session_id = await opened(stage)

    async def count() -> None:
        (await record(stage, session_id, CountedUnits("SKU-0", 30))).unwrap()
        await applied(stage, session_id)

    async def adjust() -> None:
        await stage.apply(Adjust(level, -1, LOST))

    await asyncio.gather(count(), *(adjust() for _ in range(8)))
    moved = await stage.row(
        "SELECT sum(on_hand_delta) FILTER (WHERE kind = 'ADJUST'), coalesce(sum(on_hand_delta)"
        " FILTER (WHERE reference_id = $1), 0), 40 FROM stock_movements",
        session_id,
    )
    assert (await stage.level(level))["on_hand"] == 40 + moved[0] + moved[1]
    await stage.assert_sound()
