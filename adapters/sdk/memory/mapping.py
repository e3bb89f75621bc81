"""The in-memory channel's JSON as the hub's normalised types, and back; pure."""

from collections.abc import Mapping
from typing import Any

from adapters.sdk.content import with_content_hash
from adapters.sdk.reading import Reader
from adapters.sdk.types import (
    ChannelCustomer,
    ChannelOrder,
    ChannelOrderLine,
    ChannelProduct,
    ChannelVariant,
    FulfillmentMethod,
    ListingRef,
    OrderState,
    Shipment,
    StockOutcome,
    StockResult,
    StockUpdate,
)

_OUTCOMES = {
    "written": StockOutcome.PUBLISHED,
    "stale": StockOutcome.CONFLICT,
    "refused": StockOutcome.REJECTED,
}


def read_order(source: Reader) -> ChannelOrder:
    """Raises ContractBroken; a state that is not known is UNKNOWN and keeps its word."""
    currency, state = source.text("currency"), source.text("state")
    return with_content_hash(
        ChannelOrder(
            external_id=source.identifier("id"),
            number=source.text("number"),
            state=OrderState(state) if state in set(OrderState) else OrderState.UNKNOWN,
            external_state=state,
            currency=currency,
            placed_at=source.instant("placed_at"),
            source_version=_version(source),
            content_hash="",
            prices_include_tax=source.flag("prices_include_tax"),
            lines=tuple(_line(line, currency) for line in source.list("lines")),
            total=source.money("total", currency),
            method=_method(source),
            external_location_id=source.text_or_none("location"),
            customer=_customer(source.object_or_none("customer")),
            note=source.text_or_empty("note"),
        )
    )


def read_product(source: Reader, currency: str) -> ChannelProduct:
    return ChannelProduct(
        external_id=source.identifier("id"),
        title=source.text("title"),
        source_version=_version(source),
        variants=tuple(
            ChannelVariant(
                external_id=variant.identifier("id"),
                sku=variant.text_or_none("sku"),
                title=source.text("title"),
                price=variant.money("price", currency),
            )
            for variant in source.list("variants")
        ),
    )


def stock_row(ref: ListingRef) -> dict[str, Any]:
    return {"variant": ref.external_variant_id, "location": ref.external_location_id}


def update_row(update: StockUpdate) -> dict[str, Any]:
    return stock_row(update.ref) | {"quantity": update.quantity, "observed": update.observed}


def read_result(update: StockUpdate, answer: Reader) -> StockResult:
    status = answer.text("status")
    if status not in _OUTCOMES:
        raise answer.broken("status", f"{status!r} is not a known outcome")
    published = answer.integer_or_none("quantity")
    return StockResult(update.ref, _OUTCOMES[status], published, answer.text_or_empty("reason"))


def shipment_json(shipment: Shipment) -> Mapping[str, Any]:
    return {
        "tracking_number": shipment.tracking_number,
        "collected": shipment.collected,
        "lines": {line.external_line_id: line.quantity for line in shipment.lines},
    }


def _version(source: Reader) -> str:
    """Revisions as text that sorts as the numbers do."""
    return f"{source.integer('revision'):020d}"


def _line(source: Reader, currency: str) -> ChannelOrderLine:
    return ChannelOrderLine(
        external_id=source.identifier("id"),
        title=source.text("title"),
        quantity=source.quantity("quantity"),
        unit_price=source.money("unit_price", currency),
        external_variant_id=source.identifier("variant"),
        external_product_id=source.identifier("product"),
        sku=source.text_or_none("sku"),
    )


def _method(source: Reader) -> FulfillmentMethod:
    try:
        return FulfillmentMethod(source.text("method"))
    except ValueError:
        raise source.broken("method", f"{source.text('method')!r} is not a known method") from None


def _customer(source: Reader | None) -> ChannelCustomer | None:
    if source is None:
        return None
    return ChannelCustomer(
        external_id=source.text_or_none("id"),
        email=source.text_or_empty("email"),
        first_name=source.text_or_empty("first_name"),
        last_name=source.text_or_empty("last_name"),
        email_verified=source.flag("email_verified") if source.has("email_verified") else False,
    )
