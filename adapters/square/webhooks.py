"""Deliveries of Square: base64 HMAC-SHA256 over the notification URL followed by the raw body.

They are hints. An order's delivery names the order and nothing in it, so the order is pulled; a payment's
carries card details, of which only the order's id is read. Square repeats a delivery for up to three days
with its first creation time, so within that span only the event id tells a replay.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from adapters.sdk.reading import Reader
from adapters.sdk.signatures import check_fresh, check_sha256, digest_id
from adapters.sdk.transport import read_json
from adapters.sdk.types import EventTopic, RawWebhook, VerifiedEvent

SIGNATURE_HEADER: Final = "x-square-hmacsha256-signature"
REPEATED_FOR: Final = timedelta(days=4)

Finder = Callable[[Reader, str], str | None]


def verify(webhook: RawWebhook, keys: tuple[str, ...], *, notification_url: str, now: datetime) -> VerifiedEvent:
    """Raises AuthFailed for a wrong signature or an event too old to be a repetition, ContractBroken for a
    signed body that is not an event.
    """
    signed = (notification_url or webhook.url).encode() + webhook.body
    check_sha256(signed, webhook.headers.get(SIGNATURE_HEADER), secrets=keys)
    event = Reader(read_json(webhook.body))
    created_at = event.instant_or_none("created_at")
    if created_at is not None:
        check_fresh(created_at, now=now, window=REPEATED_FOR)
    name = event.text_or_empty("type")
    topic, find = _TOPICS.get(name, (EventTopic.UNKNOWN, _nothing))
    external_id = find(event, name)
    return VerifiedEvent(
        event_id=event.text_or_empty("event_id") or digest_id(webhook.body),
        topic=_without_order(topic, external_id),
        external_topic=name,
        external_id=external_id,
        occurred_at=created_at,
    )


def _without_order(topic: EventTopic, external_id: str | None) -> EventTopic:
    """A payment or refund that belongs to no order says nothing to the hub."""
    return EventTopic.IGNORED if topic in _ABOUT_ORDERS and external_id is None else topic


def _entity_id(event: Reader, _name: str) -> str | None:
    return event.object("data").identifier("id")


def _order_of(event: Reader, name: str) -> str | None:
    return event.object("data").object("object").object(name.partition(".")[0]).text_or_none("order_id")


def _nothing(_event: Reader, _name: str) -> str | None:
    return None


_ABOUT_ORDERS: Final = frozenset({EventTopic.ORDER, EventTopic.REFUND})
_TOPICS: Final[dict[str, tuple[EventTopic, Finder]]] = {
    "order.created": (EventTopic.ORDER, _entity_id),
    "order.updated": (EventTopic.ORDER, _entity_id),
    "order.fulfillment.updated": (EventTopic.ORDER, _entity_id),
    "payment.created": (EventTopic.ORDER, _order_of),
    "payment.updated": (EventTopic.ORDER, _order_of),
    "refund.created": (EventTopic.REFUND, _order_of),
    "refund.updated": (EventTopic.REFUND, _order_of),
    "inventory.count.updated": (EventTopic.STOCK, _nothing),
    "catalog.version.updated": (EventTopic.PRODUCT, _nothing),
    "webhooks.test_notification": (EventTopic.IGNORED, _nothing),
}
