"""The simulated account's HTTP face: Square's API under /v2, and /_simulator to drive it."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar, Response, Router
from litestar.datastructures import State

from adapters.square.simulator import hooks
from adapters.square.simulator.answers import Answer, Call, Refusal, refused, seller_of
from adapters.square.simulator.catalog import CatalogController, locations
from adapters.square.simulator.control import control_router
from adapters.square.simulator.hooks import Hook
from adapters.square.simulator.inventory import InventoryController
from adapters.square.simulator.orders import OrdersController
from adapters.square.simulator.seller import Seller


def create_app(seller: Seller, *, hook: Hook | None = None) -> Litestar:
    """The account as an ASGI application; `app.state.hook` is where it posts its webhooks (None: nowhere)."""
    api = Router(
        "/",
        route_handlers=[locations, CatalogController, InventoryController, OrdersController],
        before_request=_let_in,
        after_response=_send_webhooks,
    )
    return Litestar(
        route_handlers=[api, control_router(seller)],
        exception_handlers={Refusal: refused},
        state=State({"seller": seller, "hook": hook}),
        lifespan=[_webhook_client],
        openapi_config=None,
    )


@asynccontextmanager
async def _webhook_client(app: Litestar) -> AsyncIterator[None]:
    async with httpx.AsyncClient(timeout=10) as client:
        app.state.client = client
        yield


async def _let_in(request: Call) -> Answer | None:
    seller = seller_of(request)
    if seller.faults:
        status, retry_after = seller.faults.pop(0)
        headers = {} if retry_after is None else {"retry-after": retry_after}
        return Response({"errors": []}, status_code=status, headers=headers)
    expected = f"Bearer {seller.access_token}".encode()
    if hmac.compare_digest(expected, request.headers.get("authorization", "").encode()):
        return None
    detail = "This request could not be authorized."
    return refused(request, Refusal(401, "UNAUTHORIZED", detail, category="AUTHENTICATION_ERROR"))


async def _send_webhooks(request: Call) -> None:
    """A write through the API is announced too: the hub hears the echo of what it published."""
    state = request.app.state
    if state.hook is not None and state.seller.pending:
        await hooks.deliver_pending(state.client, state.seller, state.hook)
