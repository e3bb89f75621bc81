"""Reads a channel's JSON field by field; the first misfit raises ContractBroken with its JSON path."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from adapters.sdk.errors import ContractBroken
from hub.kernel.errors import HubError
from hub.kernel.money import Money
from hub.kernel.quantity import counted_quantity

T = TypeVar("T")

MAX_TEXT_LENGTH = 1_000_000
MAX_LIST_LENGTH = 10_000
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 40

_DIGITS = re.compile(r"-?[0-9]{1,20}")
_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


class Reader:
    """One JSON object and where it stands. Methods with `or_none` take absent and null as None."""

    __slots__ = ("_fields", "path")

    def __init__(self, value: Any, path: str = "$") -> None:
        if not isinstance(value, dict):
            raise ContractBroken(f"expected an object, got {_kind(value)}", path=path)
        self._fields: dict[str, Any] = value
        self.path = path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}"

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def raw(self, name: str) -> Any:
        """The undecoded value, None when absent: only for values that are compared as they are."""
        return self._fields.get(name)

    def broken(self, name: str, reason: str) -> ContractBroken:
        return ContractBroken(reason, path=self.at(name))

    def text(self, name: str) -> str:
        value = self._present(name)
        if not isinstance(value, str):
            raise self.broken(name, f"expected text, got {_kind(value)}")
        if len(value) > MAX_TEXT_LENGTH or not _is_storable(value):
            raise self.broken(name, "text is too long, or contains NUL or half of a surrogate pair")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def text_or_empty(self, name: str) -> str:
        return self.text(name) if self.has(name) else ""

    def integer(self, name: str) -> int:
        """A whole number of 64 bits, also when written as a string of digits or as 3.0."""
        number = _whole(self._present(name))
        if number is None or not -MAX_INTEGER <= number <= MAX_INTEGER:
            raise self.broken(name, f"expected a whole number, got {_kind(self.raw(name))}")
        return number

    def quantity(self, name: str) -> int:
        """A count of whole units, 0 … 10^9."""
        count = self.integer(name)
        return self._checked(name, lambda: counted_quantity(count))

    def integer_or_none(self, name: str) -> int | None:
        return self.integer(name) if self.has(name) else None

    def identifier(self, name: str) -> str:
        """An id as text, whether the channel writes it as a number or as a non-empty string."""
        value = self._present(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        text = self.text(name)
        if not text:
            raise self.broken(name, "an id must not be empty")
        return text

    def flag(self, name: str) -> bool:
        value = self._present(name)
        if not isinstance(value, bool):
            raise self.broken(name, f"expected true or false, got {_kind(value)}")
        return value

    def money(self, name: str, currency: str) -> Money:
        """An amount in major units, as a decimal string or a JSON number: "19.90"."""
        value = self._present(name)
        text = value if isinstance(value, str) else _plain(value)
        if text is None or not _AMOUNT.fullmatch(text):
            raise self.broken(name, f"expected an amount such as 19.90, got {_kind(value)}")
        return self._checked(name, lambda: Money.parse(text, currency))

    def money_or_none(self, name: str, currency: str) -> Money | None:
        """As `money`; an empty string means no amount too."""
        return self.money(name, currency) if self.has(name) and self.raw(name) != "" else None

    def minor(self, name: str, currency: str) -> Money:
        """An amount in whole minor units."""
        amount = self.integer(name)
        return self._checked(name, lambda: Money(amount, currency))

    def instant(self, name: str, *, assume_utc: bool = False) -> datetime:
        """An RFC 3339 instant. `assume_utc` is for fields documented as UTC and written without offset."""
        text = self.text(name)
        try:
            value = datetime.fromisoformat(text)
            if value.tzinfo is None and not assume_utc:
                raise self.broken(name, f"{text[:40]!r} has no UTC offset")
            return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.broken(name, f"{text[:40]!r} is not an instant") from None

    def instant_or_none(self, name: str, *, assume_utc: bool = False) -> datetime | None:
        return self.instant(name, assume_utc=assume_utc) if self.has(name) else None

    def object(self, name: str) -> "Reader":
        return Reader(self._present(name), self.at(name))

    def object_or_none(self, name: str) -> "Reader | None":
        return self.object(name) if self.has(name) else None

    def list(self, name: str) -> "Iterator[Reader]":
        """The objects of a list; absent and null are an empty list."""
        return read_list(self._fields[name] if self.has(name) else [], self.at(name))

    def required_list(self, name: str) -> "Iterator[Reader]":
        """The objects of a list that must be there: a page without its items is no empty page."""
        return read_list(self._present(name), self.at(name))

    def _present(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            raise self.broken(name, "is missing")
        return value

    def _checked(self, name: str, build: Callable[[], T]) -> T:
        try:
            return build()
        except HubError as error:
            raise self.broken(name, error.message) from error


def read_list(value: Any, path: str = "$") -> Iterator[Reader]:
    """Each object of a JSON list with its index in the path."""
    if not isinstance(value, list):
        raise ContractBroken(f"expected a list, got {_kind(value)}", path=path)
    if len(value) > MAX_LIST_LENGTH:
        raise ContractBroken(f"has {len(value)} entries; at most {MAX_LIST_LENGTH} are read", path=path)
    return (Reader(entry, f"{path}[{index}]") for index, entry in enumerate(value))


def _plain(value: Any) -> str | None:
    """A JSON number without exponent, None for what is not a number of believable size."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return format(number, "f") if abs(number.adjusted()) <= MAX_DIGITS else None


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, Decimal) and value.adjusted() <= MAX_DIGITS and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int) else None


def _is_storable(text: str) -> bool:
    """Postgres keeps no NUL; half of a surrogate pair, which JSON can write as an escape, has no UTF-8 form."""
    return "\x00" not in text and (text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text))


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true/false",
        str: "text",
        int: "a number",
        Decimal: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
