"""The calls and the faults that the conformance kit brings together."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import httpx

from adapters.sdk.types import ListingRef, Shipment, StockUpdate

Probe: TypeAlias = Callable[[Any, str, ListingRef], Awaitable[Any]]
"""One call of a connection, given an order id and a listing."""
Probes: TypeAlias = dict[str, tuple[str | None, Probe]]
"""By name: the capability that the call belongs to, and the call."""

LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)

READS: Probes = {
    "check": (None, lambda one, _order, _ref: one.check()),
    "pull_products": (
        "PullsCatalog",
        lambda one, _order, _ref: one.pull_products(cursor=None, modified_after=None),
    ),
    "pull_orders": ("PullsOrders", lambda one, _order, _ref: one.pull_orders(cursor=None, modified_after=LONG_AGO)),
    "pull_order": ("PullsOrders", lambda one, order, _ref: one.pull_order(order)),
    "publish_stock": ("PublishesStock", lambda one, _order, ref: one.publish_stock([update_to(ref, 1)])),
    "read_stock": ("ReadsStock", lambda one, _order, ref: one.read_stock([ref])),
}
WRITES: Probes = {
    "acknowledge_order": (
        "AcknowledgesOrders",
        lambda one, order, _ref: one.acknowledge_order(order, hub_order_number="H-1"),
    ),
    "push_fulfillment": (
        "PushesFulfillments",
        lambda one, order, _ref: one.push_fulfillment(whole_shipment(order)),
    ),
    "cancel_order": (
        "CancelsOrders",
        lambda one, order, _ref: one.cancel_order(order, reason="none left", idempotency_key="kit-c1"),
    ),
}
FAILURES: dict[str, httpx.Response | httpx.TransportError] = {
    "500": httpx.Response(500, content=b"oops"),
    "502": httpx.Response(502, content=b"<html>bad gateway</html>"),
    "503": httpx.Response(503),
    "no connection": httpx.ConnectError("refused"),
    "timeout": httpx.ReadTimeout("too slow"),
    "broken off": httpx.RemoteProtocolError("connection closed"),
}
GARBAGE = {"truncated": b'{"items": [{"id": 1', "html": b"<html>hello</html>", "nan": b"NaN", "deep": b"[" * 200_000}


class AlwaysAnswers(httpx.AsyncBaseTransport):
    """A channel that gives one answer to everything."""

    def __init__(self, answer: httpx.Response | httpx.TransportError) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if isinstance(self._answer, httpx.TransportError):
            raise self._answer
        return httpx.Response(self._answer.status_code, headers=self._answer.headers, content=self._answer.content)


def update_to(ref: ListingRef, quantity: int, *, observed: int | None = None) -> StockUpdate:
    return StockUpdate(ref, quantity, f"kit-{ref.listing_id}-{quantity}", observed)


def whole_shipment(order: str) -> Shipment:
    return Shipment(order, (), completes_order=True, idempotency_key="kit-s1", tracking_number="1Z999")
