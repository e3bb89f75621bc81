"""What an import batch reads before it decides: a handful of statements, whatever the batch holds."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hub.catalog.importers.records import MediaRecord, ProductRecord, VariantRecord, VariationRecord
from hub.catalog.rules import Importer, Record
from hub.catalog.snapshot import (
    ListingContent,
    ListingState,
    PriceState,
    ProductContent,
    ProductNames,
    ProductState,
    Snapshot,
    VariantContent,
    VariantState,
)

_REFERENCES = """
    SELECT product_key, product_id, external_product_id, reference_sku
    FROM product_listings WHERE channel_id = $1 AND product_key = ANY($2)
    UNION
    SELECT product_key, product_id, external_product_id, reference_sku
    FROM product_listings WHERE channel_id = $1 AND reference_sku = ANY($3)
"""
_MATCHES = """
    SELECT 'mapping' AS way, external_key AS key, variant_id AS id
    FROM catalog_mappings WHERE channel_id = $1 AND external_key = ANY($2)
    UNION ALL SELECT 'row', row_key, variant_id FROM listings WHERE channel_id = $1 AND row_key = ANY($2)
    UNION ALL SELECT 'sku', sku, id FROM variants WHERE sku = ANY($3)
    UNION ALL SELECT 'gtin', gtin, variant_id FROM variant_barcodes WHERE gtin = ANY($4)
"""
_VARIANTS = """
    SELECT v.id, v.product_id, v.sku, v.sku_generated, v.title, v.kind, v.stock_policy, v.options::text AS
    options, v.weight_grams, v.position, p.amount_minor, p.compare_at_minor, p.tax_included, l.id AS
    listing_id, l.row_key, l.external_product_id, l.external_variant_id, l.status, l.price_minor, l.currency,
    ARRAY(SELECT gtin FROM variant_barcodes b WHERE b.variant_id = v.id) AS gtins FROM variants v LEFT JOIN
    prices p ON p.variant_id = v.id AND p.currency = $3 LEFT JOIN listings l ON l.variant_id = v.id AND
    l.channel_id = $2 WHERE v.id = ANY($1)
"""
_PRODUCTS = """
    SELECT id, authority_channel_id, handle, title, description, vendor, product_type, external_kind, status,
    tags, attributes::text AS attributes FROM products WHERE id = ANY($1)
"""
_MEDIA = """
    SELECT product_id, variant_id, url, alt FROM media
    WHERE product_id = ANY($1) ORDER BY product_id, variant_id, position
"""
_CATEGORIES = """
    SELECT l.product_id, c.path FROM product_categories l JOIN categories c ON c.id = l.category_id
    WHERE l.product_id = ANY($1) ORDER BY l.product_id, l.position
"""
_MEMBERS = """
    SELECT group_product_id AS product_id, reference FROM product_members
    WHERE group_product_id = ANY($1) ORDER BY group_product_id, position
"""


async def load_snapshot(connection: Any, records: Sequence[Record], importer: Importer) -> Snapshot:
    """Everything the records may match. `connection` is the driver's, inside the batch's transaction."""
    snapshot = Snapshot()
    await _load_references(connection, records, importer, snapshot)
    await _load_variants(connection, records, importer, snapshot)
    product_ids = {*snapshot.references.values(), *(variant.product_id for variant in snapshot.variants.values())}
    if product_ids:
        await _load_products(connection, list(product_ids), snapshot)
    return snapshot


def variants_of(records: Sequence[Record]) -> list[VariantRecord]:
    return [
        variant
        for record in records
        for variant in ((record.variant,) if isinstance(record, VariationRecord) else record.variants)
    ]


async def _load_references(connection: Any, records: Sequence[Record], importer: Importer, snapshot: Snapshot) -> None:
    references = {record.key if isinstance(record, ProductRecord) else record.parent for record in records}
    skus = [reference[4:] for reference in references if reference.startswith("sku:")]
    rows = await connection.fetch(_REFERENCES, importer.channel_id, list(references), skus)
    for key, product_id, external_product_id, reference_sku in rows:
        names = ProductNames(external_product_id, reference_sku)
        for reference in (key, f"sku:{reference_sku}") if reference_sku else (key,):
            snapshot.references[reference] = product_id
            snapshot.names[reference] = names


async def _load_variants(connection: Any, records: Sequence[Record], importer: Importer, snapshot: Snapshot) -> None:
    variants = variants_of(records)
    keys = [variant.row_key for variant in variants]
    skus = [variant.sku for variant in variants]
    gtins = [variant.gtin for variant in variants if variant.gtin]
    matches = await connection.fetch(_MATCHES, importer.channel_id, keys, skus, gtins)
    snapshot.mappings.update({key: variant_id for way, key, variant_id in matches if way == "mapping"})
    ids = {variant_id for _, _, variant_id in matches}
    if ids:
        rows = await connection.fetch(_VARIANTS, list(ids), importer.channel_id, importer.currency)
        for row in rows:
            snapshot.add_variant(_variant(row))


def _variant(row: Any) -> VariantState:
    price = None
    if row["amount_minor"] is not None:
        price = PriceState(row["amount_minor"], row["compare_at_minor"], row["tax_included"])
    options = tuple((option["name"], option["value"]) for option in json.loads(row["options"]))
    return VariantState(
        id=row["id"],
        product_id=row["product_id"],
        sku=row["sku"],
        sku_generated=row["sku_generated"],
        content=VariantContent(
            row["title"], row["kind"], row["stock_policy"], options, row["weight_grams"], row["position"]
        ),
        gtins=set(row["gtins"]),
        price=price,
        listing=_listing(row),
    )


def _listing(row: Any) -> ListingState | None:
    if row["listing_id"] is None:
        return None
    content = ListingContent(
        row["row_key"],
        row["external_product_id"],
        row["external_variant_id"],
        row["status"],
        row["price_minor"],
        row["currency"],
    )
    return ListingState(row["listing_id"], row["id"], content)


async def _load_products(connection: Any, ids: list[UUID], snapshot: Snapshot) -> None:
    for row in await connection.fetch(_PRODUCTS, ids):
        attributes = tuple((name, tuple(values)) for name, values in json.loads(row["attributes"]))
        content = ProductContent(
            row["handle"],
            row["title"],
            row["description"],
            row["vendor"],
            row["product_type"],
            row["external_kind"],
            row["status"],
            tuple(row["tags"]),
            attributes,
        )
        snapshot.products[row["id"]] = ProductState(row["id"], row["authority_channel_id"], content)
    for product_id, variant_id, url, alt in await connection.fetch(_MEDIA, ids):
        owner = snapshot.products[product_id] if variant_id is None else snapshot.variants.get(variant_id)
        if owner is not None:
            owner.media = (*owner.media, MediaRecord(url, alt))
    for product_id, path in await connection.fetch(_CATEGORIES, ids):
        product = snapshot.products[product_id]
        product.categories = (*product.categories, tuple(path))
    for product_id, reference in await connection.fetch(_MEMBERS, ids):
        product = snapshot.products[product_id]
        product.members = (*product.members, reference)
