"""What terminals report after the fact: sales and returns, with their own receipts and clocks, recorded once."""

from hub.pos.mapping import map_waiting_lines
from hub.pos.messages import (
    PROMISES_AFFECTED,
    Batch,
    GoodsReturn,
    Original,
    ReturnedLine,
    Sale,
    SaleLine,
    Unreadable,
)
from hub.pos.models import PosFact, PosReturnLine
from hub.pos.returns import record_returns
from hub.pos.rules import MAX_FACTS
from hub.pos.sales import record_sales

__all__ = [
    "MAX_FACTS",
    "PROMISES_AFFECTED",
    "Batch",
    "GoodsReturn",
    "Original",
    "PosFact",
    "PosReturnLine",
    "ReturnedLine",
    "Sale",
    "SaleLine",
    "Unreadable",
    "map_waiting_lines",
    "record_returns",
    "record_sales",
]
