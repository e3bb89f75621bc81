"""A simulated store behind real HTTP on a free port, and connections to it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest

from adapters.woocommerce import WooCommerceConnection, WooCommerceSettings
from adapters.woocommerce.simulator import Shop, create_app
from tests.serving import serving

CATALOG: list[dict[str, Any]] = [
    {"id": 10, "name": "Tee", "sku": "TEE-1", "price": "21.50", "stock": 5, "weight": "0.2"},
    {"id": 11, "name": "Gift card", "sku": "GIFT", "price": "10", "manage_stock": False},
    {
        "id": 114,
        "name": "V",
        "sku": "",
        "price": "9",
        "variations": [
            {"id": 115, "sku": "V-S", "price": "9", "stock": 2, "options": {"Size": "S"}},
            {"id": 116, "sku": "V-M", "price": "9", "stock": 3, "options": {"Size": "M"}},
        ],
    },
]


@dataclass(frozen=True, slots=True)
class RunningStore:
    shop: Shop
    url: str

    def settings(self, **changes: Any) -> WooCommerceSettings:
        keys = {"consumer_key": "ck_simulator", "consumer_secret": "cs_simulator", "webhook_secret": "s3cret"}
        return WooCommerceSettings.model_validate({"base_url": self.url, "requests_per_second": 100, **keys, **changes})

    async def control(self, action: str, body: dict[str, Any]) -> Any:
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post(f"/_simulator/{action}", json=body)
            answer.raise_for_status()
            return answer.json()


@pytest.fixture
async def store() -> AsyncIterator[RunningStore]:
    shop = Shop()
    shop.load(CATALOG)
    shop.pending.clear()
    async with serving(create_app(shop)) as url:
        yield RunningStore(shop, url)


class Connect(Protocol):
    def __call__(
        self, settings: WooCommerceSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> WooCommerceConnection: ...


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connections that are closed when the test ends."""
    async with AsyncExitStack() as stack:

        def open_connection(
            settings: WooCommerceSettings, *, transport: httpx.AsyncBaseTransport | None = None
        ) -> WooCommerceConnection:
            opened = WooCommerceConnection(settings, transport=transport)
            stack.push_async_callback(opened.close)
            return opened

        yield open_connection


@pytest.fixture
def connection(store: RunningStore, connect: Connect) -> WooCommerceConnection:
    return connect(store.settings())
