"""Amounts of money in the API: decimal strings beside their currency, never floats."""

import strawberry

from hub.kernel import money as kernel
from hub.kernel.errors import InvalidInputError


@strawberry.type(description="An amount of one currency.")
class Money:
    amount: str = strawberry.field(
        description='The exact decimal amount with all digits of its currency: "19.90", "1500" for JPY; '
        "negative for a discount or refund."
    )
    currency_code: str = strawberry.field(description="The ISO 4217 code, such as EUR.")


@strawberry.input(description="An amount of one currency.")
class MoneyInput:
    amount: str = strawberry.field(
        description='A plain decimal such as "19.90"; INVALID_AMOUNT when it has more decimals than the currency.'
    )
    currency_code: str = strawberry.field(description="The ISO 4217 code, such as EUR; else UNKNOWN_CURRENCY.")


def money(amount_minor: int, currency: str) -> Money:
    """Minor units as the API shows them."""
    return Money(amount=kernel.Money(amount_minor, currency).decimal(), currency_code=currency)


def money_or_none(amount_minor: int | None, currency: str) -> Money | None:
    return None if amount_minor is None else money(amount_minor, currency)


def parse_money(given: MoneyInput, *, path: tuple[str, ...]) -> kernel.Money:
    """The exact amount. Raises AmountError or CurrencyError whose path ends in the field at fault."""
    return parse_amount(given.amount, given.currency_code, path=path)


def parse_amount(amount: str, currency: str, *, path: tuple[str, ...]) -> kernel.Money:
    try:
        return kernel.Money.parse(amount, currency)
    except InvalidInputError as error:
        part = "currencyCode" if isinstance(error, kernel.CurrencyError) else "amount"
        error.path = (*path, part)
        raise
