"""Bundles over GraphQL: what they are made of, what may be promised of them, and what a claim holds."""

from typing import Any

import pytest

from hub.kernel.principal import ScopeMissingError
from tests.api.stock.test_availability_changed import WATCH, next_of, numbers

SET = """mutation($input: BundleComponentsSetInput!) { result: bundleComponentsSet(input: $input) {
  replayed errors { code path }
  variant { sku kind components { quantity variant { sku } } } } }"""
AVAILABLE = """query($skus: [String!]!, $channel: String) { availability(skus: $skus, channel: $channel) {
  sku quantity state locations { available location { code } } variant { components { variant { sku } } } } }"""
RESERVE = """mutation($input: ReservationCreateInput!) { result: reservationCreate(input: $input) {
  reservation { lines { quantity variant { sku } location { code } } }
  errors { code ... on InsufficientStockError { lines { sku requested available } } } } }"""
COUNT = """mutation($input: StockCountInput!) { result: stockCount(input: $input) { errors { code } } }"""
RECEIVE = """mutation($input: StockReceiveInput!) { result: stockReceive(input: $input) { errors { code } } }"""


async def compose(api: Any, retailer: Any, sku: str, parts: dict[str, int], key: str = "") -> Any:
    components = [{"sku": name, "quantity": quantity} for name, quantity in parts.items()]
    given = {"sku": sku, "components": components, "idempotencyKey": key or f"{sku}{parts}"}
    return (await api.data(retailer.office, SET, input=given))["result"]


async def make_outfit(api: Any, retailer: Any) -> Any:
    """OUTFIT is one SHOE and two SHIRTs: the two components."""
    await retailer.product("OUTFIT")
    [shoe], [shirt] = await retailer.product("SHOE"), await retailer.product("SHIRT")
    made = await compose(api, retailer, "OUTFIT", {"SHOE": 1, "SHIRT": 2})
    assert made["errors"] == []
    return shoe, shirt


async def test_a_bundle_tells_what_it_is_made_of(api, retailer):
    await make_outfit(api, retailer)
    again = await compose(api, retailer, "OUTFIT", {"SHOE": 1, "SHIRT": 2})
    assert again["replayed"]
    assert again["variant"] == {
        "sku": "OUTFIT",
        "kind": "BUNDLE",
        "components": [
            {"quantity": 1, "variant": {"sku": "SHOE"}},
            {"quantity": 2, "variant": {"sku": "SHIRT"}},
        ],
    }
    nothing = await compose(api, retailer, "OUTFIT", {}, key="none")
    assert nothing["variant"] == {"sku": "OUTFIT", "kind": "GOODS", "components": []}


async def test_refusals_say_what_is_wrong(api, retailer):
    await make_outfit(api, retailer)
    await retailer.product("TICKET", policy="UNTRACKED")
    [hat] = await retailer.product("HAT")
    await retailer.stock(hat, retailer.berlin, 1)

    async def codes(sku: str, **parts: int) -> list[str]:
        return [error["code"] for error in (await compose(api, retailer, sku, parts))["errors"]]

    assert await codes("HAT", SHIRT=1) == ["BUNDLE_HOLDS_STOCK"]
    assert await codes("TICKET", OUTFIT=1) == ["BUNDLE_NESTED"]
    assert await codes("OUTFIT", TICKET=1) == ["STOCK_NOT_TRACKED"]
    assert await codes("OUTFIT", SHIRT=0) == ["INVALID_QUANTITY"]
    assert await codes("OUTFIT", SHIRT=1_001) == ["INVALID_QUANTITY"]
    assert await codes("OUTFIT", NOTHING=1) == ["UNKNOWN_SKU"]
    assert await codes("NOTHING", SHIRT=1) == ["UNKNOWN_SKU"]


async def test_only_who_keeps_the_catalog_composes_bundles(api, retailer):
    await make_outfit(api, retailer)
    with pytest.raises(ScopeMissingError):
        await api.run(retailer.a, SET, input={"sku": "OUTFIT", "components": [], "idempotencyKey": "k"})


async def test_the_scarcest_component_is_what_is_available(api, retailer):
    shoe, shirt = await make_outfit(api, retailer)
    await retailer.stock(shoe, retailer.berlin, 9)
    await retailer.stock(shirt, retailer.berlin, 5)
    await retailer.stock(shoe, retailer.hamburg, 1)
    await retailer.stock(shirt, retailer.hamburg, 9)
    [found] = (await api.data(retailer.a, AVAILABLE, skus=["OUTFIT"]))["availability"]
    assert (found["quantity"], found["state"]) == (3, "LOW_STOCK")
    assert found["locations"] == [
        {"available": 2, "location": {"code": "berlin"}},
        {"available": 1, "location": {"code": "hamburg"}},
    ]


async def test_a_claim_holds_the_components_and_names_the_bundle_when_it_is_short(api, retailer):
    shoe, shirt = await make_outfit(api, retailer)
    await retailer.stock(shoe, retailer.berlin, 1)
    await retailer.stock(shirt, retailer.berlin, 3)
    given = {"lines": [{"sku": "OUTFIT", "quantity": 2}], "idempotencyKey": "a"}
    short = (await api.data(retailer.a, RESERVE, input=given))["result"]
    assert short["errors"] == [
        {"code": "INSUFFICIENT_STOCK", "lines": [{"sku": "OUTFIT", "requested": 2, "available": 1}]}
    ]
    given = {"lines": [{"sku": "OUTFIT", "quantity": 1}], "idempotencyKey": "b"}
    made = (await api.data(retailer.a, RESERVE, input=given))["result"]["reservation"]
    assert sorted((line["variant"]["sku"], line["quantity"]) for line in made["lines"]) == [("SHIRT", 2), ("SHOE", 1)]


async def test_a_bundle_is_neither_counted_nor_received(api, retailer):
    await make_outfit(api, retailer)
    counted = {"sku": "OUTFIT", "counted": 1, "locationCode": "berlin", "idempotencyKey": "c"}
    received = {"lines": [{"sku": "OUTFIT", "quantity": 1}], "locationCode": "berlin", "idempotencyKey": "r"}
    for document, given in ((COUNT, counted), (RECEIVE, received)):
        answer = (await api.data(retailer.office, document, input=given))["result"]
        assert [error["code"] for error in answer["errors"]] == ["BUNDLE_HAS_NO_STOCK"]


async def test_who_watches_a_bundle_hears_of_its_components(api, retailer, feed, relayed):
    shoe, shirt = await make_outfit(api, retailer)
    await retailer.stock(shoe, retailer.berlin, 9)
    await retailer.stock(shirt, retailer.berlin, 5)
    await relayed()
    stream = api.stream(retailer.a, WATCH, skus=["OUTFIT", "SHIRT"])
    assert numbers(await next_of(stream)) == ("STATE", [("OUTFIT", 2), ("SHIRT", 5)])
    await retailer.stock(shirt, retailer.berlin, 3)
    await relayed()
    kind, changed = numbers(await next_of(stream))
    assert (kind, sorted(changed)) == ("CHANGE", [("OUTFIT", 1), ("SHIRT", 3)])
    await stream.aclose()


async def test_bundles_take_the_same_statements_for_any_number_of_them(api, retailer):
    shoe, shirt = await make_outfit(api, retailer)
    await retailer.stock(shoe, retailer.berlin, 9)
    await retailer.stock(shirt, retailer.berlin, 9)
    skus = ["OUTFIT"]
    for number in range(10):
        await retailer.product(f"KIT{number}")
        await compose(api, retailer, f"KIT{number}", {"SHOE": 1, "SHIRT": 1})
        skus.append(f"KIT{number}")
    one, many = [await api.count(retailer.a, AVAILABLE, skus=some) for some in (skus[:1], skus)]
    assert one == many <= 9
