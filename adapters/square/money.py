"""Square's Money objects: {"amount": minor units, "currency": ISO 4217}."""

from adapters.sdk.reading import Reader
from hub.kernel.money import Money


def amount(source: Reader, name: str, currency: str | None = None) -> Money:
    """The amount in a field; a missing `amount` is 0. Raises ContractBroken for another currency than asked."""
    money = source.object(name)
    written = money.text("currency")
    if currency is not None and written != currency:
        raise money.broken("currency", f"the order is in {currency}, this amount in {written[:10]}")
    if not money.has("amount"):
        return Reader({"amount": 0}, money.path).minor("amount", written)
    return money.minor("amount", written)


def amount_or_none(source: Reader, name: str, currency: str | None = None) -> Money | None:
    return amount(source, name, currency) if source.has(name) else None


def amount_or_zero(source: Reader, name: str, currency: str) -> Money:
    return amount_or_none(source, name, currency) or Money(0, currency)
