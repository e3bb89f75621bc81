"""The adapter against the simulated account, over real HTTP."""

from datetime import timedelta

import pytest

from adapters.sdk.errors import AuthFailed, Rejected, Retryable
from adapters.sdk.types import FulfillmentMethod, OrderState, Shipment, ShippedLine, StockOutcome
from adapters.square import ADAPTER, SquareConnection
from hub.kernel.clock import utc_now
from hub.kernel.money import Money
from tests.adapters.square.running import EPOCH, RunningSquare, connect, ref, settings_for, update


def parcel(order_id: str, *, key: str = "key-1", complete: bool = True, **more: str) -> Shipment:
    return Shipment(order_id, (ShippedLine("line-1", 1),), complete, key, **more)  # type: ignore[arg-type]


def test_the_adapter_declares_what_its_connection_implements() -> None:
    assert ADAPTER.system == "square"
    assert ADAPTER.capabilities() == {
        "ReceivesWebhooks", "PullsCatalog", "PullsOrders", "PublishesStock", "ReadsStock", "PushesFulfillments", "CancelsOrders",
    }  # fmt: skip


class TestCheck:
    async def test_an_account_that_answers_is_healthy(self, connection: SquareConnection) -> None:
        health = await connection.check()
        assert health.ok
        assert health.external_account == "MLSIMULATOR"

    async def test_a_configured_location_that_is_not_active_is_named(self, square: RunningSquare) -> None:
        connection = connect(settings_for(square.url, location_ids=["LBER", "LGONE"]))
        health = await connection.check()
        await connection.close()
        assert not health.ok
        assert "LGONE" in health.detail

    async def test_a_wrong_token_is_refused(self, square: RunningSquare) -> None:
        connection = connect(settings_for(square.url, access_token="wrong"))
        with pytest.raises(AuthFailed, match="UNAUTHORIZED"):
            await connection.check()
        await connection.close()


class TestCatalog:
    async def test_items_come_with_variations_options_and_categories(self, connection: SquareConnection) -> None:
        page = await connection.pull_products(cursor=None, modified_after=None)
        tee, mug = page.items
        assert page.next_cursor is None
        assert tee.categories == ("Clothing",)
        assert [(one.sku, one.price, one.options) for one in tee.variants] == [
            ("TEE-S", Money(2150, "EUR"), {"Size": "S"}),
            ("TEE-M", Money(2150, "EUR"), {"Size": "M"}),
        ]
        assert tee.variants[0].barcode == "4006381333931"
        assert mug.variants[0].sku == "MUG"
        assert mug.variants[0].manages_stock

    async def test_pages_follow_each_other_until_the_last(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        square.seller.max_page = 1
        first = await connection.pull_products(cursor=None, modified_after=None)
        second = await connection.pull_products(cursor=first.next_cursor, modified_after=EPOCH)
        assert [one.external_id for one in (*first.items, *second.items)] == ["ITEM-TEE", "ITEM-MUG"]
        assert second.next_cursor is None

    async def test_a_deleted_item_is_told_as_unpublished(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        since = utc_now()
        square.seller.touch(square.seller.items["ITEM-MUG"], deleted=True)
        page = await connection.pull_products(cursor=None, modified_after=since)
        assert [(one.external_id, one.published) for one in page.items] == [("ITEM-MUG", False)]

    async def test_a_cursor_of_somebody_else_is_refused(self, connection: SquareConnection) -> None:
        with pytest.raises(Rejected, match="cursor"):
            await connection.pull_products(cursor="nonsense", modified_after=None)


class TestOrders:
    async def test_a_sale_at_the_till_was_handed_over_at_its_location(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("TEE-S", 2, customer_id="CUST1", tip="1.00", discount="3.00")
        order = await connection.pull_order(sold["id"])
        assert order is not None
        assert (order.method, order.state) == (FulfillmentMethod.HANDED_OVER, OrderState.COMPLETED)
        assert order.external_location_id == "LBER"
        assert order.total == Money(4100, "EUR")
        assert [(line.external_variant_id, line.quantity) for line in order.lines] == [("TEE-S", 2), (None, 1)]
        assert order.customer is not None
        assert order.customer.external_id == "CUST1"

    async def test_a_pickup_names_its_recipient_and_location(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        person = {"display_name": "Ada Byron King", "email_address": "ada@example.org"}
        sold = await square.sell("MUG", fulfillment="PICKUP", recipient=person)
        order = await connection.pull_order(sold["id"])
        assert order is not None
        assert (order.method, order.state) == (FulfillmentMethod.PICKUP, OrderState.OPEN)
        assert order.customer is not None
        assert (order.customer.first_name, order.customer.last_name) == ("Ada Byron", "King")
        assert not order.customer.email_verified

    async def test_an_unknown_order_is_none(self, connection: SquareConnection) -> None:
        assert await connection.pull_order("NO/SUCH?ORDER") is None

    async def test_orders_are_pulled_in_pages_oldest_change_first(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        square.seller.max_page = 2
        sold = [(await square.sell("MUG", location_id=place))["id"] for place in ("LBER", "LHAM", "LBER")]
        since = utc_now() - timedelta(hours=1)
        first = await connection.pull_orders(cursor=None, modified_after=since)
        second = await connection.pull_orders(cursor=first.next_cursor, modified_after=EPOCH)
        assert [one.external_id for one in (*first.items, *second.items)] == sold
        assert second.next_cursor is None

    async def test_an_order_that_cannot_be_read_does_not_hold_up_the_others(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        broken, sound = (await square.sell("MUG"))["id"], (await square.sell("MUG"))["id"]
        square.seller.orders[broken]["line_items"][0]["quantity"] = "many"
        page = await connection.pull_orders(cursor=None, modified_after=EPOCH)
        assert [one.external_id for one in page.items] == [sound]
        assert [(one.external_id, one.path) for one in page.unreadable] == [
            (broken, "$.orders[0].line_items[0].quantity")
        ]

    async def test_more_than_ten_locations_are_searched_in_groups(self, square: RunningSquare) -> None:
        places = [f"L{number:02d}" for number in range(11)] + ["LBER"]
        await square.sell("MUG")
        connection = connect(settings_for(square.url, location_ids=places))
        first = await connection.pull_orders(cursor=None, modified_after=EPOCH)
        second = await connection.pull_orders(cursor=first.next_cursor, modified_after=EPOCH)
        await connection.close()
        assert len(first.items) + len(second.items) == 1
        assert second.next_cursor is None

    async def test_an_order_that_changed_has_a_greater_version_and_another_hash(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", fulfillment="PICKUP")
        before = await connection.pull_order(sold["id"])
        await square.control(f"orders/{sold['id']}", {"fulfillments": [{"uid": "fulfillment-1", "state": "CANCELED"}]})
        after = await connection.pull_order(sold["id"])
        assert before is not None
        assert after is not None
        assert after.source_version > before.source_version
        assert after.content_hash != before.content_hash
        assert after.state is OrderState.CANCELLED


class TestStock:
    async def test_what_is_published_is_what_square_shows(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        results = await connection.publish_stock([update("TEE-S", 9), update("MUG", 0, "LHAM")])
        readings = await connection.read_stock([ref("TEE-S"), ref("MUG", "LHAM"), ref("TEE-M", "LHAM")])
        assert [(one.outcome, one.published) for one in results] == [
            (StockOutcome.PUBLISHED, 9),
            (StockOutcome.PUBLISHED, 0),
        ]
        assert [one.quantity for one in readings] == [9, 0, None]
        assert square.seller.quantity("TEE-S", "LHAM") == 5

    async def test_more_updates_than_a_call_takes_are_sent_in_several(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        updates = [update("MUG", number, key=f"key-{number}") for number in range(connection.stock_batch_size + 1)]
        results = await connection.publish_stock(updates)
        assert {one.outcome for one in results} == {StockOutcome.PUBLISHED}
        assert len(square.seller.remembered) == 2

    async def test_a_refused_row_does_not_hold_up_the_others(self, connection: SquareConnection) -> None:
        updates = [
            update("TEE-S", 1),
            update("NOBODY", 1),
            update("TEE-M", 1),
            update("MUG", 1, "LGONE"),
            update("MUG", 1),
        ]
        results = await connection.publish_stock(updates)
        assert [one.ref for one in results] == [one.ref for one in updates]
        assert [one.outcome.value for one in results] == ["PUBLISHED", "REJECTED", "PUBLISHED", "REJECTED", "PUBLISHED"]
        assert "NOT_FOUND" in results[1].reason

    async def test_a_listing_without_location_is_refused_where_there_is_a_choice(
        self, connection: SquareConnection
    ) -> None:
        (result,) = await connection.publish_stock([update("MUG", 1, None)])
        assert result.outcome is StockOutcome.REJECTED
        assert await connection.read_stock([ref("MUG", None)]) == ()

    async def test_the_only_location_is_meant_when_a_listing_names_none(self, square: RunningSquare) -> None:
        connection = connect(settings_for(square.url, location_ids=["LHAM"]))
        (result,) = await connection.publish_stock([update("MUG", 1, None)])
        await connection.close()
        assert result.outcome is StockOutcome.PUBLISHED
        assert square.seller.quantity("MUG", "LHAM") == 1

    async def test_the_same_update_again_does_not_undo_a_sale(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        await connection.publish_stock([update("MUG", 4)])
        again = await connection.publish_stock([update("MUG", 4)])
        await square.sell("MUG")
        late = await connection.publish_stock([update("MUG", 4)])
        assert again[0].outcome is StockOutcome.PUBLISHED
        assert (late[0].outcome, late[0].published) == (StockOutcome.CONFLICT, 3)
        assert square.seller.quantity("MUG", "LBER") == 3

    async def test_throttling_from_the_start_is_raised(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        await square.control("faults", {"status": 429, "retry_after": "60"})
        with pytest.raises(Retryable) as caught:
            await connection.publish_stock([update("MUG", 4)])
        assert caught.value.after_seconds == 60

    async def test_a_failure_halfway_leaves_rows_to_retry(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        updates = [update("MUG", number, key=f"key-{number}") for number in range(101)]
        original = connection._client.change_inventory

        async def once_then_down(changes: object, *, idempotency_key: str) -> object:
            answer = await original(changes, idempotency_key=idempotency_key)  # type: ignore[arg-type]
            square.seller.faults += [(503, "60")]
            return answer

        connection._client.change_inventory = once_then_down  # type: ignore[assignment,method-assign]
        results = await connection.publish_stock(updates)
        assert [one.outcome for one in results[-2:]] == [StockOutcome.PUBLISHED, StockOutcome.RETRY]


class TestFulfillment:
    async def test_a_parcel_completes_the_shipment_with_its_tracking(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", fulfillment="SHIPMENT")
        await connection.push_fulfillment(parcel(sold["id"], carrier="UPS", tracking_number="1Z999"))
        order = square.seller.orders[sold["id"]]
        assert order["state"] == "COMPLETED"
        assert order["fulfillments"][0]["shipment_details"]["tracking_number"] == "1Z999"
        captured = await connection.pull_order(sold["id"])
        assert captured is not None
        assert (captured.method, captured.state) == (FulfillmentMethod.SHIP, OrderState.COMPLETED)

    async def test_the_same_report_again_is_harmless(self, square: RunningSquare, connection: SquareConnection) -> None:
        sold = await square.sell("MUG", fulfillment="PICKUP")
        await connection.push_fulfillment(parcel(sold["id"]))
        version = square.seller.orders[sold["id"]]["version"]
        await connection.push_fulfillment(parcel(sold["id"]))
        assert square.seller.orders[sold["id"]]["version"] == version

    async def test_a_part_of_a_shipment_is_noted_as_prepared(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", 2, fulfillment="SHIPMENT")
        for _ in range(2):
            await connection.push_fulfillment(parcel(sold["id"], complete=False, tracking_number="A"))
        order = square.seller.orders[sold["id"]]
        assert (order["state"], order["fulfillments"][0]["state"], order["version"]) == ("OPEN", "PREPARED", 2)

    async def test_an_order_that_changes_meanwhile_is_read_again(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", fulfillment="SHIPMENT")
        original = connection._client.update_order

        async def late(order_id: str, changes: object, *, idempotency_key: str) -> object:
            if square.seller.orders[order_id]["version"] == 1:
                square.seller.change_order(square.seller.orders[order_id], {})
            return await original(order_id, changes, idempotency_key=idempotency_key)  # type: ignore[arg-type]

        connection._client.update_order = late  # type: ignore[assignment,method-assign]
        await connection.push_fulfillment(parcel(sold["id"]))
        assert square.seller.orders[sold["id"]]["state"] == "COMPLETED"

    @pytest.mark.parametrize("order_id", ["NOBODY", ""])
    async def test_an_unknown_order_is_refused(self, connection: SquareConnection, order_id: str) -> None:
        with pytest.raises(Rejected):
            await connection.push_fulfillment(parcel(order_id))

    async def test_a_sale_at_the_till_has_nothing_to_complete(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG")
        with pytest.raises(Rejected, match="no fulfillment"):
            await connection.push_fulfillment(parcel(sold["id"]))


class TestCancellation:
    async def test_an_unpaid_order_is_cancelled_whole(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", fulfillment="PICKUP", paid=False)
        for _ in range(2):
            await connection.cancel_order(sold["id"], reason="out of stock", idempotency_key="cancel-1")
        order = square.seller.orders[sold["id"]]
        assert (order["state"], order["fulfillments"][0]["state"]) == ("CANCELED", "CANCELED")
        assert order["fulfillments"][0]["pickup_details"]["cancel_reason"] == "out of stock"

    async def test_of_a_paid_order_the_fulfillment_is_cancelled(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG", fulfillment="SHIPMENT")
        for _ in range(2):
            await connection.cancel_order(sold["id"], reason="r" * 200, idempotency_key="cancel-1")
        order = await connection.pull_order(sold["id"])
        assert order is not None
        assert order.state is OrderState.CANCELLED
        assert square.seller.orders[sold["id"]]["state"] == "OPEN"

    async def test_what_was_handed_over_is_not_cancelled(
        self, square: RunningSquare, connection: SquareConnection
    ) -> None:
        sold = await square.sell("MUG")
        with pytest.raises(Rejected, match="COMPLETED"):
            await connection.cancel_order(sold["id"], reason="", idempotency_key="cancel-1")
