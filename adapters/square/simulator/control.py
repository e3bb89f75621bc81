"""The handles with which a test or the demo drives the account; there is no such thing on a real one."""

from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from adapters.square.simulator import hooks
from adapters.square.simulator.hooks import Hook
from adapters.square.simulator.seller import Sale, SaleLine, Seller

Call = Request[Any, Any, State]
Answer = Response[Any]


def control_router(seller: Seller) -> Router:
    """sell, orders, count, deliver, redeliver, hook, faults and state, under /_simulator; bodies are JSON."""

    @post("/sell", status_code=200)
    async def sell(request: Call) -> Answer:
        """{lines: [{sku | id, quantity}], location_id, fulfillment?: PICKUP | SHIPMENT | DELIVERY, recipient?,
        customer_id?, discount?, tip?, paid?, tender?, deliver?}: the order, and the webhooks posted for it."""
        body = await request.json()
        deliver = body.pop("deliver", True)
        order = seller.sell(_sale(seller, body))
        sent = await _deliver(seller, request) if deliver else []
        return Response({"order": order, "deliveries": sent})

    @post("/orders/{order_id:str}", status_code=200)
    async def change_order(order_id: FromPath[str], request: Call) -> Answer:
        """A sparse order, as somebody in the shop would change it at the till: no version is asked for."""
        seller.change_order(seller.orders[order_id], await request.json())
        return Response({"order": seller.orders[order_id], "deliveries": await _deliver(seller, request)})

    @post("/count", status_code=200)
    async def count(request: Call) -> Answer:
        """{sku, location_id, quantity}: somebody counted in the shop."""
        body = await request.json()
        seller.count(seller.find(body["sku"]).id, body["location_id"], body["quantity"])
        return Response({"deliveries": await _deliver(seller, request)})

    @post("/deliver", status_code=200)
    async def deliver(request: Call) -> Answer:
        return Response({"deliveries": await _deliver(seller, request)})

    @post("/redeliver", status_code=200)
    async def redeliver(request: Call) -> Answer:
        """{event_id, times?}: a delivery that was taken is made again, as after a lost answer."""
        body, state = await request.json(), request.app.state
        event = next(one for one in seller.delivered if one.event_id == body["event_id"])
        return Response({"statuses": [await hooks.post(state.client, state.hook, event) for _ in range(body["times"])]})

    @post("/hook", status_code=200)
    async def hook(request: Call) -> Answer:
        """{url, signature_key, notification_url?}: where to post from now on."""
        request.app.state.hook = Hook(**await request.json())
        return Response({"hook": request.app.state.hook.url})

    @post("/faults", status_code=200)
    async def faults(request: Call) -> Answer:
        """{status, count?, retry_after?}: what the next API requests get."""
        body = await request.json()
        seller.faults += [(body["status"], body.get("retry_after"))] * body.get("count", 1)
        return Response({"faults": len(seller.faults)})

    @get("/state")
    async def state() -> Answer:
        return Response(_state(seller))

    handlers = [sell, change_order, count, deliver, redeliver, hook, faults, state]
    return Router("/_simulator", route_handlers=handlers)


def _sale(seller: Seller, body: dict[str, Any]) -> Sale:
    lines = tuple(
        SaleLine(line["id"] if "id" in line else seller.find(line["sku"]).id, line["quantity"])
        for line in body.pop("lines")
    )
    return Sale(lines=lines, **body)


def _state(seller: Seller) -> dict[str, Any]:
    stock: dict[str, dict[str, int]] = {}
    for (variation_id, location_id), tally in seller.tallies.items():
        stock.setdefault(seller.variations[variation_id].sku, {})[location_id] = tally.quantity
    fulfillments = {
        order["id"]: [one["state"] for one in order.get("fulfillments", ())] for order in seller.orders.values()
    }
    return {
        "stock": stock,
        "orders": {order["id"]: order["state"] for order in seller.orders.values()},
        "fulfillments": fulfillments,
        "pending_webhooks": len(seller.pending),
    }


async def _deliver(seller: Seller, request: Call) -> list[dict[str, Any]]:
    current = request.app.state.hook
    if current is None:
        return []
    sent = await hooks.deliver_pending(request.app.state.client, seller, current)
    return [{"topic": event.topic, "event_id": event.event_id, "status": status} for event, status in sent]
