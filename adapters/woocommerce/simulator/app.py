"""The simulated store's HTTP face: REST v3 under /wp-json/wc/v3, and /_simulator to drive it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from litestar import Controller, Litestar, Response, Router, get, post, put
from litestar.datastructures import State
from litestar.params import FromPath

from adapters.woocommerce.simulator import hooks
from adapters.woocommerce.simulator.access import Gate
from adapters.woocommerce.simulator.control import control_router
from adapters.woocommerce.simulator.hooks import Hook
from adapters.woocommerce.simulator.pages import Answer, Call, error, page_of, problem
from adapters.woocommerce.simulator.shapes import order_json, product_json, variation_json
from adapters.woocommerce.simulator.shop import Item, Shop

API: Final = "/wp-json/wc/v3"
MAX_BATCH: Final = 100


def create_app(shop: Shop, *, hook: Hook | None = None) -> Litestar:
    """The store as an ASGI application; `app.state.hook` is where it posts its webhooks (None: nowhere)."""
    rest = Router(
        API,
        route_handlers=[ProductsController, OrdersController, current_currency],
        before_request=_let_in,
        after_response=_send_webhooks,
    )
    return Litestar(
        route_handlers=[rest, control_router(shop)],
        state=State({"shop": shop, "hook": hook, "gate": Gate(shop)}),
        lifespan=[_webhook_client],
        openapi_config=None,
        logging_config=None,
    )


@asynccontextmanager
async def _webhook_client(app: Litestar) -> AsyncIterator[None]:
    async with httpx.AsyncClient(timeout=10) as client:
        app.state.client = client
        yield


class ProductsController(Controller):
    path = "/products"

    @get("/")
    async def listing(self, request: Call) -> Answer:
        shop = _shop(request)
        listed = [item for item in shop.items.values() if not item.parent_id]
        if (sku := request.query_params.get("sku")) is not None:
            listed = [item for item in shop.items.values() if item.sku == sku]
        return page_of(request, listed, lambda item: _item_json(shop, item))

    @get("/{item_id:int}")
    async def one(self, item_id: FromPath[int], request: Call) -> Answer:
        item = _shop(request).items.get(item_id)
        return _missing("product") if item is None else Response(_item_json(_shop(request), item))

    @put("/{item_id:int}")
    async def change(self, item_id: FromPath[int], request: Call) -> Answer:
        changed = _change_item(_shop(request), {**await request.json(), "id": item_id}, parent_id=0)
        return error(changed["error"]) if "error" in changed else Response(changed)

    @post("/batch", status_code=200)
    async def change_many(self, request: Call) -> Answer:
        return _batch(_shop(request), await request.json(), parent_id=0)

    @get("/{item_id:int}/variations")
    async def variations(self, item_id: FromPath[int], request: Call) -> Answer:
        shop = _shop(request)
        if item_id not in shop.items:
            return _missing("product")
        return page_of(request, [shop.items[one] for one in shop.items[item_id].variations], variation_json)

    @post("/{item_id:int}/variations/batch", status_code=200)
    async def change_variations(self, item_id: FromPath[int], request: Call) -> Answer:
        return _batch(_shop(request), await request.json(), parent_id=item_id)


class OrdersController(Controller):
    path = "/orders"

    @get("/")
    async def listing(self, request: Call) -> Answer:
        shop = _shop(request)
        return page_of(request, list(shop.orders.values()), lambda order: order_json(shop, order))

    @get("/{order_id:int}")
    async def one(self, order_id: FromPath[int], request: Call) -> Answer:
        found = _shop(request).orders.get(order_id)
        return _missing("shop_order") if found is None else Response(order_json(_shop(request), found))

    @put("/{order_id:int}")
    async def change(self, order_id: FromPath[int], request: Call) -> Answer:
        shop = _shop(request)
        found, body = shop.orders.get(order_id), await request.json()
        if found is None:
            return _missing("shop_order")
        meta = {entry["key"]: entry["value"] for entry in body.get("meta_data", [])}
        shop.update_order(found, status=body.get("status"), meta=meta)
        return Response(order_json(shop, found))


@get("/data/currencies/current")
async def current_currency(request: Call) -> Answer:
    code = _shop(request).currency
    return Response({"code": code, "name": code, "symbol": code, "_links": {}})


def _shop(request: Call) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


async def _let_in(request: Call) -> Answer | None:
    shop = _shop(request)
    if shop.faults:
        status, retry_after = shop.faults.pop(0)
        headers = {} if retry_after is None else {"retry-after": retry_after}
        return Response({"code": "simulated_fault"}, status_code=status, headers=headers)
    refusal = request.app.state.gate.refusal(
        request.scope, request.method, str(request.url), request.headers.get("authorization", "")
    )
    return None if refusal is None else error(problem(refusal[0], refusal[1], 401))


async def _send_webhooks(request: Call) -> None:
    """A write through the API is announced too: the hub hears the echo of what it published."""
    state = request.app.state
    if state.hook is not None:
        await hooks.deliver_pending(state.client, state.shop, state.hook)


def _item_json(shop: Shop, item: Item) -> dict[str, Any]:
    return variation_json(item) if item.parent_id else product_json(shop, item)


def _batch(shop: Shop, body: Mapping[str, Any], *, parent_id: int) -> Answer:
    rows = body.get("update", [])
    if sum(len(body.get(action, [])) for action in ("create", "update", "delete")) > MAX_BATCH:
        message = "Unable to accept more than 100 items for this request."
        return error(problem("woocommerce_rest_request_entity_too_large", message, 413))
    return Response({"update": [_change_item(shop, row, parent_id=parent_id) for row in rows]})


def _change_item(shop: Shop, row: Mapping[str, Any], *, parent_id: int) -> dict[str, Any]:
    """The changed entity, or the row's own error. A number for unmanaged stock is ignored without a word."""
    item = shop.items.get(row["id"])
    if item is None or item.parent_id != parent_id:
        kind = "product_variation" if parent_id else "product"
        return {"id": row["id"], "error": problem(f"woocommerce_rest_{kind}_invalid_id", "Invalid ID.", 400)}
    if "manage_stock" in row:
        item.manage_stock = bool(row["manage_stock"])
    if "regular_price" in row:
        item.price = str(row["regular_price"])
    if item.manage_stock and row.get("stock_quantity") is not None:
        item.stock = int(row["stock_quantity"])
    shop.touch(item)
    return _item_json(shop, item)


def _missing(kind: str) -> Answer:
    return error(problem(f"woocommerce_rest_{kind}_invalid_id", "Invalid ID.", 404))
