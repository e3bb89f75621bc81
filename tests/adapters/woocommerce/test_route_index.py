"""Every request that the adapter sends is one that a real server lists in its route index."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from adapters.sdk.probes import LONG_AGO, READS, WRITES, update_to
from adapters.sdk.transport import read_json
from adapters.sdk.types import ListingRef
from adapters.woocommerce.client import API

LISTING = ListingRef("a", "114", "115")

pytestmark = pytest.mark.specs


class Recorder(httpx.AsyncHTTPTransport):
    """The network, with what went over it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    async with Recorder() as one:
        yield one


@pytest.fixture(scope="session")
def routes(specs: Path) -> dict[str, Any]:
    index = read_json((specs / "woocommerce" / "recorded-11.0.1" / "wc-v3-route-index.json").read_bytes())
    routes: dict[str, Any] = index["routes"]
    return routes


def endpoint(routes: dict[str, Any], request: httpx.Request) -> dict[str, Any]:
    """The route that answers the request: the one of its path that takes its method."""
    path = "/wc/v3/" + request.url.path.partition(API)[2]
    for pattern, route in routes.items():
        if re.fullmatch(pattern, path):
            for found in route["endpoints"]:
                if request.method in found["methods"]:
                    arguments: dict[str, Any] = found["args"]
                    return arguments
    raise AssertionError(f"{request.method} {path} is no route of a real server")


def check(arguments: dict[str, Any], name: str, value: Any) -> None:
    assert name in arguments, f"{name} is no argument"
    about = arguments[name]
    if "enum" in about:
        assert value in about["enum"], f"{name}={value} is not offered"
    if "maximum" in about:
        assert about["minimum"] <= int(value) <= about["maximum"]


async def test_all_requests_are_routes_with_their_arguments(store, connect, recorder, routes) -> None:
    connection = connect(store.settings(), transport=recorder)
    for _, probe in (READS | WRITES).values():
        order = await store.control("sell", {"lines": [{"sku": "GIFT", "quantity": 1}]})
        await probe(connection, str(order["order"]["id"]), LISTING)
    await connection.publish_stock([update_to(ListingRef("b", "10", "10"), 3)])
    await connection.pull_orders(cursor=None, modified_after=LONG_AGO)
    assert len(recorder.requests) > 10
    for request in recorder.requests:
        arguments = endpoint(routes, request)
        for name, value in parse_qsl(request.url.query.decode()):
            if name != "_fields" and not name.startswith("oauth_"):  # WordPress's own, not the route's
                check(arguments, name, value)
        body = read_json(request.content) if request.content else {}
        rows = body.get("update", [body])
        for row in rows:
            for name, value in row.items():
                if name != "id":
                    check(arguments, name, value)
