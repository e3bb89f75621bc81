"""Quantities are whole units (EACH)."""

from hub.kernel.errors import InvalidInputError

MAX_QUANTITY = 1_000_000_000


class QuantityError(InvalidInputError):
    code = "INVALID_QUANTITY"


def positive_quantity(value: int, *, path: tuple[str, ...] = ("quantity",)) -> int:
    """`value` when it is 1 … 10^9, else QuantityError."""
    if not 1 <= value <= MAX_QUANTITY:
        raise QuantityError(f"quantity {value} must be between 1 and {MAX_QUANTITY}", path=path)
    return value


def counted_quantity(value: int, *, path: tuple[str, ...] = ("quantity",)) -> int:
    """`value` when it is 0 … 10^9 (something that was counted), else QuantityError."""
    if not 0 <= value <= MAX_QUANTITY:
        raise QuantityError(f"quantity {value} must be between 0 and {MAX_QUANTITY}", path=path)
    return value
