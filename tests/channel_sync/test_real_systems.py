"""The WooCommerce and Square simulations over real HTTP: webhooks in, stock out, hand-overs reported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from adapters.sdk.types import ChannelKind
from adapters.square.simulator import Hook as SquareHook
from adapters.square.simulator import Seller
from adapters.square.simulator import create_app as create_square
from adapters.woocommerce.simulator import Hook as WooHook
from adapters.woocommerce.simulator import Shop
from adapters.woocommerce.simulator import create_app as create_woo
from hub.fulfillment import (
    QueueStep,
    Tracking,
    accept,
    collect,
    fulfillment_orders_by_order_ids,
    pickup_code,
    ready,
    ship,
)
from hub.infra.database import Database
from hub.inventory import levels
from hub.kernel.ids import new_id
from hub.orders import Order, order_by_external_id
from tests.channel_sync.stage import SEALER, Stage, all_of, make_stage, webhook_app
from tests.factories import make_principal
from tests.serving import serving

SECRET = "s3cret"
CATALOG: list[dict[str, Any]] = [
    {"id": 10, "name": "Tee", "sku": "SHIRT", "price": "19.90", "stock": 99},
    {
        "id": 114,
        "name": "Shoe",
        "sku": "",
        "price": "70",
        "variations": [
            {"id": 115, "sku": "SHOE-41", "price": "70", "stock": 99, "options": {"Size": "41"}},
            {"id": 116, "sku": "SHOE-42", "price": "70", "stock": 99, "options": {"Size": "42"}},
        ],
    },
]
SKUS = ("SHIRT", "SHOE-41", "SHOE-42")


@asynccontextmanager
async def hub_of(stage: Stage) -> AsyncIterator[str]:
    """The hub's webhook route over real HTTP."""
    async with serving(webhook_app(stage.database, stage.connections)) as url:
        yield f"{url}/webhooks/{stage.code}"


@asynccontextmanager
async def woo(database: Database) -> AsyncIterator[tuple[Stage, Shop, httpx.AsyncClient]]:
    shop = Shop(currency="EUR")
    shop.load(CATALOG)
    shop.pending.clear()
    app = create_woo(shop)
    async with serving(app) as url:
        settings = {
            "base_url": url,
            "consumer_key": "ck_simulator",
            "consumer_secret": "cs_simulator",
            "webhook_secret": SECRET,
            "requests_per_second": 100,
        }
        async with (
            make_stage(database, system="woocommerce", settings=settings, skus=SKUS) as stage,
            hub_of(stage) as hook,
            httpx.AsyncClient(base_url=f"{url}/_simulator") as control,
        ):
            app.state.hook = WooHook(hook, SECRET, source=url)
            yield stage, shop, control


@asynccontextmanager
async def square(database: Database) -> AsyncIterator[tuple[Stage, Seller, httpx.AsyncClient]]:
    seller = Seller(currency="EUR", locations={"LBER": "Berlin", "LHAM": "Hamburg"})
    seller.load(CATALOG)
    seller.pending.clear()
    app = create_square(seller)
    async with serving(app) as url:
        settings = {
            "base_url": url,
            "access_token": "EAAAsimulator",
            "webhook_signature_key": SECRET,
            "requests_per_second": 100,
            "notification_url": "https://hub.test/webhooks/till",
        }
        async with (
            make_stage(
                database,
                system="square",
                kind=ChannelKind.POS,
                settings=settings,
                skus=SKUS,
                external_locations=("LBER", "LHAM"),
                code="till",
            ) as stage,
            hub_of(stage) as hook,
            httpx.AsyncClient(base_url=f"{url}/_simulator") as control,
        ):
            app.state.hook = SquareHook(hook, SECRET, "https://hub.test/webhooks/till")
            yield stage, seller, control


async def sell(control: httpx.AsyncClient, sku: str, quantity: int, **more: Any) -> Any:
    answer = await control.post("/sell", json={"lines": [{"sku": sku, "quantity": quantity}], **more})
    answer.raise_for_status()
    return answer.json()


async def arrived(stage: Stage, control: httpx.AsyncClient, external_id: str) -> Order:
    """The order once its webhook has come: a store posts beside its answers, so that takes a moment."""
    async with asyncio.timeout(30):
        while True:
            await control.post("/deliver")
            await stage.settle()
            async with stage.database.read() as session:
                found = await order_by_external_id(session, stage.channel_id, external_id)
            if found is not None:
                return found
            await asyncio.sleep(0.01)


async def handed_out(stage: Stage, order_id: UUID, *, pickup: bool) -> None:
    staff = make_principal()
    async with stage.database.read() as session:
        [item] = (await fulfillment_orders_by_order_ids(session, [order_id]))[order_id]

    def step() -> QueueStep:
        return QueueStep(item.id, str(new_id()))

    (await accept(stage.database, staff, step())).unwrap()
    if pickup:
        (await ready(stage.database, staff, step())).unwrap()
        code = pickup_code(SEALER, item.id)
        (await collect(stage.database, staff, step(), SEALER, code=code)).unwrap()
    else:
        (await ship(stage.database, staff, step(), tracking=Tracking("DHL", "123"))).unwrap()
    await stage.settle()


async def test_a_woocommerce_store_is_linked_by_sku_and_told_its_stock(database: Database) -> None:
    async with woo(database) as (stage, shop, _):
        for sku, quantity in zip(SKUS, (5, 6, 7), strict=True):
            await stage.stock(sku, quantity)
        await stage.pull_catalog()
        listed = {row.external_variant_id for row in await stage.rows("SELECT external_variant_id FROM listings")}
        assert listed == {"10", "115", "116"}
        assert await stage.count("variants") == 3
        assert [shop.find(sku).stock for sku in SKUS] == [5, 6, 7]
        await stage.pull_catalog()
        assert await stage.count("listings") == 3
        await stage.assert_sound()


async def test_a_woocommerce_sale_arrives_by_webhook_is_shipped_and_told(database: Database) -> None:
    async with woo(database) as (stage, shop, control):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        billing = {"email": "ada.canary@example.org", "first_name": "Ada"}
        sale = await sell(control, "SHIRT", 2, customer_id=7, billing=billing)
        external_id = str(sale["order"]["id"])
        order = await arrived(stage, control, external_id)
        assert await stage.allocated("SHIRT") == 2
        await handed_out(stage, order.id, pickup=False)
        state = (await control.get("/state")).json()
        assert state["orders"][external_id] == "completed"
        assert state["order_meta"][external_id]["_hub_order"] == str(order.id)
        assert any(key.startswith("_hub_shipment_") for key in state["order_meta"][external_id])
        assert [row.outcome for row in await stage.rows("SELECT outcome FROM channel_pushes")] == ["SENT", "SENT"]
        assert shop.find("SHIRT").stock == 3
        shown = str([tuple(row) for row in await stage.rows("SELECT * FROM inbox")])
        assert "canary" not in shown
        await stage.hurry()
        await stage.assert_sound()


async def test_the_echo_of_our_own_write_causes_no_other_write(database: Database) -> None:
    async with woo(database) as (stage, shop, _):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        told = await stage.rows("SELECT published_at FROM listing_stock ORDER BY id")
        for _ in range(3):
            await stage.hurry()
        assert {row.external_topic for row in await stage.inbox()} == {"product.updated"}
        assert await stage.rows("SELECT published_at FROM listing_stock ORDER BY id") == told
        assert shop.find("SHIRT").stock == 5
        assert await stage.count("channel_drifts") == 0


async def test_a_woocommerce_store_that_fails_is_told_in_the_end(database: Database) -> None:
    async with woo(database) as (stage, shop, control):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        await control.post("/faults", json={"status": 503, "count": 12})
        await stage.stock("SHIRT", 4)
        await stage.settle()
        shop.faults.clear()
        await stage.hurry()
        assert shop.find("SHIRT").stock == 4
        assert (await stage.status()).dirty == 0


async def test_a_lost_woocommerce_webhook_is_made_good_by_the_poll(database: Database) -> None:
    async with woo(database) as (stage, shop, control):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        sale = await sell(control, "SHIRT", 1, deliver=False)
        shop.pending.clear()
        await stage.poll()
        assert (await stage.order(str(sale["order"]["id"]))).status == "OPEN"
        assert shop.find("SHIRT").stock == 4


async def test_square_is_told_per_location_and_its_sale_is_a_fact(database: Database) -> None:
    async with square(database) as (stage, seller, control):
        await stage.stock("SHIRT", 5)
        await stage.stock("SHIRT", 3, place=1)
        await stage.stock("SHOE-41", 2)
        await stage.pull_catalog()
        shirt, shoe = (seller.find(sku).id for sku in ("SHIRT", "SHOE-41"))
        assert [seller.quantity(shirt, place) for place in ("LBER", "LHAM")] == [5, 3]
        assert [seller.quantity(shoe, place) for place in ("LBER", "LHAM")] == [2, 0]
        sale = await sell(control, "SHIRT", 2, location_id="LBER")
        order = await arrived(stage, control, sale["order"]["id"])
        assert (order.status, order.method) == ("COMPLETED", "HANDED_OVER")
        async with stage.database.read() as session:
            found = {level.location_id: level.on_hand for level in await levels(session, [stage.variants["SHIRT"]])}
        assert found == {stage.locations[0]: 3, stage.locations[1]: 3}
        assert [seller.quantity(shirt, place) for place in ("LBER", "LHAM")] == [3, 3]
        status = await stage.status()
        assert (status.listings, status.in_agreement, status.dirty) == (6, 6, 0)
        for _ in range(2):
            await stage.read_back()
        assert await stage.count("channel_drifts") == 0
        await stage.assert_sound()


async def test_a_square_pickup_is_collected_and_told(database: Database) -> None:
    async with square(database) as (stage, seller, control):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        sale = await sell(control, "SHIRT", 1, location_id="LBER", fulfillment="PICKUP")
        order = await arrived(stage, control, sale["order"]["id"])
        await handed_out(stage, order.id, pickup=True)
        state = (await control.get("/state")).json()
        assert state["fulfillments"][sale["order"]["id"]] == ["COMPLETED"]
        assert seller.quantity(seller.find("SHIRT").id, "LBER") == 4
        await stage.hurry()
        await stage.assert_sound()


async def test_square_deliveries_repeated_at_once_are_one_sale(database: Database) -> None:
    async with square(database) as (stage, seller, control):
        await stage.stock("SHIRT", 5)
        await stage.pull_catalog()
        sale = await sell(control, "SHIRT", 2, location_id="LBER")
        await arrived(stage, control, sale["order"]["id"])
        events = [one.event_id for one in seller.delivered if one.topic.startswith("order.")]
        again = await all_of(*(control.post("/redeliver", json={"event_id": one, "times": 4}) for one in events * 2))
        assert {status for one in again for status in one.json()["statuses"]} == {200}
        await stage.poll()
        assert await stage.count("orders") == 1
        assert seller.quantity(seller.find("SHIRT").id, "LBER") == 3
        await stage.assert_sound()
