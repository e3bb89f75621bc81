"""Claims over GraphQL: who may make them, what is refused, and that a key answers once."""

from typing import Any

import pytest

from hub.inventory import check_stock
from hub_graphql.ids import global_id

CREATE = """
mutation Claim($input: ReservationCreateInput!) {
  reservationCreate(input: $input) {
    replayed
    reservation {
      id owner status expiresAt channel { code } lines { quantity variant { sku } location { code } }
    }
    errors { __typename code message path
      ... on InsufficientStockError { lines { sku locationId requested available } } }
    warnings { message }
  }
}
"""
RELEASE = """mutation($input: ReservationReleaseInput!) { reservationRelease(input: $input) {
  replayed reservation { status } errors { code path } } }"""
EXTEND = """mutation($input: ReservationExtendInput!) { reservationExtend(input: $input) {
  replayed reservation { status expiresAt } errors { code path } } }"""
COMMIT = """mutation($input: ReservationCommitInput!) { reservationCommit(input: $input) {
  replayed reservation { status } errors { code path } } }"""


def claim(*lines: dict[str, Any], key: str = "k1", **more: Any) -> dict[str, Any]:
    return {"lines": list(lines), "idempotencyKey": key, **more}


async def create(api: Any, who: Any, **given: Any) -> Any:
    return (await api.data(who, CREATE, input=given))["reservationCreate"]


async def assert_sound(retailer: Any) -> None:
    async with retailer.database.read() as session:
        assert await check_stock(session) == []


class TestOwners:
    async def test_a_shop_claims_for_a_cart_from_its_pool(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.hamburg, 3)
        made = await create(api, retailer.a, **claim({"sku": "SHIRT", "quantity": 2}))
        assert made["errors"] == []
        assert made["reservation"]["owner"] == "CART"
        assert made["reservation"]["channel"] == {"code": "shop-a"}
        assert made["reservation"]["lines"] == [
            {"quantity": 2, "variant": {"sku": "SHIRT"}, "location": {"code": "hamburg"}}
        ]

    async def test_a_till_claims_at_its_own_location(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 1)
        await retailer.stock(shirt, retailer.munich, 1)
        made = await create(api, retailer.till, **claim({"sku": "SHIRT", "quantity": 1}))
        assert made["reservation"]["owner"] == "TERMINAL"
        assert made["reservation"]["lines"][0]["location"] == {"code": "berlin"}

    async def test_staff_claim_in_their_own_name(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.hamburg, 1)
        made = await create(api, retailer.hamburg_manager, **claim({"sku": "SHIRT", "quantity": 1}))
        assert made["reservation"]["owner"] == "STAFF"

    async def test_a_till_cannot_claim_elsewhere_and_a_shop_not_beyond_its_pool(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.munich, 5)
        line = {"sku": "SHIRT", "quantity": 1, "locationCode": "munich"}
        for who in (retailer.till, retailer.a, retailer.hamburg_manager):
            answer = await api.run(who, CREATE, input=claim(line))
            assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
        await assert_sound(retailer)

    async def test_a_claim_of_another_is_unknown(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 5)
        made = (await create(api, retailer.a, **claim({"sku": "SHIRT", "quantity": 1})))["reservation"]["id"]
        query = "query($id: ID!) { reservation(id: $id) { status } node(id: $id) { id } }"
        assert await api.data(retailer.b, query, id=made) == {"reservation": None, "node": None}
        released = await api.data(retailer.b, RELEASE, input={"id": made, "idempotencyKey": "r"})
        assert released["reservationRelease"]["errors"][0]["code"] == "RESERVATION_NOT_FOUND"
        assert (await api.data(retailer.a, query, id=made))["reservation"] == {"status": "ACTIVE"}
        assert (await api.data(retailer.office, query, id=made))["reservation"] == {"status": "ACTIVE"}


class TestLife:
    async def test_extend_commit_and_release(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 5)
        made = await create(api, retailer.till, **claim({"sku": "SHIRT", "quantity": 2}, ttlSeconds=60))
        key = made["reservation"]["id"]
        more = {"id": key, "ttlSeconds": 600, "idempotencyKey": "e"}
        extended = (await api.data(retailer.till, EXTEND, input=more))["reservationExtend"]
        assert extended["reservation"]["expiresAt"] > made["reservation"]["expiresAt"]
        sold = {"id": key, "receiptId": "018f0000-0000-7000-8000-00000000000a", "idempotencyKey": "c"}
        committed = (await api.data(retailer.till, COMMIT, input=sold))["reservationCommit"]
        assert committed["reservation"] == {"status": "COMMITTED"}
        late = await api.data(retailer.till, RELEASE, input={"id": key, "idempotencyKey": "r"})
        assert (
            late["reservationRelease"]["errors"] == [{"code": "RESERVATION_NOT_ACTIVE", "path": None}]
            or late["reservationRelease"]["errors"][0]["code"] == "RESERVATION_NOT_ACTIVE"
        )
        await assert_sound(retailer)

    async def test_the_same_key_gives_the_first_answer_again(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 1)
        given = claim({"sku": "SHIRT", "quantity": 1})
        first = await api.run(retailer.a, CREATE, input=given)
        again = await api.run(retailer.a, CREATE, input=given)
        assert first["extensions"]["idempotency"] == {"reservationCreate": {"replayed": False}}
        assert again["extensions"]["idempotency"] == {"reservationCreate": {"replayed": True}}
        first_made, again_made = (answer["data"]["reservationCreate"] for answer in (first, again))
        assert again_made["replayed"] is True
        assert again_made["reservation"] == first_made["reservation"]

    async def test_a_refusal_is_given_again_with_its_lines(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 1)
        given = claim({"sku": "SHIRT", "quantity": 2})
        first, again = [await create(api, retailer.a, **given) for _ in range(2)]
        assert (first["replayed"], again["replayed"]) == (False, True)
        assert first["errors"] == again["errors"]
        [error] = first["errors"]
        assert (error["__typename"], error["code"]) == ("InsufficientStockError", "INSUFFICIENT_STOCK")
        assert error["lines"] == [{"sku": "SHIRT", "locationId": None, "requested": 2, "available": 1}]

    async def test_a_key_with_another_input_is_refused(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 5)
        await create(api, retailer.a, **claim({"sku": "SHIRT", "quantity": 1}))
        other = await create(api, retailer.a, **claim({"sku": "SHIRT", "quantity": 2}))
        assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"

    async def test_the_same_sku_twice_is_one_demand(self, api, retailer):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 3)
        line = {"sku": "SHIRT", "quantity": 2}
        refused = await create(api, retailer.a, **claim(line, line))
        assert refused["errors"][0]["lines"][0]["requested"] == 4
        await retailer.stock(shirt, retailer.berlin, 4)
        made = await create(api, retailer.a, **claim(line, line, key="k2"))
        assert [line["quantity"] for line in made["reservation"]["lines"]] == [4]


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "code", "path"),
        [
            ({"ttlSeconds": 0}, "INVALID_TTL", ["input", "ttlSeconds"]),
            ({"ttlSeconds": 14_401}, "INVALID_TTL", ["input", "ttlSeconds"]),
            ({"lines": []}, "TOO_MANY_LINES", ["input", "lines"]),
            ({"lines": [{"sku": "SHIRT", "quantity": 1}] * 101}, "TOO_MANY_LINES", ["input", "lines"]),
            ({"lines": [{"sku": "SHIRT", "quantity": 0}]}, "INVALID_QUANTITY", ["input", "lines", "0", "quantity"]),
            ({"lines": [{"sku": "SHIRT", "quantity": -1}]}, "INVALID_QUANTITY", ["input", "lines", "0", "quantity"]),
            ({"lines": [{"sku": "NO", "quantity": 1}]}, "UNKNOWN_SKU", ["input", "lines", "0", "sku"]),
            ({"lines": [{"quantity": 1}]}, "INVALID_INPUT", ["input", "lines", "0", "sku"]),
            (
                {"lines": [{"sku": "SHIRT", "quantity": 1, "locationCode": "nowhere"}]},
                "UNKNOWN_LOCATION",
                ["input", "lines", "0", "locationId"],
            ),
            (
                {"lines": [{"variantId": "garbage", "quantity": 1}]},
                "INVALID_ID",
                ["input", "lines", "0", "variantId"],
            ),
            ({"idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID", ["input", "idempotencyKey"]),
            ({"idempotencyKey": "x" * 129}, "IDEMPOTENCY_KEY_INVALID", ["input", "idempotencyKey"]),
            ({"idempotencyKey": "a\nb"}, "IDEMPOTENCY_KEY_INVALID", ["input", "idempotencyKey"]),
            ({"near": {"latitude": 0, "longitude": 999}}, "INVALID_INPUT", ["input", "near"]),
            ({"channel": "no-such"}, "CHANNEL_NOT_FOUND", ["input", "channel"]),
        ],
    )
    async def test_it_is_refused_by_name_and_changes_nothing(self, api, retailer, change, code: str, path: list[str]):
        [shirt] = await retailer.product("SHIRT")
        await retailer.stock(shirt, retailer.berlin, 5)
        given = {**claim({"sku": "SHIRT", "quantity": 1}, channel="shop-a"), **change}
        refused = await create(api, retailer.office, **given)
        assert refused["reservation"] is None
        assert (refused["errors"][0]["code"], refused["errors"][0]["path"]) == (code, path)
        async with retailer.database.read() as session:
            assert await check_stock(session) == []

    async def test_a_quantity_beyond_every_int_is_no_quantity(self, api, retailer):
        answer = await api.run(retailer.a, CREATE, input=claim({"sku": "SHIRT", "quantity": 10**12}))
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    async def test_what_is_not_tracked_needs_no_reservation(self, api, retailer):
        await retailer.product("SERVICE", policy="UNTRACKED")
        refused = await create(api, retailer.a, **claim({"sku": "SERVICE", "quantity": 1}))
        assert refused["errors"][0]["code"] == "STOCK_NOT_TRACKED"

    async def test_an_id_of_another_type_names_no_reservation(self, api, retailer):
        other = global_id("Location", retailer.berlin)
        refused = await api.data(retailer.a, RELEASE, input={"id": other, "idempotencyKey": "r"})
        assert refused["reservationRelease"]["errors"][0]["code"] == "INVALID_ID"
