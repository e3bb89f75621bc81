"""WooCommerce's orders and products as the hub's normalised types; pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from adapters.sdk.content import with_content_hash
from adapters.sdk.reading import Reader
from adapters.sdk.types import (
    ChannelCustomer,
    ChannelOrder,
    ChannelOrderLine,
    ChannelPayment,
    FulfillmentMethod,
    LineKind,
    OrderState,
    PostalAddress,
)
from adapters.woocommerce.settings import WooCommerceSettings
from hub.kernel.money import Money

ORDER_STATES: Final = {
    "pending": OrderState.PENDING_PAYMENT,
    "on-hold": OrderState.PENDING_PAYMENT,
    "failed": OrderState.PENDING_PAYMENT,
    "checkout-draft": OrderState.PENDING_PAYMENT,
    "auto-draft": OrderState.PENDING_PAYMENT,
    "processing": OrderState.OPEN,
    "completed": OrderState.COMPLETED,
    "cancelled": OrderState.CANCELLED,
    "refunded": OrderState.CANCELLED,
    "trash": OrderState.CANCELLED,
}
"""A failed payment may be tried again, an order on hold waits for a transfer; refunded means all of it."""

PICKUP_LOCATION_KEY: Final = "_hub_pickup_location"
_PICKUP_METHODS: Final = frozenset({"local_pickup", "pickup_location"})
_PICKUP_KEYS: Final = (PICKUP_LOCATION_KEY, "pickup_location")
_OWN_ENTRANCES: Final = frozenset({"", "checkout", "store-api", "rest-api", "admin"})


def order_state(status: str) -> OrderState:
    return ORDER_STATES.get(status.removeprefix("wc-"), OrderState.UNKNOWN)


def read_order(source: Reader, settings: WooCommerceSettings) -> ChannelOrder:
    """An order as the REST API and the webhooks write it. Raises ContractBroken."""
    currency, gross = source.text("currency"), source.flag("prices_include_tax")
    status = source.text("status")
    method, place = _delivery(source, settings)
    return with_content_hash(
        ChannelOrder(
            external_id=source.identifier("id"),
            number=source.identifier("number"),
            state=order_state(status),
            external_state=status,
            currency=currency,
            placed_at=source.instant("date_created_gmt", assume_utc=True),
            source_version=version(source),
            content_hash="",
            prices_include_tax=gross,
            lines=(*_goods(source, currency, gross=gross), *_fees(source, currency, gross=gross)),
            total=source.money("total", currency),
            method=method,
            external_location_id=place,
            customer=_customer(source),
            ship_to=_address(source.object_or_none("shipping")),
            bill_to=_address(source.object_or_none("billing")),
            payments=_payments(source, currency),
            shipping=_with_tax(source, "shipping_total", "shipping_tax", currency, gross=gross),
            note=source.text_or_empty("customer_note"),
            origin=_origin(source),
        )
    )


def version(source: Reader) -> str:
    """The last modification as RFC 3339 in UTC, to the second as the store counts."""
    return f"{source.instant('date_modified_gmt', assume_utc=True):%Y-%m-%dT%H:%M:%SZ}"


def _goods(source: Reader, currency: str, *, gross: bool) -> Iterator[ChannelOrderLine]:
    for line in source.required_list("line_items"):
        quantity = line.quantity("quantity")
        if quantity:  # an edited order keeps emptied lines
            yield _line(line, quantity, currency, gross=gross)


def _line(line: Reader, quantity: int, currency: str, *, gross: bool) -> ChannelOrderLine:
    before = _with_tax(line, "subtotal", "subtotal_tax", currency, gross=gross)
    after = _with_tax(line, "total", "total_tax", currency, gross=gross)
    unit = _unit_price(before, quantity)
    product, variation = line.integer("product_id"), line.integer_or_none("variation_id") or 0
    return ChannelOrderLine(
        external_id=line.identifier("id"),
        title=line.text_or_empty("name"),
        quantity=quantity,
        unit_price=unit,
        kind=LineKind.GOODS if product else LineKind.CUSTOM,
        external_variant_id=str(variation or product) if product else None,
        external_product_id=str(product) if product else None,
        sku=line.text_or_empty("sku") or None,
        discount=unit.times(quantity) - after,
        tax=line.money_or_none("total_tax", currency),
    )


def _unit_price(line_total: Money, quantity: int) -> Money:
    """Rounded up when the line does not divide: the rest becomes part of the line's discount, so that
    unit price × quantity − discount is always what the store charged."""
    return Money(-(-line_total.amount_minor // quantity), line_total.currency)


def _fees(source: Reader, currency: str, *, gross: bool) -> Iterator[ChannelOrderLine]:
    for fee in source.list("fee_lines"):
        yield ChannelOrderLine(
            external_id=fee.identifier("id"),
            title=fee.text_or_empty("name"),
            quantity=1,
            unit_price=_with_tax(fee, "total", "total_tax", currency, gross=gross),
            kind=LineKind.FEE,
            tax=fee.money_or_none("total_tax", currency),
        )


def _with_tax(source: Reader, net: str, tax: str, currency: str, *, gross: bool) -> Money:
    """The store writes amounts without tax, also where the shop's prices include it."""
    amount = source.money(net, currency)
    added = source.money_or_none(tax, currency) if gross else None
    return amount + added if added else amount


def _delivery(source: Reader, settings: WooCommerceSettings) -> tuple[FulfillmentMethod, str | None]:
    shipping = list(source.list("shipping_lines"))
    methods = {line.text_or_empty("method_id").partition(":")[0] for line in shipping}
    if methods and methods <= _PICKUP_METHODS:
        return FulfillmentMethod.PICKUP, _pickup_place([source, *shipping]) or settings.default_pickup_location
    if methods == {"local_delivery"}:
        return FulfillmentMethod.LOCAL_DELIVERY, None
    return FulfillmentMethod.SHIP, None


def _pickup_place(holders: Sequence[Reader]) -> str | None:
    for key in _PICKUP_KEYS:
        for holder in holders:
            if place := _meta(holder, key):
                return place
    return None


def _meta(holder: Reader, key: str) -> str | None:
    for entry in holder.list("meta_data"):
        if entry.raw("key") == key and isinstance(entry.raw("value"), str | int):
            return str(entry.raw("value")).strip() or None
    return None


def _customer(source: Reader) -> ChannelCustomer | None:
    """Only the address of an account is taken as verified: a guest types what they like."""
    account = source.integer_or_none("customer_id") or 0
    billing = source.object_or_none("billing")
    if billing is None:
        return ChannelCustomer(external_id=str(account)) if account else None
    customer = ChannelCustomer(
        external_id=str(account) if account else None,
        email=billing.text_or_empty("email").strip(),
        phone=billing.text_or_empty("phone").strip(),
        first_name=billing.text_or_empty("first_name").strip(),
        last_name=billing.text_or_empty("last_name").strip(),
        email_verified=bool(account),
    )
    return None if customer == ChannelCustomer() else customer


def _address(source: Reader | None) -> PostalAddress | None:
    if source is None:
        return None
    names = (source.text_or_empty(name).strip() for name in ("first_name", "last_name", "company"))
    address = PostalAddress(
        name=" ".join(name for name in names if name),
        line1=source.text_or_empty("address_1"),
        line2=source.text_or_empty("address_2"),
        city=source.text_or_empty("city"),
        region=source.text_or_empty("state"),
        postal_code=source.text_or_empty("postcode"),
        country_code=source.text_or_empty("country"),
        phone=source.text_or_empty("phone"),
    )
    return None if address == PostalAddress() else address


def _payments(source: Reader, currency: str) -> tuple[ChannelPayment, ...]:
    paid_at = source.instant_or_none("date_paid_gmt", assume_utc=True)
    if paid_at is None:
        return ()
    method = source.text_or_empty("payment_method")
    reference = source.text_or_empty("transaction_id") or f"{method}:{source.identifier('id')}"
    return (ChannelPayment(reference, method, source.money("total", currency), paid_at),)


def _origin(source: Reader) -> str | None:
    """Set when something else (a marketplace plugin, a till) made the order in the store."""
    entrance = source.text_or_empty("created_via")
    return None if entrance in _OWN_ENTRANCES else entrance
