"""Counted stock: `sku,location,quantity`, one row for each sku at each location."""

import re
from collections.abc import Iterator

from hub.catalog.importers.delimited import CsvSource, CsvTable, Row
from hub.catalog.importers.fields import CellReader, RowRejectedError
from hub.catalog.importers.records import RowProblem, StockRecord
from hub.kernel.quantity import MAX_QUANTITY

_REQUIRED = ("sku", "location", "quantity")
_ALIASES = {"location_code": "location", "qty": "quantity", "on_hand": "quantity"}
_WHOLE = re.compile(r"-?\d{1,30}", re.ASCII)


def read_stock(source: CsvSource) -> Iterator[StockRecord | RowProblem]:
    """Counts and problems in file order. The same sku at the same location twice: the second row is rejected.

    Raises FileError subclasses when the file as a whole cannot be read.
    """
    table = CsvTable(source, _REQUIRED, _ALIASES)
    sku_at, location_at, quantity_at = (table.index(name) for name in _REQUIRED)
    seen: set[int] = set()
    for item in table:
        if isinstance(item, RowProblem):
            yield item
            continue
        try:
            record = _record(item, sku_at, location_at, quantity_at)
        except RowRejectedError as error:
            yield error.problem(item.line)
            continue
        fingerprint = hash((record.sku, record.location_code))
        if fingerprint in seen:
            message = f"{record.sku} at {record.location_code} stands in an earlier row, which counts"
            yield RowProblem(item.line, "sku", "DUPLICATE_ROW", message, rejects_row=True)
            continue
        seen.add(fingerprint)
        yield record


def _record(row: Row, sku_at: int, location_at: int, quantity_at: int) -> StockRecord:
    read = CellReader("EUR")
    sku = read.sku("sku", row.cells[sku_at])
    if sku is None:
        raise RowRejectedError("sku", "MISSING_SKU", "the row does not say which sku it counts")
    location = read.key("location", row.cells[location_at])
    if not location:
        raise RowRejectedError("location", "MISSING_LOCATION", "the row does not say where it was counted")
    return StockRecord(row.line, sku, location, _quantity(row.cells[quantity_at].strip()))


def _quantity(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise RowRejectedError("quantity", "INVALID_QUANTITY", f"quantity {text[:40]!r} is not a whole number")
    quantity = int(text)
    if not 0 <= quantity <= MAX_QUANTITY:
        message = f"quantity {quantity} must be between 0 and {MAX_QUANTITY}"
        raise RowRejectedError("quantity", "INVALID_QUANTITY", message)
    return quantity
