from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.sdk.errors import ContractBroken
from adapters.sdk.reading import Reader
from adapters.sdk.types import ChannelOrder, ChannelPayment, FulfillmentMethod, LineKind, OrderState, PostalAddress
from adapters.square.mapping import read_order
from adapters.square.products import read_product
from hub.kernel.money import Money


def money(amount: int | None, currency: str = "EUR") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def line(**changes: Any) -> dict[str, Any]:
    return {
        "uid": "L1", "name": "Tee", "variation_name": "S", "quantity": "2", "catalog_object_id": "TEE-S", "item_type": "ITEM",
        "base_price_money": money(1000), "variation_total_price_money": money(2000),
        "total_discount_money": money(200), "total_tax_money": money(0), "total_money": money(1800), **changes,
    }  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "O1", "location_id": "LBER", "state": "COMPLETED", "version": 3,
        "created_at": "2026-11-22T10:00:00.000Z", "updated_at": "2026-11-22T11:00:00.5Z",
        "line_items": [line()], "total_money": money(1800), "net_amount_due_money": money(0),
        "tenders": [{
            "id": "T1", "payment_id": "P1", "type": "CARD", "amount_money": money(1800), "created_at": "2026-11-22T10:00:01Z",
            "card_details": {"card": {"last_4": "1111", "bin": "411111", "exp_month": 1}},
        }],
        **changes,
    }  # fmt: skip


def read(**changes: Any) -> ChannelOrder:
    return read_order(Reader(order(**changes)))


def fulfillment(kind: str = "SHIPMENT", state: str = "PROPOSED", **details: Any) -> dict[str, Any]:
    names = {"SHIPMENT": "shipment_details", "PICKUP": "pickup_details", "DELIVERY": "delivery_details"}
    return {"uid": "F1", "type": kind, "state": state, names.get(kind, "x_details"): details}


class TestOrder:
    def test_a_till_sale_is_handed_over_and_paid(self) -> None:
        sale = read()
        assert (sale.method, sale.state, sale.external_state) == (
            FulfillmentMethod.HANDED_OVER,
            OrderState.COMPLETED,
            "COMPLETED",
        )
        assert sale.external_location_id == "LBER"
        assert sale.placed_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert sale.total == Money(1800, "EUR")

    def test_of_a_payment_only_the_reference_is_kept(self) -> None:
        sale = read()
        assert sale.payments == (
            ChannelPayment("P1", "CARD", Money(1800, "EUR"), datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)),
        )
        assert "1111" not in repr(sale)

    def test_versions_are_ordered_by_counter_then_instant(self) -> None:
        states = [
            read(version=None, updated_at="2026-11-22T12:00:00Z"), read(version=None, updated_at="2026-11-22T12:00:00.001Z"),
            read(version=9), read(version=10), read(version=10, updated_at="2026-11-22T13:00:00+01:00"),
        ]  # fmt: skip
        versions = [one.source_version for one in states]
        assert versions == sorted(versions)
        assert len(set(versions)) == len(versions)

    def test_the_content_hash_ignores_the_version_and_nothing_else(self) -> None:
        assert read().content_hash == read(version=4).content_hash
        assert (
            read().content_hash
            != read(line_items=[line(quantity="3", variation_total_price_money=money(3000))]).content_hash
        )

    @pytest.mark.parametrize(
        ("kind", "method", "location"),
        [
            ("PICKUP", FulfillmentMethod.PICKUP, "LBER"),
            ("SHIPMENT", FulfillmentMethod.SHIP, None),
            ("DELIVERY", FulfillmentMethod.LOCAL_DELIVERY, None),
        ],
    )
    def test_the_fulfillment_says_how_goods_reach_the_customer_in_every_state(
        self, kind: str, method: FulfillmentMethod, location: str | None
    ) -> None:
        for state in ("OPEN", "COMPLETED"):
            found = read(state=state, fulfillments=[fulfillment(kind, "COMPLETED")])
            assert (found.method, found.external_location_id) == (method, location)

    @pytest.mark.parametrize(
        ("changes", "state", "word"),
        [
            ({"state": "OPEN"}, OrderState.OPEN, "OPEN"),
            ({"state": "OPEN", "net_amount_due_money": money(1800)}, OrderState.PENDING_PAYMENT, "OPEN"),
            ({"state": "OPEN", "net_amount_due_money": None, "tenders": None}, OrderState.PENDING_PAYMENT, "OPEN"),
            ({"state": "OPEN", "net_amount_due_money": None}, OrderState.OPEN, "OPEN"),
            ({"state": "DRAFT"}, OrderState.PENDING_PAYMENT, "DRAFT"),
            ({"state": "CANCELED"}, OrderState.CANCELLED, "CANCELED"),
            ({"state": "NEW_WORD"}, OrderState.UNKNOWN, "NEW_WORD"),
            ({"fulfillments": [fulfillment("DRONE")]}, OrderState.UNKNOWN, "COMPLETED DRONE"),
            (
                {"fulfillments": [fulfillment("PICKUP"), fulfillment("SHIPMENT")]},
                OrderState.UNKNOWN,
                "COMPLETED PICKUP+SHIPMENT",
            ),
            ({"returns": [{"uid": "R1"}], "line_items": []}, OrderState.UNKNOWN, "COMPLETED with returned items"),
            (
                {"fulfillments": [fulfillment("PICKUP", "CANCELED")]},
                OrderState.CANCELLED,
                "COMPLETED with every fulfillment cancelled",
            ),
            (
                {"fulfillments": [fulfillment("PICKUP", "FAILED"), fulfillment("SHIPMENT")]},
                OrderState.COMPLETED,
                "COMPLETED",
            ),
        ],
    )
    def test_states_are_translated_and_unknown_ones_keep_their_word(
        self, changes: dict[str, Any], state: OrderState, word: str
    ) -> None:
        found = read(**changes)
        assert (found.state, found.external_state) == (state, word)

    def test_taxes_are_included_when_every_tax_is(self) -> None:
        assert read(taxes=[{"type": "INCLUSIVE"}]).prices_include_tax
        assert not read(taxes=[{"type": "INCLUSIVE"}, {"type": "ADDITIVE"}]).prices_include_tax
        assert not read().prices_include_tax

    def test_a_recipient_becomes_customer_and_address(self) -> None:
        address = {
            "address_line_1": "Street 1",
            "address_line_2": "2nd floor",
            "locality": "Berlin",
            "postal_code": "10115",
            "country": "DE",
        }
        person = {
            "display_name": "Ada King",
            "email_address": "ada@example.org",
            "phone_number": "+491",
            "address": address,
        }
        found = read(customer_id="C1", fulfillments=[fulfillment(recipient=person, shipping_note="ring twice")])
        assert found.customer is not None
        assert (found.customer.external_id, found.customer.email, found.customer.last_name) == (
            "C1",
            "ada@example.org",
            "King",
        )
        assert found.ship_to == PostalAddress("Ada King", "Street 1", "2nd floor", "Berlin", "", "10115", "DE", "+491")
        assert found.note == "ring twice"

    def test_a_till_knows_its_customer_through_the_payment(self) -> None:
        tender = {"id": "T1", "type": "CASH", "amount_money": money(1800), "customer_id": "C2"}
        found = read(tenders=[tender])
        assert found.customer is not None
        assert found.customer.external_id == "C2"
        assert found.payments[0].reference == "T1"
        assert read().customer is None

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"id": ""}, "$.id"),
            ({"total_money": None}, "$.total_money"),
            ({"total_money": money(1, "XXX")}, "$.total_money.amount"),
            ({"total_money": {"amount": 1.5, "currency": "EUR"}}, "$.total_money.amount"),
            ({"updated_at": "yesterday"}, "$.updated_at"),
            ({"state": 7}, "$.state"),
            ({"line_items": {}}, "$.line_items"),
            (
                {"line_items": [line(variation_total_price_money=money(1, "USD"))]},
                "$.line_items[0].variation_total_price_money.currency",
            ),
            ({"line_items": [line(quantity="many")]}, "$.line_items[0].quantity"),
            ({"line_items": [line(quantity="-1")]}, "$.line_items[0].quantity"),
            ({"line_items": [line(quantity="1e400")]}, "$.line_items[0].quantity"),
            ({"line_items": [line(quantity="NaN")]}, "$.line_items[0].quantity"),
            (
                {
                    "line_items": [
                        line(quantity="999999999", base_price_money=money(10**14), variation_total_price_money=None)
                    ]
                },
                "$.line_items[0].quantity",
            ),
            ({"tenders": [{"type": "CASH"}]}, "$.tenders[0].id"),
        ],
    )
    def test_what_does_not_fit_is_named_by_its_path(self, changes: dict[str, Any], path: str) -> None:
        with pytest.raises(ContractBroken) as caught:
            read(**changes)
        assert caught.value.path == path


class TestLines:
    def test_goods_keep_unit_price_discount_and_variant(self) -> None:
        (found,) = read().lines
        assert (found.external_id, found.title, found.quantity) == ("L1", "Tee - S", 2)
        assert (found.unit_price, found.discount, found.tax) == (Money(1000, "EUR"), Money(200, "EUR"), Money(0, "EUR"))
        assert (found.kind, found.external_variant_id) == (LineKind.GOODS, "TEE-S")

    def test_modifiers_are_part_of_the_unit_price(self) -> None:
        (found,) = read(line_items=[line(modifiers=[{"total_price_money": money(300)}])]).lines
        assert found.unit_price == Money(1150, "EUR")

    def test_a_price_that_does_not_divide_is_kept_whole(self) -> None:
        (found,) = read(line_items=[line(modifiers=[{"total_price_money": money(1)}])]).lines
        assert (found.kind, found.quantity, found.unit_price) == (LineKind.CUSTOM, 1, Money(2001, "EUR"))
        assert found.title == "Tee - S (2)"

    def test_goods_by_weight_are_priced_but_claim_no_stock(self) -> None:
        (found,) = read(line_items=[line(quantity="0.750", variation_total_price_money=money(750))]).lines
        assert (found.kind, found.quantity, found.unit_price, found.external_variant_id) == (
            LineKind.CUSTOM,
            1,
            Money(750, "EUR"),
            None,
        )
        assert found.title == "Tee - S (0.75)"

    @pytest.mark.parametrize(
        "changes", [{"item_type": "CUSTOM_AMOUNT"}, {"catalog_object_id": None}, {"item_type": "GIFT_CARD"}]
    )
    def test_what_is_not_from_the_catalog_is_custom(self, changes: dict[str, Any]) -> None:
        (found,) = read(line_items=[line(**changes)]).lines
        assert (found.kind, found.external_variant_id) == (LineKind.CUSTOM, None)

    def test_a_line_of_nothing_is_left_out(self) -> None:
        assert read(line_items=[line(quantity="0")]).lines == ()

    def test_charges_tip_and_rounding_are_fees(self) -> None:
        charge = {"uid": "S1", "name": "Gift wrap", "applied_money": money(250), "total_tax_money": money(20)}
        found = read(
            line_items=[],
            service_charges=[charge],
            total_tip_money=money(100),
            rounding_adjustment={"amount_money": money(-2)},
        )
        assert {one.kind for one in found.lines} == {LineKind.FEE}
        assert [(one.external_id, one.unit_price.amount_minor, one.discount) for one in found.lines] == [
            ("service-charge:S1", 250, None), ("tip", 100, None), ("rounding", 0, Money(2, "EUR")),
        ]  # fmt: skip

    def test_a_currency_without_minor_units_is_read_as_written(self) -> None:
        yen = {
            name: money(500, "JPY")
            for name in ("base_price_money", "variation_total_price_money", "total_tax_money", "total_discount_money")
        }
        found = read(
            line_items=[line(quantity="1", **yen)],
            total_money=money(500, "JPY"),
            net_amount_due_money=money(0, "JPY"),
            tenders=[],
        )
        assert found.lines[0].unit_price == Money(500, "JPY")


class TestProduct:
    def item(self, **data: Any) -> Reader:
        variation = {
            "id": "V1",
            "version": 5,
            "updated_at": "2026-01-01T00:00:00Z",
            "item_variation_data": {"sku": " TEE ", **data.pop("variation", {})},
        }
        content = {"name": "Tee", "variations": [variation], **data}
        return Reader({"id": "I1", "version": 4, "updated_at": "2026-01-02T00:00:00Z", "item_data": content})

    def test_the_version_is_that_of_the_newest_part(self) -> None:
        product = read_product(self.item(), {})
        assert product.source_version.startswith("00000000000000000005")
        assert (product.variants[0].sku, product.variants[0].price) == ("TEE", None)

    def test_images_and_categories_that_are_not_told_are_left_out(self) -> None:
        related = {
            "C1": Reader({"category_data": {"name": "Clothing"}}),
            "M1": Reader({"image_data": {"url": "https://i.example/1"}}),
        }
        product = read_product(self.item(image_ids=["M1", "M2"], categories=[{"id": "C1"}, {"id": "C2"}]), related)
        assert (product.categories, product.image_urls) == (("Clothing",), ("https://i.example/1",))

    @pytest.mark.parametrize(
        ("data", "managed"),
        [
            ({}, False),
            ({"variation": {"track_inventory": True}}, True),
            ({"variation": {"location_overrides": [{"location_id": "L1", "track_inventory": True}]}}, True),
            ({"variation": {"track_inventory": True, "stockable": False}}, False),
            ({"variation": {"track_inventory": True}, "product_type": "DIGITAL"}, False),
        ],
    )
    def test_stock_is_managed_where_square_tracks_it(self, data: dict[str, Any], managed: bool) -> None:
        assert read_product(self.item(**data), {}).variants[0].manages_stock is managed

    def test_a_deleted_item_may_have_lost_its_content(self) -> None:
        product = read_product(
            Reader({"id": "I1", "version": 4, "updated_at": "2026-01-02T00:00:00Z", "is_deleted": True}), {}
        )
        assert (product.published, product.variants) == (False, ())

    def test_an_archived_item_is_not_published(self) -> None:
        assert not read_product(self.item(is_archived=True), {}).published

    def test_ids_that_are_no_texts_are_named(self) -> None:
        with pytest.raises(ContractBroken, match="image_ids"):
            read_product(self.item(image_ids=[7]), {})
