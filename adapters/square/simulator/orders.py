"""The simulated orders API: search by modification, read, and update at the version read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from litestar import Controller, Response, get, post, put
from litestar.params import FromPath

from adapters.square.simulator.answers import Answer, Call, Refusal, body_of, once, page_of, seller_of
from adapters.square.simulator.seller import Json, Seller
from hub.kernel.clock import parse_instant

MAX_LOCATIONS: Final = 10
_CLOSED: Final = frozenset({"COMPLETED", "CANCELED"})


class OrdersController(Controller):
    path = "/v2/orders"

    @post("/search", status_code=200)
    async def search(self, request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        shown, following = page_of(seller, _found(seller, body), body, body.get("cursor") or "")
        return Response({"orders": list(shown), **following})

    @get("/{order_id:str}")
    async def one(self, order_id: FromPath[str], request: Call) -> Answer:
        return Response({"order": _order(seller_of(request), order_id)})

    @put("/{order_id:str}")
    async def change(self, order_id: FromPath[str], request: Call) -> Answer:
        seller, body = seller_of(request), await body_of(request)
        return Response(once(seller, {**body, "order_id": order_id}, lambda: _change(seller, order_id, body)))


def _found(seller: Seller, body: Mapping[str, Any]) -> list[Json]:
    locations = body.get("location_ids") or []
    if not 1 <= len(locations) <= MAX_LOCATIONS:
        raise Refusal(400, "ARRAY_LENGTH_TOO_LONG", "Name 1 to 10 locations.", field="location_ids")
    query = body.get("query") or {}
    times = ((query.get("filter") or {}).get("date_time_filter") or {}).get("updated_at") or {}
    sort = query.get("sort") or {}
    if times and sort.get("sort_field") != "UPDATED_AT":
        raise Refusal(400, "BAD_REQUEST", "Sort by the field that is filtered.", field="query.sort.sort_field")
    since = parse_instant(times["start_at"]) if times.get("start_at") else datetime.min.replace(tzinfo=UTC)
    found = [
        order
        for order in seller.orders.values()
        if order["location_id"] in locations and parse_instant(order["updated_at"]) >= since
    ]
    return sorted(found, key=_modification, reverse=sort.get("sort_order") != "ASC")


def _modification(order: Json) -> tuple[datetime, str]:
    return parse_instant(order["updated_at"]), order["id"]


def _order(seller: Seller, order_id: str) -> Json:
    if order_id not in seller.orders:
        raise Refusal(404, "NOT_FOUND", f"Order not found for id {order_id}")
    return seller.orders[order_id]


def _change(seller: Seller, order_id: str, body: Mapping[str, Any]) -> Json:
    order, changes = _order(seller, order_id), body.get("order") or {}
    if "version" not in order:
        raise Refusal(400, "BAD_REQUEST", "Orders without a version cannot be updated.")
    if changes.get("version") != order["version"]:
        detail = f"Version mismatch: current version is {order['version']}"
        raise Refusal(409, "VERSION_MISMATCH", detail, field="order.version")
    if order["state"] in _CLOSED:
        raise Refusal(400, "BAD_REQUEST", f"The order is {order['state']}.", field="order.state")
    _check_cancellation(order, changes)
    seller.change_order(order, changes)
    return {"order": order}


def _check_cancellation(order: Json, changes: Mapping[str, Any]) -> None:
    uids = {one["uid"] for one in order.get("fulfillments", ())}
    for change in changes.get("fulfillments", ()):
        if change.get("uid") not in uids:
            raise Refusal(400, "INVALID_VALUE", "No such fulfillment.", field="order.fulfillments.uid")
    if changes.get("state") == "CANCELED" and order.get("tenders"):
        raise Refusal(400, "BAD_REQUEST", "An order with payments cannot be canceled.", field="order.state")
