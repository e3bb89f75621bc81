"""Stock-keeping units: what a variant is called by everyone who handles it."""

from hub.kernel.errors import InvalidInputError

MAX_SKU_LENGTH = 100


class SkuError(InvalidInputError):
    code = "INVALID_SKU"


def parse_sku(text: str) -> str:
    """The sku without surrounding blanks: 1–100 printable characters, compared as written (case matters)."""
    sku = text.strip()
    if not sku or len(sku) > MAX_SKU_LENGTH:
        raise SkuError(f"sku {text[:40]!r} must have 1 to {MAX_SKU_LENGTH} characters")
    if not sku.isprintable():
        raise SkuError(f"sku {text[:40]!r} contains a control character")
    return sku
