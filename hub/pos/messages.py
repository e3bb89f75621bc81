"""What a terminal reports, as frozen data, and the event that follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.customers import IdentityEvidence, Person
from hub.inventory import ReturnCondition
from hub.orders import ErrorPolicy, NewPayment

PROMISES_AFFECTED = "stock.promises_affected"
"""Topic of the event after a sale that left promises which cannot all be kept; the entity is the sale's order."""


@dataclass(frozen=True, slots=True)
class SaleLine:
    """Amounts are minor units of the sale's currency; discount and tax are for the whole line. Without a sku it is
    something that the catalog does not know and that moves no stock."""

    quantity: int
    unit_price_minor: int
    sku: str | None = None
    title: str = ""
    discount_minor: int = 0
    tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale that happened; `reservation_id`: the terminal's hold that it used up. `total_minor` None: the sum."""

    receipt: str
    occurred_at: datetime
    currency: str
    lines: tuple[SaleLine, ...]
    total_minor: int | None = None
    reservation_id: UUID | None = None
    customer_id: UUID | None = None
    evidence: tuple[IdentityEvidence, ...] = ()
    person: Person | None = None
    payments: tuple[NewPayment, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    quantity: int
    sku: str | None = None
    title: str = ""
    condition: ReturnCondition = ReturnCondition.SELLABLE


@dataclass(frozen=True, slots=True)
class Original:
    """The receipt of the sale; `terminal` is the code of the terminal that made it, None: the same one."""

    receipt: str
    terminal: str | None = None


@dataclass(frozen=True, slots=True)
class GoodsReturn:
    """Goods that came back. Without `original` nobody knows what sale they belong to."""

    receipt: str
    occurred_at: datetime
    lines: tuple[ReturnedLine, ...]
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be read: refused as such. `refused` is the stored form of the error."""

    receipt: str
    refused: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """`sent_at` is the terminal's clock as it sends; it may differ when the same batch is sent again."""

    facts: tuple[Sale | GoodsReturn | Unreadable, ...]
    error_policy: ErrorPolicy = ErrorPolicy.REJECT_FAILED_ROWS
    sent_at: datetime | None = None
