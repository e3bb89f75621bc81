"""Telling Square that goods left, or that an order is cancelled: optimistic updates of the order.

An update names the version it was made from. When the order changed meanwhile it is read and decided again.
"""

from collections.abc import Callable
from typing import Any, Final

from adapters.sdk.errors import Rejected, Retryable
from adapters.sdk.reading import Reader
from adapters.sdk.signatures import digest_id
from adapters.sdk.types import Shipment
from adapters.square.client import KeyReused, SquareClient, VersionMismatch
from adapters.square.mapping import live_fulfillments

MAX_ATTEMPTS: Final = 3
_MAX_KEY_LENGTH: Final = 192
_MAX_REASON_LENGTH: Final = 100
_CLOSED: Final = frozenset({"COMPLETED", "CANCELED"})
_DETAILS: Final = {
    "PICKUP": "pickup_details",
    "SHIPMENT": "shipment_details",
    "DELIVERY": "delivery_details",
}

Changes = dict[str, Any]
Decision = Callable[[Reader], Changes | None]
"""What to change in an order as it now stands; None when it already is as wanted. Raises Rejected."""


async def report(client: SquareClient, shipment: Shipment) -> None:
    """Complete the fulfillments that the shipment ends; a part of one is noted as prepared."""
    await _update(
        client,
        shipment.external_order_id,
        lambda order: _shipped(order, shipment),
        idempotency_key=shipment.idempotency_key,
    )


async def cancel(client: SquareClient, order_id: str, *, reason: str, idempotency_key: str) -> None:
    """Cancel the open fulfillments, and the order itself while nothing was paid for it.

    Square keeps a paid order open until it is refunded; a sale over the counter can only be refunded.
    """
    await _update(client, order_id, lambda order: _cancelled(order, reason), idempotency_key=idempotency_key)


async def _update(client: SquareClient, order_id: str, decide: Decision, *, idempotency_key: str) -> None:
    for attempt in range(MAX_ATTEMPTS):
        order = await client.order(order_id)
        if order is None:
            raise Rejected(f"Square has no order {order_id}", field="external_order_id")
        changes = decide(order)
        if changes is None:
            return
        try:
            await client.update_order(
                order_id, _based_on(order) | changes, idempotency_key=_key(idempotency_key, order, attempt)
            )
        except (VersionMismatch, KeyReused):
            continue
        return
    raise Retryable(f"order {order_id} kept changing in Square")


def _based_on(order: Reader) -> Changes:
    """Orders rung up at a till have no version, and Square lets nobody else change them."""
    version = order.integer_or_none("version")
    if version is None:
        raise Rejected("Square does not let applications change this order", field="external_order_id")
    return {"location_id": order.text("location_id"), "version": version}


def _key(idempotency_key: str, order: Reader, attempt: int) -> str:
    """The caller's own key, once: the same change of a newer version is another request."""
    key = f"{idempotency_key}:{order.integer('version')}" if attempt else idempotency_key
    return key if len(key) <= _MAX_KEY_LENGTH else digest_id(key.encode())


def _shipped(order: Reader, shipment: Shipment) -> Changes | None:
    fulfillments = live_fulfillments(order)
    if not fulfillments:
        raise Rejected("the order has no fulfillment that can be completed", field="external_order_id")
    covered = [one for one in fulfillments if shipment.completes_order or _is_covered(one, shipment)]
    state, touched = ("COMPLETED", covered) if covered else ("PREPARED", fulfillments[:1])
    news = [_fulfillment(one, state, shipment) for one in touched if _is_news(one, state, shipment)]
    if not news:
        return None
    _must_be_open(order)
    return {"fulfillments": news}


def _is_covered(fulfillment: Reader, shipment: Shipment) -> bool:
    """Whether the shipment holds every piece of the fulfillment's entries."""
    shipped = {line.external_line_id: line.quantity for line in shipment.lines}
    entries = list(fulfillment.list("entries"))
    return bool(entries) and all(
        shipped.get(entry.text("line_item_uid"), 0) >= entry.integer("quantity") for entry in entries
    )


def _is_news(fulfillment: Reader, state: str, shipment: Shipment) -> bool:
    known = fulfillment.text("state")
    if known == "COMPLETED":
        return False
    details = fulfillment.object_or_none("shipment_details")
    tracked = details.text_or_empty("tracking_number") if details is not None else ""
    return known != state or (_is_parcel(fulfillment) and tracked != shipment.tracking_number)


def _fulfillment(fulfillment: Reader, state: str, shipment: Shipment) -> Changes:
    changes: Changes = {"uid": fulfillment.text("uid"), "state": state}
    tracking = {
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
    }
    known = {name: value for name, value in tracking.items() if value}
    if known and _is_parcel(fulfillment):
        changes["shipment_details"] = known
    return changes


def _is_parcel(fulfillment: Reader) -> bool:
    return fulfillment.text_or_empty("type") == "SHIPMENT"


def _cancelled(order: Reader, reason: str) -> Changes | None:
    state, fulfillments = order.text("state"), list(order.list("fulfillments"))
    open_ones = [one for one in live_fulfillments(order) if one.text("state") != "COMPLETED"]
    paid = any(order.list("tenders"))
    if state == "CANCELED" or (paid and fulfillments and not live_fulfillments(order)):
        return None
    _must_be_open(order)
    if len(open_ones) < len(live_fulfillments(order)):
        raise Rejected("a part of the order was handed over already; refund it", field="external_id")
    if paid and not open_ones:
        raise Rejected("a paid sale cannot be cancelled; refund it", field="external_id")
    changes: Changes = {} if paid else {"state": "CANCELED"}
    if open_ones:
        changes["fulfillments"] = [_withdrawn(one, reason) for one in open_ones]
    return changes


def _withdrawn(fulfillment: Reader, reason: str) -> Changes:
    changes: Changes = {"uid": fulfillment.text("uid"), "state": "CANCELED"}
    details = _DETAILS.get(fulfillment.text_or_empty("type"))
    if details is not None and reason:
        changes[details] = {"cancel_reason": reason[:_MAX_REASON_LENGTH]}
    return changes


def _must_be_open(order: Reader) -> None:
    state = order.text("state")
    if state in _CLOSED:
        raise Rejected(f"the order is {state} in Square", field="external_order_id")
