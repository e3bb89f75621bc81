"""What other features ask of loyalty, and what they are told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

CHANGED = "loyalty.changed"
"""Topic of the event that follows every change of an account; the entity is the account."""


@dataclass(frozen=True, slots=True)
class GrantLine:
    """A line that earns. `base_minor` is for the whole line, net of all discounts, without tax; `tax_minor` its tax.

    The programme decides whether the tax counts.
    """

    line_id: UUID
    quantity: int
    base_minor: int
    tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class GrantPoints:
    """An order was captured for a customer: compute its points once."""

    order_id: UUID
    customer_id: UUID
    currency: str
    lines: tuple[GrantLine, ...]


@dataclass(frozen=True, slots=True)
class EarnPoints:
    """Units were collected or shipped. One per fulfillment-order line, for all the units it handed over."""

    fulfillment_order_line_id: UUID
    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class ReversePoints:
    """Units came back, through whatever channel."""

    return_line_id: UUID
    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class SpendPoints:
    """Burn available points. `checkout_id` names what they paid for, once."""

    checkout_id: UUID
    customer_id: UUID
    programme_id: UUID
    points: int


class AdjustReason(StrEnum):
    """Why staff moved points. A closed list, so that no free text about a person enters the ledger."""

    GOODWILL = "GOODWILL"
    CORRECTION = "CORRECTION"
    MISSING_PURCHASE = "MISSING_PURCHASE"
    MIGRATION = "MIGRATION"
    ABUSE = "ABUSE"


@dataclass(frozen=True, slots=True)
class AdjustPoints:
    """A member of staff gives (positive) or takes (negative) points. `adjustment_id` is unique per decision."""

    adjustment_id: UUID
    customer_id: UUID
    programme_id: UUID
    points: int
    reason: AdjustReason


@dataclass(frozen=True, slots=True)
class CreateProgramme:
    """`points_per` points for every `minor_units` of the currency (1 per 100 in EUR: a point for each euro)."""

    name: str
    currency: str
    points_per: int = 1
    minor_units: int = 100
    base_includes_tax: bool = True
    pending_days: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did to one account. `replayed`: its source had moved points before, and nothing changed now.

    `points` is the change of what the member has in all: available + pending − owed.
    """

    transaction_id: UUID
    account_id: UUID
    programme_id: UUID
    points: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's points. `owed` is positive: spent points whose goods came back; new points pay it first."""

    account_id: UUID | None
    programme_id: UUID
    available: int = 0
    pending: int = 0
    held: int = 0
    owed: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction as the member sees it. `owed` is negative when debt grew."""

    id: UUID
    programme_id: UUID
    kind: str
    source: str
    source_id: UUID
    order_id: UUID | None
    available: int
    pending: int
    owed: int
    reason: str | None
    recorded_at: datetime
