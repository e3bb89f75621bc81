"""Pure rules of what terminals report: what can be read, when it can have happened, which units came back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.kernel.errors import InvalidInputError
from hub.kernel.money import currency_exponent
from hub.kernel.quantity import positive_quantity
from hub.orders import OrderLine, Returned
from hub.pos.errors import OccurredAtError, ReceiptInvalidError
from hub.pos.messages import GoodsReturn, ReturnedLine, Sale, SaleLine

MAX_FACTS: Final = 200
MAX_LINES: Final = 500
MAX_RECEIPT_LENGTH: Final = 64
MAX_TITLE_LENGTH: Final = 500
OLDEST: Final = timedelta(days=30)
AHEAD: Final = timedelta(minutes=5)


def check(fact: Sale | GoodsReturn, now: datetime) -> None:
    """Raises the typed error of what makes the fact impossible to record. Stock is none of it."""
    check_receipt(fact.receipt, ("receipt",))
    if not now - OLDEST <= fact.occurred_at <= now + AHEAD:
        raise OccurredAtError(
            "what is reported happened at most 30 days ago and not more than 5 minutes from now; check the clock",
            path=("occurredAt",),
        )
    if not 1 <= len(fact.lines) <= MAX_LINES:
        raise InvalidInputError(f"a receipt has 1 to {MAX_LINES} lines, not {len(fact.lines)}", path=("lines",))
    if isinstance(fact, Sale):
        currency_exponent(fact.currency)
        for index, line in enumerate(fact.lines):
            _check_sale_line(line, ("lines", str(index)))
        references = [payment.reference for payment in fact.payments]
        if len(set(references)) < len(references):
            raise InvalidInputError("each payment reference stands once on a receipt", path=("payments",))
    else:
        _check_return(fact)


def check_receipt(receipt: str, path: tuple[str, ...]) -> None:
    if not 1 <= len(receipt) <= MAX_RECEIPT_LENGTH or not receipt.isprintable():
        raise ReceiptInvalidError(f"a receipt has 1 to {MAX_RECEIPT_LENGTH} printable characters", path=path)


def _check_return(fact: GoodsReturn) -> None:
    if fact.original is not None:
        check_receipt(fact.original.receipt, ("originalReceipt",))
    for index, line in enumerate(fact.lines):
        path = ("lines", str(index))
        positive_quantity(line.quantity, path=(*path, "quantity"))
        _check_name(line.sku, line.title, path)


def _check_sale_line(line: SaleLine, path: tuple[str, ...]) -> None:
    positive_quantity(line.quantity, path=(*path, "quantity"))
    _check_name(line.sku, line.title, path)
    if min(line.unit_price_minor, line.discount_minor, line.tax_minor) < 0:
        raise InvalidInputError("price, discount and tax of a line cannot be negative", path=path)
    if line.discount_minor > line.unit_price_minor * line.quantity:
        raise InvalidInputError("a discount is at most the line's price", path=(*path, "discount"))


def _check_name(sku: str | None, title: str, path: tuple[str, ...]) -> None:
    name = sku if sku is not None else title
    if not 1 <= len(name) <= MAX_TITLE_LENGTH:
        raise InvalidInputError("a line has a sku, or a title when the catalog does not know it", path=(*path, "sku"))


def take_from(
    lines: Sequence[OrderLine], wanted: Sequence[tuple[ReturnedLine, int]]
) -> tuple[list[Returned], list[int]]:
    """Count what came back in the `returned` of the sale's lines with the same sku, never more than was handed over.

    `wanted` are lines with the units to place; the second answer says how many of each found their line.
    """
    rows: list[Returned] = []
    placed: list[int] = []
    for came_back, quantity in wanted:
        left = quantity
        for line in lines:
            units = min(left, line.fulfilled - line.returned)
            if units > 0 and came_back.sku is not None and line.sku == came_back.sku:
                line.returned += units
                left -= units
                rows.append(Returned(line, units, came_back.condition))
        placed.append(quantity - left)
    return rows, placed
