"""Products that an adapter pulled, in the words of the importers, so that one set of rules applies to both."""

from collections.abc import Iterator, Sequence

from adapters.sdk.types import ChannelProduct
from hub.catalog.importers.fields import MAX_TITLE_LENGTH, CellReader, RowRejectedError
from hub.catalog.importers.records import (
    CatalogEvent,
    MediaRecord,
    ProductRecord,
    VariantRecord,
    generated_sku,
)
from hub.catalog.importers.spelling import slug
from hub.catalog.kinds import ProductStatus, StockPolicy


def pulled_events(products: Sequence[ChannelProduct], channel_code: str, currency: str) -> Iterator[CatalogEvent]:
    """Records and problems; `line` is the product's position in the page, from 1. Prices of another currency
    are left out and reported."""
    read = CellReader(currency)
    for line, product in enumerate(products, start=1):
        try:
            yield _product(read, product, line, channel_code)
        except RowRejectedError as error:
            yield error.problem(line)
        yield from read.problems
        read.problems.clear()


def _product(read: CellReader, product: ChannelProduct, line: int, channel_code: str) -> ProductRecord:
    external_id = read.key("external_id", product.external_id)
    title = read.text(line, "title", product.title, MAX_TITLE_LENGTH)
    if not external_id or not title:
        raise RowRejectedError("title", "MISSING_TITLE", "a product has an id and a title")
    return ProductRecord(
        line=line,
        rows=1,
        key=f"id:{external_id}",
        handle=product.handle or slug(title) or slug(external_id),
        title=title,
        description=read.text(line, "description", product.description_html),
        vendor=read.text(line, "vendor", product.vendor, MAX_TITLE_LENGTH),
        product_type=read.text(line, "product_type", product.product_type, MAX_TITLE_LENGTH),
        external_kind=product.external_kind,
        external_product_id=external_id,
        status=ProductStatus.ACTIVE if product.published else ProductStatus.DRAFT,
        categories=tuple(dict.fromkeys(path for name in product.categories if (path := _path(name)))),
        media=tuple(
            MediaRecord(url)
            for text in dict.fromkeys(product.image_urls)
            if (url := read.url(line, "image_urls", text))
        ),
        variants=tuple(
            _variant(read, product, position, line=line, channel_code=channel_code)
            for position in range(len(product.variants))
        ),
    )


def _path(name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in name.split(">") if part.strip())


def _variant(
    read: CellReader, product: ChannelProduct, position: int, *, line: int, channel_code: str
) -> VariantRecord:
    variant = product.variants[position]
    row_key = f"id:{read.key('variant', variant.external_id)}"
    sku = read.sku("sku", variant.sku or "")
    price = variant.price
    if price is not None and price.currency != read.currency:
        message = f"price in {price.currency} on a channel that sells in {read.currency}"
        read.report(line, "price", "WRONG_CURRENCY", message)
        price = None
    options = tuple((name, value) for name, value in variant.options.items() if value)
    return VariantRecord(
        line=line,
        row_key=row_key,
        sku=sku or generated_sku(channel_code, row_key),
        sku_generated=sku is None,
        title=" / ".join(value for _, value in options),
        options=options,
        external_variant_id=variant.external_id,
        gtin=read.gtin(line, "barcode", variant.barcode or ""),
        stock_policy=StockPolicy.UNTRACKED if product.external_kind == "external" else StockPolicy.DENY,
        weight_grams=variant.weight_grams,
        price_minor=price.amount_minor if price is not None and price.amount_minor >= 0 else None,
        position=position,
        published=product.published,
    )
