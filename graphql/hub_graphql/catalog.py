"""Questions about the catalog: what is sold, by words, category, channel, price and barcode.

A shop's credential sees what its channel offers. Tills and unbound credentials see every product, because a
store sells and takes back whatever lies in it.
"""

from typing import Annotated
from uuid import UUID

import strawberry

from hub.catalog import PageKey, ProductFilter, product_rows, views
from hub.catalog.views import OnChannel, VariantView
from hub.channels import views as channels
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub_graphql.availability import OnChannel as ChannelArgument
from hub_graphql.channels import meant_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import field
from hub_graphql.ids import expect_id, expect_id_or_none
from hub_graphql.money import parse_amount
from hub_graphql.nodes import register_node
from hub_graphql.pagination import Connection, Page, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, Before, First, Last
from hub_graphql.permissions import require_scope
from hub_graphql.product_words import ProductSortKey, ProductStatus, product_sort
from hub_graphql.products import (
    Category,
    Product,
    Variant,
    category_node,
    load_product,
    load_variant,
    product_node,
    variant_node,
)

MAX_LOOKUP_LENGTH = 255


@strawberry.input(description="Which products; everything that is given must hold.")
class ProductFilterInput:
    category: strawberry.ID | None = strawberry.field(
        default=None, description="In this category or one below it, by its id."
    )
    channel: str | None = strawberry.field(
        default=None, description="Offered on this channel, by its code or id; CHANNEL_NOT_FOUND."
    )
    status: ProductStatus | None = strawberry.field(
        default=None, description="With this status. A shop's credential sees active products only."
    )
    vendor: str | None = strawberry.field(default=None, description="Of exactly this vendor.")
    price_min: str | None = strawberry.field(
        default=None, description='A variant costs at least this decimal amount, such as "19.90"; INVALID_AMOUNT.'
    )
    price_max: str | None = strawberry.field(
        default=None, description='A variant costs at most this decimal amount, such as "19.90"; INVALID_AMOUNT.'
    )
    currency_code: str | None = strawberry.field(
        default=None, description="ISO 4217 code that prices are compared in; by default the channel's."
    )
    search: str | None = strawberry.field(
        default=None, description="Words, a slip of them, or a sku; 1 to 200 characters; INVALID_PRODUCT_QUERY."
    )


Filter = Annotated[ProductFilterInput | None, strawberry.argument(description="Which products; by default all.")]
SortKey = Annotated[ProductSortKey, strawberry.argument(description="What to order by.")]
Reverse = Annotated[bool, strawberry.argument(description="Whether to turn the order round; not for RELEVANCE.")]
ProductId = Annotated[strawberry.ID | None, strawberry.argument(description="The product's global id.")]
Handle = Annotated[str | None, strawberry.argument(description="The product's handle on the caller's channel.")]
VariantId = Annotated[strawberry.ID | None, strawberry.argument(description="The variant's global id.")]
Sku = Annotated[str | None, strawberry.argument(description="The variant's sku, as written.")]
Barcode = Annotated[
    str | None, strawberry.argument(description="A GTIN-8, 12, 13 or 14 with its check digit; else INVALID_GTIN.")
]


@strawberry.type
class CatalogQuery:
    @field(
        "One product by its id or handle; null when it does not exist for this caller. Errors: INVALID_ID, "
        "CHANNEL_NOT_FOUND, INVALID_INPUT.",
        require_scope(Scope.CATALOG_READ),
    )
    async def product(
        self,
        info: Info,
        id: ProductId = None,  # noqa: A002
        handle: Handle = None,
        channel: ChannelArgument = None,
    ) -> Product | None:
        if (id is None) == (handle is None):
            raise InvalidInputError("name the product by id or by handle, one of the two", path=("id",))
        if id is not None:
            return await load_visible_product(info.context, expect_id("Product", id))
        text = _short(handle or "", "handle")
        meant = await meant_channel(info.context, channel)
        key = await info.context.read(
            lambda session: views.product_id_by_handle(session, text, meant.id if meant else None)
        )
        return await load_visible_product(info.context, key) if key else None

    @field(
        "Products, page by page. Errors: INVALID_CURSOR, INVALID_PRODUCT_QUERY, INVALID_AMOUNT, CHANNEL_NOT_FOUND.",
        require_scope(Scope.CATALOG_READ),
    )
    async def products(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter = None,  # noqa: A002
        sort_key: SortKey = ProductSortKey.TITLE,
        reverse: Reverse = False,
    ) -> Connection[Product]:
        asked = await _filter(info.context, filter or ProductFilterInput())
        scope = cursor_scope("products", filter=asked, sort=sort_key.name, reverse=reverse)
        wanted = page(scope, tuple[str, UUID], first=first, after=after, last=last, before=before)
        rows = await info.context.read(
            lambda session: product_rows(
                session,
                asked,
                sort=product_sort(sort_key),
                descending=reverse,
                size=wanted.limit,
                after=PageKey(*wanted.position) if wanted.position else None,
                backwards=wanted.backwards,
            )
        )
        return connect(rows, wanted, node=lambda row: product_node(row[0]), key=lambda row: (row[1].value, row[1].id))

    @field(
        "One variant by its id, sku or barcode; null when it does not exist for this caller. "
        "Errors: INVALID_ID, INVALID_GTIN, INVALID_INPUT.",
        require_scope(Scope.CATALOG_READ),
    )
    async def variant(
        self,
        info: Info,
        id: VariantId = None,  # noqa: A002
        sku: Sku = None,
        barcode: Barcode = None,
    ) -> Variant | None:
        if sum(given is not None for given in (id, sku, barcode)) != 1:
            raise InvalidInputError("name the variant by id, sku or barcode, one of the three", path=("id",))
        if id is not None:
            return await load_visible_variant(info.context, expect_id("Variant", id))
        if sku is not None:
            view = await info.context.load(views.variants_by_skus, _short(sku, "sku"))
        else:
            view = await info.context.load(views.variants_by_barcodes, _short(barcode or "", "barcode"))
        visible = view is not None and await _visible(info.context, view.product_id)
        return variant_node(view) if view is not None and visible else None

    @field(
        "The category tree, parents before their children. Errors: INVALID_CURSOR.",
        require_scope(Scope.CATALOG_READ),
    )
    async def categories(self, info: Info, first: First = None, after: After = None) -> Connection[Category]:
        wanted = page(cursor_scope("categories"), tuple[UUID], first=first, after=after)
        position = await _category_path(info.context, wanted)
        rows = await info.context.read(
            lambda session: views.categories_page(session, limit=wanted.fetch, after=position)
        )
        return connect(rows, wanted, node=category_node, key=lambda row: (row.id,))


async def load_visible_product(context: RequestContext, key: UUID) -> Product | None:
    return await load_product(context, key) if await _visible(context, key) else None


async def load_visible_variant(context: RequestContext, key: UUID) -> Variant | None:
    variant = await load_variant(context, key)
    visible = variant is not None and await _visible(context, variant.view.product_id)
    return variant if visible else None


async def visible_variants(context: RequestContext, skus: list[str]) -> list[VariantView | None]:
    """The variants with these skus, None for one that does not exist for this caller."""
    found = await context.load_many(views.variants_by_skus, skus)
    shop = await _shop(context)
    if shop is None:
        return found
    products = [OnChannel(view.product_id, shop) for view in found if view is not None]
    offered = dict(zip(products, await context.load_many(views.offered_products, products), strict=True))
    return [view if view and offered[OnChannel(view.product_id, shop)] else None for view in found]


async def load_category(context: RequestContext, key: UUID) -> Category | None:
    view = await context.load(views.categories_by_ids, key)
    return category_node(view) if view else None


async def _shop(context: RequestContext) -> UUID | None:
    """The channel whose offer is all that the caller may see, if it is a shop's credential."""
    channel_id = context.principal.channel_id
    if channel_id is None:
        return None
    channel = await context.load(channels.channels_by_ids, channel_id)
    return None if channel is not None and channel.kind == "POS" else channel_id


async def _visible(context: RequestContext, product_id: UUID) -> bool:
    shop = await _shop(context)
    if shop is None:
        return True
    return bool(await context.load(views.offered_products, OnChannel(product_id, shop)))


async def _filter(context: RequestContext, given: ProductFilterInput) -> ProductFilter:
    shop = await _shop(context)
    channel = await meant_channel(context, given.channel, path=("filter", "channel"))
    currency = given.currency_code or (channel.currency if channel else None)
    status = given.status.name if given.status else None
    if shop is not None and status not in {None, "ACTIVE"}:
        raise InvalidInputError("this credential sees active products only", path=("filter", "status"))
    return ProductFilter(
        category_id=expect_id_or_none("Category", given.category, path=("filter", "category")),
        channel_id=shop or (channel.id if channel and given.channel is not None else None),
        status="ACTIVE" if shop else status,
        vendor=given.vendor,
        currency=currency,
        min_price_minor=_amount(given.price_min, currency, "priceMin"),
        max_price_minor=_amount(given.price_max, currency, "priceMax"),
        search=given.search,
    )


def _amount(text: str | None, currency: str | None, name: str) -> int | None:
    if text is None:
        return None
    if currency is None:
        raise InvalidInputError("prices are compared in one currency: name it", path=("filter", "currencyCode"))
    return parse_amount(text, currency, path=("filter", name)).amount_minor


async def _category_path(context: RequestContext, wanted: Page[tuple[UUID, ...]]) -> list[str] | None:
    """A cursor stands on a category by id, because a path may be longer than a cursor."""
    if wanted.position is None:
        return None
    view = await context.load(views.categories_by_ids, wanted.position[0])
    return view.path if view else None


def _short(text: str, name: str) -> str:
    if not 1 <= len(text) <= MAX_LOOKUP_LENGTH:
        raise InvalidInputError(f"{name} has 1 to {MAX_LOOKUP_LENGTH} characters", path=(name,))
    return text


register_node("Product", load_visible_product, Scope.CATALOG_READ)
register_node("Variant", load_visible_variant, Scope.CATALOG_READ)
register_node("Category", load_category, Scope.CATALOG_READ)
