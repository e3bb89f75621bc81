"""Lean rows for the pages that storefronts ask for all day: tuples straight from the driver, no entities.

tests/api/test_catalog_page_cost.py says what they save. Each function is one statement, keyed by what was asked.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from hub.infra.database import AnySession, raw_connection
from hub.kernel.gtin import normalise_gtin

V = TypeVar("V")

PRODUCT_COLUMNS = (
    "id", "handle", "title", "vendor", "product_type", "status", "tags", "version", "created_at", "updated_at",
)  # fmt: skip
_PRODUCT = ", ".join(f"p.{name}" for name in PRODUCT_COLUMNS)
# Whatever a catalog file calls it: what has components is a bundle.
_VARIANT = """
    v.id, v.product_id, v.sku, v.sku_generated, v.title,
    CASE WHEN EXISTS (SELECT FROM bundle_components AS b WHERE b.bundle_id = v.id) THEN 'BUNDLE' ELSE v.kind END,
    v.stock_policy, v.options, v.weight_grams, v.position, v.version
"""

_PRODUCTS_BY_IDS = f"SELECT {_PRODUCT} FROM products AS p WHERE p.id = ANY($1::uuid[])"
_DESCRIPTIONS = "SELECT id, description FROM products WHERE id = ANY($1::uuid[])"
_VARIANTS_BY_IDS = f"SELECT {_VARIANT} FROM variants AS v WHERE v.id = ANY($1::uuid[])"
_VARIANTS_BY_SKUS = f"SELECT {_VARIANT} FROM variants AS v WHERE v.sku = ANY($1::text[])"
_SKUS = "SELECT id, sku FROM variants WHERE id = ANY($1::uuid[])"
_IDS_BY_SKUS = "SELECT sku, id FROM variants WHERE sku = ANY($1::text[])"
_VARIANTS_BY_BARCODES = f"""
SELECT b.gtin, {_VARIANT} FROM variant_barcodes AS b JOIN variants AS v ON v.id = b.variant_id
WHERE b.gtin = ANY($1::text[])
"""
_VARIANT_PAGES = f"""
SELECT w.n, {_VARIANT}
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[])
    WITH ORDINALITY AS w (product_id, size, after_position, after_id, n)
JOIN LATERAL (
    SELECT * FROM variants AS inside
    WHERE inside.product_id = w.product_id
      AND (w.after_id IS NULL OR (inside.position, inside.id) > (w.after_position, w.after_id))
    ORDER BY inside.position, inside.id LIMIT w.size
) AS v ON true
ORDER BY w.n, v.position, v.id
"""
_CHANNEL_PRICES = """
SELECT w.variant_id, w.channel_id, coalesce(i.price_minor, p.amount_minor) AS amount_minor, c.currency,
       CASE WHEN i.price_minor IS NULL OR p.compare_at_minor > i.price_minor THEN p.compare_at_minor END
           AS compare_at_minor,
       CASE WHEN i.price_minor IS NULL THEN p.tax_included ELSE c.prices_include_tax END AS tax_included
FROM unnest($1::uuid[], $2::uuid[]) AS w (variant_id, channel_id)
JOIN channels AS c ON c.id = w.channel_id
LEFT JOIN listings AS i ON i.variant_id = w.variant_id AND i.channel_id = w.channel_id AND i.currency = c.currency
LEFT JOIN prices AS p ON p.variant_id = w.variant_id AND p.currency = c.currency
WHERE i.price_minor IS NOT NULL OR p.amount_minor IS NOT NULL
"""
_PRODUCT_BY_HANDLE = """
SELECT p.id FROM products AS p
WHERE p.handle = $1
ORDER BY EXISTS (SELECT FROM product_listings AS l WHERE l.product_id = p.id AND l.channel_id = $2) DESC,
         p.created_at, p.id
LIMIT 1
"""
_OFFERED = """
SELECT v.product_id, i.channel_id FROM variants AS v JOIN listings AS i ON i.variant_id = v.id
JOIN unnest($1::uuid[], $2::uuid[]) AS w (product_id, channel_id)
    ON w.product_id = v.product_id AND w.channel_id = i.channel_id
WHERE i.status = 'ACTIVE'
GROUP BY v.product_id, i.channel_id
"""
_IMAGES = """
SELECT product_id, variant_id, url, alt FROM media WHERE product_id = ANY($1::uuid[])
ORDER BY product_id, variant_id NULLS FIRST, position
"""
_CATEGORIES = """
SELECT pc.product_id, c.id, c.parent_id, c.name, c.path
FROM product_categories AS pc JOIN categories AS c ON c.id = pc.category_id
WHERE pc.product_id = ANY($1::uuid[])
ORDER BY pc.product_id, pc.position
"""
_CATEGORIES_BY_IDS = "SELECT id, parent_id, name, path FROM categories WHERE id = ANY($1::uuid[])"
_CATEGORY_PAGE = """
SELECT id, parent_id, name, path FROM categories
WHERE $1::text[] IS NULL OR path > $1::text[]
ORDER BY path LIMIT $2
"""
_BARCODES = """
SELECT variant_id, gtin FROM variant_barcodes WHERE variant_id = ANY($1::uuid[]) ORDER BY variant_id, gtin
"""
_PRICES = """
SELECT variant_id, currency, amount_minor, compare_at_minor, tax_included FROM prices
WHERE variant_id = ANY($1::uuid[]) ORDER BY variant_id, currency
"""
_LISTINGS = """
SELECT variant_id, id, channel_id, status, price_minor, currency, external_product_id, external_variant_id, buffer, cap
FROM listings WHERE variant_id = ANY($1::uuid[]) ORDER BY variant_id, created_at, id
"""


class ProductView(NamedTuple):
    """A product as readers see it; its description is asked for apart, because it may be long."""

    id: UUID
    handle: str
    title: str
    vendor: str
    product_type: str
    status: str
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class VariantView(NamedTuple):
    """A variant as readers see it. `options` is an ordered list of `{"name", "value"}`."""

    id: UUID
    product_id: UUID
    sku: str
    sku_generated: bool
    title: str
    kind: str
    stock_policy: str
    options: list[dict[str, str]]
    weight_grams: int | None
    position: int
    version: int


class VariantsWanted(NamedTuple):
    """A page of one product's variants: at most `size`, after (position, id) when given."""

    product_id: UUID
    size: int
    after_position: int | None = None
    after_id: UUID | None = None


class ChannelPrice(NamedTuple):
    """What a channel charges: its listing's own price, else the price in its currency."""

    variant_id: UUID
    channel_id: UUID
    amount_minor: int
    currency: str
    compare_at_minor: int | None
    tax_included: bool


class ImageView(NamedTuple):
    """An image of a product; of one variant when `variant_id` is set."""

    variant_id: UUID | None
    url: str
    alt: str


class CategoryView(NamedTuple):
    """A node of the category tree; `path` holds the names from the root to itself."""

    id: UUID
    parent_id: UUID | None
    name: str
    path: list[str]


class PriceView(NamedTuple):
    currency: str
    amount_minor: int
    compare_at_minor: int | None
    tax_included: bool


class ListingView(NamedTuple):
    """A variant as one channel offers it."""

    id: UUID
    channel_id: UUID
    status: str
    price_minor: int | None
    currency: str
    external_product_id: str | None
    external_variant_id: str | None
    buffer: int | None
    cap: int | None


class OnChannel(NamedTuple):
    """Something (a product, a variant) on one channel."""

    id: UUID
    channel_id: UUID


async def products_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, ProductView]:
    return {row[0]: ProductView._make(row) for row in await _fetch(session, _PRODUCTS_BY_IDS, list(ids))}


async def descriptions_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in await _fetch(session, _DESCRIPTIONS, list(ids))}


async def variants_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, VariantView]:
    return {row[0]: VariantView._make(row) for row in await _fetch(session, _VARIANTS_BY_IDS, list(ids))}


async def variants_by_skus(session: AnySession, skus: Iterable[str]) -> dict[str, VariantView]:
    return {row[2]: VariantView._make(row) for row in await _fetch(session, _VARIANTS_BY_SKUS, list(skus))}


async def variants_by_barcodes(session: AnySession, barcodes: Iterable[str]) -> dict[str, VariantView]:
    """Keyed by the GTIN as it was asked for. Raises GtinError for a text that is none."""
    asked = {text: normalise_gtin(text) for text in barcodes}
    found = {row[0]: row[1:] for row in await _fetch(session, _VARIANTS_BY_BARCODES, list(set(asked.values())))}
    return {text: VariantView._make(found[gtin]) for text, gtin in asked.items() if gtin in found}


async def skus_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in await _fetch(session, _SKUS, list(ids))}


async def variant_ids_by_skus(session: AnySession, skus: Iterable[str]) -> dict[str, UUID]:
    return {row[0]: row[1] for row in await _fetch(session, _IDS_BY_SKUS, list(skus))}


async def variant_pages(
    session: AnySession, wanted: Iterable[VariantsWanted]
) -> dict[VariantsWanted, list[VariantView]]:
    """Each product's variants in display order."""
    keys = list(wanted)
    columns = [list(column) for column in zip(*keys, strict=True)]
    pages: dict[VariantsWanted, list[VariantView]] = defaultdict(list)
    for row in await _fetch(session, _VARIANT_PAGES, *columns):
        pages[keys[row[0] - 1]].append(VariantView._make(row[1:]))
    return dict(pages)


async def channel_prices(session: AnySession, wanted: Iterable[OnChannel]) -> dict[OnChannel, ChannelPrice]:
    """Prices by (variant, channel); a variant without a price there is absent."""
    rows = await _fetch(session, _CHANNEL_PRICES, *_columns(wanted))
    return {OnChannel(row[0], row[1]): ChannelPrice._make(row) for row in rows}


async def images_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[ImageView]]:
    """A product's own images first, then those of its variants."""
    return _grouped(await _fetch(session, _IMAGES, list(ids)), ImageView._make)


async def categories_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[CategoryView]]:
    return _grouped(await _fetch(session, _CATEGORIES, list(ids)), CategoryView._make)


async def categories_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, CategoryView]:
    return {row[0]: CategoryView._make(row) for row in await _fetch(session, _CATEGORIES_BY_IDS, list(ids))}


async def categories_page(session: AnySession, *, limit: int, after: list[str] | None = None) -> list[CategoryView]:
    """Categories by path, parents before their children; strictly after the path `after`."""
    return [CategoryView._make(row) for row in await _fetch(session, _CATEGORY_PAGE, after, limit)]


async def gtins_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    return _grouped(await _fetch(session, _BARCODES, list(ids)), itemgetter(0))


async def prices_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[PriceView]]:
    return _grouped(await _fetch(session, _PRICES, list(ids)), PriceView._make)


async def listings_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[ListingView]]:
    return _grouped(await _fetch(session, _LISTINGS, list(ids)), ListingView._make)


async def product_id_by_handle(session: AnySession, handle: str, channel_id: UUID | None) -> UUID | None:
    """Handles are unique per channel only: the channel's own product comes first, then the oldest."""
    rows = await _fetch(session, _PRODUCT_BY_HANDLE, handle, channel_id)
    return rows[0][0] if rows else None


async def offered_products(session: AnySession, wanted: Iterable[OnChannel]) -> dict[OnChannel, bool]:
    """True for each (product, channel) with an active listing there."""
    return {OnChannel(row[0], row[1]): True for row in await _fetch(session, _OFFERED, *_columns(wanted))}


def _grouped(rows: Iterable[Any], make: Callable[[Any], V]) -> dict[UUID, list[V]]:
    """Rows by their first column; `make` reads the others."""
    grouped: dict[UUID, list[V]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(make(row[1:]))
    return dict(grouped)


def _columns(wanted: Iterable[OnChannel]) -> tuple[list[UUID], list[UUID]]:
    pairs = list(wanted)
    return [pair.id for pair in pairs], [pair.channel_id for pair in pairs]


async def _fetch(session: AnySession, statement: str, *values: Any) -> list[Any]:
    driver = await raw_connection(session)
    rows: list[Any] = await driver.fetch(statement, *values)
    return rows
