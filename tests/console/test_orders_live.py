"""An order on the board: it arrives with its reason, a store works it off by the buttons, and the points follow."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.sdk.types import ChannelCustomer, ChannelOrder, ChannelOrderLine, OrderState, PostalAddress
from hub.channels import Channel
from hub.fulfillment import QueueStep, Tracking, cancel_open_units, fulfillment_orders_by_order_ids, route_order, ship
from hub.infra import relay
from hub.infra.database import Database
from hub.infra.sealing import Sealer, SecretKey
from hub.kernel.geo import GeoPoint
from hub.kernel.money import Money
from hub.loyalty import CreateProgramme, create_programme
from hub.orders import capture_order, order_by_external_id
from tests.console.browser import Page, open_page
from tests.console.conftest import PASSWORD, create_operator
from tests.factories import make_channel, make_location, make_principal, make_variant, set_stock

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

SEALER = Sealer(SecretKey(b"0" * 32))
TAG = "document.querySelector('#queue-list .tag').dataset.word"
BUTTON = "document.querySelector('#queue-list button')"


def shirt_order() -> ChannelOrder:
    return ChannelOrder(
        external_id="1001",
        number="1001",
        state=OrderState.OPEN,
        external_state="processing",
        currency="EUR",
        placed_at=datetime.now(UTC),
        source_version="1",
        content_hash="a",
        prices_include_tax=True,
        lines=(ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT"),),
        total=Money(3980, "EUR"),
        customer=ChannelCustomer(external_id="77", email="ada@example.org", email_verified=True, first_name="Ada"),
        ship_to=PostalAddress(line1="Street 1", geo=GeoPoint(52.5, 13.4)),
    )


async def stocked_shop(database: Database) -> UUID:
    """A shop whose one variant lies in two stores: its channel."""
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
        channel_id = await make_channel(session, locations=[berlin, hamburg])
        variant_id = await make_variant(session, "SHIRT")
        await create_programme(session, CreateProgramme("Club", "EUR"))
    for location_id in (berlin, hamburg):
        await set_stock(database, variant_id, location_id, 5)
    return channel_id


async def take_in(database: Database, channel_id: UUID) -> UUID:
    async with database.write() as session:
        channel = await session.get(Channel, channel_id)
        assert channel is not None
        await capture_order(session, channel, shirt_order(), SEALER, cancel=cancel_open_units)
    async with database.read() as session:
        order = await order_by_external_id(session, channel_id, "1001")
    assert order is not None
    await route_order(database, order.id)
    await relay.drain(database)
    return order.id


async def hand_out(database: Database, order_id: UUID) -> None:
    async with database.read() as session:
        [item] = (await fulfillment_orders_by_order_ids(session, [order_id]))[order_id]
    step = QueueStep(item.id, "ship-1001")
    (await ship(database, make_principal(), step, tracking=Tracking("DHL", "123"))).unwrap()
    await relay.drain(database)


async def enter(page: Page, url: str) -> None:
    await page.open(f"{url}/console/login?lang=en")
    await page.until("document.activeElement.id === 'username'")
    await page.type("ada")
    await page.press("Tab")
    await page.type(PASSWORD)
    await page.press("Enter", text="\r")
    await page.until("document.getElementById('connection').dataset.state === 'live'")


async def test_an_order_flows_to_a_store_and_earns_points(
    database: Database, served: Callable[[], AbstractAsyncContextManager[str]]
) -> None:
    await create_operator(database)
    channel_id = await stocked_shop(database)
    async with served() as url, open_page() as page:
        await enter(page, url)
        order_id = await take_in(database, channel_id)
        text = await page.until("document.querySelector('#orders-list li')?.innerText")
        assert "1001" in text
        assert "Berlin (open)" in text
        reasons = await page.evaluate("document.querySelector('#orders-list .why').textContent")
        assert "Berlin" in reasons
        for status in ("IN_PROGRESS", "READY"):
            await page.until(f"{BUTTON} !== null && !{BUTTON}.disabled")
            await page.evaluate(f"{BUTTON}.click()")
            await page.until(f"{TAG} === '{status}'")
        await hand_out(database, order_id)
        points = await page.until("document.querySelector('#points-list li')?.innerText")
        assert "+39" in points
        assert "order 1001" in points
        await page.until("document.querySelector('#orders-list .tag').dataset.word === 'COMPLETED'")
        assert page.problems == []


async def test_an_order_that_waits_for_a_person_goes_on_by_a_button(
    database: Database, served: Callable[[], AbstractAsyncContextManager[str]]
) -> None:
    await create_operator(database)
    channel_id = await stocked_shop(database)
    async with database.write() as session:
        channel = await session.get(Channel, channel_id)
        assert channel is not None
        old = replace(shirt_order(), placed_at=datetime(2019, 1, 1, tzinfo=UTC))
        await capture_order(session, channel, old, SEALER, cancel=cancel_open_units)
    async with served() as url, open_page() as page:
        await enter(page, url)
        text = await page.until("document.querySelector('#held-list li')?.innerText")
        assert "1001" in text
        assert "open at going live" in text
        buttons = await page.evaluate(
            "[...document.querySelectorAll('#held-list button')].map(b => b.innerText).join()"
        )
        assert buttons == "Confirm,Decline"
        await page.evaluate("document.querySelector('#held-list button').click()")
        await page.until("document.querySelectorAll('#held-list li').length === 0")
        assert await page.evaluate("document.getElementById('held-problem').textContent") == ""
        assert page.problems == []
    async with database.read() as session:
        order = await order_by_external_id(session, channel_id, "1001")
    assert order is not None
    assert (order.hold, order.is_history) == (None, False)
