import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.sdk.errors import AuthFailed, ContractBroken
from adapters.sdk.signatures import sign_sha256
from adapters.sdk.types import EventTopic, RawWebhook, VerifiedEvent
from adapters.woocommerce.webhooks import full_order, verify

SECRETS = ("s3cret",)


def delivery(body: bytes, topic: str | None = "order.created", secret: str = SECRETS[0]) -> RawWebhook:
    headers = {"x-wc-webhook-signature": sign_sha256(secret, body), "x-wc-webhook-delivery-id": "abc"}
    if topic is not None:
        headers["x-wc-webhook-topic"] = topic
    return RawWebhook(headers, body, "https://hub.example/hooks/1")


def recorded(specs: Path, name: str) -> RawWebhook:
    one: dict[str, Any] = json.loads((specs / "woocommerce" / "recorded-11.0.1" / f"{name}.json").read_text())
    return RawWebhook(
        {key.lower(): value for key, value in one["headers"].items()}, one["body"].encode(), "https://hub.example/"
    )


class TestVerification:
    @pytest.mark.specs
    def test_the_delivery_of_a_real_server_is_accepted(self, specs: Path) -> None:
        webhook = recorded(specs, "webhook_order_created")
        event = verify(webhook, SECRETS)
        assert (event.topic, event.external_topic, event.external_id) == (EventTopic.ORDER, "order.created", "13")
        assert event.occurred_at == datetime(2026, 11, 22, 6, 37, 57, tzinfo=UTC)
        assert full_order(event, webhook.body) is not None

    @pytest.mark.specs
    def test_the_ping_of_a_real_server_is_answered_and_ignored(self, specs: Path) -> None:
        assert verify(recorded(specs, "webhook_ping"), SECRETS).topic is EventTopic.IGNORED

    @pytest.mark.specs
    def test_the_recorded_vectors_match(self, specs: Path) -> None:
        vectors = json.loads((specs / "oracle" / "signature_vectors.json").read_text())
        found = [vector for vector in vectors if vector["channel"] == "woocommerce"]
        assert found
        for vector in found:
            headers = {"x-wc-webhook-signature": vector["signature"], "x-wc-webhook-topic": "product.updated"}
            event = verify(RawWebhook(headers, vector["body"].encode(), ""), (vector["key"],))
            assert event.topic is EventTopic.PRODUCT

    @pytest.mark.parametrize(
        "body", [b"webhook_id=2&x=1", b"webhook_id=", b"webhook_id=2\n", b"webhook_id=" + b"1" * 40, b""]
    )
    def test_what_only_resembles_a_ping_must_be_signed(self, body: bytes) -> None:
        with pytest.raises(AuthFailed):
            verify(RawWebhook({}, body, ""), SECRETS)

    def test_a_ping_body_under_a_topic_must_be_signed(self) -> None:
        with pytest.raises(AuthFailed):
            verify(RawWebhook({"x-wc-webhook-topic": "order.created"}, b"webhook_id=2", ""), SECRETS)

    def test_the_previous_secret_is_accepted_while_it_is_known(self) -> None:
        webhook = delivery(b'{"id":1}', secret="old")
        assert verify(webhook, ("new", "old")).external_id == "1"
        with pytest.raises(AuthFailed):
            verify(webhook, ("new",))

    @pytest.mark.parametrize("body", [b"[]", b"not json", b'{"id": ""}', b'{"id": 1', b'{"id":{}}'])
    def test_a_signed_body_that_is_no_entity_breaks_the_contract(self, body: bytes) -> None:
        with pytest.raises(ContractBroken):
            verify(delivery(body), SECRETS)

    def test_a_signed_delivery_without_topic_breaks_the_contract(self) -> None:
        with pytest.raises(ContractBroken, match="topic"):
            verify(delivery(b'{"id":1}', topic=None), SECRETS)


class TestEvents:
    def test_a_redelivery_is_the_same_event_whatever_its_delivery_id(self) -> None:
        first = delivery(b'{"id":1}')
        again = RawWebhook({**first.headers, "x-wc-webhook-delivery-id": "other"}, first.body, first.url)
        assert verify(first, SECRETS).event_id == verify(again, SECRETS).event_id

    def test_another_body_or_topic_is_another_event(self) -> None:
        ids = {
            verify(delivery(body, topic), SECRETS).event_id
            for body in (b'{"id":1}', b'{"id": 1}')
            for topic in ("order.created", "order.updated")
        }
        assert len(ids) == 4

    @pytest.mark.parametrize(
        ("topic", "expected"),
        [
            ("order.deleted", EventTopic.ORDER),
            ("product.restored", EventTopic.PRODUCT),
            ("customer.updated", EventTopic.CUSTOMER),
            ("coupon.created", EventTopic.IGNORED),
            ("action.woocommerce_add_to_cart", EventTopic.UNKNOWN),
        ],
    )
    def test_topics_are_translated(self, topic: str, expected: EventTopic) -> None:
        assert verify(delivery(b'{"id":1}', topic), SECRETS).topic is expected

    def test_a_deletion_carries_no_order(self) -> None:
        event = verify(delivery(b'{"id":1}', "order.deleted"), SECRETS)
        assert full_order(event, b'{"id":1}') is None

    def test_a_product_is_no_order(self) -> None:
        event = VerifiedEvent("1", EventTopic.PRODUCT, "product.updated", "1")
        assert full_order(event, b'{"id":1,"line_items":[]}') is None
