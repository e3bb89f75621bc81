"""The adapter against a store that runs behind real HTTP."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.types import (
    FulfillmentMethod,
    ListingRef,
    OrderState,
    Shipment,
    StockOutcome,
    StockUpdate,
)
from adapters.woocommerce import WooCommerceSettings
from adapters.woocommerce.simulator import Sale, SaleLine, create_app

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def update(product: str, variant: str, quantity: int) -> StockUpdate:
    return StockUpdate(ListingRef(f"L{variant}", product, variant), quantity, idempotency_key=f"k{variant}")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: int = 1) -> None:
        self.now += timedelta(seconds=seconds)


class TestAccess:
    async def test_the_store_says_who_it_is(self, connection, store) -> None:
        health = await connection.check()
        assert health.ok
        assert "USD" in health.detail
        assert health.external_account in store.url

    async def test_another_currency_than_expected_is_reported(self, connect, store) -> None:
        health = await connect(store.settings(currency="EUR")).check()
        assert not health.ok
        assert "EUR" in health.detail

    @pytest.mark.parametrize("changes", [{"consumer_key": "ck_other"}, {"consumer_secret": "cs_other"}])
    async def test_wrong_keys_are_refused_over_http(self, connect, store, changes: dict[str, str]) -> None:
        with pytest.raises(AuthFailed, match="authentication_error"):
            await connect(store.settings(**changes)).check()

    @pytest.mark.parametrize(("secret", "accepted"), [("cs_simulator", True), ("cs_other", False)])
    async def test_https_takes_basic_credentials(self, connect, store, secret: str, accepted: bool) -> None:
        settings = store.settings(base_url="https://shop.example", consumer_secret=secret)
        transport = httpx.ASGITransport(create_app(store.shop))  # type: ignore[arg-type]
        connection = connect(settings, transport=transport)
        if accepted:
            assert (await connection.check()).ok
        else:
            with pytest.raises(AuthFailed):
                await connection.check()

    @pytest.mark.parametrize(
        "base_url", ["shop.example", "ftp://shop.example", "https://u:p@shop.example", "https://s.example/?a=b", ""]
    )
    def test_an_address_that_is_none_is_refused(self, store, base_url: str) -> None:
        with pytest.raises(ValueError, match="base_url"):
            store.settings(base_url=base_url)

    def test_secrets_do_not_show(self, store) -> None:
        settings: WooCommerceSettings = store.settings()
        assert "cs_simulator" not in repr(settings)
        assert "s3cret" not in settings.model_dump_json()


class TestCatalog:
    async def test_products_come_with_the_variants_they_sell(self, connection) -> None:
        page = await connection.pull_products(cursor=None, modified_after=None)
        found = {product.external_id: product for product in page.items}
        assert page.next_cursor is None
        assert {one.sku for one in found["114"].variants} == {"V-S", "V-M"}
        assert found["10"].variants[0].weight_grams == 200
        assert found["11"].variants[0].manages_stock is False

    async def test_only_what_changed_since_is_pulled(self, connection, store) -> None:
        clock = Clock()
        store.shop.clock = clock
        store.shop.set_stock(store.shop.items[10], 9)
        page = await connection.pull_products(cursor=None, modified_after=clock.now)
        assert "10" in {product.external_id for product in page.items}
        clock.tick(60)
        assert not (await connection.pull_products(cursor=None, modified_after=datetime(2100, 1, 1, tzinfo=UTC))).items


class TestOrders:
    async def test_a_sale_arrives_as_an_order(self, connection, store) -> None:
        billing = {"email": "a@example.test", "first_name": "Ada", "country": "GB"}
        await store.control(
            "sell",
            {"lines": [{"sku": "V-S", "quantity": 2}], "billing": billing, "pickup_location": "soho", "discount": "3"},
        )
        (order,) = (await connection.pull_orders(cursor=None, modified_after=LONG_AGO)).items
        assert (order.state, order.method) == (OrderState.OPEN, FulfillmentMethod.PICKUP)
        assert order.external_location_id == "soho"
        assert order.lines[0].external_variant_id == "115"
        assert order.total.decimal() == "15.00"
        assert order.customer is not None
        assert order.customer.email == "a@example.test"
        assert await connection.pull_order(order.external_id) == order

    async def test_an_order_that_the_store_does_not_know_is_none(self, connection) -> None:
        assert await connection.pull_order("424242") is None

    @pytest.mark.parametrize("external_id", ["../products/10", "", "1 2", "٣", "-1"])
    async def test_an_id_of_another_system_never_reaches_the_store(self, connection, external_id: str) -> None:
        with pytest.raises(Rejected, match="not a WooCommerce id"):
            await connection.pull_order(external_id)

    async def test_pages_neither_repeat_nor_skip_while_orders_change(self, connection, store) -> None:
        clock = Clock()
        store.shop.clock = clock
        sale = Sale(lines=(SaleLine(11, 1),))
        for index in range(250):
            store.shop.sell(sale)
            clock.tick(1 if index % 3 else 0)
        first = await connection.pull_orders(cursor=None, modified_after=LONG_AGO)
        moved = store.shop.orders[int(first.items[0].external_id)]
        store.shop.update_order(moved, status="completed", meta={})
        seen, page = list(first.items), first
        while page.next_cursor is not None:
            page = await connection.pull_orders(cursor=page.next_cursor, modified_after=LONG_AGO)
            seen += page.items
        versions = [(order.external_id, order.source_version) for order in seen]
        assert len(versions) == len(set(versions)) == 251
        assert {int(order.external_id) for order in seen} == set(store.shop.orders)

    async def test_a_crowd_within_one_second_is_walked_to_its_end(self, connection, store) -> None:
        clock = Clock()
        store.shop.clock = clock
        for _ in range(230):
            store.shop.sell(Sale(lines=(SaleLine(11, 1),)))
        clock.tick()
        store.shop.sell(Sale(lines=(SaleLine(11, 1),)))
        cursor, seen = None, []
        while True:
            page = await connection.pull_orders(cursor=cursor, modified_after=LONG_AGO)
            seen += [order.external_id for order in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 231

    async def test_an_order_that_cannot_be_read_does_not_hold_up_the_others(self, connection, store) -> None:
        good, bad = (store.shop.sell(Sale(lines=(SaleLine(11, 1),))) for _ in range(2))
        bad.sale.billing.update({"email": 7})
        page = await connection.pull_orders(cursor=None, modified_after=LONG_AGO)
        assert [order.external_id for order in page.items] == [str(good.id)]
        assert [(one.external_id, one.path) for one in page.unreadable] == [(str(bad.id), "$[1].billing.email")]

    @pytest.mark.parametrize("cursor", ["", "x", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z x", "yesterday 1"])
    async def test_a_foreign_cursor_is_refused(self, connection, cursor: str) -> None:
        with pytest.raises(Rejected, match="cursor"):
            await connection.pull_orders(cursor=cursor, modified_after=LONG_AGO)


class TestStock:
    async def test_products_and_variations_are_published_and_read_back(self, connection, store) -> None:
        updates = [update("114", "115", 7), update("10", "10", 8), update("114", "116", 0)]
        results = await connection.publish_stock(updates)
        assert [(one.ref, one.outcome, one.published) for one in results] == [
            (one.ref, StockOutcome.PUBLISHED, one.quantity) for one in updates
        ]
        readings = await connection.read_stock([one.ref for one in updates])
        assert [one.quantity for one in readings] == [7, 8, 0]
        assert store.shop.items[115].stock == 7

    async def test_a_row_that_is_refused_does_not_stop_the_others(self, connection) -> None:
        updates = [
            update("424242", "424242", 1),
            update("10", "10", 3),
            update("11", "11", 4),
            update("114", "10", 5),
            update("x", "../1", 5),
            update("999", "998", 5),
        ]
        results = await connection.publish_stock(updates)
        assert [one.outcome for one in results] == [StockOutcome.REJECTED, StockOutcome.PUBLISHED, *["REJECTED"] * 4]
        assert "invalid_id" in results[0].reason
        assert "does not manage stock" in results[2].reason

    async def test_stock_management_is_switched_on_when_the_operator_says_so(self, connect, store) -> None:
        connection = connect(store.settings(manage_stock_on_publish=True))
        (result,) = await connection.publish_stock([update("11", "11", 4)])
        assert (result.outcome, result.published) == (StockOutcome.PUBLISHED, 4)

    async def test_more_rows_than_a_batch_takes_go_in_several(self, connection, store) -> None:
        for number in range(1000, 1150):
            store.shop.add(id=number, name="n", sku=f"S{number}", price="1")
        results = await connection.publish_stock([update(str(n), str(n), 6) for n in range(1000, 1150)])
        assert {one.outcome for one in results} == {StockOutcome.PUBLISHED}
        assert [one.ref.external_variant_id for one in results] == [str(n) for n in range(1000, 1150)]

    async def test_what_is_gone_or_unmanaged_is_read_as_such(self, connection) -> None:
        refs = [ListingRef("a", "424242", "424242"), ListingRef("b", "11", "11"), ListingRef("c", "9", "8")]
        readings = await connection.read_stock(refs)
        assert [(one.ref.listing_id, one.quantity) for one in readings] == [("b", None)]

    async def test_once_something_was_written_a_failing_batch_becomes_rows_to_retry(self, connect, store) -> None:
        def fail_variations(request: httpx.Request) -> httpx.Response:
            if "variations" in request.url.path:
                return httpx.Response(429, headers={"retry-after": "60"})
            rows = json.loads(request.content)["update"]
            return httpx.Response(200, json={"update": rows})

        connection = connect(store.settings(), transport=httpx.MockTransport(fail_variations))
        results = await connection.publish_stock([update("10", "10", 1), update("114", "115", 2)])
        assert [one.outcome for one in results] == [StockOutcome.PUBLISHED, StockOutcome.RETRY]
        with pytest.raises(Retryable):
            await connection.publish_stock([update("114", "115", 2)])

    @pytest.mark.parametrize(
        "answer",
        [
            lambda rows: {"update": rows[:-1]},
            lambda rows: {"update": list(reversed(rows))},
            lambda rows: {"update": None, "create": rows},
            lambda _: [],
        ],
    )
    async def test_an_answer_that_does_not_fit_the_rows_breaks_the_contract(
        self, connect, store, answer: Callable[[Any], Any]
    ) -> None:
        transport = httpx.MockTransport(
            lambda request: httpx.Response(200, json=answer(json.loads(request.content)["update"]))
        )
        connection = connect(store.settings(), transport=transport)
        with pytest.raises(ContractBroken):
            await connection.publish_stock([update("10", "10", 1), update("11", "11", 2)])


class TestFulfillment:
    async def sold(self, store) -> str:
        sold = await store.control("sell", {"lines": [{"sku": "TEE-1", "quantity": 2}]})
        return str(sold["order"]["id"])

    async def test_the_last_parcel_completes_the_order_once(self, connection, store) -> None:
        order = await self.sold(store)
        part = Shipment(order, (), completes_order=False, idempotency_key="s1", tracking_number="1Z")
        await connection.push_fulfillment(part)
        assert (await connection.pull_order(order)).state is OrderState.OPEN
        whole = Shipment(order, (), completes_order=True, idempotency_key="s2", collected=True)
        await connection.push_fulfillment(whole)
        await connection.push_fulfillment(whole)
        assert (await connection.pull_order(order)).state is OrderState.COMPLETED
        assert set(store.shop.orders[int(order)].meta) == {"_hub_shipment_s1", "_hub_shipment_s2"}

    async def test_a_cancelled_order_is_not_revived(self, connection, store) -> None:
        order = await self.sold(store)
        await connection.cancel_order(order, reason="sold out", idempotency_key="c1")
        await connection.cancel_order(order, reason="sold out", idempotency_key="c1")
        assert store.shop.items[10].stock == 5
        with pytest.raises(Rejected, match="cancelled"):
            await connection.push_fulfillment(Shipment(order, (), completes_order=True, idempotency_key="s1"))

    async def test_a_completed_order_is_not_cancelled(self, connection, store) -> None:
        order = await self.sold(store)
        await connection.push_fulfillment(Shipment(order, (), completes_order=True, idempotency_key="s1"))
        with pytest.raises(Rejected, match="completed"):
            await connection.cancel_order(order, reason="late", idempotency_key="c1")

    async def test_an_acknowledgement_leaves_the_order_as_it_was(self, connection, store) -> None:
        order = await self.sold(store)
        before = await connection.pull_order(order)
        await connection.acknowledge_order(order, hub_order_number="H-1")
        after = await connection.pull_order(order)
        assert after.content_hash == before.content_hash
        assert store.shop.orders[int(order)].meta["_hub_order"] == "H-1"

    async def test_an_unknown_order_is_refused(self, connection) -> None:
        with pytest.raises(Rejected):
            await connection.cancel_order("424242", reason="", idempotency_key="c1")
