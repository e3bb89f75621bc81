"""What an import batch writes: one statement a table, over arrays.

The bulk statements leave the ORM because of the 500,000-row import benchmark.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from hub.catalog.importers.records import MediaRecord
from hub.catalog.rules import Importer, Plan, Question
from hub.catalog.snapshot import (
    CategoryPath,
    ListingState,
    ProductState,
    Snapshot,
    VariantState,
)
from hub.kernel.ids import new_id

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
CATALOG_LOCK = 0x6875_625F_6361
"""Transaction-level advisory lock: one writer of the catalog at a time, so skus and barcodes are decided in
order.
"""

_PRODUCT_COLUMNS = """
    unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::text[])
    AS new (id, handle, title, description, vendor, product_type, external_kind, status, tags, attributes)
"""
_TAGS = "ARRAY(SELECT jsonb_array_elements_text(new.tags::jsonb))"
_INSERT_PRODUCTS = f"""
    INSERT INTO products (id, handle, title, description, vendor, product_type, external_kind, status, tags,
                          attributes, authority_channel_id)
    SELECT id, handle, title, description, vendor, product_type, external_kind, status, {_TAGS},
           attributes::jsonb, $11
    FROM {_PRODUCT_COLUMNS}
"""
_UPDATE_PRODUCTS = f"""
    UPDATE products p SET handle = new.handle, title = new.title, description = new.description,
        vendor = new.vendor, product_type = new.product_type, external_kind = new.external_kind,
        status = new.status, tags = {_TAGS}, attributes = new.attributes::jsonb,
        version = p.version + 1, updated_at = clock_timestamp()
    FROM {_PRODUCT_COLUMNS} WHERE p.id = new.id
"""
_UPSERT_NAMES = """
    INSERT INTO product_listings (channel_id, product_key, product_id, external_product_id, reference_sku)
    SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[])
    ON CONFLICT (channel_id, product_key) DO UPDATE SET product_id = excluded.product_id,
        external_product_id = excluded.external_product_id, reference_sku = excluded.reference_sku
"""
_VARIANT_COLUMNS = """
    unnest($1::uuid[], $2::uuid[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::bigint[], $10::int[])
    AS new (id, product_id, sku, sku_generated, title, kind, stock_policy, options, weight_grams, position)
"""
_INSERT_VARIANTS = f"""
    INSERT INTO variants (id, product_id, sku, sku_generated, title, kind, stock_policy, options,
    weight_grams, position) SELECT id, product_id, sku, sku_generated, title, kind, stock_policy,
    options::jsonb, weight_grams, position FROM {_VARIANT_COLUMNS}
"""
_UPDATE_VARIANTS = f"""
    UPDATE variants v SET sku = new.sku, sku_generated = new.sku_generated, title = new.title, kind =
    new.kind, stock_policy = new.stock_policy, options = new.options::jsonb, weight_grams = new.weight_grams,
    position = new.position, version = v.version + 1 FROM {_VARIANT_COLUMNS} WHERE v.id = new.id
"""
_UPSERT_PRICES = """
    INSERT INTO prices (currency, variant_id, amount_minor, compare_at_minor, tax_included)
    SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bool[])
    ON CONFLICT (variant_id, currency) DO UPDATE SET amount_minor = excluded.amount_minor,
        compare_at_minor = excluded.compare_at_minor, tax_included = excluded.tax_included
"""
_INSERT_BARCODES = "INSERT INTO variant_barcodes (gtin, variant_id) SELECT * FROM unnest($1::text[], $2::uuid[])"
_LISTING_COLUMNS = """
    unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
    AS new (id, variant_id, row_key, external_product_id, external_variant_id, status, price_minor, currency)
"""
_INSERT_LISTINGS = f"""
    INSERT INTO listings (id, variant_id, row_key, external_product_id, external_variant_id, status,
    price_minor, currency, channel_id) SELECT new.*, $9 FROM {_LISTING_COLUMNS}
"""
_UPDATE_LISTINGS = f"""
    UPDATE listings l SET variant_id = new.variant_id, row_key = new.row_key,
        external_product_id = new.external_product_id, external_variant_id = new.external_variant_id,
        status = new.status, price_minor = new.price_minor, currency = new.currency, version = l.version + 1
    FROM {_LISTING_COLUMNS} WHERE l.id = new.id AND l.channel_id = $9
"""
_DELETE_MEDIA = """
    DELETE FROM media WHERE (product_id = ANY($1) AND variant_id IS NULL) OR variant_id = ANY($2)
"""
_INSERT_MEDIA = """
    INSERT INTO media (id, product_id, variant_id, url, alt, position)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int[])
"""
_INSERT_CATEGORIES = """
    INSERT INTO categories (id, parent_id, name, path)
    VALUES ($1, (SELECT id FROM categories WHERE path = $3), $2, $4) ON CONFLICT (path) DO NOTHING
"""
_LINK_CATEGORIES = """
    INSERT INTO product_categories (product_id, category_id, position)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[])
"""
_INSERT_MEMBERS = """
    INSERT INTO product_members (channel_id, group_product_id, position, reference)
    SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::text[])
"""
_ASK = """
    INSERT INTO mapping_queue (id, source_line, row_key, reason, candidate_variant_id, channel_id,
    import_run_id) SELECT new.*, $6, $7 FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[])
    AS new (id, source_line, row_key, reason, candidate_variant_id) ON CONFLICT (channel_id, row_key, reason)
    DO NOTHING
"""


async def write_plan(connection: Any, plan: Plan, known: Snapshot, importer: Importer, run_id: UUID | None) -> None:
    """Write one batch through the driver's connection. Tables without a change are not touched."""
    await _write_products(connection, plan, known, importer)
    await _write_variants(connection, plan, known, importer)
    await _write_listings(connection, plan, importer)
    await _write_media(connection, plan, known)
    await _write_categories(connection, plan, known)
    await _write_members(connection, plan, known, importer)
    if plan.questions:
        columns = _columns(map(_question_row, plan.questions))
        await connection.execute(_ASK, *columns, importer.channel_id, run_id)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _json(value: object) -> str:
    return _COMPACT.encode(value)


async def _write_products(connection: Any, plan: Plan, known: Snapshot, importer: Importer) -> None:
    if plan.new_products:
        columns = _columns(map(_product_row, plan.new_products.values()))
        await connection.execute(_INSERT_PRODUCTS, *columns, importer.channel_id)
    if plan.changed_products:
        await connection.execute(_UPDATE_PRODUCTS, *_columns(map(_product_row, plan.changed_products.values())))
    if plan.product_names:
        rows = (
            (key, product_id, known.names[key].external_product_id, known.names[key].reference_sku)
            for key, product_id in plan.product_names.items()
        )
        await connection.execute(_UPSERT_NAMES, importer.channel_id, *_columns(rows))


def _product_row(product: ProductState) -> tuple[Any, ...]:
    content = product.content
    return (
        product.id,
        content.handle,
        content.title,
        content.description,
        content.vendor,
        content.product_type,
        content.external_kind,
        content.status,
        _json(content.tags),
        _json(content.attributes),
    )


async def _write_variants(connection: Any, plan: Plan, known: Snapshot, importer: Importer) -> None:
    if plan.changed_variants:
        await connection.execute(_UPDATE_VARIANTS, *_columns(map(_variant_row, plan.changed_variants.values())))
    if plan.new_variants:
        await connection.execute(_INSERT_VARIANTS, *_columns(map(_variant_row, plan.new_variants.values())))
    if plan.prices:
        priced = ((variant_id, known.variants[variant_id].price) for variant_id in plan.prices)
        rows = (
            (variant_id, price.amount_minor, price.compare_at_minor, price.tax_included)
            for variant_id, price in priced
            if price is not None
        )
        await connection.execute(_UPSERT_PRICES, importer.currency, *_columns(rows))
    if plan.barcodes:
        await connection.execute(_INSERT_BARCODES, list(plan.barcodes), list(plan.barcodes.values()))


def _variant_row(variant: VariantState) -> tuple[Any, ...]:
    content = variant.content
    return (
        variant.id,
        variant.product_id,
        variant.sku,
        variant.sku_generated,
        content.title,
        content.kind,
        content.stock_policy,
        _json([{"name": name, "value": value} for name, value in content.options]),
        content.weight_grams,
        content.position,
    )


async def _write_listings(connection: Any, plan: Plan, importer: Importer) -> None:
    for statement, listings in (
        (_UPDATE_LISTINGS, plan.changed_listings),
        (_INSERT_LISTINGS, plan.new_listings),
    ):
        if listings:
            columns = _columns(map(_listing_row, listings.values()))
            await connection.execute(statement, *columns, importer.channel_id)


def _listing_row(listing: ListingState) -> tuple[Any, ...]:
    content = listing.content
    return (
        listing.id,
        listing.variant_id,
        content.row_key,
        content.external_product_id,
        content.external_variant_id,
        content.status,
        content.price_minor,
        content.currency,
    )


async def _write_media(connection: Any, plan: Plan, known: Snapshot) -> None:
    products, variants = plan.media_of_products, plan.media_of_variants
    if products - plan.new_products.keys() or variants - plan.new_variants.keys():
        await connection.execute(_DELETE_MEDIA, list(products), list(variants))
    owners: list[tuple[UUID, UUID | None, tuple[MediaRecord, ...]]] = [
        (product_id, None, known.products[product_id].media) for product_id in products
    ]
    owned = (known.variants[variant_id] for variant_id in variants)
    owners += [(variant.product_id, variant.id, variant.media) for variant in owned]
    rows = [
        (new_id(), product_id, variant_id, media.url, media.alt, position)
        for product_id, variant_id, all_media in owners
        for position, media in enumerate(all_media)
    ]
    if rows:
        await connection.execute(_INSERT_MEDIA, *_columns(rows))


async def _write_categories(connection: Any, plan: Plan, known: Snapshot) -> None:
    products = plan.categories_of_products
    if not products:
        return
    ids = await _category_ids(connection, {path for id_ in products for path in known.products[id_].categories})
    if products - plan.new_products.keys():
        await connection.execute("DELETE FROM product_categories WHERE product_id = ANY($1)", list(products))
    rows = [
        (product_id, ids[path], position)
        for product_id in products
        for position, path in enumerate(dict.fromkeys(known.products[product_id].categories))
    ]
    if rows:
        await connection.execute(_LINK_CATEGORIES, *_columns(rows))


async def _category_ids(connection: Any, paths: set[CategoryPath]) -> dict[CategoryPath, UUID]:
    """The ids of paths; those that do not exist are made, parents first."""
    keys = [_json(path) for path in paths]
    find = """
        SELECT c.id, c.path FROM unnest($1::text[]) AS wanted
        JOIN categories c ON c.path = ARRAY(SELECT jsonb_array_elements_text(wanted::jsonb))
    """
    found = {tuple(path): category_id for category_id, path in await connection.fetch(find, keys)}
    missing = paths - found.keys()
    if missing:
        nodes = {path[:depth] for path in missing for depth in range(1, len(path) + 1)}
        rows = [
            (new_id(), node[-1], list(node[:-1]), list(node))
            for node in sorted(nodes, key=lambda node: (len(node), node))
        ]
        await connection.executemany(_INSERT_CATEGORIES, rows)
        found = {tuple(path): category_id for category_id, path in await connection.fetch(find, keys)}
    return found


async def _write_members(connection: Any, plan: Plan, known: Snapshot, importer: Importer) -> None:
    groups = plan.members_of_products
    if groups - plan.new_products.keys():
        await connection.execute("DELETE FROM product_members WHERE group_product_id = ANY($1)", list(groups))
    rows = [
        (group_id, position, reference)
        for group_id in groups
        for position, reference in enumerate(known.products[group_id].members)
    ]
    if rows:
        await connection.execute(_INSERT_MEMBERS, importer.channel_id, *_columns(rows))


def _question_row(question: Question) -> tuple[Any, ...]:
    return new_id(), question.line, question.row_key, question.reason.value, question.candidate_variant_id
