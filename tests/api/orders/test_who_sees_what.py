"""Isolation: what is not the caller's does not exist for them."""

import pytest

from hub.kernel.ids import new_id
from hub.kernel.principal import Scope
from hub_graphql.ids import global_id
from tests.api.orders.conftest import Retailer, document

ORDER = "query($id: ID!) { order(id: $id) { id fulfillmentOrders { location { code } } } }"
LISTED = "{ orders { edges { node { id } } } }"
CODE = "query($id: ID!) { fulfillmentOrder(id: $id) { pickupCode } }"
NODE = "query($id: ID!) { node(id: $id) { id } }"
CUSTOMER = "query($id: ID!) { customer(id: $id) { id orders { edges { node { id contact { shipTo { line1 } } } } } } }"


async def sees(retailer: Retailer, principal, order_id) -> bool:
    key = global_id("Order", order_id)
    one = (await retailer.data(principal, ORDER, id=key))["order"]
    node = (await retailer.data(principal, NODE, id=key))["node"]
    edges = (await retailer.data(principal, LISTED))["orders"]["edges"]
    answers = {one is not None, node is not None, key in [edge["node"]["id"] for edge in edges]}
    assert len(answers) == 1
    return answers.pop()


async def test_each_credential_sees_its_own_orders(retailer: Retailer, ada):
    order_id = await retailer.pickup(retailer.hamburg, **ada)
    customer = await retailer.customer_of(order_id)
    assert await sees(retailer, retailer.staff(), order_id)
    assert await sees(retailer, retailer.shop_key(), order_id)
    assert await sees(retailer, retailer.associate(retailer.hamburg), order_id)
    assert await sees(retailer, retailer.till(retailer.hamburg), order_id)
    assert await sees(retailer, retailer.person(customer), order_id)
    assert not await sees(retailer, retailer.shop_key(retailer.market), order_id)
    assert not await sees(retailer, retailer.associate(retailer.berlin), order_id)
    assert not await sees(retailer, retailer.till(retailer.berlin), order_id)
    assert not await sees(retailer, retailer.person(new_id()), order_id)


async def test_the_pickup_code_is_told_to_the_buyer_and_the_shop_and_never_to_who_hands_over(retailer: Retailer, ada):
    order_id = await retailer.pickup(retailer.hamburg, **ada)
    item = await retailer.part(order_id)
    key, code = global_id("FulfillmentOrder", item.id), retailer.code_of(item)
    for who in (retailer.staff(), retailer.shop_key()):
        assert (await retailer.data(who, CODE, id=key))["fulfillmentOrder"]["pickupCode"] == code
    for who in (retailer.associate(retailer.hamburg), retailer.till(retailer.hamburg)):
        assert (await retailer.data(who, CODE, id=key))["fulfillmentOrder"]["pickupCode"] is None
    me = await retailer.data(retailer.person(await retailer.customer_of(order_id)), document("storefront/Me"))
    assert me["me"]["orders"]["edges"][0]["node"]["fulfillmentOrders"][0]["pickupCode"] == code


async def test_contact_data_needs_the_scope(retailer: Retailer, ada):
    order_id = await retailer.place(**ada)
    query = "query($id: ID!) { order(id: $id) { contact { shipTo { name line1 } } } }"
    found = await retailer.data(retailer.shop_key(), query, id=global_id("Order", order_id))
    assert found["order"]["contact"]["shipTo"] == {"name": "Ada", "line1": "Secret Street 1"}
    without = retailer.shop_key(scopes=retailer.shop_key().scopes - {Scope.CUSTOMERS_READ})
    with pytest.raises(Exception, match="customers:read"):
        await retailer.ask(without, query, id=global_id("Order", order_id))


async def test_the_history_is_one_across_channels_for_whom_it_is_open(retailer: Retailer, ada):
    bought = [await retailer.place(**ada), await retailer.sale(retailer.berlin, **ada)]
    customer = await retailer.customer_of(bought[0])
    key = global_id("Customer", customer)
    everything = {global_id("Order", order_id) for order_id in bought}
    for who in (retailer.staff(), retailer.shop_key(), retailer.till(retailer.hamburg), retailer.person(customer)):
        edges = (await retailer.data(who, CUSTOMER, id=key))["customer"]["orders"]["edges"]
        assert {edge["node"]["id"] for edge in edges} == everything
    for who in (retailer.shop_key(retailer.market), retailer.person(new_id())):
        assert (await retailer.data(who, CUSTOMER, id=key))["customer"] is None
        assert (await retailer.data(who, NODE, id=key))["node"] is None


async def test_another_channels_address_stays_out_of_the_history(retailer: Retailer, ada):
    await retailer.sale(retailer.berlin, **ada)
    order_id = await retailer.place(**ada)
    customer = await retailer.customer_of(order_id)
    found = await retailer.data(retailer.shop_key(), CUSTOMER, id=global_id("Customer", customer))
    contacts = {edge["node"]["id"]: edge["node"]["contact"] for edge in found["customer"]["orders"]["edges"]}
    assert contacts.pop(global_id("Order", order_id)) is not None
    assert list(contacts.values()) == [None]


async def test_looking_up_by_identifier_finds_nobody_elses_customer(retailer: Retailer, ada):
    await retailer.place(**ada)
    query = document("pos/CustomerLookup")
    assert (await retailer.data(retailer.shop_key(), query, email="ada@example.org"))["customer"] is not None
    assert (await retailer.data(retailer.shop_key(retailer.market), query, email="ada@example.org"))["customer"] is None
    assert (await retailer.data(retailer.person(new_id()), query, loyaltyCard="CARD-1"))["customer"] is None
    assert (await retailer.data(retailer.staff(), query, phone="030 123456", phoneCountry="DE"))["customer"] is None
    answer = await retailer.ask(retailer.staff(), query)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    bad = await retailer.ask(retailer.staff(), query, email="nonsense")
    assert bad["errors"][0]["extensions"]["code"] == "INVALID_IDENTITY"
    assert (await retailer.data(retailer.staff(), "{ me { id } }"))["me"] is None


@pytest.mark.parametrize("step", ["Accept", "Ready", "Reject", "Collect", "Ship"])
async def test_a_guessed_fulfillment_order_is_not_found(retailer: Retailer, step):
    item = await retailer.part(await retailer.pickup(retailer.hamburg))
    extra = {"Reject": {"reason": "OTHER"}, "Collect": {"code": retailer.code_of(item)}}.get(step, {})
    for key in (item.id, new_id()):
        given = {"id": global_id("FulfillmentOrder", key)} | extra
        payload = await retailer.change(retailer.associate(retailer.berlin), document(f"pos/{step}"), **given)
        assert payload["errors"][0]["code"] == "FULFILLMENT_ORDER_NOT_FOUND"
    assert (await retailer.part(item.order_id)).status == "OPEN"


async def test_a_guessed_order_can_neither_be_cancelled_nor_returned(retailer: Retailer):
    key = global_id("Order", await retailer.place())
    other = retailer.shop_key(retailer.market)
    cancelled = await retailer.change(other, document("console/CancelOrder"), id=key, reason="FRAUD")
    lines = [{"orderLineId": global_id("OrderLine", new_id()), "quantity": 1}]
    place = global_id("Location", retailer.berlin)
    returned = await retailer.change(other, document("pos/Return"), id=key, locationId=place, lines=lines)
    assert {cancelled["errors"][0]["code"], returned["errors"][0]["code"]} == {"ORDER_NOT_FOUND"}


async def test_the_queue_of_another_store_does_not_exist(retailer: Retailer):
    await retailer.pickup(retailer.hamburg)
    here = retailer.associate(retailer.berlin)
    assert (await retailer.data(here, document("pos/Queue")))["fulfillmentOrders"]["edges"] == []
    answer = await retailer.ask(here, document("pos/Queue"), locationId=global_id("Location", retailer.hamburg))
    assert answer["errors"][0]["extensions"]["code"] == "UNKNOWN_LOCATION"
    market = retailer.shop_key(retailer.market)
    assert (await retailer.data(market, document("pos/Queue")))["fulfillmentOrders"]["edges"] == []
