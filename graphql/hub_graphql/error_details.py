"""What refusals with more to say tell: which lines fell short, which prices changed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from hub.catalog import views
from hub.kernel.errors import HubError
from hub_graphql.context import RequestContext
from hub_graphql.errors import (
    Error,
    InsufficientStockError,
    InsufficientStockLine,
    PriceChangedError,
    PriceChangedLine,
    details,
    error_code,
)
from hub_graphql.ids import global_id
from hub_graphql.money import money_or_none
from hub_graphql.words import shown


@details("INSUFFICIENT_STOCK")
async def insufficient_stock(context: RequestContext, error: HubError) -> Error:
    return InsufficientStockError(
        code=error_code(error),
        message=error.message,
        path=list(error.path) or None,
        lines=await short_lines(context, (error.details or {}).get("lines", ())),
    )


async def short_lines(context: RequestContext, lines: Sequence[Mapping[str, Any]]) -> list[InsufficientStockLine]:
    """The lines that could not be claimed in full, as inventory tells them."""
    skus = await context.load_many(views.skus_by_variant_ids, [UUID(line["variant_id"]) for line in lines])
    return [
        InsufficientStockLine(
            sku=sku or "",
            location_id=global_id("Location", UUID(line["location_id"])) if line["location_id"] else None,
            requested=shown(line["requested"]),
            available=shown(line["available"]),
        )
        for line, sku in zip(lines, skus, strict=True)
    ]


@details("PRICE_CHANGED")
async def price_changed(_context: RequestContext, error: HubError) -> Error:
    return PriceChangedError(
        code=error_code(error),
        message=error.message,
        path=list(error.path) or None,
        lines=[
            PriceChangedLine(
                sku=line["sku"],
                sent=money_or_none(line["sent"], line["currency"]),
                current=money_or_none(line["current"], line["currency"]),
            )
            for line in (error.details or {}).get("lines", ())
        ],
    )
