"""GTIN-8, -12, -13 and -14 with the GS1 check digit (GS1 General Specifications, section 7.9)."""

from hub.kernel.errors import InvalidInputError

_LENGTHS = (8, 12, 13, 14)


class GtinError(InvalidInputError):
    code = "INVALID_GTIN"


def check_digit(payload: str) -> int:
    """The GS1 mod-10 digit for the digits before it: weights 3, 1, 3 … from the right."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(payload)))
    return -total % 10


def normalise_gtin(text: str) -> str:
    """The 14-digit form of a GTIN, zero-padded on the left. Raises GtinError with the rule that it breaks."""
    digits = text.strip().replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in _LENGTHS:
        raise GtinError(f"barcode {text!r} is not a GTIN: it must have 8, 12, 13 or 14 digits")
    expected = check_digit(digits[:-1])
    if int(digits[-1]) != expected:
        raise GtinError(f"barcode {text!r} has check digit {digits[-1]}, but GS1 mod 10 gives {expected}")
    return digits.zfill(14)
