"""Shopify's product CSV: several rows a product, told apart by `Handle`.

The first row of a handle carries the product, every row with a price, sku or option value is a variant, a row
with only an image adds that image. The format has no ids, so the handle is the product's key and handle plus
option values the variant's. `Variant Grams` is always grams; `Variant Weight Unit` only says how the shop
displays it. A blank inventory tracker does not make a variant UNTRACKED: the hub counts what it sells.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hub.catalog.importers.delimited import CsvSource, CsvTable, Row
from hub.catalog.importers.fields import MAX_TITLE_LENGTH, CellReader, RowRejectedError, truth
from hub.catalog.importers.records import (
    CatalogEvent,
    ImportSettings,
    MediaRecord,
    ProductRecord,
    RowProblem,
    VariantRecord,
    generated_sku,
    option_row_key,
)
from hub.catalog.kinds import ProductStatus, StockPolicy, VariantKind, WeightUnit

MAX_ROWS_PER_PRODUCT = 5_000
MAX_MEDIA_PER_PRODUCT = 250
MAX_OPTIONS = 3

_REQUIRED = ("Handle", "Title")
# The names that Shopify's newer template gives to the same columns.
_ALIASES = {
    "URL handle": "Handle",
    "Description": "Body (HTML)",
    "Published on online store": "Published",
    "SKU": "Variant SKU",
    "Barcode": "Variant Barcode",
    "Price": "Variant Price",
    "Compare-at price": "Variant Compare At Price",
    "Weight value (grams)": "Variant Grams",
    "Continue selling when out of stock": "Variant Inventory Policy",
    "Requires shipping": "Variant Requires Shipping",
    "Product image URL": "Image Src",
    "Image alt text": "Image Alt Text",
    "Variant image URL": "Variant Image",
}
_STATUSES = {
    "active": ProductStatus.ACTIVE,
    "draft": ProductStatus.DRAFT,
    "archived": ProductStatus.ARCHIVED,
    "unlisted": ProductStatus.ACTIVE,
}
_POLICIES = {
    "continue": StockPolicy.BACKORDER,
    "true": StockPolicy.BACKORDER,
    "deny": StockPolicy.DENY,
    "false": StockPolicy.DENY,
}


def read_shopify_products(source: CsvSource, settings: ImportSettings) -> Iterator[CatalogEvent]:
    """Products and problems in file order. Raises FileError subclasses when the file as a whole cannot be
    read.
    """
    table = CsvTable(source, _REQUIRED, _ALIASES)
    mapper = _Mapper(_Columns(table), settings)
    group: list[Row] = []
    group_handle = ""
    for item in table:
        if isinstance(item, RowProblem):
            yield item
            continue
        try:
            handle = mapper.handle(item)
        except RowRejectedError as error:
            yield error.problem(item.line)
            continue
        if group and (handle != group_handle or len(group) >= MAX_ROWS_PER_PRODUCT):
            yield from mapper.product(group_handle, group)
            group = []
        group_handle = handle
        group.append(item)
    if group:
        yield from mapper.product(group_handle, group)


class _Columns:
    """Where each known column stands; an absent one points at the empty cell behind the row."""

    def __init__(self, table: CsvTable) -> None:
        at = table.index
        self.handle = at("Handle")
        self.title = at("Title")
        self.body = at("Body (HTML)")
        self.vendor = at("Vendor")
        self.category = at("Product Category")
        self.type = at("Type")
        self.tags = at("Tags")
        self.published = at("Published")
        self.status = at("Status")
        self.gift_card = at("Gift Card")
        self.option_names = [at(f"Option{number} Name") for number in range(1, MAX_OPTIONS + 1)]
        self.option_values = [at(f"Option{number} Value") for number in range(1, MAX_OPTIONS + 1)]
        self.sku = at("Variant SKU")
        self.barcode = at("Variant Barcode")
        self.grams = at("Variant Grams")
        self.policy = at("Variant Inventory Policy")
        self.shipping = at("Variant Requires Shipping")
        self.price = at("Variant Price")
        self.compare_at = at("Variant Compare At Price")
        self.image = at("Image Src")
        self.image_alt = at("Image Alt Text")
        self.variant_image = at("Variant Image")


@dataclass(frozen=True, slots=True)
class _Context:
    """What a variant row takes from the first row of its product."""

    handle: str
    option_names: tuple[str, ...]
    gift_card: bool
    published: bool


class _Mapper:
    def __init__(self, columns: _Columns, settings: ImportSettings) -> None:
        self._at = columns
        self._settings = settings
        self._read = CellReader(settings.currency)

    def handle(self, row: Row) -> str:
        handle = self._read.key("Handle", row.cells[self._at.handle])
        if not handle:
            raise RowRejectedError("Handle", "MISSING_HANDLE", "the row does not say which product it belongs to")
        return handle

    def product(self, handle: str, rows: list[Row]) -> Iterator[CatalogEvent]:
        """One product, after the problems of its rows. Rejected rows leave the others standing."""
        context = self._context(handle, rows[0])
        variants: list[VariantRecord] = []
        rejected: list[RowProblem] = []
        seen: set[str] = set()
        media: dict[str, MediaRecord] = {}
        for row in rows:
            try:
                self._row(row, context, variants, seen)
            except RowRejectedError as error:
                rejected.append(error.problem(row.line))
                continue
            self._image(row, media)
        yield from rejected
        accepted = len(rows) - len(rejected)
        if accepted:
            yield self._record(rows[0], accepted, context, tuple(variants), tuple(media.values()))
        yield from self._read.problems
        self._read.problems.clear()

    def _context(self, handle: str, first: Row) -> _Context:
        cells, at = first.cells, self._at
        names = tuple(
            self._read.text(first.line, "Option Name", cells[index], MAX_TITLE_LENGTH) for index in at.option_names
        )
        return _Context(
            handle=handle,
            option_names=names,
            gift_card=truth(cells[at.gift_card]) is True,
            published=truth(cells[at.published]) is not False,
        )

    def _row(self, row: Row, context: _Context, variants: list[VariantRecord], seen: set[str]) -> None:
        cells, at = row.cells, self._at
        values = [cells[index].strip() for index in at.option_values]
        if not (any(values) or cells[at.price].strip() or cells[at.sku].strip()):
            if not (cells[at.image].strip() or cells[at.title].strip()):
                raise RowRejectedError("", "EMPTY_ROW", "the row is no product, no variant and no image")
            return
        variant = self._variant(row, context, self._options(context, values), len(variants))
        if variant.row_key in seen:
            raise RowRejectedError(
                "Option1 Value",
                "DUPLICATE_OPTIONS",
                "the product already has a variant with these option values",
            )
        seen.add(variant.row_key)
        variants.append(variant)

    def _options(self, context: _Context, values: list[str]) -> tuple[tuple[str, str], ...]:
        if values == ["Default Title", "", ""] and context.option_names[0] in {"", "Title"}:
            return ()
        return tuple(
            (name or f"Option {number}", self._read.key(f"Option{number} Value", value))
            for number, (name, value) in enumerate(zip(context.option_names, values, strict=True), start=1)
            if value
        )

    def _variant(
        self, row: Row, context: _Context, options: tuple[tuple[str, str], ...], position: int
    ) -> VariantRecord:
        cells, at, read, line = row.cells, self._at, self._read, row.line
        row_key = option_row_key(context.handle, [value for _, value in options])
        sku = read.sku("Variant SKU", cells[at.sku])
        kind = self._kind(context, cells)
        image = read.url(line, "Variant Image", cells[at.variant_image])
        return VariantRecord(
            line=line,
            row_key=row_key,
            sku=sku or generated_sku(self._settings.channel_code, row_key),
            sku_generated=sku is None,
            title=" / ".join(value for _, value in options),
            options=options,
            gtin=read.gtin(line, "Variant Barcode", cells[at.barcode]),
            kind=kind,
            stock_policy=self._policy(line, kind, cells[at.policy]),
            weight_grams=read.grams(line, "Variant Grams", cells[at.grams], WeightUnit.GRAM),
            price_minor=read.amount(line, "Variant Price", cells[at.price]),
            compare_at_minor=read.amount(line, "Variant Compare At Price", cells[at.compare_at]),
            position=position,
            published=context.published,
            media=(MediaRecord(image),) if image else (),
        )

    def _kind(self, context: _Context, cells: list[str]) -> VariantKind:
        if context.gift_card:
            return VariantKind.GIFT_CARD
        return VariantKind.SERVICE if truth(cells[self._at.shipping]) is False else VariantKind.GOODS

    def _policy(self, line: int, kind: VariantKind, text: str) -> StockPolicy:
        word = text.strip().casefold()
        if word and word not in _POLICIES:
            message = f"{text[:40]!r} is neither deny nor continue; deny is assumed"
            self._read.report(line, "Variant Inventory Policy", "UNKNOWN_POLICY", message)
        if kind is not VariantKind.GOODS:
            return StockPolicy.UNTRACKED
        return _POLICIES.get(word, StockPolicy.DENY)

    def _image(self, row: Row, media: dict[str, MediaRecord]) -> None:
        cells, at = row.cells, self._at
        url = self._read.url(row.line, "Image Src", cells[at.image])
        if url is None or url in media:
            return
        if len(media) >= MAX_MEDIA_PER_PRODUCT:
            message = f"more than {MAX_MEDIA_PER_PRODUCT} images; the rest is left out"
            self._read.report(row.line, "Image Src", "TOO_MANY_IMAGES", message)
            return
        alt = self._read.text(row.line, "Image Alt Text", cells[at.image_alt], MAX_TITLE_LENGTH)
        media[url] = MediaRecord(url, alt)

    def _record(
        self,
        first: Row,
        accepted: int,
        context: _Context,
        variants: tuple[VariantRecord, ...],
        media: tuple[MediaRecord, ...],
    ) -> ProductRecord:
        cells, at, read, line = first.cells, self._at, self._read, first.line
        product_type = read.text(line, "Type", cells[at.type], MAX_TITLE_LENGTH)
        return ProductRecord(
            line=line,
            rows=accepted,
            key=context.handle,
            handle=context.handle,
            title=read.text(line, "Title", cells[at.title], MAX_TITLE_LENGTH),
            description=read.text(line, "Body (HTML)", cells[at.body]),
            vendor=read.text(line, "Vendor", cells[at.vendor], MAX_TITLE_LENGTH),
            product_type=product_type,
            external_kind="gift_card" if context.gift_card else "product",
            status=self._status(line, cells[at.status]),
            tags=_split_tags(read.text(line, "Tags", cells[at.tags])),
            categories=_categories(read.text(line, "Product Category", cells[at.category]), product_type),
            media=media,
            variants=variants,
        )

    def _status(self, line: int, text: str) -> ProductStatus:
        word = text.strip().casefold()
        if word and word not in _STATUSES:
            message = f"{text[:40]!r} is not active, draft or archived; draft is assumed"
            self._read.report(line, "Status", "UNKNOWN_STATUS", message)
            return ProductStatus.DRAFT
        return _STATUSES.get(word, ProductStatus.ACTIVE)


def _split_tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))


def _categories(category: str, product_type: str) -> tuple[tuple[str, ...], ...]:
    path = tuple(name for part in (category or product_type).split(" > ") if (name := part.strip()))
    return (path,) if path else ()
