"""The catalog is found by words, keys and pages, and a shop sees what its channel offers."""

from typing import Any

import pytest
from sqlalchemy import text

from hub_graphql.ids import global_id

PAGE = """
query Page($first: Int, $after: String, $last: Int, $before: String, $sortKey: ProductSortKey! = TITLE,
           $reverse: Boolean! = false, $filter: ProductFilterInput) {
  products(first: $first, after: $after, last: $last, before: $before, sortKey: $sortKey, reverse: $reverse,
           filter: $filter) {
    edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


def titles(data: Any) -> list[str]:
    return [edge["node"]["title"].removeprefix("Title ") for edge in data["products"]["edges"]]


class TestPages:
    async def test_pages_follow_one_another_both_ways(self, api, retailer):
        for name in "ABCDE":
            await retailer.product(name)
        first = await api.data(retailer.a, PAGE, first=2)
        second = await api.data(retailer.a, PAGE, first=2, after=first["products"]["pageInfo"]["endCursor"])
        third = await api.data(retailer.a, PAGE, first=2, after=second["products"]["pageInfo"]["endCursor"])
        back = await api.data(retailer.a, PAGE, last=2, before=third["products"]["pageInfo"]["startCursor"])
        assert [titles(page) for page in (first, second, third, back)] == [["A", "B"], ["C", "D"], ["E"], ["C", "D"]]
        assert third["products"]["pageInfo"]["hasNextPage"] is False
        assert back["products"]["pageInfo"]["hasPreviousPage"] is True

    @pytest.mark.parametrize("sort", ["TITLE", "CREATED_AT", "PRICE"])
    async def test_every_order_can_be_turned_round(self, api, retailer, sort: str):
        for name in "ABC":
            await retailer.product(name)
        filter_ = {"currencyCode": "EUR"}
        forwards = titles(await api.data(retailer.a, PAGE, first=9, sortKey=sort, filter=filter_))
        backwards = titles(await api.data(retailer.a, PAGE, first=9, sortKey=sort, reverse=True, filter=filter_))
        assert forwards == list(reversed(backwards))

    async def test_a_cursor_of_another_order_or_filter_is_refused(self, api, retailer):
        await retailer.product("A")
        await retailer.product("B")
        cursor = (await api.data(retailer.a, PAGE, first=1))["products"]["pageInfo"]["endCursor"]
        for change in ({"sortKey": "CREATED_AT"}, {"filter": {"vendor": "Nord"}}):
            answer = await api.run(retailer.a, PAGE, first=1, after=cursor, **change)
            assert answer["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"

    @pytest.mark.parametrize("size", [0, -1, 101])
    async def test_a_page_has_one_to_a_hundred_products(self, api, retailer, size: int):
        answer = await api.run(retailer.a, PAGE, first=size)
        assert answer["errors"][0]["extensions"]["path"] == ["first"]

    async def test_words_prices_and_vendors_narrow_the_page(self, api, retailer):
        await retailer.product("A")
        await retailer.product("B")
        ask = retailer.a
        assert titles(await api.data(ask, PAGE, filter={"search": "B"}, sortKey="RELEVANCE")) == ["B"]
        assert titles(await api.data(ask, PAGE, filter={"priceMin": "19.91"})) == []
        assert titles(await api.data(ask, PAGE, filter={"priceMax": "19.90", "vendor": "Nord"})) == ["A", "B"]

    async def test_a_price_that_its_currency_cannot_have_is_refused(self, api, retailer):
        answer = await api.run(retailer.a, PAGE, filter={"priceMin": "19.901"})
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_AMOUNT"


class TestLookUps:
    async def test_a_variant_is_found_by_sku_id_and_barcode(self, api, retailer):
        [variant_id] = await retailer.product("LAMP")
        async with retailer.database.write() as session:
            await session.execute(
                text("INSERT INTO variant_barcodes (gtin, variant_id) VALUES ('04006381333931', :id)"),
                {"id": variant_id},
            )
        query = """query($id: ID, $sku: String, $barcode: String) {
          variant(id: $id, sku: $sku, barcode: $barcode) {
            sku barcodes options { name value } prices { amount { amount currencyCode } taxIncluded }
            product { handle description images { url } categories { name } } listings { channel { code } status }
          } }"""
        by_sku = await api.data(retailer.a, query, sku="LAMP")
        by_id = await api.data(retailer.a, query, id=global_id("Variant", variant_id))
        by_barcode = await api.data(retailer.a, query, barcode="4006381333931")
        assert by_sku == by_id == by_barcode
        assert by_sku["variant"]["prices"] == [
            {"amount": {"amount": "19.90", "currencyCode": "EUR"}, "taxIncluded": True}
        ]
        assert by_sku["variant"]["listings"] == [{"channel": {"code": "shop-a"}, "status": "ACTIVE"}]

    async def test_a_barcode_with_a_wrong_check_digit_is_refused(self, api, retailer):
        answer = await api.run(retailer.a, '{ variant(barcode: "4006381333932") { sku } }')
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_GTIN"

    @pytest.mark.parametrize("arguments", ["", '(id: "x", sku: "y")'])
    async def test_one_key_and_one_only_names_a_variant(self, api, retailer, arguments: str):
        answer = await api.run(retailer.a, f"{{ variant{arguments} {{ sku }} }}")
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"

    @pytest.mark.parametrize("text", ["", "garbage", "Q2hhbm5lbDox", "\u2603", "x" * 10_000])
    async def test_garbage_is_no_id(self, api, retailer, text: str):
        answer = await api.run(retailer.a, "query($id: ID) { variant(id: $id) { sku } }", id=text)
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_ID"

    async def test_a_product_is_found_by_its_handle_and_its_variants_in_pages(self, api, retailer):
        await retailer.product("SHIRT", variants=3)
        query = """query($after: String) { product(handle: "shirt") {
          title variants(first: 2, after: $after) { edges { node { sku } } pageInfo { endCursor hasNextPage } } } }"""
        first = (await api.data(retailer.a, query))["product"]["variants"]
        second = (await api.data(retailer.a, query, after=first["pageInfo"]["endCursor"]))["product"]["variants"]
        assert [edge["node"]["sku"] for edge in first["edges"] + second["edges"]] == ["SHIRT-1", "SHIRT-2", "SHIRT-3"]
        assert second["pageInfo"]["hasNextPage"] is False

    async def test_the_location_nearest_to_a_point_comes_first(self, api, retailer):
        query = """query($near: GeoPointInput, $after: String) { locations(near: $near, first: 2, after: $after) {
          edges { cursor node { code distanceKm } } } }"""
        near = {"latitude": 48.2, "longitude": 11.6}
        first = (await api.data(retailer.office, query, near=near))["locations"]["edges"]
        second = (await api.data(retailer.office, query, near=near, after=first[-1]["cursor"]))["locations"]["edges"]
        assert [edge["node"]["code"] for edge in first + second] == ["munich", "berlin", "hamburg"]
        assert first[0]["node"]["distanceKm"] == pytest.approx(6.8, abs=0.2)

    async def test_a_point_that_is_none_is_refused(self, api, retailer):
        answer = await api.run(retailer.a, "{ locations(near: {latitude: 91, longitude: 0}) { edges { cursor } } }")
        assert answer["errors"][0]["extensions"]["path"] == ["near"]

    async def test_a_location_is_found_by_code_and_by_node(self, api, retailer):
        found = await api.data(retailer.a, '{ location(code: "berlin") { id code kind openingHours { day } } }')
        node = await api.data(
            retailer.a, "query($id: ID!) { node(id: $id) { ... on Location { code } } }", id=found["location"]["id"]
        )
        assert node == {"node": {"code": "berlin"}}


class TestIsolation:
    async def test_a_shop_sees_what_its_channel_offers_and_a_till_sees_all(self, api, retailer):
        await retailer.product("BOTH")
        await retailer.product("ONLY-B", channels=(retailer.shop_b,))
        assert titles(await api.data(retailer.a, PAGE)) == ["BOTH"]
        assert titles(await api.data(retailer.b, PAGE)) == ["BOTH", "ONLY-B"]
        assert titles(await api.data(retailer.till, PAGE)) == ["BOTH", "ONLY-B"]
        query = '{ variant(sku: "ONLY-B") { sku listings { channel { code } } } }'
        assert (await api.data(retailer.a, query))["variant"] is None
        assert (await api.data(retailer.b, query))["variant"]["sku"] == "ONLY-B"
        assert (await api.data(retailer.till, query))["variant"] == {"sku": "ONLY-B", "listings": []}

    async def test_another_channel_cannot_be_named(self, api, retailer):
        await retailer.product("BOTH")
        for channel in ("shop-b", global_id("Channel", retailer.shop_b), "no-such-channel"):
            answer = await api.run(retailer.a, PAGE, filter={"channel": channel})
            assert answer["errors"][0]["extensions"]["code"] == "CHANNEL_NOT_ALLOWED"
            answer = await api.run(
                retailer.a,
                'query($c: String) { variant(sku: "BOTH") { price(channel: $c) { taxIncluded } } }',
                c=channel,
            )
            assert answer["errors"][0]["extensions"]["code"] == "CHANNEL_NOT_ALLOWED"

    async def test_a_shop_sees_the_locations_of_its_pool(self, api, retailer):
        query = '{ locations { edges { node { code } } } munich: location(code: "munich") { code } }'
        seen = await api.data(retailer.a, query)
        assert [edge["node"]["code"] for edge in seen["locations"]["edges"]] == ["berlin", "hamburg"]
        assert seen["munich"] is None
        assert (await api.data(retailer.b, query))["munich"] == {"code": "munich"}

    async def test_drafts_are_not_for_shops(self, api, retailer):
        answer = await api.run(retailer.a, PAGE, filter={"status": "DRAFT"})
        assert answer["errors"][0]["extensions"]["path"] == ["filter", "status"]
