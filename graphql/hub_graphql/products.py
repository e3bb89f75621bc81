"""Products and variants as objects of the API. `catalog` asks for them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from hub.catalog import views
from hub.catalog.views import (
    CategoryView,
    ImageView,
    ListingView,
    OnChannel,
    PriceView,
    ProductView,
    VariantsWanted,
    VariantView,
)
from hub.kernel.principal import Scope
from hub_graphql.availability import DEFAULT_METHOD, Availability, Method, Question, availability_of
from hub_graphql.availability import OnChannel as ChannelArgument
from hub_graphql.channels import Channel, load_channel, needed_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.limits import DEFAULT_LIST_SIZE
from hub_graphql.money import Money, money, money_or_none
from hub_graphql.nodes import Node
from hub_graphql.pagination import Connection, checked_size, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.permissions import require_scope
from hub_graphql.product_words import ListingStatus, ProductStatus, StockPolicy, VariantKind
from hub_graphql.words import known

ImageCount = Annotated[int, strawberry.argument(description="Images wanted at most, 1 to 100.")]


@strawberry.type(description="An image of a product.")
class ProductImage:
    url: str = strawberry.field(description="Where it is.")
    alt: str = strawberry.field(description="What it shows, in words; may be empty.")
    variant_id: strawberry.ID | None = strawberry.field(
        description="The variant it shows; null when it shows the whole product."
    )


@strawberry.type(description="A node of the category tree.")
class Category(Node):
    name: str = strawberry.field(description="Its own name.")
    path: list[str] = strawberry.field(description="The names from the root to itself.")
    parent_id: strawberry.ID | None = strawberry.field(description="The category above it; null at the root.")


@strawberry.type(description="What a variant costs.")
class Price:
    amount: Money = strawberry.field(description="The price of one unit.")
    compare_at: Money | None = strawberry.field(description="The price it is compared with, such as the former one.")
    tax_included: bool = strawberry.field(description="Whether tax is within the amount.")


@strawberry.type(description="What tells a variant from its siblings.")
class VariantOption:
    name: str = strawberry.field(description="Such as Size.")
    value: str = strawberry.field(description="Such as M.")


@strawberry.type(description="A variant as one channel offers it.")
class Listing:
    channel_key: strawberry.Private[UUID]
    status: ListingStatus | None = strawberry.field(description="Whether it is offered; null for a newer word.")
    external_product_id: str | None = strawberry.field(description="What the channel calls the product.")
    external_variant_id: str | None = strawberry.field(description="What the channel calls the variant.")
    price: Money | None = strawberry.field(description="The channel's own price; null when it uses the general one.")
    buffer: int | None = strawberry.field(
        description="Units kept from this channel; null: the channel's general buffer.",
        metadata=require_scope(Scope.STOCK_READ),
    )
    cap: int | None = strawberry.field(
        description="Most units the channel is ever told of; null: no cap.", metadata=require_scope(Scope.STOCK_READ)
    )

    @field("The channel.")
    async def channel(self, info: Info) -> Channel | None:
        return await load_channel(info.context, self.channel_key)


@strawberry.type(description="One sellable thing, with one sku.")
class Variant(Node):
    view: strawberry.Private[VariantView]
    sku: str = strawberry.field(description="The stock-keeping unit, unique in the hub; what a sku argument names.")
    sku_generated: bool = strawberry.field(description="Whether the hub made the sku, for want of one.")
    title: str = strawberry.field(description="What tells it from its siblings, for people; may be empty.")
    kind: VariantKind | None = strawberry.field(description="What it is; null for a kind newer than this API.")
    stock_policy: StockPolicy | None = strawberry.field(
        description="What happens when its stock is gone; null for a policy newer than this API."
    )
    weight_grams: int | None = strawberry.field(description="Weight of one unit in grams; null when unknown.")

    @field("The product it belongs to.")
    async def product(self, info: Info) -> "Product | None":
        return await load_product(info.context, self.view.product_id)

    @field("Its options in order, such as Size: M.", cost(assumed_size=3))
    def options(self) -> list[VariantOption]:
        return [VariantOption(name=item["name"], value=item["value"]) for item in self.view.options]

    @field("Its barcodes as 14-digit GTINs.")
    async def barcodes(self, info: Info) -> list[str]:
        return await info.context.load(views.gtins_by_variant_ids, self.view.id) or []

    @field("Its general prices, one per currency.", cost(assumed_size=3))
    async def prices(self, info: Info) -> list[Price]:
        found = await info.context.load(views.prices_by_variant_ids, self.view.id) or []
        return [price_node(item) for item in found]

    @field(
        "What a channel charges: its listing's price, else the price in its currency; null when it has none. "
        "Errors: CHANNEL_NOT_FOUND, INVALID_INPUT without any channel."
    )
    async def price(self, info: Info, channel: ChannelArgument = None) -> Price | None:
        channel_id = await _channel_id(info.context, channel)
        found = await info.context.load(views.channel_prices, OnChannel(self.view.id, channel_id))
        return price_node(found) if found else None

    @field("How channels offer it. A credential of one channel sees that channel's listing.", cost(assumed_size=5))
    async def listings(self, info: Info) -> list[Listing]:
        found = await info.context.load(views.listings_by_variant_ids, self.view.id) or []
        return [listing_node(item) for item in found if info.context.principal.channel_id in {None, item.channel_id}]

    @field(
        "What a channel may promise of it. Errors: CHANNEL_NOT_FOUND, INVALID_INPUT without any channel.",
    )
    async def availability(
        self, info: Info, channel: ChannelArgument = None, method: Method = DEFAULT_METHOD
    ) -> Availability:
        channel_id = await _channel_id(info.context, channel)
        question = Question(channel_id=channel_id, method=method.name if method else None)
        view = self.view
        return await availability_of(info.context, view.id, view.sku, view.stock_policy, question)


@strawberry.type(description="What is sold, as a shopper sees it: one or more variants.")
class Product(Node):
    key: strawberry.Private[UUID]
    handle: str = strawberry.field(description="Its name in addresses; unique within a channel.")
    title: str = strawberry.field(description="Its title.")
    vendor: str = strawberry.field(description="Brand or maker; may be empty.")
    product_type: str = strawberry.field(description="The retailer's own sort of product; may be empty.")
    status: ProductStatus | None = strawberry.field(description="Where it is in its life; null for a newer word.")
    tags: list[str] = strawberry.field(description="Free words.")
    created_at: datetime = strawberry.field(description="When the hub first saw it.")
    updated_at: datetime = strawberry.field(description="When its content last changed.")

    @field("The text about it; may hold HTML of the system it came from: sanitise it before showing.")
    async def description(self, info: Info) -> str:
        return await info.context.load(views.descriptions_by_product_ids, self.key) or ""

    @field("Its variants in display order. Errors: INVALID_CURSOR.")
    async def variants(self, info: Info, first: First = None, after: After = None) -> Connection[Variant]:
        wanted = page(cursor_scope("variants", product=self.key), tuple[int, UUID], first=first, after=after)
        key = VariantsWanted(self.key, wanted.fetch, *(wanted.position or ()))
        rows = await info.context.load(views.variant_pages, key) or []
        return connect(rows, wanted, node=variant_node, key=lambda row: (row.position, row.id))

    @field("Its images, those of the whole product first.", cost(assumed_size=DEFAULT_LIST_SIZE))
    async def images(self, info: Info, first: ImageCount = DEFAULT_LIST_SIZE) -> list[ProductImage]:
        most = checked_size(first)
        found = await info.context.load(views.images_by_product_ids, self.key) or []
        return [image_node(item) for item in found[:most]]

    @field("The categories it is in.", cost(assumed_size=3))
    async def categories(self, info: Info) -> list[Category]:
        found = await info.context.load(views.categories_by_product_ids, self.key) or []
        return [category_node(item) for item in found]


def product_node(view: ProductView) -> Product:
    return Product(
        id=global_id("Product", view.id),
        key=view.id,
        handle=view.handle,
        title=view.title,
        vendor=view.vendor,
        product_type=view.product_type,
        status=known(ProductStatus, view.status),
        tags=view.tags,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


def variant_node(view: VariantView) -> Variant:
    return Variant(
        id=global_id("Variant", view.id),
        view=view,
        sku=view.sku,
        sku_generated=view.sku_generated,
        title=view.title,
        kind=known(VariantKind, view.kind),
        stock_policy=known(StockPolicy, view.stock_policy),
        weight_grams=view.weight_grams,
    )


def price_node(view: PriceView | views.ChannelPrice) -> Price:
    return Price(
        amount=money(view.amount_minor, view.currency),
        compare_at=money_or_none(view.compare_at_minor, view.currency),
        tax_included=view.tax_included,
    )


def listing_node(view: ListingView) -> Listing:
    return Listing(
        channel_key=view.channel_id,
        status=known(ListingStatus, view.status),
        external_product_id=view.external_product_id,
        external_variant_id=view.external_variant_id,
        price=money_or_none(view.price_minor, view.currency),
        buffer=view.buffer,
        cap=view.cap,
    )


def category_node(view: CategoryView) -> Category:
    return Category(
        id=global_id("Category", view.id),
        name=view.name,
        path=view.path,
        parent_id=global_id("Category", view.parent_id) if view.parent_id else None,
    )


def image_node(view: ImageView) -> ProductImage:
    return ProductImage(
        url=view.url, alt=view.alt, variant_id=global_id("Variant", view.variant_id) if view.variant_id else None
    )


async def load_product(context: RequestContext, key: UUID) -> Product | None:
    """The product behind a reference in an object that the caller may see."""
    view = await context.load(views.products_by_ids, key)
    return product_node(view) if view else None


async def load_variant(context: RequestContext, key: UUID) -> Variant | None:
    """The variant behind a reference in an object that the caller may see."""
    view = await context.load(views.variants_by_ids, key)
    return variant_node(view) if view else None


async def _channel_id(context: RequestContext, channel: str | None) -> UUID:
    """The channel named or the caller's own, without a look-up when it is the latter."""
    if channel is None and context.principal.channel_id is not None:
        return context.principal.channel_id
    return (await needed_channel(context, channel)).id
