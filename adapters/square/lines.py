"""The lines of a Square order; pure."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from adapters.sdk.reading import Reader
from adapters.sdk.types import ChannelOrderLine, LineKind
from adapters.square.money import amount, amount_or_none, amount_or_zero
from hub.kernel.money import AmountError, Money

MAX_QUANTITY: Final = 10**9
_PRICED_ONLY: Final = frozenset({"CUSTOM_AMOUNT", "GIFT_CARD"})


def goods_line(source: Reader, index: int, currency: str) -> Iterator[ChannelOrderLine]:
    """One line, none when its quantity is 0.

    A quantity that is not whole (goods by weight) cannot be counted in pieces: the line keeps its price, as one
    CUSTOM line that claims no stock.
    """
    quantity = _quantity(source)
    if quantity == 0:
        return
    whole = quantity == quantity.to_integral_value()
    count = int(quantity) if whole else 1
    gross = _gross(source, quantity, currency)
    per_unit, rest = divmod(gross.amount_minor, count)
    kind = _kind(source) if whole else LineKind.CUSTOM
    variant = source.text_or_none("catalog_object_id")
    title = _title(source)
    if rest:  # modifiers that do not divide evenly: the price of the whole stays right
        count, per_unit, kind = 1, gross.amount_minor, LineKind.CUSTOM
    yield ChannelOrderLine(
        external_id=source.text_or_empty("uid") or f"line-{index}",
        title=title if count == quantity else f"{title} ({quantity.normalize():f})",
        quantity=count,
        unit_price=Money(per_unit, currency),
        kind=kind,
        external_variant_id=variant if kind is LineKind.GOODS else None,
        discount=amount_or_none(source, "total_discount_money", currency),
        tax=amount_or_none(source, "total_tax_money", currency),
    )


def fee_lines(order: Reader, currency: str) -> Iterator[ChannelOrderLine]:
    """Service charges, the tip and the cash rounding: priced, never claimed."""
    for index, charge in enumerate(order.list("service_charges")):
        uid = charge.text_or_empty("uid") or str(index)
        yield _fee(
            f"service-charge:{uid}",
            charge.text_or_empty("name") or "Service charge",
            amount_or_zero(charge, "applied_money", currency),
            amount_or_none(charge, "total_tax_money", currency),
        )
    tip = amount_or_zero(order, "total_tip_money", currency)
    if tip.amount_minor:
        yield _fee("tip", "Tip", tip)
    rounding = order.object_or_none("rounding_adjustment")
    if rounding is not None and (rounded := amount_or_zero(rounding, "amount_money", currency)).amount_minor:
        yield _fee("rounding", rounding.text_or_empty("name") or "Cash rounding", rounded)


def _fee(external_id: str, title: str, price: Money, tax: Money | None = None) -> ChannelOrderLine:
    """A negative amount (rounding down) is a discount on a price of 0: unit prices stay positive."""
    nothing = Money(0, price.currency)
    lowered = price.amount_minor < 0
    return ChannelOrderLine(
        external_id=external_id,
        title=title,
        quantity=1,
        unit_price=nothing if lowered else price,
        kind=LineKind.FEE,
        discount=nothing - price if lowered else None,
        tax=tax,
    )


def _kind(source: Reader) -> LineKind:
    """A line typed in at the till has a name and a price, but no variant."""
    if source.text_or_empty("item_type") in _PRICED_ONLY or not source.text_or_empty("catalog_object_id"):
        return LineKind.CUSTOM
    return LineKind.GOODS


def _title(source: Reader) -> str:
    name, variation = source.text_or_empty("name"), source.text_or_empty("variation_name")
    return f"{name} - {variation}" if name and variation else name or variation or "Custom amount"


def _quantity(source: Reader) -> Decimal:
    text = source.text("quantity")
    try:
        quantity = Decimal(text)
    except InvalidOperation:
        raise source.broken("quantity", f"{text[:20]!r} is not a number") from None
    if not quantity.is_finite() or not 0 <= quantity <= MAX_QUANTITY:
        raise source.broken("quantity", f"{text[:20]!r} is not a quantity sold")
    return quantity


def _gross(source: Reader, quantity: Decimal, currency: str) -> Money:
    """Goods and modifiers before discounts, taxes as written in their prices.

    Square's own `gross_sales_money` leaves included taxes out in some countries and not in others.
    """
    goods = amount_or_none(source, "variation_total_price_money", currency)
    try:
        if goods is None:
            base = amount(source, "base_price_money", currency)
            goods = Money(int((base.amount_minor * quantity).to_integral_value()), currency)
        for modifier in source.list("modifiers"):
            goods += amount_or_zero(modifier, "total_price_money", currency)
    except AmountError as error:
        raise source.broken("quantity", error.message) from error
    return goods
