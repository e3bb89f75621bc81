"""The stores' queues through the API: every step, its refusals, the routing behind it, and the work per statement."""

from typing import Any

import pytest

from hub.fulfillment import route_order
from hub.kernel.principal import Scope
from hub.orders import PlaceOrderLine
from hub_graphql.ids import global_id
from tests.api.orders.conftest import Retailer, document


async def step(retailer: Retailer, who, name: str, item, **given: Any):
    key = global_id("FulfillmentOrder", item.id)
    return await retailer.change(who, document(f"pos/{name}"), id=key, **given)


async def test_a_pickup_order_is_handed_over_to_who_knows_the_code(retailer: Retailer, ada):
    order_id = await retailer.pickup(retailer.hamburg, **ada)
    item, till = await retailer.part(order_id), retailer.till(retailer.hamburg)
    taken = await step(retailer, till, "Accept", item, expectedVersion=1)
    assert (taken["fulfillmentOrder"]["status"], taken["errors"]) == ("IN_PROGRESS", [])
    stale = await step(retailer, till, "Ready", item, expectedVersion=1)
    assert (stale["errors"][0]["code"], stale["errors"][0]["path"]) == ("STALE_VERSION", ["input", "expectedVersion"])
    await step(retailer, till, "Ready", item)
    wrong = await step(retailer, till, "Collect", item, code="no")
    assert wrong["errors"][0]["code"] == "WRONG_PICKUP_CODE"
    code = retailer.code_of(item)
    for replayed in (False, True):
        done = await step(retailer, till, "Collect", item, code=code, idempotencyKey="c")
        assert (done["fulfillmentOrder"]["status"], done["replayed"]) == ("CLOSED", replayed)
    late = await step(retailer, till, "Ship", item)
    assert late["errors"][0]["code"] == "INVALID_TRANSITION"
    me = await retailer.data(retailer.person(await retailer.customer_of(order_id)), document("storefront/Me"))
    assert me["me"]["loyaltyAccounts"][0]["available"] == 19
    assert [edge["node"]["kind"] for edge in me["me"]["loyaltyHistory"]["edges"]] == ["EARN"]
    assert me["me"]["orders"]["edges"][0]["node"]["status"] == "COMPLETED"


async def test_a_parcel_leaves_with_its_number(retailer: Retailer):
    item = await retailer.part(await retailer.place())
    store = retailer.associate(item.location_id)
    await step(retailer, store, "Accept", item)
    await step(retailer, store, "Ship", item, carrier="DHL", trackingNumber="42")
    query = "query($id: ID!) { fulfillmentOrder(id: $id) { status carrier trackingNumber closedAt } }"
    found = await retailer.data(store, query, id=global_id("FulfillmentOrder", item.id))
    assert found["fulfillmentOrder"]["trackingNumber"] == "42"
    assert found["fulfillmentOrder"]["status"] == "CLOSED"


async def test_the_explanation_names_every_candidate_of_every_run(retailer: Retailer):
    order_id = await retailer.place()
    first = await retailer.part(order_id)
    await step(retailer, retailer.associate(first.location_id), "Reject", first, reason="TOO_BUSY")
    await route_order(retailer.database, order_id, cause="REJECTED")
    key = global_id("Order", order_id)
    found = await retailer.data(retailer.staff(), document("console/RoutingExplanation"), id=key)
    runs = found["order"]["routingDecisions"]
    assert [(run["run"], run["cause"], run["complete"]) for run in runs] == [
        (1, "CAPTURED", True),
        (2, "REJECTED", True),
    ]
    outcomes = {one["name"]: one for one in runs[1]["candidates"]}
    refused = [one for one in outcomes.values() if one["outcome"] == "REFUSED"]
    assert [one["reasons"][0]["code"] for one in refused] == ["EXCLUDED"]
    chosen = [one for one in outcomes.values() if one["outcome"] == "CHOSEN"]
    assert chosen[0]["explanation"].startswith("Chosen: has all 1 unit")
    assert {"name": "demanded", "value": 1.0} in chosen[0]["reasons"][0]["numbers"]
    assert len(runs[1]["explanation"]) == 2
    decision = "query($id: ID!) { routingDecision(id: $id) { run order { id } } }"
    one = await retailer.data(retailer.staff(), decision, id=runs[0]["id"])
    assert one["routingDecision"] == {"run": 1, "order": {"id": key}}
    other = retailer.staff(retailer.hamburg if first.location_id == retailer.berlin else retailer.berlin)
    assert (await retailer.data(other, decision, id=runs[0]["id"]))["routingDecision"] is not None
    stranger = retailer.shop_key(retailer.market, scopes=frozenset({Scope.ROUTING_READ}))
    hidden = "query($id: ID!) { routingDecision(id: $id) { run } }"
    assert (await retailer.data(stranger, hidden, id=runs[0]["id"]))["routingDecision"] is None


async def test_an_associate_may_not_ask_why(retailer: Retailer):
    key = global_id("Order", await retailer.place())
    with pytest.raises(Exception, match="routing:read"):
        await retailer.ask(retailer.associate(retailer.berlin), document("console/RoutingExplanation"), id=key)


async def test_the_queue_is_oldest_first_page_by_page(retailer: Retailer):
    placed = [await retailer.pickup(retailer.hamburg) for _ in range(3)]
    store, query = retailer.associate(retailer.hamburg), document("pos/Queue")
    page = (await retailer.data(store, query, first=2, statuses=["OPEN"]))["fulfillmentOrders"]
    rest = await retailer.data(store, query, first=2, after=page["pageInfo"]["endCursor"], statuses=["OPEN"])
    edges = page["edges"] + rest["fulfillmentOrders"]["edges"]
    parts = [global_id("FulfillmentOrder", (await retailer.part(key)).id) for key in placed]
    assert [edge["node"]["id"] for edge in edges] == parts


DEEP = """
{ orders(first: 7) { edges { node {
  id channel { name } pickupLocation { name } total { amount } payments { reference } timeline { kind }
  returns { id location { name } lines { quantity } } contact { note }
  lines { sku variant { sku } } customer { firstName loyaltyAccounts { available programme { name } }
    orders(first: 2) { edges { node { number } } } loyaltyHistory(first: 2) { edges { node { kind order { id } } } } }
  fulfillmentOrders { number pickupCode location { name } order { number } lines { orderLine { sku } }
    routingDecision { run } }
  routingDecisions { run candidates { location { name } } assignments { lines { orderLine { sku } } } }
} } } }
"""


async def test_the_statements_of_a_document_do_not_depend_on_the_rows(retailer: Retailer, ada):
    async def more() -> None:
        lines = (PlaceOrderLine(retailer.shirt, 1), PlaceOrderLine(retailer.shoe, 1))
        await retailer.pickup(retailer.hamburg, **ada, lines=lines)
        await retailer.place(lines=lines)
        await retailer.sale(retailer.berlin, **ada)

    documents = [DEEP, document("console/Orders"), document("partner/Orders"), document("pos/Queue")]
    staff = retailer.staff()
    await more()
    few = [await retailer.statements(staff, query) for query in documents]
    for _ in range(2):
        await more()
    many = [await retailer.statements(staff, query) for query in documents]
    # Two paths to the same kind of row may meet in one batch or miss each other by a tick: one statement, whatever
    # the rows. Three times the rows would add far more if any of them were read one by one.
    assert all(later - earlier <= 1 for earlier, later in zip(few, many, strict=True)), (few, many)
    lookup = document("pos/CustomerLookup")
    assert await retailer.statements(staff, lookup, loyaltyCard="CARD-1") <= 8
