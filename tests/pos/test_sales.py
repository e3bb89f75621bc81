"""What a till sold while nobody listened: a fact, recorded once, whatever the stock says."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.fulfillment import route_order
from hub.inventory import (
    CreateReservation,
    ReservationLineInput,
    ReservationOwner,
    commit_to_receipt,
    create_reservation,
    release_reservation,
)
from hub.kernel.errors import DeniedError
from hub.kernel.ids import new_id
from hub.orders import ErrorPolicy, NewPayment, OrderMethod, PlaceOrder, PlaceOrderLine, place_order
from hub.pos import SaleLine, Unreadable, map_waiting_lines
from tests.factories import make_variant, move_clock, set_stock
from tests.orders.stage import SEALER, place
from tests.pos.counter import ADA, Counter


async def hold(counter: Counter, quantity: int = 1, *, seconds: int = 900) -> UUID:
    line = ReservationLineInput(counter.world.shirt, quantity, counter.world.berlin)
    command = CreateReservation(ReservationOwner.TERMINAL, (line,), seconds, counter.world.channel.id)
    answer = await create_reservation(counter.world.database, counter.berlin, command, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["reservation_id"])


class TestASale:
    async def test_it_becomes_an_order_with_its_stock_payment_and_points(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
        paid = (NewPayment("card-1", "CARD", 3980, "EUR"),)
        [row] = await counter.report(counter.sale("4711", ("SHIRT", 2), minutes_ago=-1, evidence=ADA, payments=paid))
        order, [line] = await counter.order(row)
        assert (row["recorded"], row["known"], row["refused"], row["warnings"]) == (True, False, None, [])
        assert (order.status, order.method, order.external_id) == ("COMPLETED", "HANDED_OVER", "till-1/4711")
        assert (order.total_minor, order.totals_match, line.fulfilled) == (3980, True, 2)
        assert (await counter.level()).on_hand == 3
        assert await counter.world.points(order) > 0
        assert await counter.one("SELECT reference FROM order_payments") == "card-1"
        await counter.world.assert_sound()

    async def test_it_is_never_refused_for_lack_of_stock(self, counter: Counter) -> None:
        [row] = await counter.report(counter.sale("1", ("SHIRT", 3)))
        assert row["recorded"]
        assert (await counter.level()).on_hand == -3
        assert await counter.one("SELECT count(*) FROM count_tasks WHERE closed_at IS NULL") == 1
        await counter.world.assert_sound()

    async def test_one_from_before_the_count_was_counted_already(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
        await counter.report(counter.sale("1", ("SHIRT", 2), minutes_ago=10))
        assert (await counter.level()).on_hand == 5
        kinds = await counter.one("SELECT string_agg(kind, ' ' ORDER BY level_version) FROM stock_movements")
        assert kinds == "COUNT SELL COUNT_CORRECTION"
        await counter.world.assert_sound()

    async def test_a_sku_that_nobody_knows_is_kept_and_settled_when_it_is_known(self, counter: Counter) -> None:
        [row] = await counter.report(counter.sale("1", ("NEWCOMER", 2), ("SHIRT", 1), evidence=ADA))
        order, lines = await counter.order(row)
        assert (row["unmapped"], row["warnings"]) == (["NEWCOMER"], ["UNKNOWN_SKU"])
        assert (order.hold, [line.fulfilled for line in lines]) == ("UNMAPPED_LINE", [0, 1])
        before = await counter.world.points(order)
        assert await map_waiting_lines(counter.world.database) == 0
        async with counter.world.database.write() as session:
            newcomer = await make_variant(session, "NEWCOMER")
        assert await map_waiting_lines(counter.world.database) == 1
        assert await map_waiting_lines(counter.world.database) == 0
        order, lines = await counter.order(row)
        assert (order.hold, [line.fulfilled for line in lines]) == (None, [2, 1])
        assert (await counter.level(newcomer)).on_hand == -2
        assert await counter.world.points(order) > before
        await counter.world.assert_sound()

    async def test_what_the_catalog_does_not_know_is_priced_and_moves_nothing(self, counter: Counter) -> None:
        bag = SaleLine(1, 50, title="Paper bag")
        [row] = await counter.report(counter.sale("1", lines=(bag,)))
        order, [line] = await counter.order(row)
        assert (order.status, order.hold, order.total_minor) == ("COMPLETED", None, 50)
        assert (line.kind, line.fulfilled) == ("CUSTOM", 1)
        await counter.world.assert_sound()

    async def test_an_unknown_customer_does_not_lose_the_sale(self, counter: Counter) -> None:
        [row] = await counter.report(counter.sale("1", customer_id=new_id()))
        assert (row["recorded"], row["warnings"]) == (True, ["UNKNOWN_CUSTOMER"])

    async def test_the_offset_of_the_tills_clock_is_kept(self, counter: Counter) -> None:
        [row] = await counter.report(counter.sale(), sent_at=counter.now + timedelta(hours=1))
        kept = await counter.one("SELECT clock_offset_ms FROM pos_facts")
        assert row["clock_offset_ms"] == kept
        assert abs(kept - 3_600_000) < 60_000

    async def test_what_happened_before_going_live_moves_nothing(self, counter: Counter) -> None:
        async with counter.world.database.write() as session:
            await session.execute(text("UPDATE channels SET go_live_at = hub_now()"))
        [row] = await counter.report(counter.sale(minutes_ago=60, evidence=ADA))
        order, [line] = await counter.order(row)
        assert (order.is_history, order.status, line.fulfilled) == (True, "COMPLETED", 1)
        assert await counter.one("SELECT count(*) FROM stock_movements") == 0
        await counter.world.assert_sound()


class TestItsHold:
    async def test_a_sale_uses_up_the_hold_it_names(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 3)
        reservation = await hold(counter, 2)
        await counter.report(counter.sale("1", minutes_ago=-1, reservation_id=reservation))
        level = await counter.level()
        assert (level.on_hand, level.reserved) == (2, 0)
        assert await counter.one("SELECT status FROM reservations") == "COMMITTED"
        await counter.world.assert_sound()

    async def test_a_hold_serves_one_receipt_only(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 3)
        reservation = await hold(counter)
        first = counter.sale("1", minutes_ago=-1, reservation_id=reservation)
        rows = await counter.report(first, replace(first, receipt="2"))
        assert [row["warnings"] for row in rows] == [[], ["RESERVATION_NOT_USED"]]
        assert (await counter.level()).on_hand == 1
        await counter.world.assert_sound()

    @pytest.mark.parametrize("how", ["lapsed", "released", "unknown", "of another till"])
    async def test_a_hold_that_is_not_there_does_not_lose_the_sale(self, counter: Counter, how: str) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 3)
        reservation = await hold(counter, seconds=60)
        sold_at = 0.0
        if how == "lapsed":
            await move_clock(counter.world.database, 61)
            sold_at = -2
        elif how == "released":
            answer = await release_reservation(
                counter.world.database, counter.berlin, reservation_id=reservation, idempotency_key="back"
            )
            answer.unwrap()
        elif how == "unknown":
            reservation = new_id()
        till = counter.hamburg if how == "of another till" else counter.berlin
        [row] = await counter.report(counter.sale("1", minutes_ago=sold_at, reservation_id=reservation), till=till)
        assert row["recorded"]
        await counter.world.assert_sound()

    async def test_units_that_were_committed_to_the_receipt_are_not_sold_again(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
        reservation = await hold(counter, 2)
        answer = await commit_to_receipt(
            counter.world.database,
            counter.berlin,
            reservation_id=reservation,
            receipt_id=new_id(),
            idempotency_key="commit",
        )
        answer.unwrap()
        [row] = await counter.report(counter.sale("1", ("SHIRT", 3), minutes_ago=-1, reservation_id=reservation))
        order, [line] = await counter.order(row)
        assert (order.status, line.fulfilled) == ("COMPLETED", 3)
        assert (await counter.level()).on_hand == 2
        await counter.world.assert_sound()

    async def test_a_sale_whose_order_was_placed_already_is_that_order(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 5)
        reservation = await hold(counter)
        world = counter.world
        command = PlaceOrder(
            world.channel.id,
            (PlaceOrderLine(world.shirt, 1),),
            OrderMethod.HANDED_OVER,
            "EUR",
            handed_over_at=world.berlin,
            reservation_id=reservation,
        )
        placed = await place_order(world.database, counter.berlin, command, SEALER, idempotency_key="lost answer")
        [row] = await counter.report(counter.sale("1", minutes_ago=-1, reservation_id=reservation))
        assert row["order_id"] == placed.unwrap()["order_id"]
        assert (await counter.level()).on_hand == 4
        await world.assert_sound()


class TestPromises:
    async def test_those_that_cannot_be_kept_are_told_newest_first(self, counter: Counter) -> None:
        world = counter.world
        await set_stock(world.database, world.shirt, world.berlin, 2)
        orders = [await place(world, method=OrderMethod.SHIP) for _ in range(2)]
        for order_id in orders:
            await route_order(world.database, order_id)
        [newest] = await world.queue(orders[1])
        [row] = await counter.report(counter.sale("1", minutes_ago=-1))
        assert row["warnings"] == ["PROMISES_AT_RISK"]
        assert (row["reservations"], row["allocations"]) == ([], [[str(newest.id), str(world.shirt), 1]])
        assert (await counter.level()).shortage == 1
        told = await counter.one("SELECT payload ->> 'allocations' FROM outbox WHERE topic = 'stock.promises_affected'")
        assert str(newest.id) in told
        await world.assert_sound()

    async def test_holds_are_told_too(self, counter: Counter) -> None:
        await set_stock(counter.world.database, counter.world.shirt, counter.world.berlin, 1)
        reservation = await hold(counter)
        [row] = await counter.report(counter.sale("1", minutes_ago=-1))
        assert row["reservations"] == [[str(reservation), str(counter.world.shirt), 1]]
        await counter.world.assert_sound()


class TestWhatIsRefused:
    async def test_a_receipt_never_changes(self, counter: Counter) -> None:
        sale = counter.sale("1")
        await counter.report(sale)
        [row] = await counter.report(counter.sale("1", ("SHIRT", 2)))
        assert (row["recorded"], row["refused"]["code"]) == (False, "RECEIPT_REUSED")
        assert row["refused"]["path"] == ["facts", "0", "receipt"]
        assert (await counter.level()).on_hand == -1

    @pytest.mark.parametrize("minutes", [-6, 30 * 24 * 60 + 1])
    async def test_what_cannot_have_happened_then(self, counter: Counter, minutes: int) -> None:
        [row] = await counter.report(counter.sale(minutes_ago=minutes))
        assert row["refused"]["code"] == "OCCURRED_AT_OUT_OF_RANGE"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"lines": ()}, "INVALID_INPUT"),
            ({"lines": (SaleLine(0, 1, "SHIRT"),)}, "INVALID_QUANTITY"),
            ({"lines": (SaleLine(1, -1, "SHIRT"),)}, "INVALID_INPUT"),
            ({"lines": (SaleLine(1, 1),)}, "INVALID_INPUT"),
            ({"lines": (SaleLine(1, 1, "SHIRT", discount_minor=2),)}, "INVALID_INPUT"),
            ({"currency": "XXQ"}, "UNKNOWN_CURRENCY"),
            ({"receipt": "r" * 65}, "INVALID_RECEIPT"),
            ({"receipt": ""}, "INVALID_RECEIPT"),
        ],
    )
    async def test_what_cannot_be_understood(self, counter: Counter, changes: dict[str, object], code: str) -> None:
        [row] = await counter.report(counter.sale(**changes))  # type: ignore[arg-type]
        assert row["refused"]["code"] == code
        assert await counter.one("SELECT count(*) FROM orders") == 0

    async def test_one_bad_row_stands_alone_or_stops_all(self, counter: Counter) -> None:
        good, bad = counter.sale("1"), counter.sale("2", lines=())
        unread = Unreadable(
            "3", {"code": "INVALID_AMOUNT", "kind": "INVALID", "message": "?", "path": [], "details": None}
        )
        strict = await counter.report(good, bad, unread, policy=ErrorPolicy.REJECT_EVERYTHING)
        assert [row["recorded"] for row in strict] == [False, False, False]
        assert await counter.one("SELECT count(*) FROM orders") == 0
        lenient = await counter.report(good, bad, unread)
        assert [row["recorded"] for row in lenient] == [True, False, False]
        assert [(row["refused"] or {}).get("code") for row in lenient] == [None, "INVALID_INPUT", "INVALID_AMOUNT"]

    async def test_only_a_terminal_reports(self, counter: Counter) -> None:
        with pytest.raises(DeniedError) as refused:
            await counter.report(counter.sale(), till=counter.world.staff)
        assert refused.value.code == "TERMINAL_REQUIRED"


class TestAtOnce:
    async def test_two_requests_with_the_same_receipts_record_each_once(self, counter: Counter) -> None:
        sales = [counter.sale(str(number)) for number in range(4)]
        first, second = await asyncio.gather(counter.report(*sales), counter.report(*reversed(sales)))
        assert [row["order_id"] for row in first] == [row["order_id"] for row in reversed(second)]
        assert (await counter.level()).on_hand == -4
        await counter.world.assert_sound()
