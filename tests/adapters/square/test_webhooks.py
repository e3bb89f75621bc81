import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.sdk.errors import AuthFailed, ContractBroken
from adapters.sdk.types import EventTopic, RawWebhook, VerifiedEvent
from adapters.square.simulator import Hook
from tests.adapters.square.running import connect, settings_for

SIGNED_URL = "https://hub.test/hooks/square"
HOOK = Hook("https://proxy.internal/", "s3cret", SIGNED_URL)
SENT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def delivery(body: bytes, hook: Hook = HOOK) -> RawWebhook:
    return RawWebhook(hook.signed(body), body, hook.url)


def verify(webhook: RawWebhook, now: datetime = SENT, **settings: Any) -> VerifiedEvent:
    return connect(settings_for(**settings)).verify(webhook, now=now)


def event(topic: str = "order.created", **changes: Any) -> bytes:
    data = {"type": "order_created", "id": "O1", "object": {"order_created": {"order_id": "O1"}}}
    return json.dumps(
        {"type": topic, "event_id": "E1", "created_at": SENT.isoformat(), "data": data, **changes}
    ).encode()


def test_the_configured_url_is_signed_and_not_the_one_behind_the_proxy() -> None:
    found = verify(delivery(event()))
    assert found == VerifiedEvent("E1", EventTopic.ORDER, "order.created", "O1", SENT)


def test_without_a_configured_url_the_one_posted_to_is_signed() -> None:
    hook = Hook(SIGNED_URL, "s3cret")
    assert verify(delivery(event(), hook), notification_url="").external_id == "O1"
    with pytest.raises(AuthFailed):
        verify(delivery(event(), HOOK), notification_url="")


def test_both_keys_are_accepted_while_one_is_replaced() -> None:
    verify(delivery(event()), webhook_signature_key="new", previous_webhook_signature_key="s3cret")
    with pytest.raises(AuthFailed):
        verify(delivery(event()), webhook_signature_key="new")


@pytest.mark.parametrize("index", [0, 20, -1])
def test_one_changed_byte_is_refused(index: int) -> None:
    body = bytearray(event())
    signed = HOOK.signed(bytes(body))
    body[index] ^= 1
    with pytest.raises(AuthFailed):
        verify(RawWebhook(signed, bytes(body), SIGNED_URL))


def test_a_body_that_was_serialised_again_is_refused() -> None:
    again = json.dumps(json.loads(event()), indent=1).encode()
    with pytest.raises(AuthFailed):
        verify(RawWebhook(HOOK.signed(event()), again, SIGNED_URL))


def test_an_unsigned_delivery_is_refused() -> None:
    with pytest.raises(AuthFailed, match="not signed"):
        verify(RawWebhook({}, event(), SIGNED_URL))


def test_a_repetition_is_the_same_event_and_an_old_one_is_refused() -> None:
    first = verify(delivery(event()))
    assert verify(delivery(event()), now=SENT + timedelta(days=3)) == first
    for age in (timedelta(days=5), timedelta(days=-5)):
        with pytest.raises(AuthFailed, match="replay window"):
            verify(delivery(event()), now=SENT + age)


@pytest.mark.parametrize("topic", ["loyalty.account.created", "", "order"])
def test_an_unknown_topic_is_parked(topic: str) -> None:
    found = verify(delivery(event(topic)))
    assert (found.topic, found.external_topic, found.external_id) == (EventTopic.UNKNOWN, topic, None)


def test_a_payment_names_its_order_and_one_without_order_is_ignored() -> None:
    def paid(payment: dict[str, Any]) -> bytes:
        return event("payment.updated", data={"type": "payment", "id": "P1", "object": {"payment": payment}})

    assert verify(delivery(paid({"order_id": "O9"}))).external_id == "O9"
    assert verify(delivery(paid({}))).topic is EventTopic.IGNORED


def test_an_event_without_id_is_known_by_its_body() -> None:
    one, other = event(event_id=None), event(event_id=None, merchant_id="M")
    assert verify(delivery(one)).event_id == verify(delivery(one)).event_id != verify(delivery(other)).event_id


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"created_at": "yesterday"}', b'{"type": "order.created"}', b"[" * 100_000]
)
def test_a_signed_body_that_is_no_event_breaks_the_contract(body: bytes) -> None:
    with pytest.raises(ContractBroken):
        verify(delivery(body))
