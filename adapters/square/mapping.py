"""Square's orders as the hub's normalised types; pure.

Amounts are minor units. What Square adds to an order beside its goods (service charges, tip, cash rounding)
becomes FEE lines, so that the lines add up to the total.
"""

from collections.abc import Iterator
from typing import Final

from adapters.sdk.content import with_content_hash
from adapters.sdk.reading import Reader
from adapters.sdk.types import (
    ChannelOrder,
    ChannelOrderLine,
    ChannelPayment,
    FulfillmentMethod,
    OrderState,
)
from adapters.square.lines import fee_lines, goods_line
from adapters.square.money import amount, amount_or_zero
from adapters.square.people import read_customer, read_recipient_address, recipient
from hub.kernel.money import Money

METHODS: Final = {
    "PICKUP": FulfillmentMethod.PICKUP,
    "SHIPMENT": FulfillmentMethod.SHIP,
    "DELIVERY": FulfillmentMethod.LOCAL_DELIVERY,
}
_AT_A_PLACE: Final = frozenset({FulfillmentMethod.PICKUP, FulfillmentMethod.HANDED_OVER})
_ENDED_BADLY: Final = frozenset({"CANCELED", "FAILED"})
_STATES: Final = {
    "OPEN": OrderState.OPEN,
    "COMPLETED": OrderState.COMPLETED,
    "CANCELED": OrderState.CANCELLED,
    "DRAFT": OrderState.PENDING_PAYMENT,
}


def read_order(source: Reader) -> ChannelOrder:
    """An order at its version. Raises ContractBroken.

    An order without fulfillments was handed over at its location; the method never changes with the state, so
    a shipment that is completed later stays a shipment.
    """
    total = amount(source, "total_money")
    method = _method(source)
    state, word = _state(source, total)
    return with_content_hash(
        ChannelOrder(
            external_id=source.identifier("id"),
            number=source.identifier("id"),
            state=state,
            external_state=word,
            currency=total.currency,
            placed_at=source.instant("created_at"),
            source_version=version(source),
            content_hash="",
            prices_include_tax=_prices_include_tax(source),
            lines=tuple(_lines(source, total.currency)),
            total=total,
            method=method,
            external_location_id=source.text("location_id") if method in _AT_A_PLACE else None,
            customer=read_customer(source),
            ship_to=None if method is FulfillmentMethod.PICKUP else read_recipient_address(source),
            payments=tuple(_payment(tender, total.currency) for tender in source.list("tenders")),
            note=_note(source),
            origin=_origin(source),
        )
    )


def version(source: Reader) -> str:
    """Square's version counter, then the modification instant: orders made at a till have no counter."""
    counter = source.integer_or_none("version") or 0
    return f"{counter:020d} {source.instant('updated_at').isoformat(timespec='microseconds')}"


def live_fulfillments(source: Reader) -> list[Reader]:
    """Those not cancelled or failed."""
    return [one for one in source.list("fulfillments") if one.text_or_empty("state") not in _ENDED_BADLY]


def is_paid(source: Reader) -> bool:
    """Whether nothing is left to pay. Square states what is due; older orders only list their tenders."""
    total = amount(source, "total_money")
    if source.has("net_amount_due_money"):
        return amount(source, "net_amount_due_money", total.currency).amount_minor <= 0
    paid = sum(amount(tender, "amount_money", total.currency).amount_minor for tender in source.list("tenders"))
    return paid >= total.amount_minor


def _lines(source: Reader, currency: str) -> Iterator[ChannelOrderLine]:
    for index, line in enumerate(source.list("line_items")):
        yield from goods_line(line, index, currency)
    yield from fee_lines(source, currency)


def _state(source: Reader, total: Money) -> tuple[OrderState, str]:
    """The state and Square's own words for it. What the hub has no word for is UNKNOWN: it is parked."""
    word = source.text("state")
    if any(source.list("returns")):
        return OrderState.UNKNOWN, f"{word} with returned items"
    kinds = sorted({one.text_or_empty("type") for one in _meant(source)})
    if len(kinds) > 1 or any(kind not in METHODS for kind in kinds):
        return OrderState.UNKNOWN, f"{word} {'+'.join(kinds)}"
    if kinds and not live_fulfillments(source):
        return OrderState.CANCELLED, f"{word} with every fulfillment cancelled"
    if word == "OPEN" and total.amount_minor > 0 and not is_paid(source):
        return OrderState.PENDING_PAYMENT, word
    return _STATES.get(word, OrderState.UNKNOWN), word


def _meant(source: Reader) -> list[Reader]:
    """The fulfillments that say how the goods reach the customer."""
    return live_fulfillments(source) or list(source.list("fulfillments"))


def _method(source: Reader) -> FulfillmentMethod:
    kinds = [one.text_or_empty("type") for one in _meant(source)]
    if not kinds:
        return FulfillmentMethod.HANDED_OVER
    return METHODS.get(kinds[0], FulfillmentMethod.SHIP)


def _prices_include_tax(source: Reader) -> bool:
    kinds = {tax.text_or_empty("type") for tax in source.list("taxes")}
    return "INCLUSIVE" in kinds and "ADDITIVE" not in kinds


def _payment(tender: Reader, currency: str) -> ChannelPayment:
    """A reference only: a tender's card details are never read."""
    return ChannelPayment(
        reference=tender.identifier("payment_id" if tender.has("payment_id") else "id"),
        method=tender.text("type"),
        amount=amount_or_zero(tender, "amount_money", currency),
        paid_at=tender.instant_or_none("created_at"),
    )


def _note(source: Reader) -> str:
    for fulfillment in _meant(source):
        _, details = recipient(fulfillment)
        if details is not None:
            return details.text_or_empty("note") or details.text_or_empty("shipping_note")
    return ""


def _origin(source: Reader) -> str | None:
    described = source.object_or_none("source")
    return described.text_or_none("name") if described is not None else None
