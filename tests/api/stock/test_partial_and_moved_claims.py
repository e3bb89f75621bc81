"""Claims that take what there is, prefer locations, and move: as clients see them over GraphQL."""

from typing import Any
from uuid import UUID

import pytest

from hub.inventory import check_stock
from hub_graphql.ids import global_id

CREATE = """
mutation($input: ReservationCreateInput!) {
  reservationCreate(input: $input) {
    replayed
    reservation { id lines { quantity variant { sku } location { code } } }
    shortLines { sku locationId requested available }
    errors { code path ... on InsufficientStockError { lines { sku locationId requested available } } }
  }
}
"""
TRANSFER = """
mutation($input: ReservationTransferInput!) {
  reservationTransfer(input: $input) {
    replayed
    reservation { status expiresAt version lines { quantity location { code } } }
    errors { code path ... on InsufficientStockError { lines { sku locationId requested available } } }
  }
}
"""
RELEASE = """mutation($input: ReservationReleaseInput!) { reservationRelease(input: $input) { errors { code } } }"""
UNKNOWN = UUID("018f0000-0000-7000-8000-00000000000a")


async def create(api: Any, who: Any, *lines: dict[str, Any], key: str = "k", **more: Any) -> Any:
    given = {"lines": list(lines), "idempotencyKey": key, **more}
    return (await api.data(who, CREATE, input=given))["reservationCreate"]


async def transfer(api: Any, who: Any, **given: Any) -> Any:
    return (await api.data(who, TRANSFER, input={"idempotencyKey": "t", **given}))["reservationTransfer"]


def taken(made: Any) -> list[tuple[str, str, int]]:
    lines = made["reservation"]["lines"]
    return sorted((line["variant"]["sku"], line["location"]["code"], line["quantity"]) for line in lines)


def at(*locations: Any) -> list[str]:
    return [global_id("Location", location) for location in locations]


@pytest.fixture
async def shirts(retailer: Any) -> Any:
    """Two in Berlin, three in Hamburg."""
    [shirt] = await retailer.product("SHIRT")
    await retailer.stock(shirt, retailer.berlin, 2)
    await retailer.stock(shirt, retailer.hamburg, 3)
    return shirt


@pytest.fixture(autouse=True)
async def sound(retailer: Any) -> Any:
    yield
    async with retailer.database.read() as session:
        assert await check_stock(session) == []


@pytest.mark.usefixtures("shirts")
class TestPartial:
    async def test_it_takes_what_there_is_and_names_the_rest(self, api, retailer):
        made = await create(api, retailer.a, {"sku": "SHIRT", "quantity": 9}, policy="PARTIAL")
        assert made["errors"] == []
        assert taken(made) == [("SHIRT", "berlin", 2), ("SHIRT", "hamburg", 3)]
        assert made["shortLines"] == [{"sku": "SHIRT", "locationId": None, "requested": 9, "available": 5}]

    async def test_it_says_so_again_when_it_is_asked_again(self, api, retailer):
        first, again = [
            await create(api, retailer.a, {"sku": "SHIRT", "quantity": 9}, policy="PARTIAL") for _ in range(2)
        ]
        assert (first.pop("replayed"), again.pop("replayed")) == (False, True)
        assert first == again

    async def test_what_got_everything_is_short_of_nothing(self, api, retailer):
        made = await create(api, retailer.a, {"sku": "SHIRT", "quantity": 5}, policy="PARTIAL")
        assert (sum(line[2] for line in taken(made)), made["shortLines"]) == (5, [])

    async def test_nothing_at_all_is_refused(self, api, retailer):
        await create(api, retailer.a, {"sku": "SHIRT", "quantity": 5})
        refused = await create(api, retailer.a, {"sku": "SHIRT", "quantity": 1}, key="k2", policy="PARTIAL")
        assert (refused["reservation"], refused["shortLines"]) == (None, [])
        assert refused["errors"][0]["code"] == "INSUFFICIENT_STOCK"
        assert refused["errors"][0]["lines"][0]["available"] == 0

    async def test_the_policy_is_part_of_the_input(self, api, retailer):
        await create(api, retailer.a, {"sku": "SHIRT", "quantity": 1})
        other = await create(api, retailer.a, {"sku": "SHIRT", "quantity": 1}, policy="PARTIAL")
        assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"

    async def test_a_policy_that_nobody_knows_is_malformed(self, api, retailer):
        given = {"lines": [{"sku": "SHIRT", "quantity": 1}], "idempotencyKey": "k", "policy": "SOME"}
        answer = await api.run(retailer.a, CREATE, input=given)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.usefixtures("shirts")
class TestPreference:
    async def test_the_first_that_has_everything_serves(self, api, retailer):
        line = {"sku": "SHIRT", "quantity": 3, "locationIds": at(retailer.berlin, retailer.hamburg)}
        assert taken(await create(api, retailer.a, line)) == [("SHIRT", "hamburg", 3)]

    async def test_when_none_has_everything_they_are_used_up_in_that_order(self, api, retailer):
        line = {"sku": "SHIRT", "quantity": 4, "locationIds": at(retailer.hamburg, retailer.berlin)}
        assert taken(await create(api, retailer.a, line)) == [("SHIRT", "berlin", 1), ("SHIRT", "hamburg", 3)]

    async def test_what_all_of_them_lack_is_refused_by_line(self, api, retailer):
        line = {"sku": "SHIRT", "quantity": 6, "locationIds": at(retailer.hamburg, retailer.berlin)}
        refused = await create(api, retailer.office, line, channel="shop-a")
        assert refused["errors"][0]["code"] == "INSUFFICIENT_STOCK"
        assert refused["errors"][0]["lines"][0] == {
            "sku": "SHIRT",
            "locationId": at(retailer.hamburg)[0],
            "requested": 6,
            "available": 5,
        }

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"locationIds": []}, "INVALID_INPUT"),
            ({"locationIds": ["berlin", "berlin"]}, "INVALID_INPUT"),
            ({"locationIds": ["berlin"], "locationCode": "berlin"}, "INVALID_INPUT"),
            ({"locationIds": ["garbage"]}, "INVALID_ID"),
            ({"locationIds": ["unknown"]}, "UNKNOWN_LOCATION"),
            ({"locationIds": ["berlin", "unknown"]}, "UNKNOWN_LOCATION"),
            ({"locationIds": ["unknown"] * 21}, "INVALID_INPUT"),
        ],
    )
    async def test_bad_input_is_named_and_changes_nothing(self, api, retailer, change: Any, code: str):
        names = {"berlin": at(retailer.berlin)[0], "unknown": global_id("Location", UNKNOWN)}
        change = {**change, "locationIds": [names.get(name, name) for name in change["locationIds"]]}
        refused = await create(api, retailer.office, {"sku": "SHIRT", "quantity": 1, **change}, channel="shop-a")
        assert (refused["reservation"], refused["errors"][0]["code"]) == (None, code)

    async def test_a_shop_prefers_locations_of_its_pool_only_and_a_till_its_own(self, api, retailer):
        for who in (retailer.a, retailer.till):
            line = {"sku": "SHIRT", "quantity": 1, "locationIds": at(retailer.berlin, retailer.munich)}
            answer = await api.run(who, CREATE, input={"lines": [line], "idempotencyKey": "k"})
            assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"


@pytest.mark.usefixtures("shirts")
class TestTransfer:
    @pytest.fixture
    async def made(self, api: Any, retailer: Any) -> str:
        """Two units held in Berlin for shop A."""
        line = {"sku": "SHIRT", "quantity": 2, "locationCode": "berlin"}
        return str((await create(api, retailer.a, line))["reservation"]["id"])

    async def test_it_moves_everything_and_keeps_the_time(self, api, retailer, made):
        moved = await transfer(api, retailer.a, id=made, toLocationCode="hamburg")
        assert moved["errors"] == []
        assert moved["reservation"]["lines"] == [{"quantity": 2, "location": {"code": "hamburg"}}]
        assert moved["reservation"]["status"] == "ACTIVE"
        again = await transfer(api, retailer.a, id=made, toLocationCode="hamburg")
        assert again == {**moved, "replayed": True}

    async def test_it_moves_nothing_when_something_is_short(self, api, retailer, made):
        await create(api, retailer.a, {"sku": "SHIRT", "quantity": 2, "locationCode": "hamburg"}, key="other")
        refused = await transfer(api, retailer.a, id=made, toLocationCode="hamburg")
        [error] = refused["errors"]
        assert error["code"] == "INSUFFICIENT_STOCK"
        assert error["lines"][0] == {
            "sku": "SHIRT",
            "locationId": at(retailer.hamburg)[0],
            "requested": 2,
            "available": 1,
        }

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"toLocationId": None}, "INVALID_INPUT"),
            ({"toLocationId": "garbage"}, "INVALID_ID"),
            ({"toLocationId": global_id("Location", UNKNOWN)}, "UNKNOWN_LOCATION"),
            ({"toLocationCode": "nowhere"}, "UNKNOWN_LOCATION"),
            ({"id": "garbage", "toLocationCode": "hamburg"}, "INVALID_ID"),
            ({"id": global_id("Reservation", UNKNOWN), "toLocationCode": "hamburg"}, "RESERVATION_NOT_FOUND"),
            ({"toLocationCode": "hamburg", "idempotencyKey": ""}, "IDEMPOTENCY_KEY_INVALID"),
        ],
    )
    async def test_bad_input_is_named_and_changes_nothing(self, api, retailer, made, change: Any, code: str):
        refused = await transfer(api, retailer.office, **{"id": made, **change})
        assert (refused["reservation"], refused["errors"][0]["code"]) == (None, code)

    async def test_it_stays_within_who_asks(self, api, retailer, made):
        outside = {"id": made, "toLocationCode": "munich", "idempotencyKey": "t"}
        answer = await api.run(retailer.a, TRANSFER, input=outside)
        assert answer["errors"][0]["extensions"]["code"] == "LOCATION_NOT_ALLOWED"
        foreign = await transfer(api, retailer.b, id=made, toLocationCode="munich")
        assert foreign["errors"][0]["code"] == "RESERVATION_NOT_FOUND"

    async def test_what_was_given_back_does_not_move(self, api, retailer, made):
        await api.data(retailer.a, RELEASE, input={"id": made, "idempotencyKey": "r"})
        refused = await transfer(api, retailer.a, id=made, toLocationCode="hamburg")
        assert refused["errors"][0]["code"] == "RESERVATION_NOT_ACTIVE"
