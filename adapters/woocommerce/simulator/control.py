"""The handles with which a test or the demo drives the store; there is no such thing on a real one."""

from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from adapters.woocommerce.simulator import hooks
from adapters.woocommerce.simulator.hooks import Hook
from adapters.woocommerce.simulator.shapes import order_json
from adapters.woocommerce.simulator.shop import Sale, SaleLine, Shop

Call = Request[Any, Any, State]
Answer = Response[Any]


def control_router(shop: Shop) -> Router:
    """sell, update-order, deliver, redeliver, hook, faults and state, all under /_simulator; bodies are JSON."""

    @post("/sell", status_code=200)
    async def sell(request: Call) -> Answer:
        """{lines: [{sku | id, quantity}], customer_id?, billing?, shipping?, pickup_location?, discount?,
        shipping_total?, status?, deliver?}: the order, and the webhooks posted for it."""
        body = await request.json()
        deliver = body.pop("deliver", True)
        order = shop.sell(_sale(shop, body))
        sent = await _deliver(shop, request) if deliver else []
        return Response({"order": order_json(shop, order), "deliveries": sent})

    @post("/orders/{order_id:int}", status_code=200)
    async def update_order(order_id: FromPath[int], request: Call) -> Answer:
        """{status}: as an operator of the store would set it."""
        order = shop.orders[order_id]
        shop.update_order(order, status=(await request.json())["status"], meta={})
        return Response({"order": order_json(shop, order), "deliveries": await _deliver(shop, request)})

    @post("/deliver", status_code=200)
    async def deliver(request: Call) -> Answer:
        return Response({"deliveries": await _deliver(shop, request)})

    @post("/redeliver", status_code=200)
    async def redeliver(request: Call) -> Answer:
        """{order_id, times?}: the order's first webhook once more, as a plugin that repeats deliveries does it."""
        body, state = await request.json(), request.app.state
        delivery = hooks.compose(shop, state.hook, "order.created", body["order_id"])
        times = range(body.get("times", 1))
        return Response({"statuses": [await hooks.post(state.client, state.hook, delivery) for _ in times]})

    @post("/hook", status_code=200)
    async def hook(request: Call) -> Answer:
        """{url, secret}: where to post from now on; greets it as the real store does."""
        body = await request.json()
        request.app.state.hook = Hook(body["url"], body["secret"], source=str(request.base_url))
        return Response({"ping": await hooks.ping(request.app.state.client, request.app.state.hook)})

    @post("/faults", status_code=200)
    async def faults(request: Call) -> Answer:
        """{status, count?, retry_after?}: what the next REST requests get."""
        body = await request.json()
        shop.faults += [(body["status"], body.get("retry_after"))] * body.get("count", 1)
        return Response({"faults": len(shop.faults)})

    @get("/state")
    async def state() -> Answer:
        return Response(
            {
                "stock": {item.sku: item.stock for item in shop.items.values() if item.manage_stock},
                "orders": {str(order.id): order.status for order in shop.orders.values()},
                "order_meta": {str(order.id): order.meta for order in shop.orders.values()},
                "pending_webhooks": len(shop.pending),
            }
        )

    return Router("/_simulator", route_handlers=[sell, update_order, deliver, redeliver, hook, faults, state])


def _sale(shop: Shop, body: dict[str, Any]) -> Sale:
    lines = tuple(
        SaleLine(line["id"] if "id" in line else shop.find(line["sku"]).id, line["quantity"])
        for line in body.pop("lines")
    )
    return Sale(lines=lines, **body)


async def _deliver(shop: Shop, request: Call) -> list[dict[str, Any]]:
    current = request.app.state.hook
    if current is None:
        return []
    sent = await hooks.deliver_pending(request.app.state.client, shop, current)
    return [{"topic": topic, "id": entity_id, "status": status} for topic, entity_id, status in sent]
