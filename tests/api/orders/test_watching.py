"""Queues and points as they change: the state first, then changes, resumed without a gap."""

import asyncio

import pytest
from sqlalchemy import text

from hub.infra.events import EventHub
from hub_graphql.ids import global_id
from tests.api.orders.conftest import Retailer, document

QUEUE = document("pos/QueueChanged")
POINTS = document("storefront/PointsChanged")


async def following(stream, name: str):
    async with asyncio.timeout(30):
        payload = await anext(stream)
    assert "errors" not in payload, payload
    return payload["data"][name]


async def caught_up(retailer: Retailer) -> None:
    """Relay what happened so far and let the process read it."""
    await retailer.relay()
    async with retailer.database.read() as session:
        newest = (await session.execute(text("SELECT last_seq FROM relay_state"))).scalar_one()
    hub = retailer.services[EventHub]
    async with asyncio.timeout(30):
        while hub.cursor < newest:
            hub.wake()
            await asyncio.sleep(0.005)


async def test_a_queue_is_told_as_it_stands_and_then_as_it_changes(retailer: Retailer):
    first = await retailer.part(await retailer.pickup(retailer.hamburg))
    await caught_up(retailer)
    store = retailer.associate(retailer.hamburg)
    place = global_id("Location", retailer.hamburg)
    async with retailer.watch(store, QUEUE, locationId=place) as stream:
        state = await following(stream, "fulfillmentOrderChanged")
        assert (state["kind"], state["caughtUp"]) == ("STATE", True)
        assert [item["id"] for item in state["fulfillmentOrders"]] == [global_id("FulfillmentOrder", first.id)]
        await retailer.pickup(retailer.berlin)
        second = await retailer.part(await retailer.pickup(retailer.hamburg))
        await retailer.relay()
        news = await following(stream, "fulfillmentOrderChanged")
    assert news["kind"] == "CHANGE"
    assert news["fulfillmentOrders"][0]["id"] == global_id("FulfillmentOrder", second.id)
    await retailer.change(store, document("pos/Accept"), id=global_id("FulfillmentOrder", first.id))
    await caught_up(retailer)
    async with retailer.watch(store, QUEUE, locationId=place, after=news["cursor"]) as stream:
        missed = await following(stream, "fulfillmentOrderChanged")
    assert missed["kind"] == "CHANGE"
    assert missed["fulfillmentOrders"][0]["status"] == "IN_PROGRESS"


async def test_a_cursor_that_is_too_old_brings_the_state_again(retailer: Retailer):
    await retailer.pickup(retailer.hamburg)
    place = global_id("Location", retailer.hamburg)
    async with retailer.watch(retailer.staff(), QUEUE, locationId=place) as stream:
        old = (await following(stream, "fulfillmentOrderChanged"))["cursor"]
    await caught_up(retailer)
    async with retailer.database.write() as session:
        await session.execute(text("DELETE FROM events"))
    async with retailer.watch(retailer.staff(), QUEUE, locationId=place, after=old) as stream:
        again = await following(stream, "fulfillmentOrderChanged")
    assert again["kind"] == "RESYNC"
    assert len(again["fulfillmentOrders"]) == 1


async def test_an_empty_queue_is_told_too(retailer: Retailer):
    async with retailer.watch(retailer.staff(), QUEUE, locationId=global_id("Location", retailer.berlin)) as stream:
        state = await following(stream, "fulfillmentOrderChanged")
    assert (state["fulfillmentOrders"], state["caughtUp"]) == ([], True)


async def test_another_stores_queue_and_another_customers_points_cannot_be_watched(retailer: Retailer, ada):
    customer = await retailer.customer_of(await retailer.place(**ada))
    place = global_id("Location", retailer.hamburg)
    async with retailer.watch(retailer.associate(retailer.berlin), QUEUE, locationId=place) as stream:
        payload = await anext(stream)
    assert payload["errors"][0]["extensions"]["code"] == "UNKNOWN_LOCATION"
    for who in (retailer.shop_key(retailer.market), retailer.person(retailer.shop)):
        async with retailer.watch(who, POINTS, customerId=global_id("Customer", customer)) as stream:
            payload = await anext(stream)
        assert payload["errors"][0]["extensions"]["code"] == "UNKNOWN_CUSTOMER"


@pytest.mark.parametrize("foreign", ["garbage", "eyJ"])
async def test_a_foreign_cursor_is_refused(retailer: Retailer, foreign):
    place = global_id("Location", retailer.hamburg)
    async with retailer.watch(retailer.staff(), QUEUE, locationId=place, after=foreign) as stream:
        payload = await anext(stream)
    assert payload["errors"][0]["extensions"]["code"] == "INVALID_CURSOR"


async def test_points_are_told_at_once_whatever_the_channel(retailer: Retailer, ada):
    customer = await retailer.customer_of(await retailer.place(**ada))
    await caught_up(retailer)
    me = retailer.person(customer)
    async with retailer.watch(me, POINTS, customerId=global_id("Customer", customer)) as stream:
        state = await following(stream, "loyaltyChanged")
        assert (state["kind"], state["accounts"][0]["available"]) == ("STATE", 0)
        await retailer.sale(retailer.berlin, **ada)
        await retailer.relay()
        news = await following(stream, "loyaltyChanged")
    assert (news["kind"], news["accounts"][0]["available"]) == ("CHANGE", 19)
