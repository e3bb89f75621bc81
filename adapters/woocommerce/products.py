"""WooCommerce's products and variations as the hub's normalised types; pure."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

from adapters.sdk.reading import Reader
from adapters.sdk.types import ChannelProduct, ChannelVariant
from adapters.woocommerce.mapping import version
from adapters.woocommerce.settings import WooCommerceSettings

_GRAMS: Final = {
    "kg": Decimal(1000),
    "g": Decimal(1),
    "lbs": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
}
_MAX_WEIGHT_GRAMS: Final = 10**9


def read_product(
    source: Reader, variations: Sequence[Reader], *, currency: str, settings: WooCommerceSettings
) -> ChannelProduct:
    """A product with the variants it sells. Raises ContractBroken.

    A simple product is its own only variant; a variable one sells its variations; a grouped one sells nothing
    itself; an external one is sold elsewhere, so its stock is nobody's here.
    """
    kind = source.text("type")
    sold = {"variable": variations, "grouped": ()}.get(kind, (source,))
    return ChannelProduct(
        external_id=source.identifier("id"),
        title=source.text_or_empty("name"),
        source_version=max(version(one) for one in (source, *variations)),
        variants=tuple(_variant(one, currency, settings, sellable=kind != "external") for one in sold),
        external_kind=kind,
        description_html=source.text_or_empty("description"),
        handle=source.text_or_empty("slug"),
        vendor=next((brand.text_or_empty("name") for brand in source.list("brands")), ""),
        categories=tuple(category.text("name") for category in source.list("categories")),
        image_urls=tuple(image.text("src") for image in source.list("images") if image.raw("src")),
        published=source.text("status") == "publish",
    )


def has_variations(source: Reader) -> bool:
    return source.text("type") == "variable"


def _variant(source: Reader, currency: str, settings: WooCommerceSettings, *, sellable: bool) -> ChannelVariant:
    # A variation may say "parent": it shares its product's count, which is no count of its own.
    managed = sellable and source.raw("manage_stock") is True
    return ChannelVariant(
        external_id=source.identifier("id"),
        sku=source.text_or_empty("sku").strip() or None,
        title=source.text_or_empty("name"),
        price=source.money_or_none("price", currency),
        barcode=source.text_or_empty("global_unique_id").strip() or None,
        options={entry.text("name"): entry.text("option") for entry in _chosen(source)},
        weight_grams=_grams(source, settings),
        manages_stock=managed,
        stock_quantity=source.integer_or_none("stock_quantity") if managed else None,
    )


def _chosen(source: Reader) -> list[Reader]:
    """A variation's attributes; those of a simple product only describe it."""
    return [entry for entry in source.list("attributes") if entry.has("option")]


def _grams(source: Reader, settings: WooCommerceSettings) -> int | None:
    text = source.text_or_empty("weight").strip()
    if not text:
        return None
    try:
        grams = Decimal(text) * _GRAMS[settings.weight_unit]
    except InvalidOperation:
        raise source.broken("weight", f"{text[:40]!r} is not a number") from None
    if not 0 <= grams <= _MAX_WEIGHT_GRAMS:
        raise source.broken("weight", f"{text[:40]!r} is not a believable weight")
    return int(grams.to_integral_value(ROUND_HALF_EVEN))
