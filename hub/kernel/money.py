"""Money: whole minor units and an ISO 4217 code. Never a float."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from hub.kernel.errors import InvalidInputError

MAX_AMOUNT_MINOR = 10**15
MAX_DIGITS = 15
MAX_TEXT_LENGTH = 40

# ISO 4217 currencies whose minor unit is not a hundredth (ISO 4217 list one, 2026).
_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip

_TWO_DIGIT = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR
    IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG""".split()  # noqa: SIM905 (reads better than a hundred and fifty quoted words)
)


class CurrencyError(InvalidInputError):
    code = "UNKNOWN_CURRENCY"


class AmountError(InvalidInputError):
    code = "INVALID_AMOUNT"


def currency_exponent(currency: str) -> int:
    """Decimal digits of a currency's minor unit. Raises CurrencyError for a code ISO 4217 does not list."""
    if currency in _TWO_DIGIT:
        return 2
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise CurrencyError(
            f"currency {currency!r} is not an ISO 4217 code; use three capital letters such as EUR"
        ) from None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency. `amount_minor` may be negative (a discount, a refund)."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        currency_exponent(self.currency)
        if abs(self.amount_minor) > MAX_AMOUNT_MINOR:
            raise AmountError(f"amount {self.amount_minor} is beyond ±{MAX_AMOUNT_MINOR} minor units")

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a plain decimal ("19.90") exactly. More digits than the currency has is an error, not a rounding."""
        exponent = currency_exponent(currency)
        if len(text) > MAX_TEXT_LENGTH:
            raise AmountError(f"amount {text[:MAX_TEXT_LENGTH]!r}… is longer than {MAX_TEXT_LENGTH} characters")
        try:
            value = Decimal(text.strip())
        except InvalidOperation:
            raise AmountError(f"amount {text!r} is not a decimal number such as 19.90") from None
        if not value.is_finite() or value.adjusted() > MAX_DIGITS:
            raise AmountError(f"amount {text[:40]!r} is not a finite number below 10^{MAX_DIGITS}")
        scaled = value.scaleb(exponent)
        if scaled != scaled.to_integral_value():
            raise AmountError(f"amount {text!r} has more than {exponent} decimals, which {currency} does not have")
        return cls(int(scaled), currency)

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def times(self, count: int) -> "Money":
        return Money(self.amount_minor * count, self.currency)

    def decimal(self) -> str:
        """The amount as a decimal string with the currency's full digits: "19.90", "1500" (JPY)."""
        exponent = currency_exponent(self.currency)
        return str(Decimal(self.amount_minor).scaleb(-exponent).quantize(Decimal(1).scaleb(-exponent)))

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyError(f"cannot combine {self.currency} with {other.currency}")


def spread(total: int, weights: list[int]) -> list[int]:
    """Split `total` in proportion to `weights` by largest remainder; the parts sum to `total` exactly.

    Ties go to the earlier part. With all weights zero the whole goes to the first part.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return [total] + [0] * (len(weights) - 1)
    sign = -1 if total < 0 else 1
    exact = [abs(total) * weight for weight in weights]
    parts = [value // whole for value in exact]
    order = sorted(range(len(weights)), key=lambda index: (-(exact[index] % whole), index))
    for index in order[: abs(total) - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]
