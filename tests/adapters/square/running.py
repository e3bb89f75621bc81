"""A simulated seller account behind real HTTP on a free port, and connections to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.sdk.types import ListingRef, StockUpdate
from adapters.square import ADAPTER, SquareConnection, SquareSettings
from adapters.square.simulator import Hook, Seller, create_app
from tests.serving import serving

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
LOCATIONS = {"LBER": "Berlin", "LHAM": "Hamburg"}
CATALOG: list[dict[str, Any]] = [
    {"id": "ITEM-TEE", "name": "Tee", "category": "Clothing", "variations": [
        {"id": "TEE-S", "sku": "TEE-S", "price": "21.50", "stock": 5, "options": {"Size": "S"}, "barcode": "4006381333931"},
        {"id": "TEE-M", "sku": "TEE-M", "price": "21.50", "stock": {"LBER": 2}, "options": {"Size": "M"}},
    ]},
    {"id": "ITEM-MUG", "name": "Mug", "variations": [{"id": "MUG", "sku": "MUG", "price": "9", "stock": 7}]},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunningSquare:
    seller: Seller
    url: str

    async def control(self, action: str, body: dict[str, Any] | None = None) -> Any:
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer = await client.post(f"/_simulator/{action}", json=body or {})
            answer.raise_for_status()
            return answer.json()

    async def sell(self, sku: str, quantity: int = 1, **more: Any) -> Any:
        lines = [{"sku": sku, "quantity": quantity}]
        return (await self.control("sell", {"lines": lines, "location_id": "LBER", **more}))["order"]


@asynccontextmanager
async def running(hook: Hook | None = None) -> AsyncIterator[RunningSquare]:
    seller = Seller(locations=LOCATIONS, currency="EUR")
    seller.load(CATALOG)
    seller.pending.clear()
    async with serving(create_app(seller, hook=hook)) as url:
        yield RunningSquare(seller, url)


def settings_for(url: str = "https://square.test", **changes: Any) -> SquareSettings:
    return SquareSettings.model_validate(
        {
            "base_url": url,
            "access_token": "EAAAsimulator",
            "webhook_signature_key": "s3cret",
            "notification_url": "https://hub.test/hooks/square",
            "requests_per_second": 100,
            **changes,
        }
    )


def connect(settings: SquareSettings, transport: httpx.AsyncBaseTransport | None = None) -> SquareConnection:
    connection = ADAPTER.connect(settings, transport=transport)
    assert isinstance(connection, SquareConnection)
    return connection


def ref(variation: str, location: str | None = "LBER") -> ListingRef:
    return ListingRef(f"listing-{variation}", "ITEM", variation, external_location_id=location)


def update(variation: str, quantity: int, location: str | None = "LBER", key: str = "") -> StockUpdate:
    return StockUpdate(ref(variation, location), quantity, key or f"{variation}-{location}-{quantity}")
