"""What came back over the counter: linked to its sale once, never beyond what was sold, and always on stock."""

from uuid import UUID

import pytest

from hub.inventory import ReturnCondition
from hub.orders import returns_by_order_ids
from hub.pos import ReturnedLine, map_waiting_lines
from tests.factories import make_variant, set_stock
from tests.pos.counter import ADA, Counter


async def test_a_return_of_a_known_receipt_reverses_its_points_and_lines(counter: Counter) -> None:
    [sold] = await counter.report(counter.sale("1", ("SHIRT", 2), evidence=ADA))
    order, _ = await counter.order(sold)
    earned = await counter.world.points(order)
    [row] = await counter.report(counter.goods("2", "1", ("SHIRT", 2)))
    order, [line] = await counter.order(row)
    assert (row["linked"], row["warnings"], line.returned) == ([2], [], 2)
    assert earned > 0
    assert await counter.world.points(order) == 0
    assert (await counter.level()).on_hand == 0
    async with counter.world.database.read() as session:
        [back] = (await returns_by_order_ids(session, [order.id]))[order.id]
    assert back.id == UUID(row["return_id"])
    await counter.world.assert_sound()


async def test_it_may_come_back_in_another_store(counter: Counter) -> None:
    await counter.report(counter.sale("1"))
    [row] = await counter.report(counter.goods("9", "1", terminal="till-1"), till=counter.hamburg)
    assert row["linked"] == [1]
    assert (await counter.level(location_id=counter.world.hamburg)).on_hand == 1
    await counter.world.assert_sound()


async def test_never_more_is_linked_than_was_sold(counter: Counter) -> None:
    await counter.report(counter.sale("1", ("SHIRT", 2), ("SHOE", 1)))
    rows = await counter.report(
        counter.goods("2", "1", ("SHIRT", 1)), counter.goods("3", "1", ("SHIRT", 3), ("SHOE", 1), ("SHOE", 1))
    )
    assert [row["linked"] for row in rows] == [[1], [1, 1, 0]]
    assert [row["warnings"] for row in rows] == [[], ["NOT_LINKED"]]
    assert (await counter.level()).on_hand == 2
    await counter.world.assert_sound()


@pytest.mark.parametrize(("original", "terminal"), [(None, None), ("77", None), ("77", "till-99")])
async def test_one_of_an_unknown_receipt_is_recorded_and_put_on_stock(
    counter: Counter, original: str | None, terminal: str | None
) -> None:
    [row] = await counter.report(counter.goods("2", original, ("SHIRT", 2), terminal=terminal))
    assert (row["recorded"], row["linked"], row["order_id"], row["warnings"]) == (True, [0], None, ["NOT_LINKED"])
    assert (await counter.level()).on_hand == 2
    assert await counter.one("SELECT count(*) FROM pos_facts WHERE kind = 'RETURN' AND order_id IS NULL") == 1
    await counter.world.assert_sound()


async def test_a_return_that_arrives_before_its_sale_finds_it_later(counter: Counter) -> None:
    await counter.report(counter.goods("9", "1", terminal="till-1"), till=counter.hamburg)
    [sold] = await counter.report(counter.sale("1", ("SHIRT", 2), evidence=ADA))
    order, [line] = await counter.order(sold)
    assert (line.returned, await counter.one("SELECT sum(linked) FROM pos_return_lines")) == (1, 1)
    assert await counter.world.points(order) == 19
    assert (await counter.level(location_id=counter.world.hamburg)).on_hand == 1
    await counter.world.assert_sound()


async def test_units_from_before_the_count_were_counted_already(counter: Counter) -> None:
    await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
    await counter.report(counter.goods("2", None, ("SHIRT", 2), minutes_ago=10))
    assert (await counter.level()).on_hand == 5
    kinds = await counter.one("SELECT string_agg(kind, ' ' ORDER BY level_version) FROM stock_movements")
    assert kinds == "COUNT RETURN COUNT_CORRECTION"
    await counter.world.assert_sound()


async def test_what_is_not_sellable_is_no_matter_of_the_count(counter: Counter) -> None:
    await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
    line = ReturnedLine(2, "SHIRT", condition=ReturnCondition.DAMAGED)
    await counter.report(counter.goods("2", None, minutes_ago=10, lines=(line,)))
    level = await counter.level()
    assert (level.on_hand, level.damaged) == (5, 2)
    await counter.world.assert_sound()


async def test_a_sku_that_nobody_knows_waits_and_is_put_on_stock_when_it_is_known(counter: Counter) -> None:
    [back] = await counter.report(counter.goods("2", "1", ("NEWCOMER", 1)))
    [sold] = await counter.report(counter.sale("1", ("NEWCOMER", 3), evidence=ADA))
    assert back["unmapped"] == ["NEWCOMER"]
    async with counter.world.database.write() as session:
        newcomer = await make_variant(session, "NEWCOMER")
    assert await map_waiting_lines(counter.world.database) == 2
    order, [line] = await counter.order(sold)
    assert (line.fulfilled, line.returned, order.hold) == (3, 1, None)
    assert (await counter.level(newcomer)).on_hand == -2
    assert await map_waiting_lines(counter.world.database) == 0
    await counter.world.assert_sound()


async def test_an_exchange_is_a_sale_and_a_return_of_one_receipt(counter: Counter) -> None:
    await counter.report(counter.sale("1"))
    await counter.report(counter.sale("2", ("SHOE", 1)))
    [row] = await counter.report(counter.goods("2", "1"))
    assert row["linked"] == [1]
    assert await counter.one("SELECT count(*) FROM pos_facts WHERE receipt = '2'") == 2
