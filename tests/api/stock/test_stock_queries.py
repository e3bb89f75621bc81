"""Promises and levels: what each caller may know, and how many statements it takes."""

from typing import Any

import pytest

from hub_graphql.ids import global_id

AVAILABILITY = """
query($skus: [String!]!, $channel: String, $locationId: ID, $near: GeoPointInput, $method: FulfillmentMethod) {
  availability(skus: $skus, channel: $channel, locationId: $locationId, near: $near, method: $method) {
    sku quantity state source confidence asOf variant { sku } channel { code }
    locations { available distanceKm location { code } }
  }
}
"""
LEVELS = """
query($skus: [String!], $locationIds: [ID!], $first: Int, $after: String) {
  stockLevels(skus: $skus, locationIds: $locationIds, first: $first, after: $after) {
    edges { cursor node { onHand available reserved version variant { sku } location { code } } }
  }
}
"""
MOVEMENTS = """
query($sku: String, $locationCode: String, $first: Int, $after: String) {
  stockMovements(sku: $sku, locationCode: $locationCode, first: $first, after: $after) {
    edges { cursor node { levelVersion kind onHandDelta occurredAt } } pageInfo { hasNextPage }
  }
}
"""
PAGE = """
query($first: Int!) {
  products(first: $first) { edges { node { id title handle images(first: 1) { url } variants(first: 2) { edges { node {
    sku title price { amount { amount currencyCode } } availability { quantity state asOf }
  } } } } } }
}
"""


CLAIM = """
mutation($input: ReservationCreateInput!) {
  reservationCreate(input: $input) { reservation { lines { quantity location { code } } } errors { code path } }
}
"""


async def ask(api: Any, who: Any, **variables: Any) -> Any:
    return (await api.data(who, AVAILABILITY, **variables))["availability"]


class TestPromises:
    async def test_each_channel_promises_its_own_pool(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 4)
        await retailer.stock(shirt, retailer.hamburg, 3)
        await retailer.stock(shirt, retailer.munich, 1)
        [at_a] = await ask(api, retailer.a, skus=["SHIRT"])
        [at_b] = await ask(api, retailer.b, skus=["SHIRT"])
        assert (at_a["quantity"], at_a["state"], at_a["channel"]) == (7, "IN_STOCK", {"code": "shop-a"})
        assert [(place["location"]["code"], place["available"]) for place in at_a["locations"]] == [
            ("berlin", 4),
            ("hamburg", 3),
        ]
        assert (at_b["quantity"], at_b["state"], at_b["source"], at_b["confidence"]) == (
            1, "LOW_STOCK", "LEDGER", "HIGH",
        )  # fmt: skip
        answer = await api.run(retailer.a, AVAILABILITY, skus=["SHIRT"], channel="shop-b")
        assert answer["errors"][0]["extensions"]["code"] == "CHANNEL_NOT_ALLOWED"

    async def test_what_is_promised_by_default_is_what_can_be_claimed_by_default(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 4)
        await retailer.stock(shirt, retailer.hamburg, 3)
        await retailer.cannot_ship(retailer.berlin)
        lines = [{"sku": "SHIRT", "quantity": 4}]
        [promised] = await ask(api, retailer.a, skus=["SHIRT"])
        refused = await api.data(retailer.a, CLAIM, input={"lines": lines, "idempotencyKey": "ship"})
        assert promised["quantity"] == 3
        assert refused["reservationCreate"]["errors"][0]["code"] == "INSUFFICIENT_STOCK"
        [collected] = await ask(api, retailer.a, skus=["SHIRT"], method="PICKUP")
        [anyhow] = await ask(api, retailer.a, skus=["SHIRT"], method=None)
        assert (collected["quantity"], anyhow["quantity"]) == (7, 7)
        page = await api.data(retailer.a, PAGE, first=1)
        [variant] = page["products"]["edges"][0]["node"]["variants"]["edges"]
        assert variant["node"]["availability"]["quantity"] == 3

    async def test_a_till_may_sell_what_lies_in_a_store_that_cannot_ship(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 1)
        await retailer.cannot_ship(retailer.berlin)
        place = global_id("Location", retailer.berlin)
        [at_the_till] = await ask(api, retailer.till, skus=["SHIRT"], locationId=place)
        [in_the_shop] = await ask(api, retailer.a, skus=["SHIRT"], locationId=place)
        given = {"lines": [{"sku": "SHIRT", "quantity": 1, "locationId": place}], "idempotencyKey": "k"}
        claimed = await api.data(retailer.till, CLAIM, input=given)
        refused = await api.data(retailer.a, CLAIM, input=given)
        assert (at_the_till["quantity"], in_the_shop["quantity"]) == (1, 0)
        assert claimed["reservationCreate"]["errors"] == []
        assert refused["reservationCreate"]["errors"][0]["code"] == "INSUFFICIENT_STOCK"

    async def test_answers_come_in_the_order_asked_and_unknown_skus_say_so(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.product("ONLY-B", channels=(retailer.shop_b,))
        await retailer.product("WORK", policy="UNTRACKED")
        await retailer.stock(shirt, retailer.berlin, 1)
        found = await ask(api, retailer.a, skus=["WORK", "nope", "SHIRT", "ONLY-B", "SHIRT"])
        assert [(one["sku"], one["quantity"], one["state"]) for one in found] == [
            ("WORK", None, "IN_STOCK"),
            ("nope", 0, "UNKNOWN_SKU"),
            ("SHIRT", 1, "LOW_STOCK"),
            ("ONLY-B", 0, "UNKNOWN_SKU"),
            ("SHIRT", 1, "LOW_STOCK"),
        ]

    async def test_the_nearest_location_comes_first(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 4)
        await retailer.stock(shirt, retailer.munich, 1)
        near = {"latitude": 48.14, "longitude": 11.58}
        [found] = await ask(api, retailer.office, skus=["SHIRT"], near=near)
        assert [place["location"]["code"] for place in found["locations"]] == ["munich", "berlin"]
        assert (found["quantity"], found["channel"], found["locations"][0]["distanceKm"]) == (5, None, 0)

    async def test_one_location_of_the_pool_can_be_asked_about(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.hamburg, 2)
        [found] = await ask(api, retailer.a, skus=["SHIRT"], locationId=global_id("Location", retailer.hamburg))
        assert (found["quantity"], found["state"]) == (2, "LOW_STOCK")
        answer = await api.run(
            retailer.a, AVAILABILITY, skus=["SHIRT"], locationId=global_id("Location", retailer.munich)
        )
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"

    @pytest.mark.parametrize("skus", [[], ["X"] * 101])
    async def test_one_to_a_hundred_skus(self, api, retailer, skus: list[str]):
        answer = await api.run(retailer.a, "query($skus: [String!]!) { availability(skus: $skus) { sku } }", skus=skus)
        assert answer["errors"][0]["extensions"]["path"] == ["skus"]

    async def test_a_credential_of_no_channel_names_one(self, api, retailer):
        answer = await api.run(retailer.office, AVAILABILITY, skus=["SHIRT"])
        assert answer["errors"][0]["extensions"]["path"] == ["channel"]


class TestLevels:
    async def test_levels_are_for_those_who_may_read_stock_within_their_locations(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        for place in (retailer.berlin, retailer.hamburg, retailer.munich):
            await retailer.stock(shirt, place, 2)

        async def seen(who: Any) -> list[str]:
            edges = (await api.data(who, LEVELS, skus=["SHIRT"]))["stockLevels"]["edges"]
            return sorted(edge["node"]["location"]["code"] for edge in edges)

        assert await seen(retailer.office) == ["berlin", "hamburg", "munich"]
        assert await seen(retailer.till) == ["berlin"]
        assert await seen(retailer.hamburg_manager) == ["hamburg"]

    async def test_a_shop_does_not_see_what_is_on_hand(self, api, retailer):
        with pytest.raises(Exception, match="stock:read"):
            await api.run(retailer.a, LEVELS)

    async def test_another_location_is_refused(self, api, retailer):
        munich = global_id("Location", retailer.munich)
        answer = await api.run(retailer.till, LEVELS, locationIds=[munich])
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
        await retailer.product("SHIRT")
        answer = await api.run(retailer.till, MOVEMENTS, sku="SHIRT", locationCode="munich")
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"

    async def test_levels_and_movements_come_in_pages(self, api, retailer):
        variants = await retailer.product("SHIRT", variants=3)
        for variant in variants:
            await retailer.stock(variant, retailer.berlin, 2)
        first = (await api.data(retailer.till, LEVELS, first=2))["stockLevels"]["edges"]
        second = (await api.data(retailer.till, LEVELS, first=2, after=first[-1]["cursor"]))["stockLevels"]["edges"]
        assert [edge["node"]["variant"]["sku"] for edge in first + second] == ["SHIRT-1", "SHIRT-2", "SHIRT-3"]
        for quantity in (3, 4):
            await retailer.stock(variants[0], retailer.berlin, quantity)
        newest = (await api.data(retailer.till, MOVEMENTS, sku="SHIRT-1", first=2))["stockMovements"]["edges"]
        older = await api.data(retailer.till, MOVEMENTS, sku="SHIRT-1", first=2, after=newest[-1]["cursor"])
        numbers = [edge["node"]["levelVersion"] for edge in newest + older["stockMovements"]["edges"]]
        assert numbers == [3, 2, 1]
        answer = await api.run(retailer.till, LEVELS, after=newest[-1]["cursor"])
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"

    @pytest.mark.parametrize("cursor", ["", "garbage", "W10", "x" * 3_000])
    async def test_garbage_is_no_cursor(self, api, retailer, cursor: str):
        answer = await api.run(retailer.till, LEVELS, after=cursor)
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


class TestStatements:
    async def test_a_catalog_page_takes_the_same_few_statements_for_any_number_of_rows(self, api, retailer):
        for number in range(20):
            for variant in await retailer.product(f"P{number:02}", variants=2):
                await retailer.stock(variant, retailer.berlin, 3)
        one, twenty = await api.count(retailer.a, PAGE, first=1), await api.count(retailer.a, PAGE, first=20)
        assert one == twenty <= 8

    async def test_availability_takes_the_same_statements_for_any_number_of_skus(self, api, retailer):
        skus = [f"S{number}" for number in range(30)]
        for sku in skus:
            [variant] = await retailer.product(sku)
            await retailer.stock(variant, retailer.berlin, 3)
            await retailer.stock(variant, retailer.hamburg, 3)
        slim = AVAILABILITY.replace("locations {", "locations(first: 2) {")
        few, many = [await api.count(retailer.a, slim, skus=some) for some in (skus[:1], skus)]
        assert few == many <= 8

    async def test_levels_take_the_same_statements_for_any_number_of_rows(self, api, retailer):
        for number in range(10):
            [variant] = await retailer.product(f"S{number}")
            await retailer.stock(variant, retailer.berlin, 3)
        assert await api.count(retailer.till, LEVELS, first=1) == await api.count(retailer.till, LEVELS, first=10) <= 3
