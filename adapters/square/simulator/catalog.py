"""The simulated catalog API, and the account's locations."""

from collections.abc import Sequence
from datetime import UTC, datetime

from litestar import Controller, Response, get, post

from adapters.square.simulator.answers import Answer, Call, body_of, page_of, seller_of
from adapters.square.simulator.seller import Item, Json, Seller
from adapters.square.simulator.shapes import (
    category_json,
    item_json,
    location_json,
    option_id,
    option_json,
    variation_json,
)
from hub.kernel.clock import parse_instant


@get("/v2/locations")
async def locations(request: Call) -> Answer:
    seller = seller_of(request)
    return Response({"locations": [location_json(seller, one) for one in seller.locations.values()]})


class CatalogController(Controller):
    path = "/v2/catalog"

    @get("/list")
    async def listing(self, request: Call) -> Answer:
        seller, query = seller_of(request), dict(request.query_params)
        items = [item for item in seller.items.values() if not item.deleted]
        shown, following = page_of(seller, items, query, query.get("cursor", ""))
        return Response({"objects": [item_json(seller, item) for item in shown], **following})

    @post("/search", status_code=200)
    async def search(self, request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        begin = body.get("begin_time")
        since = parse_instant(begin) if begin else datetime.min.replace(tzinfo=UTC)
        items = [
            item
            for item in seller.items.values()
            if item.updated_at > since and (not item.deleted or body.get("include_deleted_objects"))
        ]
        shown, following = page_of(seller, items, body, body.get("cursor") or "")
        answer: Json = {"objects": [item_json(seller, item) for item in shown], **following}
        if body.get("include_related_objects"):
            answer["related_objects"] = _related(seller, shown)
        return Response(answer)

    @post("/batch-retrieve", status_code=200)
    async def retrieve(self, request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        found = [_object(seller, one) for one in body.get("object_ids", [])]
        return Response({"objects": [one for one in found if one is not None]})


def _related(seller: Seller, items: Sequence[Item]) -> list[Json]:
    names = dict.fromkeys(item.category for item in items if item.category)
    return [category_json(seller, name) for name in names]


def _object(seller: Seller, object_id: str) -> Json | None:
    if object_id in seller.items:
        return item_json(seller, seller.items[object_id])
    if object_id in seller.variations:
        return variation_json(seller.variations[object_id])
    names = dict.fromkeys(name for one in seller.variations.values() for name in one.options)
    known = {option_id(name): name for name in names}
    return option_json(seller, known[object_id]) if object_id in known else None
