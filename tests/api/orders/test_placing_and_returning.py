"""Orders through the API: placed, asked for, cancelled, returned, and every refusal as data."""

import pytest

from hub.kernel.ids import new_id
from hub.kernel.principal import Scope
from hub.orders import PlaceOrderLine
from hub_graphql.ids import global_id
from tests.api.orders.conftest import Retailer, document

PLACE = document("storefront/PlaceOrder")
CANCEL = document("console/CancelOrder")
RETURN = document("pos/Return")
ONE_SHIRT = [{"sku": "SHIRT", "quantity": 1}]


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


async def test_an_order_is_placed_with_the_price_that_holds(retailer: Retailer):
    payload = await retailer.change(retailer.shop_key(), PLACE, method="SHIP", lines=ONE_SHIRT, externalId="W-1")
    assert payload["errors"] == []
    assert payload["order"]["total"] == {"amount": "19.90", "currencyCode": "EUR"}
    found = await retailer.data(retailer.shop_key(), document("storefront/OrderStatus"), externalId="W-1")
    assert found["order"]["id"] == payload["order"]["id"]
    assert found["order"]["lines"][0]["open"] == 1


async def test_a_line_names_its_variant_by_id_too(retailer: Retailer):
    line = {"variantId": global_id("Variant", retailer.shirt), "quantity": 1, "tax": euros("3.18")}
    payload = await retailer.change(retailer.shop_key(), PLACE, method="SHIP", lines=[line])
    assert [line["sku"] for line in payload["order"]["lines"]] == ["SHIRT"]
    both = await retailer.change(retailer.shop_key(), PLACE, method="SHIP", lines=[line | {"sku": "SHIRT"}])
    assert both["errors"][0]["path"] == ["input", "lines", "0", "sku"]


async def test_the_same_key_gives_the_same_order_again(retailer: Retailer):
    shop = retailer.shop_key()
    given = {"method": "SHIP", "lines": ONE_SHIRT, "idempotencyKey": "k-1"}
    first = await retailer.change(shop, PLACE, **given)
    again = await retailer.change(shop, PLACE, **given)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["order"]["id"] == first["order"]["id"]
    other = await retailer.change(shop, PLACE, **(given | {"lines": [{"sku": "SHOE", "quantity": 1}]}))
    assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_an_external_id_used_before_gives_that_order_with_a_warning(retailer: Retailer):
    shop = retailer.shop_key()
    first = await retailer.change(shop, PLACE, method="SHIP", lines=ONE_SHIRT, externalId="W-1")
    again = await retailer.change(shop, PLACE, method="SHIP", lines=ONE_SHIRT, externalId="W-1")
    assert again["order"]["id"] == first["order"]["id"]
    assert "placed before" in again["warnings"][0]["message"]


async def test_too_little_stock_names_the_lines_and_says_so_again_on_replay(retailer: Retailer):
    shop = retailer.shop_key()
    given = {"method": "SHIP", "lines": [{"sku": "SHIRT", "quantity": 101}], "idempotencyKey": "k"}
    for _ in range(2):
        payload = await retailer.change(shop, PLACE, **given)
        assert payload["order"] is None
        [error] = payload["errors"]
        assert error["__typename"] == "InsufficientStockError"
        assert error["lines"] == [{"sku": "SHIRT", "requested": 101, "available": 100}]


async def test_a_price_that_does_not_hold_any_more_is_told(retailer: Retailer):
    line = {"sku": "SHIRT", "quantity": 1, "unitPrice": {"amount": "1.00", "currencyCode": "EUR"}}
    payload = await retailer.change(retailer.shop_key(), PLACE, method="SHIP", lines=[line])
    [error] = payload["errors"]
    assert error["__typename"] == "PriceChangedError"
    assert error["lines"][0]["current"] == {"amount": "19.90", "currencyCode": "EUR"}
    allowed = retailer.shop_key(scopes=frozenset(Scope))
    assert (await retailer.change(allowed, PLACE, method="SHIP", lines=[line]))["errors"] == []


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"lines": [{"sku": "NOBODY", "quantity": 1}]}, "UNKNOWN_SKU", ["input", "lines", "0", "sku"]),
        ({"lines": []}, "EMPTY_ORDER", ["input", "lines"]),
        ({"lines": [{"sku": "SHIRT", "quantity": 0}]}, "INVALID_QUANTITY", ["input", "lines", "0", "quantity"]),
        ({"currencyCode": "XXX"}, "UNKNOWN_CURRENCY", None),
        ({"shipping": euros("1.234")}, "INVALID_AMOUNT", ["input", "shipping", "amount"]),
        ({"shipping": euros("-1")}, "INVALID_INPUT", ["input", "shipping"]),
        ({"shipping": {"amount": "1", "currencyCode": "USD"}}, "UNKNOWN_CURRENCY", ["input", "shipping"]),
        (
            {"lines": [{"sku": "SHIRT", "quantity": 1, "discount": euros("99")}]},
            "INVALID_INPUT",
            ["input", "lines", "0", "discount"],
        ),
        ({"method": "PICKUP"}, "INVALID_INPUT", ["input", "pickupLocationId"]),
        ({"method": "HANDED_OVER"}, "INVALID_INPUT", ["input", "locationId"]),
        ({"pickupLocationId": "rubbish"}, "INVALID_ID", ["input", "pickupLocationId"]),
        (
            {"pickupLocationId": global_id("Location", new_id())},
            "UNKNOWN_LOCATION",
            ["input", "pickupLocationId"],
        ),
        ({"customerId": global_id("Customer", new_id())}, "UNKNOWN_CUSTOMER", ["input", "customerId"]),
        ({"reservationId": global_id("Reservation", new_id())}, "RESERVATION_NOT_FOUND", ["input", "reservationId"]),
        ({"idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID", ["input", "idempotencyKey"]),
    ],
)
async def test_what_cannot_be_ordered_is_a_typed_error(retailer: Retailer, changes, code, path):
    given = {"method": "SHIP", "lines": ONE_SHIRT} | changes
    payload = await retailer.change(retailer.shop_key(), PLACE, **given)
    assert payload["order"] is None
    assert payload["errors"][0]["code"] == code
    if path is not None:
        assert payload["errors"][0]["path"] == path
    listed = await retailer.data(retailer.staff(), "{ orders { edges { node { id } } } }")
    assert listed["orders"]["edges"] == []


async def test_a_shop_does_not_order_for_another_channel(retailer: Retailer):
    given = {"method": "SHIP", "lines": ONE_SHIRT, "channel": "market", "idempotencyKey": "k"}
    answer = await retailer.ask(retailer.shop_key(), PLACE, input=given)
    assert answer["errors"][0]["extensions"]["code"] == "CHANNEL_NOT_ALLOWED"


async def test_a_cancelled_order_gives_everything_back(retailer: Retailer):
    order_id = await retailer.place()
    given = {"id": global_id("Order", order_id), "reason": "CUSTOMER"}
    stale = await retailer.change(retailer.shop_key(), CANCEL, **given, expectedVersion=1)
    assert stale["errors"][0]["code"] == "STALE_VERSION"
    payload = await retailer.change(retailer.shop_key(), CANCEL, **given)
    assert payload["order"]["status"] == "CANCELLED"
    again = await retailer.change(retailer.shop_key(), CANCEL, **given)
    assert again["errors"][0]["code"] == "ORDER_NOT_CANCELLABLE"
    assert (await retailer.part(order_id)).status == "CANCELLED"


async def test_what_was_bought_in_one_store_comes_back_in_another_with_its_points(retailer: Retailer, ada):
    order_id = await retailer.sale(retailer.berlin, lines=(PlaceOrderLine(retailer.shirt, 2),), **ada)
    till = retailer.till(retailer.hamburg)
    seen = await retailer.data(till, document("pos/CustomerLookup"), loyaltyCard="card 1")
    assert seen["customer"]["loyaltyAccounts"][0]["available"] == 39
    [edge] = seen["customer"]["orders"]["edges"]
    given = {
        "id": edge["node"]["id"],
        "lines": [{"orderLineId": edge["node"]["lines"][0]["id"], "quantity": 1}],
        "idempotencyKey": "r-1",
    }
    for replayed in (False, True):
        payload = await retailer.change(till, RETURN, **given)
        assert payload["replayed"] is replayed
        assert payload["order"]["lines"][0]["returned"] == 1
        assert payload["orderReturn"]["location"]["name"] == "Hamburg"
    after = await retailer.data(till, document("pos/CustomerLookup"), email="ADA@example.org")
    assert after["customer"]["loyaltyAccounts"][0]["available"] == 19
    many = await retailer.change(
        till, RETURN, **(given | {"idempotencyKey": "r-2", "lines": [given["lines"][0] | {"quantity": 2}]})
    )
    assert many["errors"][0]["code"] == "RETURN_EXCEEDS_FULFILLED"
    full = await retailer.data(retailer.staff(), document("console/Order"), id=global_id("Order", order_id))
    assert [item["kind"] for item in full["order"]["timeline"]] == ["CAPTURED", "RETURNED"]


async def test_a_till_takes_nothing_back_at_another_location(retailer: Retailer, ada):
    order_id = await retailer.sale(retailer.berlin, **ada)
    given = {
        "id": global_id("Order", order_id),
        "locationId": global_id("Location", retailer.berlin),
        "lines": [{"orderLineId": global_id("OrderLine", new_id()), "quantity": 1}],
        "idempotencyKey": "k",
    }
    answer = await retailer.ask(retailer.till(retailer.hamburg), RETURN, input=given)
    assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"


async def test_orders_are_listed_newest_first_page_by_page(retailer: Retailer):
    placed = [await retailer.place() for _ in range(5)]
    shop, query = retailer.shop_key(), document("partner/Orders")
    found, after = [], None
    for _ in range(3):
        page = (await retailer.data(shop, query, first=2, after=after))["orders"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert found == [global_id("Order", key) for key in reversed(placed)]
    assert page["pageInfo"]["hasNextPage"] is False
    wrong = await retailer.ask(shop, query, first=2, after=after, filter={"held": True})
    assert wrong["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"
    held = await retailer.data(shop, query, filter={"held": True, "statuses": ["OPEN"]})
    assert held["orders"]["edges"] == []


async def test_an_order_is_named_in_one_way(retailer: Retailer):
    answer = await retailer.ask(retailer.shop_key(), "{ order { id } }")
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    nobody = await retailer.ask(retailer.staff(), '{ order(externalId: "1") { id } }')
    assert nobody["errors"][0]["extensions"]["path"] == ["channel"]
