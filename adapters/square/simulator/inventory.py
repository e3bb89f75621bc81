"""The simulated inventory API: batches of physical counts, taken all or none."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from litestar import Controller, Response, post

from adapters.square.simulator.answers import Answer, Call, Refusal, body_of, once, page_of, seller_of
from adapters.square.simulator.seller import Json, Seller
from adapters.square.simulator.shapes import count_json
from hub.kernel.clock import parse_instant

MAX_CHANGES: Final = 100
MAX_AGE: Final = timedelta(hours=24)
CLOCK_TOLERANCE: Final = timedelta(seconds=5)

Count = tuple[str, str, int, datetime]


class InventoryController(Controller):
    path = "/v2/inventory"

    @post("/changes/batch-create", status_code=200)
    async def change(self, request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        if not body.get("idempotency_key"):
            raise Refusal(400, "MISSING_REQUIRED_PARAMETER", "Missing.", field="idempotency_key")
        return Response(once(seller, body, lambda: _apply(seller, body)))

    @post("/counts/batch-retrieve", status_code=200)
    async def retrieve(self, request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        variations, locations = body.get("catalog_object_ids"), body.get("location_ids")
        places = [
            place
            for place in sorted(seller.tallies)
            if (not variations or place[0] in variations) and (not locations or place[1] in locations)
        ]
        shown, following = page_of(seller, places, body, body.get("cursor") or "")
        return Response({"counts": [count_json(seller, place) for place in shown], **following})


def _apply(seller: Seller, body: Mapping[str, Any]) -> Json:
    changes = body.get("changes") or []
    if not 1 <= len(changes) <= MAX_CHANGES:
        raise Refusal(400, "ARRAY_LENGTH_TOO_LONG", "Send 1 to 100 changes.", field="changes")
    counts = [_checked(seller, change, f"changes[{index}]") for index, change in enumerate(changes)]
    for variation_id, location_id, quantity, at in counts:
        seller.count(variation_id, location_id, quantity, at)
    places = dict.fromkeys((variation, location) for variation, location, _, _ in counts)
    return {"counts": [count_json(seller, place) for place in places], "changes": changes}


def _checked(seller: Seller, change: Mapping[str, Any], path: str) -> Count:
    count = change.get("physical_count")
    if change.get("type") != "PHYSICAL_COUNT" or not isinstance(count, dict):
        raise Refusal(400, "INVALID_VALUE", "This simulation takes physical counts only.", field=path)
    if count.get("catalog_object_id") not in seller.variations:
        raise Refusal(404, "NOT_FOUND", "The catalog object was not found.", field=f"{path}.physical_count")
    if count.get("location_id") not in seller.locations:
        raise Refusal(400, "INVALID_LOCATION", "The location was not found.", field=f"{path}.physical_count")
    if count.get("state") != "IN_STOCK" or not str(count.get("quantity", "")).isdigit():
        raise Refusal(400, "INVALID_VALUE", "The count is not valid.", field=f"{path}.physical_count")
    at = parse_instant(count["occurred_at"])
    if not timedelta(0) - CLOCK_TOLERANCE <= seller.clock() - at <= MAX_AGE:
        raise Refusal(400, "INVALID_TIME", "occurred_at is in the future or older than 24 hours.", field=path)
    return count["catalog_object_id"], count["location_id"], int(count["quantity"]), at
