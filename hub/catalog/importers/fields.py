"""Reading one cell: what is taken, what is cleaned, what is reported."""

import re
from decimal import ROUND_HALF_UP, Decimal

from hub.catalog.importers.records import RowProblem
from hub.catalog.kinds import WeightUnit
from hub.kernel.errors import HubError
from hub.kernel.gtin import GtinError, normalise_gtin
from hub.kernel.money import AmountError, Money
from hub.kernel.sku import parse_sku

MAX_KEY_LENGTH = 255
MAX_TITLE_LENGTH = 500
MAX_WEIGHT_GRAMS = 10**9

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_DECIMAL = re.compile(r"[+-]?\d{1,15}(?:\.\d{0,6})?|\.\d{1,6}", re.ASCII)
_GRAMS = {
    WeightUnit.GRAM: Decimal(1),
    WeightUnit.KILOGRAM: Decimal(1000),
    WeightUnit.POUND: Decimal("453.59237"),
    WeightUnit.OUNCE: Decimal("28.349523125"),
}
_UNIT_WORDS = {
    **dict.fromkeys(("g", "gram", "grams"), WeightUnit.GRAM),
    **dict.fromkeys(("kg", "kgs", "kilogram", "kilograms"), WeightUnit.KILOGRAM),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), WeightUnit.POUND),
    **dict.fromkeys(("oz", "ounce", "ounces"), WeightUnit.OUNCE),
}


class RowRejectedError(Exception):
    """The row cannot come in; carries the problem to report."""

    def __init__(self, column: str, rule: str, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.rule = rule
        self.message = message

    def problem(self, line: int) -> RowProblem:
        return RowProblem(line, self.column, self.rule, self.message, rejects_row=True)


class CellReader:
    """Reads the cells of one file and collects what had to be left out."""

    def __init__(self, currency: str, *, decimal_comma: bool = False) -> None:
        self.currency = currency
        self.decimal_comma = decimal_comma
        self.problems: list[RowProblem] = []

    def report(self, line: int, column: str, rule: str, message: str) -> None:
        self.problems.append(RowProblem(line, column, rule, message))

    def text(self, line: int, column: str, value: str, limit: int = 0) -> str:
        """Descriptive text: control characters are taken out and too long a text is cut, both reported."""
        if not value:
            return ""
        if not value.isprintable() and _CONTROLS.search(value):
            self.report(line, column, "CONTROL_CHARACTER", "control characters were removed")
            value = _CONTROLS.sub("", value)
        value = value.strip()
        if limit and len(value) > limit:
            self.report(line, column, "TEXT_TOO_LONG", f"cut to {limit} characters")
            value = value[:limit].rstrip()
        return value

    def key(self, column: str, value: str) -> str:
        """Identifying text, never repaired: a repaired key is another key. Raises RowRejectedError."""
        value = value.strip()
        if len(value) > MAX_KEY_LENGTH:
            raise RowRejectedError(column, "KEY_TOO_LONG", f"longer than {MAX_KEY_LENGTH} characters")
        if not value.isprintable():
            raise RowRejectedError(column, "CONTROL_CHARACTER", f"{value[:40]!r} has a control character")
        return value

    def sku(self, column: str, value: str) -> str | None:
        """The sku, or None when the cell is blank. Raises RowRejectedError."""
        if not value or not value.strip():
            return None
        try:
            return parse_sku(value)
        except HubError as error:
            raise RowRejectedError(column, error.code, error.message) from None

    def gtin(self, line: int, column: str, value: str) -> str | None:
        """14 digits, or None; a barcode that breaks a rule is reported and left out."""
        value = value.strip().removeprefix("'")
        if not value:
            return None
        try:
            return normalise_gtin(value)
        except GtinError as error:
            self.report(line, column, error.code, error.message)
            return None

    def amount(self, line: int, column: str, value: str) -> int | None:
        """Minor units, or None; what is not a price of the currency is reported and left out."""
        text = value.strip()
        if not text:
            return None
        if self.decimal_comma and "," in text:
            text = text.replace(",", ".")
        if not _DECIMAL.fullmatch(text):
            self.report(line, column, AmountError.code, f"price {value[:40]!r} is not a decimal such as 19.90")
            return None
        try:
            minor = Money.parse(text, self.currency).amount_minor
        except AmountError as error:
            self.report(line, column, error.code, error.message)
            return None
        if minor < 0:
            self.report(line, column, "NEGATIVE_PRICE", f"price {value!r} is below zero")
            return None
        return minor

    def grams(self, line: int, column: str, value: str, unit: WeightUnit) -> int | None:
        """Whole grams, rounded half up, or None; a weight that is no number is reported and left out."""
        text = value.strip()
        if not text or text == "0":
            return None if not text else 0
        if self.decimal_comma and "," in text:
            text = text.replace(",", ".")
        if not _DECIMAL.fullmatch(text):
            self.report(line, column, "INVALID_WEIGHT", f"weight {value[:40]!r} is not a decimal number")
            return None
        grams = int((Decimal(text) * _GRAMS[unit]).quantize(Decimal(1), ROUND_HALF_UP))
        if not 0 <= grams <= MAX_WEIGHT_GRAMS:
            self.report(line, column, "INVALID_WEIGHT", f"weight {value[:40]!r} is not 0 to 1,000 tonnes")
            return None
        return grams

    def url(self, line: int, column: str, value: str) -> str | None:
        """An http(s) address, or None; anything else is reported and left out."""
        text = value.strip()
        if not text:
            return None
        if not text.startswith(("https://", "http://")) or not text.isprintable() or len(text) > 2_000:  # noqa: PLR2004 (what browsers take)
            self.report(line, column, "INVALID_URL", f"{text[:40]!r} is not an http address")
            return None
        return text


def weight_unit(text: str) -> WeightUnit | None:
    return _UNIT_WORDS.get(text.strip().casefold())


def truth(text: str) -> bool | None:
    """True or False for the spellings that exports use, None for a blank or an unknown word."""
    return _TRUTHS.get(text.strip().casefold())


_TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "y"), True),
    **dict.fromkeys(("false", "0", "no", "n", "-1"), False),
}
