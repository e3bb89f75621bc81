"""Webhook deliveries as the store makes them: built when sent, signed over the raw bytes, never retried."""

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from adapters.sdk.signatures import sign_sha256
from adapters.woocommerce.simulator.shapes import order_json, product_json
from adapters.woocommerce.simulator.shop import Shop

MAX_FAILURES = 5


@dataclass(slots=True)
class Hook:
    """Where the store posts to; more than five failures in a row disable it."""

    url: str
    secret: str
    source: str = "http://127.0.0.1/"
    failures: int = 0

    @property
    def active(self) -> bool:
        return self.failures <= MAX_FAILURES


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: exactly what was posted, and the status answered (None when nobody did)."""

    topic: str
    entity_id: int
    headers: dict[str, str]
    body: bytes
    status: int | None = None


def compose(shop: Shop, hook: Hook, topic: str, entity_id: int) -> Delivery:
    """A signed delivery with the entity as it is now."""
    if topic.startswith("order."):
        entity = order_json(shop, shop.orders[entity_id])
    else:
        entity = product_json(shop, shop.items[entity_id])
    body = json.dumps(entity, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()
    resource, _, event = topic.partition(".")
    headers = {
        "user-agent": "WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)",
        "content-type": "application/json",
        "x-wc-webhook-source": hook.source,
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-signature": sign_sha256(hook.secret, body),
        "x-wc-webhook-id": "1",
        "x-wc-webhook-delivery-id": secrets.token_hex(16),
    }
    return Delivery(topic, entity_id, headers, body)


async def post(client: httpx.AsyncClient, hook: Hook, delivery: Delivery) -> int | None:
    """The status of the hub's answer; None when it did not come."""
    try:
        answer = await client.post(hook.url, content=delivery.body, headers=delivery.headers)
    except httpx.TransportError:
        hook.failures += 1
        return None
    hook.failures = 0 if answer.status_code < HTTPStatus.MULTIPLE_CHOICES else hook.failures + 1
    return answer.status_code


async def ping(client: httpx.AsyncClient, hook: Hook) -> int | None:
    """The unsigned form with which a store greets a new webhook."""
    try:
        return (await client.post(hook.url, data={"webhook_id": "1"})).status_code
    except httpx.TransportError:
        return None


async def deliver_pending(client: httpx.AsyncClient, shop: Shop, hook: Hook) -> list[tuple[str, int, int | None]]:
    """Send what is waiting: topic, entity id and answered status of each."""
    sent: list[tuple[str, int, int | None]] = []
    while shop.pending and hook.active:
        topic, entity_id = next(iter(shop.pending))
        del shop.pending[(topic, entity_id)]
        status = await post(client, hook, compose(shop, hook, topic, entity_id))
        sent.append((topic, entity_id, status))
    return sent
