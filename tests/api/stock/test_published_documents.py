"""The documents that shops, tills and the console send for catalog and stock run as they are published."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub_graphql.ids import global_id
from tests.api.stock.conftest import Retailer

OPERATIONS = Path(__file__).resolve().parents[3] / "graphql" / "operations"
NEAR = {"latitude": 52.5, "longitude": 13.4}
RECEIPT = "018f0000-0000-7000-8000-00000000000a"

QUERIES: dict[str, dict[str, Any]] = {
    "storefront/CatalogPage": {"first": 20},
    "storefront/ProductDetail": {"handle": "shirt"},
    "storefront/Availability": {"skus": ["SHIRT"], "method": "SHIP"},
    "storefront/PickupPlaces": {"sku": "SHIRT", "near": NEAR},
    "storefront/Stores": {"near": NEAR},
    "pos/StockLookup": {"sku": "SHIRT", "near": NEAR},
    "console/StockBoard": {},
}
REPORTS: dict[str, dict[str, Any]] = {
    "console/AdjustStock": {"sku": "SHIRT", "delta": 1, "reason": "FOUND"},
    "console/ReceiveStock": {"lines": [{"sku": "SHIRT", "quantity": 1}]},
    "console/CountStock": {"sku": "SHIRT", "counted": 2},
    "console/SetSafetyStock": {"sku": "SHIRT", "safetyStock": 1},
}


def document(name: str) -> str:
    return (OPERATIONS / f"{name}.graphql").read_text()


def sender(retailer: Retailer, name: str) -> Any:
    return {"storefront": retailer.a, "pos": retailer.till, "console": retailer.office}[name.split("/", maxsplit=1)[0]]


@pytest.fixture
async def shirt(retailer: Retailer) -> Any:
    [variant_id] = await retailer.product("SHIRT")
    for place in (retailer.berlin, retailer.hamburg):
        await retailer.stock(variant_id, place, 5)
    return variant_id


@pytest.mark.usefixtures("shirt")
class TestDocuments:
    @pytest.mark.parametrize("name", QUERIES)
    async def test_a_query_answers(self, api, retailer, name: str):
        data = await api.data(sender(retailer, name), document(name), **QUERIES[name])
        assert all(data.values())

    @pytest.mark.parametrize("name", REPORTS)
    async def test_a_report_is_booked(self, api, retailer, name: str):
        given = {**REPORTS[name], "locationCode": "berlin", "idempotencyKey": "1"}
        [payload] = (await api.data(retailer.office, document(name), input=given)).values()
        assert payload["errors"] == []

    async def test_a_transfer_and_its_history(self, api, retailer):
        given = {"sku": "SHIRT", "quantity": 1, "fromLocationCode": "berlin", "toLocationCode": "hamburg"}
        moved = await api.data(
            retailer.office, document("console/TransferStock"), input={**given, "idempotencyKey": "1"}
        )
        assert moved["stockTransfer"]["errors"] == []
        history = await api.data(
            retailer.office,
            document("console/StockHistory"),
            sku="SHIRT",
            locationId=global_id("Location", retailer.berlin),
        )
        assert history["stockMovements"]["edges"][0]["node"]["onHandDelta"] == -1

    async def test_a_cart_is_held_extended_and_given_back(self, api, retailer):
        async def send(name: str, **given: Any) -> Any:
            answer = await api.data(retailer.a, document(f"storefront/{name}"), input={"idempotencyKey": name, **given})
            [payload] = answer.values()
            assert payload["errors"] == []
            return payload["reservation"]

        held = await send("ReserveCart", lines=[{"sku": "SHIRT", "quantity": 2}])
        assert (await send("ExtendCart", id=held["id"], ttlSeconds=1_800))["status"] == "ACTIVE"
        assert (await send("ReleaseCart", id=held["id"]))["status"] == "RELEASED"

    async def test_a_till_holds_sells_and_releases(self, api, retailer):
        async def send(name: str, key: str, **given: Any) -> Any:
            answer = await api.data(retailer.till, document(f"pos/{name}"), input={"idempotencyKey": key, **given})
            [payload] = answer.values()
            assert payload["errors"] == []
            return payload["reservation"]

        sold, given_back = [await send("Reserve", key, lines=[{"sku": "SHIRT", "quantity": 1}]) for key in "ab"]
        assert (await send("Commit", "c", id=sold["id"], receiptId=RECEIPT))["status"] == "COMMITTED"
        assert (await send("Release", "d", id=given_back["id"]))["status"] == "RELEASED"
        status = await api.data(retailer.till, document("pos/ReservationStatus"), id=sold["id"])
        assert status["reservation"]["status"] == "COMMITTED"

    @pytest.mark.usefixtures("feed")
    async def test_the_page_is_watched(self, api, retailer):
        stream = api.stream(retailer.a, document("storefront/AvailabilityWatch"), skus=["SHIRT"])
        payload = await asyncio.wait_for(anext(stream), 20)
        assert payload["data"]["availabilityChanged"]["availabilities"][0]["quantity"] == 10
        await stream.aclose()
