"""What readers ask of the catalog, batched: one statement a question, however many ids it holds.

Results are keyed by what was asked for; what does not exist is absent. Lists are in display order.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import defer
from sqlmodel import col

from hub.catalog.models import (
    Category,
    Listing,
    Media,
    Price,
    Product,
    ProductCategory,
    ProductListing,
    ProductMember,
    Variant,
    VariantBarcode,
)
from hub.infra.database import AnySession
from hub.kernel.gtin import normalise_gtin

K = TypeVar("K")
V = TypeVar("V")

WITHOUT_SEARCH = defer(Product.search, raiseload=True)  # type: ignore[arg-type]


def column(attribute: Any) -> Any:
    """The SQL column behind a model's attribute, which type checkers take for its Python value."""
    return attribute


def among(attribute: Any, values: Iterable[Any]) -> ColumnElement[bool]:
    """`column = ANY(array)`: one statement text, whatever the number of values."""
    wanted = column(attribute)
    found: ColumnElement[bool] = wanted == any_(bindparam(None, list(values), type_=ARRAY(wanted.type)))
    return found


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    grouped: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        grouped[key].append(value)
    return dict(grouped)


async def products_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, Product]:
    found = await session.scalars(select(Product).where(among(Product.id, ids)).options(WITHOUT_SEARCH))
    return {product.id: product for product in found}


async def products_by_keys(session: AnySession, channel_id: UUID, keys: Iterable[str]) -> dict[str, UUID]:
    """Product ids by what the channel calls them: a Shopify handle, or `id:NN`."""
    found = await session.execute(
        select(col(ProductListing.product_key), col(ProductListing.product_id)).where(
            col(ProductListing.channel_id) == channel_id, among(ProductListing.product_key, keys)
        )
    )
    return {row[0]: row[1] for row in found}


async def variants_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[Variant]]:
    found = await session.scalars(
        select(Variant)
        .where(among(Variant.product_id, ids))
        .order_by(col(Variant.product_id), col(Variant.position), col(Variant.id))
    )
    return _grouped((variant.product_id, variant) for variant in found)


async def variants_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, Variant]:
    found = await session.scalars(select(Variant).where(among(Variant.id, ids)))
    return {variant.id: variant for variant in found}


async def variants_by_skus(session: AnySession, skus: Iterable[str]) -> dict[str, Variant]:
    found = await session.scalars(select(Variant).where(among(Variant.sku, skus)))
    return {variant.sku: variant for variant in found}


async def variant_ids_by_skus(session: AnySession, skus: Iterable[str]) -> dict[str, UUID]:
    found = await session.execute(select(col(Variant.sku), col(Variant.id)).where(among(Variant.sku, skus)))
    return {row[0]: row[1] for row in found}


async def variant_by_barcode(session: AnySession, barcode: str) -> Variant | None:
    """The variant with this GTIN-8, -12, -13 or -14. Raises GtinError for a text that is none."""
    found = await session.scalars(
        select(Variant)
        .join(VariantBarcode, col(VariantBarcode.variant_id) == col(Variant.id))
        .where(col(VariantBarcode.gtin) == normalise_gtin(barcode))
    )
    return found.one_or_none()


async def barcodes_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    found = await session.execute(
        select(col(VariantBarcode.variant_id), col(VariantBarcode.gtin))
        .where(among(VariantBarcode.variant_id, ids))
        .order_by(col(VariantBarcode.gtin))
    )
    return _grouped((variant_id, gtin) for variant_id, gtin in found)


async def prices_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[Price]]:
    found = await session.scalars(select(Price).where(among(Price.variant_id, ids)).order_by(col(Price.currency)))
    return _grouped((price.variant_id, price) for price in found)


async def media_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[Media]]:
    """Images of each product, its own first, then those of its variants (`variant_id` set)."""
    found = await session.scalars(
        select(Media)
        .where(among(Media.product_id, ids))
        .order_by(col(Media.product_id), col(Media.variant_id).nulls_first(), col(Media.position))
    )
    return _grouped((media.product_id, media) for media in found)


async def categories_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[Category]]:
    found = await session.execute(
        select(col(ProductCategory.product_id), Category)
        .join(Category, col(Category.id) == col(ProductCategory.category_id))
        .where(among(ProductCategory.product_id, ids))
        .order_by(col(ProductCategory.product_id), col(ProductCategory.position))
    )
    return _grouped((product_id, category) for product_id, category in found)


async def categories(session: AnySession) -> list[Category]:
    """The whole tree, parents before children, by name."""
    return list(await session.scalars(select(Category).order_by(col(Category.path))))


async def listings_by_variant_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[Listing]]:
    found = await session.scalars(
        select(Listing)
        .where(among(Listing.variant_id, ids))
        .order_by(col(Listing.variant_id), col(Listing.created_at), col(Listing.id))
    )
    return _grouped((listing.variant_id, listing) for listing in found)


async def listings_by_external_variant_ids(
    session: AnySession, channel_id: UUID, external_ids: Iterable[str]
) -> dict[str, Listing]:
    found = await session.scalars(
        select(Listing)
        .where(col(Listing.channel_id) == channel_id, among(Listing.external_variant_id, external_ids))
        .order_by(col(Listing.id))
    )
    return {listing.external_variant_id: listing for listing in found if listing.external_variant_id}


async def members_by_product_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """The products shown within each grouped product; references not known yet are left out."""
    found = await session.execute(
        select(col(ProductMember.group_product_id), col(ProductMember.member_product_id))
        .where(among(ProductMember.group_product_id, ids), col(ProductMember.member_product_id).is_not(None))
        .order_by(col(ProductMember.group_product_id), col(ProductMember.position))
    )
    return _grouped((group_id, member_id) for group_id, member_id in found if member_id is not None)
