"""Requests, answers and events against Square's own description, signatures and SDK."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sdk.errors import AuthFailed
from adapters.sdk.reading import Reader
from adapters.sdk.types import EventTopic, ListingRef, OrderState, RawWebhook, Shipment, StockUpdate
from adapters.square import SquareConnection
from adapters.square.mapping import read_order
from adapters.square.simulator import Sale, SaleLine, Seller, create_app
from adapters.square.webhooks import SIGNATURE_HEADER
from tests.adapters.square.official import Description, Recorder, description
from tests.adapters.square.running import CATALOG, EPOCH, LOCATIONS, NOW, connect, ref, settings_for, update

pytestmark = pytest.mark.specs


@pytest.fixture
def official(specs: Path) -> Description:
    return description(specs / "square" / "api.commerce-subset.offline.json")


@pytest.fixture
def events(specs: Path) -> Description:
    """The whole description, which also has the webhook events."""
    return description(specs / "square" / "api.offline.json")


@pytest.fixture
def seller() -> Seller:
    account = Seller(locations=LOCATIONS, currency="EUR")
    account.load(CATALOG)
    return account


async def use_everything(connection: SquareConnection, seller: Seller) -> None:
    lines = (SaleLine("MUG", 1),)
    shipped = seller.sell(Sale(lines, "LBER", "SHIPMENT", {"display_name": "Ada"}))["id"]
    picked = seller.sell(Sale(lines, "LBER", "PICKUP", paid=False))["id"]
    seller.sell(Sale(lines, "LHAM", customer_id="C1", tip="1"))
    await connection.check()
    await connection.pull_products(cursor=None, modified_after=None)
    seller.max_page = 1
    first = await connection.pull_products(cursor=None, modified_after=EPOCH)
    await connection.pull_products(cursor=first.next_cursor, modified_after=EPOCH)
    page = await connection.pull_orders(cursor=None, modified_after=EPOCH)
    await connection.pull_orders(cursor=page.next_cursor, modified_after=EPOCH)
    await connection.publish_stock([update("TEE-S", 3), update("MUG", 0, "LHAM")])
    await connection.read_stock([ref("TEE-S"), ref("TEE-S", "LHAM"), ref("MUG", "LHAM")])
    await connection.push_fulfillment(
        Shipment(
            shipped,
            (),
            completes_order=True,
            idempotency_key="s1",
            carrier="UPS",
            tracking_number="1Z",
            tracking_url="https://t.example/1Z",
        )
    )
    await connection.cancel_order(picked, reason="sold out", idempotency_key="c1")


async def test_every_request_and_answer_fits_the_official_description(official: Description, seller: Seller) -> None:
    recorder = Recorder(httpx.ASGITransport(app=create_app(seller)))  # type: ignore[arg-type]
    connection = connect(settings_for(), recorder)
    await use_everything(connection, seller)
    await connection.close()
    assert len({one.request.url.path for one in recorder.exchanges}) >= 8
    assert {one.status for one in recorder.exchanges} == {200}
    assert [misfit for one in recorder.exchanges for misfit in official.misfits(one)] == []


async def test_every_event_of_the_simulated_account_fits_the_official_description(
    events: Description, seller: Seller
) -> None:
    seller.sell(Sale((SaleLine("MUG", 1),), "LBER", "PICKUP"))
    seller.change_order(next(iter(seller.orders.values())), {})
    names = {
        "order.created": "OrderCreatedEvent",
        "order.updated": "OrderUpdatedEvent",
        "inventory.count.updated": "InventoryCountUpdatedEvent",
        "catalog.version.updated": "CatalogVersionUpdatedEvent",
    }
    assert {event.topic for event in seller.pending} == set(names)
    for event in seller.pending:
        name = names[event.topic]
        tolerated = set(events.misfits_of(events.schema(name), events.example(name)))  # of the official example
        assert set(events.misfits_of(events.schema(name), event.body)) <= tolerated


@pytest.mark.parametrize(
    ("name", "topic", "external_id"),
    [
        ("OrderCreatedEvent", EventTopic.ORDER, "eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),
        ("OrderUpdatedEvent", EventTopic.ORDER, "eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),
        ("OrderFulfillmentUpdatedEvent", EventTopic.ORDER, "eA3vssLHKJrv9H0IdJCM3gNqfdcZY"),
        ("PaymentUpdatedEvent", EventTopic.ORDER, "03O3USaPaAaFnI6kkwB1JxGgBsUZY"),
        ("RefundUpdatedEvent", EventTopic.REFUND, "haOyDuHiqtAXMk0d8pDKXpL7Jg4F"),
        ("InventoryCountUpdatedEvent", EventTopic.STOCK, None),
        ("CatalogVersionUpdatedEvent", EventTopic.PRODUCT, None),
    ],
)
def test_official_example_events_are_understood_as_hints(
    events: Description, name: str, topic: EventTopic, external_id: str | None
) -> None:
    from adapters.square.simulator.hooks import Hook

    connection = connect(settings_for(notification_url=""))
    example = events.example(name)
    body = json.dumps(example).encode()
    hook = Hook("https://hub.test/h", "s3cret")
    event = connection.verify(
        RawWebhook(hook.signed(body), body, hook.url), now=datetime.fromisoformat(example["created_at"])
    )
    assert (event.topic, event.external_id, event.event_id) == (topic, external_id, example["event_id"])
    assert event.external_topic == example["type"]
    assert connection.orders_in(event, body) == ()


def test_official_example_orders_are_read(events: Description) -> None:
    order = read_order(Reader(events.example("RetrieveOrderResponse")["order"]))
    assert [(line.quantity, line.unit_price.amount_minor) for line in order.lines] == [(1, 500), (2, 300)]
    assert [line.discount.amount_minor for line in order.lines if line.discount] == [250, 300]
    assert (order.total.amount_minor, order.state) == (550, OrderState.PENDING_PAYMENT)
    assert read_order(Reader(events.example("UpdateOrderResponse")["order"])).origin == "Cookies"


def vectors(specs: Path) -> list[Any]:
    recorded = json.loads((specs / "oracle" / "signature_vectors.json").read_text(encoding="utf-8"))
    return [one for one in recorded if one["channel"] == "square"]


def test_the_official_signature_vectors_are_accepted_and_nothing_else(specs: Path) -> None:
    signed_at = datetime(2022, 7, 13, 20, 31, tzinfo=UTC)
    assert len(vectors(specs)) == 2
    for vector in vectors(specs):
        connection = connect(settings_for(webhook_signature_key=vector["key"], notification_url=vector["url"]))
        headers, body = {SIGNATURE_HEADER: vector["signature"]}, vector["body"].encode()
        assert connection.verify(RawWebhook(headers, body, "https://proxy.test/"), now=signed_at).external_id is None
        with pytest.raises(AuthFailed):
            connection.verify(RawWebhook(headers, body + b" ", vector["url"]), now=signed_at)


def golden(specs: Path, number: int) -> Any:
    return json.loads((specs / "oracle" / "golden_requests" / f"square_{number}.json").read_text(encoding="utf-8"))


def assert_same(request: httpx.Request, expected: Any) -> None:
    """Accept and user agent are each client's own."""
    assert (request.method, request.url.path) == (expected["method"], expected["path"])
    for name in ("Authorization", "Square-Version", "Content-Type"):
        written = {key.lower(): value for key, value in expected["headers"].items()}
        assert request.headers[name] == written[name.lower()]
    assert json.loads(request.content) == json.loads(expected["body"])


async def test_a_published_count_is_the_official_clients_request(specs: Path) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"counts": []})

    settings = settings_for(access_token="TOKEN", api_version="2026-09-16")
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    connection = SquareConnection(settings, transport=httpx.MockTransport(answer), clock=lambda: moment)
    listing = ListingRef("hub-1", "ITEM1", "VAR1", external_location_id="L1")
    await connection.publish_stock([StockUpdate(listing, 5, "11111111-1111-4111-8111-111111111111")])
    await connection.close()
    assert_same(sent[0], golden(specs, 1))


async def test_a_shipment_is_the_official_clients_request(specs: Path) -> None:
    sent: list[httpx.Request] = []
    order = {
        "id": "ORDER1",
        "location_id": "L1",
        "version": 3,
        "state": "OPEN",
        "fulfillments": [{"uid": "F1", "type": "SHIPMENT", "state": "PROPOSED"}],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"order": order})

    settings = settings_for(access_token="TOKEN", api_version="2026-09-16")
    connection = connect(settings, httpx.MockTransport(answer))
    await connection.push_fulfillment(
        Shipment(
            "ORDER1",
            (),
            completes_order=True,
            idempotency_key="22222222-2222-4222-8222-222222222222",
            carrier="UPS",
            tracking_number="1Z999",
        )
    )
    await connection.close()
    assert_same(sent[1], golden(specs, 2))


def test_a_signature_older_than_any_repetition_is_refused(specs: Path) -> None:
    vector = vectors(specs)[0]
    connection = connect(settings_for(webhook_signature_key=vector["key"], notification_url=vector["url"]))
    with pytest.raises(AuthFailed, match="replay window"):
        connection.verify(
            RawWebhook({SIGNATURE_HEADER: vector["signature"]}, vector["body"].encode(), vector["url"]), now=NOW
        )
