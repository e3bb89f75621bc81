"""Webhook deliveries as Square makes them: signed over URL and raw body, repeated until they are taken."""

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

import httpx

from adapters.sdk.signatures import sign_sha256
from adapters.square.simulator.seller import Event, Seller

MAX_ATTEMPTS: Final = 11


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook subscription. `notification_url` is what is signed, `url` where it is posted to."""

    url: str
    signature_key: str
    notification_url: str = ""

    def signed(self, body: bytes) -> dict[str, str]:
        message = (self.notification_url or self.url).encode() + body
        return {
            "content-type": "application/json",
            "user-agent": "Square Connect v2",
            "x-square-hmacsha256-signature": sign_sha256(self.signature_key, message),
        }


def body_of(event: Event) -> bytes:
    return json.dumps(event.body, ensure_ascii=False, separators=(",", ":")).encode()


async def post(client: httpx.AsyncClient, hook: Hook, event: Event) -> int | None:
    """The status of the hub's answer; None when it did not come."""
    body = body_of(event)
    try:
        return (await client.post(hook.url, content=body, headers=hook.signed(body))).status_code
    except httpx.TransportError:
        return None


async def deliver_pending(client: httpx.AsyncClient, seller: Seller, hook: Hook) -> list[tuple[Event, int | None]]:
    """Post each waiting event once. What is not taken waits for the next time, eleven times at most."""
    sent: list[tuple[Event, int | None]] = []
    for _ in range(len(seller.pending)):
        if not seller.pending:  # another request is delivering too
            break
        event = seller.pending.popleft()
        status = await post(client, hook, event)
        sent.append((event, status))
        taken = status is not None and status < HTTPStatus.MULTIPLE_CHOICES
        tried = replace(event, attempts=event.attempts + 1)
        if taken:
            seller.delivered.append(event)
        elif tried.attempts < MAX_ATTEMPTS:
            seller.pending.append(tried)
    return sent
