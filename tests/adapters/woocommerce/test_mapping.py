import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.sdk.errors import ContractBroken
from adapters.sdk.reading import Reader
from adapters.sdk.transport import read_json
from adapters.sdk.types import ChannelOrder, FulfillmentMethod, LineKind, OrderState
from adapters.woocommerce.mapping import read_order
from adapters.woocommerce.products import read_product
from adapters.woocommerce.settings import WooCommerceSettings
from hub.kernel.money import Money

SETTINGS = WooCommerceSettings.model_validate(
    {"base_url": "https://shop.example", "consumer_key": "k", "consumer_secret": "s", "webhook_secret": "w"}
)


def usd(text: str) -> Money:
    return Money.parse(text, "USD")


def line(**changes: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "name": "Tee",
        "product_id": 10,
        "variation_id": 0,
        "quantity": 1,
        "subtotal": "21.50",
        "subtotal_tax": "0.00",
        "total": "21.50",
        "total_tax": "0.00",
        "sku": "TEE-1",
    } | changes


def order(**changes: Any) -> ChannelOrder:
    source = {
        "id": 13,
        "number": "W-13",
        "status": "processing",
        "currency": "USD",
        "prices_include_tax": False,
        "date_created_gmt": "2026-11-22T06:37:57",
        "date_modified_gmt": "2026-11-22T06:38:00",
        "shipping_total": "0.00",
        "total": "21.50",
        "line_items": [line()],
    } | changes
    return read_order(Reader(read_json(json.dumps(source).encode())), SETTINGS)


class TestOrders:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("pending", OrderState.PENDING_PAYMENT),
            ("on-hold", OrderState.PENDING_PAYMENT),
            ("processing", OrderState.OPEN),
            ("completed", OrderState.COMPLETED),
            ("cancelled", OrderState.CANCELLED),
            ("refunded", OrderState.CANCELLED),
            ("awaiting-drone", OrderState.UNKNOWN),
        ],
    )
    def test_every_status_has_a_state_and_an_unknown_one_is_kept(self, status: str, state: OrderState) -> None:
        read = order(status=status)
        assert (read.state, read.external_state) == (state, status)

    def test_a_discount_is_what_lies_between_subtotal_and_total(self) -> None:
        read = order(line_items=[line(quantity=2, subtotal="43.00", total="40.00")]).lines[0]
        assert (read.unit_price, read.discount) == (usd("21.50"), usd("3.00"))

    @pytest.mark.parametrize(("subtotal", "quantity"), [("10.00", 3), ("0.01", 7), ("99.99", 100), ("0.00", 2)])
    def test_unit_price_times_quantity_less_discount_is_what_was_charged(self, subtotal: str, quantity: int) -> None:
        read = order(line_items=[line(quantity=quantity, subtotal=subtotal, total=subtotal)]).lines[0]
        assert read.discount is not None
        assert read.unit_price.times(quantity) - read.discount == usd(subtotal)

    def test_where_prices_include_tax_the_tax_is_added_to_what_the_store_writes(self) -> None:
        read = order(
            prices_include_tax=True,
            line_items=[line(subtotal="8.33", subtotal_tax="1.67", total="8.33", total_tax="1.67")],
            shipping_total="4.17",
            shipping_tax="0.83",
            total="15.00",
        )
        assert read.lines[0].unit_price == usd("10.00")
        assert read.lines[0].tax == usd("1.67")
        assert read.shipping == usd("5.00")
        assert read.total == usd("15.00")

    def test_a_variation_is_the_variant_and_a_simple_product_is_its_own(self) -> None:
        read = order(line_items=[line(product_id=114, variation_id=115), line(id=4)])
        assert [(one.external_product_id, one.external_variant_id) for one in read.lines] == [
            ("114", "115"),
            ("10", "10"),
        ]

    def test_a_line_whose_product_is_gone_and_a_fee_are_not_goods(self) -> None:
        read = order(
            line_items=[line(product_id=0), line(quantity=0)],
            fee_lines=[{"id": 9, "name": "Wrap", "total": "-2.00", "total_tax": "0.00"}],
        )
        assert [one.kind for one in read.lines] == [LineKind.CUSTOM, LineKind.FEE]
        assert read.lines[1].unit_price == usd("-2.00")

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"meta_data": [{"id": 1, "key": "_hub_pickup_location", "value": "store-7"}]}, "store-7"),
            ({"meta_data": [{"id": 1, "key": "_hub_pickup_location", "value": {"odd": 1}}]}, None),
            ({}, None),
        ],
    )
    def test_local_pickup_is_a_pickup_at_the_place_in_the_meta(
        self, changes: dict[str, Any], place: str | None
    ) -> None:
        read = order(shipping_lines=[{"id": 5, "method_id": "local_pickup"}], **changes)
        assert (read.method, read.external_location_id) == (FulfillmentMethod.PICKUP, place)

    def test_a_pickup_location_chosen_at_the_block_checkout_is_read_from_the_shipping_line(self) -> None:
        chosen = {"id": 5, "method_id": "pickup_location:2", "meta_data": [{"key": "pickup_location", "value": "Soho"}]}
        assert order(shipping_lines=[chosen]).external_location_id == "Soho"

    def test_an_order_that_is_partly_shipped_is_not_a_pickup(self) -> None:
        both = [{"id": 5, "method_id": "local_pickup"}, {"id": 6, "method_id": "flat_rate"}]
        assert order(shipping_lines=both).method is FulfillmentMethod.SHIP

    def test_only_the_address_of_an_account_counts_as_verified(self) -> None:
        billing = {"email": "a@example.test", "first_name": "A"}
        guest, member = order(customer_id=0, billing=billing).customer, order(customer_id=5, billing=billing).customer
        assert guest is not None
        assert member is not None
        assert (guest.external_id, guest.email_verified) == (None, False)
        assert (member.external_id, member.email_verified) == ("5", True)

    def test_equal_content_has_an_equal_hash_whatever_its_version(self) -> None:
        later = order(date_modified_gmt="2026-11-22T09:00:00", meta_data=[{"key": "_hub_order", "value": "H1"}])
        assert later.content_hash == order().content_hash
        assert later.source_version > order().source_version
        assert order(status="completed").content_hash != order().content_hash

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"id": None}, "$.id"),
            ({"currency": "QQQ"}, "$.total"),
            ({"total": "21.505"}, "$.total"),
            ({"date_created_gmt": "yesterday"}, "$.date_created_gmt"),
            ({"line_items": [line(), line(quantity=1.5)]}, "$.line_items[1].quantity"),
            ({"line_items": [line(quantity=-1)]}, "$.line_items[0].quantity"),
            ({"line_items": {}}, "$.line_items"),
            ({"line_items": [line(subtotal="1e99")]}, "$.line_items[0].subtotal"),
        ],
    )
    def test_a_payload_that_does_not_fit_is_refused_with_its_path(self, changes: dict[str, Any], path: str) -> None:
        with pytest.raises(ContractBroken) as caught:
            order(**changes)
        assert caught.value.path == path or (path == "$.total" and "QQQ" in str(caught.value))


def recorded(specs: Path, name: str) -> Any:
    path = specs / "woocommerce" / "recorded-11.0.1" / f"{name}.json"
    return read_json(path.read_bytes())["body"]


@pytest.mark.specs
class TestRecordings:
    def test_orders_of_a_real_server_are_read(self, specs: Path) -> None:
        read = [read_order(Reader(one), SETTINGS) for one in recorded(specs, "orders_list")]
        assert read[0].state is OrderState.CANCELLED
        assert read[0].total == usd("43.00")
        assert read[0].placed_at == datetime(2026, 11, 22, 6, 36, 34, tzinfo=UTC)
        assert [one.quantity for one in read[0].lines] == [2]
        assert read[0].lines[0].external_variant_id == "10"
        assert len({one.content_hash for one in read}) == len(read)

    def test_a_variable_product_of_a_real_server_sells_its_variations(self, specs: Path) -> None:
        variations = [Reader(one) for one in recorded(specs, "variations_list")]
        product = read_product(
            Reader(recorded(specs, "product_variable")), variations, currency="USD", settings=SETTINGS
        )
        assert {(one.external_id, one.sku, one.manages_stock) for one in product.variants} == {
            ("115", "V-S", True),
            ("116", "V-M", False),
        }
        assert product.variants[0].price == usd("9")
        assert product.variants[0].options == {"Size": "M"}

    def test_simple_products_of_a_real_server_are_their_own_variant(self, specs: Path) -> None:
        entry = Reader(recorded(specs, "product_stock_update"))
        product = read_product(entry, (), currency="USD", settings=SETTINGS)
        assert [(one.external_id, one.stock_quantity) for one in product.variants] == [("10", 12)]
        assert product.source_version == "2026-11-22T07:00:36Z"
