"""What a terminal reports, and how it becomes facts: a row that cannot be read is refused alone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import strawberry

from hub import orders, pos
from hub.channels.views import ChannelView
from hub.infra.idempotency import told_refusal
from hub.inventory import ReturnCondition as StockCondition
from hub.kernel.errors import HubError
from hub_graphql.ids import expect_id_or_none
from hub_graphql.money import MoneyInput
from hub_graphql.naming import Path
from hub_graphql.order_inputs import (
    OrderCustomerInput,
    OrderPaymentInput,
    evidence_of,
    minor_of,
    payment_of,
    person_of,
)
from hub_graphql.order_types import ReturnCondition
from hub_graphql.payloads import ErrorPolicy, KeyedInput

_SKU = "The article's sku, as the till has it; one that nobody knows waits until the catalog does. Null: titled only."
_TITLE = "What the receipt says; needed where there is no sku, else INVALID_INPUT."
_OCCURRED_AT = (
    "When it happened, by the till's clock: at most 30 days ago and 5 minutes ahead; else OCCURRED_AT_OUT_OF_RANGE."
)


@strawberry.input(description="A line of a receipt. Its amounts are in the sale's currency; else UNKNOWN_CURRENCY.")
class PosSaleLineInput:
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000,000; else INVALID_QUANTITY.")
    unit_price: MoneyInput = strawberry.field(description="What a unit cost, not negative.")
    sku: str | None = strawberry.field(default=None, description=_SKU)
    title: str = strawberry.field(default="", description=_TITLE)
    discount: MoneyInput | None = strawberry.field(
        default=None, description="All discounts of the line, at most its price. Null: none."
    )
    tax: MoneyInput | None = strawberry.field(default=None, description="The line's tax, not negative. Null: none.")


@strawberry.input(description="A sale that happened.")
class PosSaleInput:
    receipt: str = strawberry.field(
        description="The till's own number of it, 1 to 64 characters, never used twice; else INVALID_RECEIPT, or "
        "RECEIPT_REUSED with other content."
    )
    occurred_at: datetime = strawberry.field(description=_OCCURRED_AT)
    lines: list[PosSaleLineInput] = strawberry.field(description="1 to 500 lines; else INVALID_INPUT.")
    currency_code: str | None = strawberry.field(default=None, description="ISO 4217; without it, the channel's.")
    total: MoneyInput | None = strawberry.field(
        default=None, description="What was paid in all; null: the sum of the lines. A difference is kept and flagged."
    )
    reservation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The till's reservation that the sale uses up, by id. Errors: INVALID_ID."
    )
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who bought, when known, by id. Errors: INVALID_ID."
    )
    customer: OrderCustomerInput | None = strawberry.field(
        default=None, description="Who bought, as evidence; without customerId."
    )
    payments: list[OrderPaymentInput] = strawberry.field(
        default_factory=list, description="References to its payments, each once."
    )


@strawberry.input(description="Units that came back.")
class PosReturnLineInput:
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000,000; else INVALID_QUANTITY.")
    sku: str | None = strawberry.field(default=None, description=_SKU)
    title: str = strawberry.field(default="", description=_TITLE)
    condition: ReturnCondition = strawberry.field(
        default=ReturnCondition.SELLABLE, description="Their condition; it decides which stock they become."
    )


@strawberry.input(description="Goods that came back over the counter.")
class PosReturnInput:
    receipt: str = strawberry.field(
        description="The till's own number of the return, 1 to 64 characters, never used twice for a return; else "
        "INVALID_RECEIPT, or RECEIPT_REUSED with other content."
    )
    occurred_at: datetime = strawberry.field(description=_OCCURRED_AT)
    lines: list[PosReturnLineInput] = strawberry.field(description="1 to 500 lines; else INVALID_INPUT.")
    original_receipt: str | None = strawberry.field(
        default=None, description="The receipt of the sale; null when nobody has it."
    )
    original_terminal: str | None = strawberry.field(
        default=None, description="The code of the terminal that made the sale; null: this one."
    )


@strawberry.input(description="Sales that a terminal made, perhaps while it could not be heard.")
class PosSalesRecordInput(KeyedInput):
    sales: list[PosSaleInput] = strawberry.field(description="1 to 200 sales; else INVALID_INPUT.")
    error_policy: ErrorPolicy = strawberry.field(
        default=ErrorPolicy.REJECT_FAILED_ROWS, description="What a refused sale means for the others."
    )
    sent_at: datetime | None = strawberry.field(
        default=None, description="The till's clock as it sends, to note how far it is off; may differ in a retry."
    )


@strawberry.input(description="Returns that a terminal took, perhaps while it could not be heard.")
class PosReturnsRecordInput(KeyedInput):
    returns: list[PosReturnInput] = strawberry.field(description="1 to 200 returns; else INVALID_INPUT.")
    error_policy: ErrorPolicy = strawberry.field(
        default=ErrorPolicy.REJECT_FAILED_ROWS, description="What a refused return means for the others."
    )
    sent_at: datetime | None = strawberry.field(
        default=None, description="The till's clock as it sends, to note how far it is off; may differ in a retry."
    )


G = TypeVar("G", bound=PosSaleInput | PosReturnInput)
Fact = pos.Sale | pos.GoodsReturn | pos.Unreadable


def sales_batch(given: PosSalesRecordInput, channel: ChannelView) -> pos.Batch:
    """The channel is the terminal's: a sale that names no currency is in its."""
    facts = _read(given.sales, lambda sale: _sale(sale, sale.currency_code or channel.currency, channel.id))
    return pos.Batch(facts, orders.ErrorPolicy[given.error_policy.name], given.sent_at)


def returns_batch(given: PosReturnsRecordInput) -> pos.Batch:
    return pos.Batch(_read(given.returns, _goods), orders.ErrorPolicy[given.error_policy.name], given.sent_at)


def _read(given: Sequence[G], read: Callable[[G], Fact]) -> tuple[Fact, ...]:
    return tuple(_readable(item, at, read) for at, item in enumerate(given))


def _readable(item: G, at: int, read: Callable[[G], Fact]) -> Fact:
    try:
        return read(item)
    except HubError as refused:
        refused.path = ("facts", str(at), *refused.path)
        return pos.Unreadable(item.receipt, told_refusal(refused))


def _sale(given: PosSaleInput, currency: str, channel_id: UUID) -> pos.Sale:
    return pos.Sale(
        receipt=given.receipt,
        occurred_at=given.occurred_at,
        currency=currency,
        lines=tuple(_line(line, currency, ("lines", str(index))) for index, line in enumerate(given.lines)),
        total_minor=minor_of(given.total, currency, ("total",)) if given.total is not None else None,
        reservation_id=expect_id_or_none("Reservation", given.reservation_id, path=("reservationId",)),
        customer_id=expect_id_or_none("Customer", given.customer_id, path=("customerId",)),
        evidence=evidence_of(given.customer, channel_id),
        person=person_of(given.customer),
        payments=tuple(payment_of(payment, index) for index, payment in enumerate(given.payments)),
    )


def _line(given: PosSaleLineInput, currency: str, path: Path) -> pos.SaleLine:
    return pos.SaleLine(
        quantity=given.quantity,
        unit_price_minor=minor_of(given.unit_price, currency, (*path, "unitPrice")),
        sku=given.sku,
        title=given.title,
        discount_minor=minor_of(given.discount, currency, (*path, "discount")),
        tax_minor=minor_of(given.tax, currency, (*path, "tax")),
    )


def _goods(given: PosReturnInput) -> pos.GoodsReturn:
    original = None
    if given.original_receipt is not None:
        original = pos.Original(given.original_receipt, given.original_terminal)
    return pos.GoodsReturn(
        receipt=given.receipt,
        occurred_at=given.occurred_at,
        lines=tuple(
            pos.ReturnedLine(line.quantity, line.sku, line.title, StockCondition[line.condition.name])
            for line in given.lines
        ),
        original=original,
    )
