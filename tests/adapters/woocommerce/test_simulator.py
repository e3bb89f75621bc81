"""The simulated store has the shape of a real one and posts what a real one posts."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State

from adapters.sdk.types import EventTopic, RawWebhook
from adapters.woocommerce import WooCommerceSettings
from adapters.woocommerce.oauth import OneLeggedOAuth
from adapters.woocommerce.simulator.shapes import order_json, product_json, variation_json
from adapters.woocommerce.simulator.shop import Sale, SaleLine
from adapters.woocommerce.webhooks import verify
from tests.serving import serving


@dataclass
class Receiver:
    """Something that takes webhooks, as the hub does."""

    url: str = ""
    status: int = 200
    received: list[RawWebhook] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()

    @post("/hook")
    async def take(request: Request[Any, Any, State]) -> Response[None]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        one.received.append(RawWebhook(headers, await request.body(), str(request.url)))
        one.arrived.set()
        return Response(None, status_code=one.status)

    async with serving(Litestar([take], openapi_config=None, logging_config=None)) as url:
        one.url = f"{url}/hook"
        yield one


@pytest.mark.specs
class TestShape:
    def recorded(self, specs: Path, name: str) -> Any:
        return json.loads((specs / "woocommerce" / "recorded-11.0.1" / f"{name}.json").read_text())["body"]

    def test_a_product_has_the_fields_of_a_real_one(self, specs, store) -> None:
        real = self.recorded(specs, "products_list_page1")[0]
        assert set(product_json(store.shop, store.shop.items[114])) == set(real)

    def test_a_variation_has_the_fields_of_a_real_one(self, specs, store) -> None:
        assert set(variation_json(store.shop.items[115])) == set(self.recorded(specs, "variations_list")[0])

    def test_an_order_has_the_fields_of_a_real_one(self, specs, store) -> None:
        real = self.recorded(specs, "orders_list")[0]
        made = order_json(store.shop, store.shop.sell(Sale(lines=(SaleLine(10, 1),))))
        assert set(made) == set(real)
        assert set(made["line_items"][0]) == set(real["line_items"][0])
        assert {type(made[name]) for name in made} <= {type(real[name]) for name in real}

    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("error_invalid_per_page", "products?per_page=101"),
            ("error_unknown_order", "orders/424242"),
        ],
    )
    async def test_a_refusal_is_worded_as_a_real_one(self, specs, store, name: str, path: str) -> None:
        answer = await signed(store.settings(), "GET", path)
        recording = self.recorded(specs, name)
        assert (answer.status_code, answer.json()) == (recording["data"]["status"], recording)

    async def test_more_than_100_rows_are_refused_as_a_real_store_does(self, specs, store) -> None:
        rows = [{"id": 10, "stock_quantity": 9}] * 101
        answer = await signed(store.settings(), "POST", "products/batch", {"update": rows})
        assert answer.status_code == 413
        assert answer.json() == self.recorded(specs, "error_batch_over_100")

    async def test_no_credentials_are_refused_as_a_real_store_does(self, specs, store) -> None:
        async with httpx.AsyncClient(base_url=store.url) as client:
            answer = await client.get("/wp-json/wc/v3/orders")
        recording = self.recorded(specs, "error_unauthenticated")
        assert (answer.status_code, answer.json()) == (401, recording)


async def signed(settings: WooCommerceSettings, method: str, path: str, body: Any = None) -> httpx.Response:
    auth = OneLeggedOAuth(settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value())
    async with httpx.AsyncClient(base_url=settings.base_url, auth=auth) as client:
        return await client.request(method, f"/wp-json/wc/v3/{path}", json=body)


class TestAccess:
    async def test_a_request_that_is_sent_again_is_refused(self, store) -> None:
        answer = await signed(store.settings(), "GET", "orders")
        async with httpx.AsyncClient() as client:
            replayed = await client.get(answer.request.url)
        assert (answer.status_code, replayed.status_code) == (200, 401)

    async def test_a_changed_query_is_refused(self, store) -> None:
        answer = await signed(store.settings(), "GET", "orders")
        async with httpx.AsyncClient() as client:
            changed = await client.get(answer.request.url.copy_merge_params({"per_page": "50"}))
        assert changed.status_code == 401


class TestWebhooks:
    async def hooked(self, store, receiver: Receiver) -> None:
        assert (await store.control("hook", {"url": receiver.url, "secret": "s3cret"}))["ping"] == receiver.status
        receiver.received.clear()
        receiver.arrived.clear()

    def topics(self, receiver: Receiver) -> list[str]:
        return [one.headers["x-wc-webhook-topic"] for one in receiver.received]

    async def test_a_new_hook_is_greeted_without_signature(self, store, receiver) -> None:
        await store.control("hook", {"url": receiver.url, "secret": "s3cret"})
        assert verify(receiver.received[0], ("s3cret",)).topic is EventTopic.IGNORED

    async def test_a_sale_is_announced_signed_with_the_stock_it_took(self, store, receiver, connection) -> None:
        await self.hooked(store, receiver)
        await store.control("sell", {"lines": [{"sku": "TEE-1", "quantity": 10}]})
        assert self.topics(receiver) == ["order.created", "product.updated"]
        event = connection.verify(receiver.received[0], now=datetime.now(UTC))
        (order,) = connection.orders_in(event, receiver.received[0].body)
        assert order == await connection.pull_order(order.external_id)
        assert json.loads(receiver.received[1].body)["stock_quantity"] == -5

    async def test_two_quick_changes_are_one_delivery(self, store, receiver) -> None:
        await self.hooked(store, receiver)
        order = store.shop.sell(Sale(lines=(SaleLine(11, 1),)))
        store.shop.update_order(order, status="completed", meta={})
        store.shop.update_order(order, status="cancelled", meta={})
        await store.control("deliver", {})
        assert self.topics(receiver) == ["order.created", "order.updated"]

    async def test_what_the_hub_writes_comes_back_as_an_echo(self, store, receiver) -> None:
        await self.hooked(store, receiver)
        await signed(store.settings(), "PUT", "products/10", {"stock_quantity": 3})
        async with asyncio.timeout(30):
            await receiver.arrived.wait()
        assert json.loads(receiver.received[0].body)["stock_quantity"] == 3

    async def test_nothing_is_sent_again_and_more_than_five_failures_disable_the_hook(self, store, receiver) -> None:
        await self.hooked(store, receiver)
        receiver.status = 500
        for _ in range(8):
            store.shop.sell(Sale(lines=(SaleLine(11, 1),)))
        await store.control("deliver", {})
        assert len(receiver.received) == 6


class TestProgram:
    def test_it_serves_a_catalog_file_and_ends_when_told(self, tmp_path: Path) -> None:
        catalog = tmp_path / "catalog.json"
        catalog.write_text(json.dumps([{"id": 7, "name": "Tee", "sku": "T", "price": "5.00", "stock": 2}]))
        program = [sys.executable, "-m", "adapters.woocommerce.simulator", "--catalog", str(catalog)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            sold = httpx.post(
                f"{ready['url']}/_simulator/sell", json={"lines": [{"sku": "T", "quantity": 1}]}, timeout=30
            ).json()
            state = httpx.get(f"{ready['url']}/_simulator/state", timeout=30).json()
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
        assert ready["products"] == 1
        assert sold["order"]["total"] == "5.00"
        assert state["stock"] == {"T": 1}
