"""Deliveries of a WooCommerce store: signed with base64 HMAC-SHA256 over the raw body, never retried.

The delivery id is new for every delivery, so an event is identified by its topic and exact body.
"""

import re
from typing import Final

from adapters.sdk.errors import ContractBroken
from adapters.sdk.reading import Reader
from adapters.sdk.signatures import check_sha256, digest_id
from adapters.sdk.transport import read_json
from adapters.sdk.types import EventTopic, RawWebhook, VerifiedEvent

SIGNATURE_HEADER: Final = "x-wc-webhook-signature"
TOPIC_HEADER: Final = "x-wc-webhook-topic"

_TOPICS: Final = {
    "order": EventTopic.ORDER,
    "product": EventTopic.PRODUCT,
    "customer": EventTopic.CUSTOMER,
    "coupon": EventTopic.IGNORED,
}
_PING: Final = re.compile(rb"webhook_id=[0-9]{1,20}")


def verify(webhook: RawWebhook, secrets: tuple[str, ...]) -> VerifiedEvent:
    """Raises AuthFailed for a wrong signature, ContractBroken for a signed body that is not an entity.

    A store greets a new webhook with an unsigned form that only names it; there is nothing in it to trust.
    """
    topic = webhook.headers.get(TOPIC_HEADER, "")
    if not topic and _PING.fullmatch(webhook.body):
        return VerifiedEvent(digest_id(b"ping", webhook.body), EventTopic.IGNORED, "ping")
    check_sha256(webhook.body, webhook.headers.get(SIGNATURE_HEADER), secrets=secrets)
    if not topic:
        raise ContractBroken(f"the delivery has no {TOPIC_HEADER} header", path="$")
    entity = Reader(read_json(webhook.body))
    return VerifiedEvent(
        event_id=digest_id(topic.encode(), webhook.body),
        topic=_TOPICS.get(topic.partition(".")[0], EventTopic.UNKNOWN),
        external_topic=topic,
        external_id=entity.identifier("id") if entity.has("id") else None,
        occurred_at=entity.instant_or_none("date_modified_gmt", assume_utc=True),
    )


def full_order(event: VerifiedEvent, body: bytes) -> Reader | None:
    """The order that the delivery carries; a deletion carries its id only."""
    if event.topic is not EventTopic.ORDER:
        return None
    entity = Reader(read_json(body))
    return entity if entity.has("line_items") else None
