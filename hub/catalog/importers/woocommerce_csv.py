"""WooCommerce's product CSV: one row a product, and one row a variation that names its parent.

A variation may stand before its parent and far from it, so the file is read twice: products first, variations
second; memory does not grow with the file. `Type` holds words such as "simple, downloadable, virtual". The
exporter writes line breaks as `\\n` and puts an apostrophe before a value that a spreadsheet would run as a
formula; both are undone. Prices may carry the shop's decimal comma. Attributes of a variation are its
options; an attribute of any other row describes it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hub.catalog.importers.delimited import CsvSource, CsvTable, Row
from hub.catalog.importers.fields import MAX_TITLE_LENGTH, CellReader, RowRejectedError, truth, weight_unit
from hub.catalog.importers.records import (
    CatalogEvent,
    ImportSettings,
    MediaRecord,
    ProductRecord,
    RowProblem,
    VariantRecord,
    VariationRecord,
    generated_sku,
    option_row_key,
)
from hub.catalog.importers.spelling import slug
from hub.catalog.kinds import ProductStatus, StockPolicy, VariantKind, WeightUnit

_REQUIRED = ("Type", "SKU", "Name")
_ATTRIBUTE = re.compile(r"attribute (\d+) name")
_COMMA = re.compile(r"(?<!\\),")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FORMULA = "=+-@\t\r"
_TYPES = frozenset(("simple", "variable", "variation", "grouped", "external", "virtual", "downloadable"))
_PRODUCT_TYPES = ("variation", "variable", "grouped", "external", "simple")
_BACKORDERS = {"1": True, "notify": True, "yes": True, "0": False, "no": False, "": False}


def read_woocommerce_products(source: CsvSource, settings: ImportSettings) -> Iterator[CatalogEvent]:
    """Products and problems, then variations. Raises FileError subclasses when the file cannot be read."""
    variations = 0
    mapper = _Mapper(CsvTable(source, _REQUIRED, _ALIASES), settings)
    for item in mapper.table:
        if isinstance(item, RowProblem):
            yield item
        elif mapper.is_variation(item):
            variations += 1
        else:
            yield from mapper.mapped(item)
    if variations:
        yield from _variations(source, settings)


def _variations(source: CsvSource, settings: ImportSettings) -> Iterator[CatalogEvent]:
    mapper = _Mapper(CsvTable(source, _REQUIRED, _ALIASES), settings)
    for item in mapper.table:
        if isinstance(item, Row) and mapper.is_variation(item):
            yield from mapper.mapped(item)


# Column names of exports made in other languages, where they differ from the English ones.
_ALIASES = {
    "Typ": "Type",
    "Artikelnummer": "SKU",
    "UGS": "SKU",
    "Nom": "Name",
    "Nombre": "Name",
    "Tipo": "Type",
    "Veröffentlicht": "Published",
    "Regulärer Preis": "Regular price",
    "Angebotspreis": "Sale price",
    "Kategorien": "Categories",
    "Bilder": "Images",
    "Übergeordnetes Produkt": "Parent",
    "Gruppierte Produkte": "Grouped products",
    "Tarif régulier": "Regular price",
    "Tarif promo": "Sale price",
    "Catégories": "Categories",
}


@dataclass(frozen=True, slots=True)
class _Attribute:
    number: int
    name: int
    values: int


class _Columns:
    def __init__(self, table: CsvTable) -> None:
        at = table.index
        self.id = at("ID")
        self.type = at("Type")
        self.sku = at("SKU")
        self.name = at("Name")
        self.gtin = next((i for name, i in table.columns.items() if name.startswith("gtin")), table.width)
        self.published = at("Published")
        self.short = at("Short description")
        self.body = at("Description")
        self.sale_starts = at("Date sale price starts")
        self.sale_ends = at("Date sale price ends")
        self.stock = at("Stock")
        self.backorders = at("Backorders allowed?")
        self.sale = at("Sale price")
        self.regular = at("Regular price")
        self.categories = at("Categories")
        self.tags = at("Tags")
        self.images = at("Images")
        self.parent = at("Parent")
        self.members = at("Grouped products")
        self.position = at("Position")
        self.brands = at("Brands")
        self.weight, self.weight_unit = _weight_column(table)
        self.attributes = [
            _Attribute(int(match[1]), index, at(f"Attribute {match[1]} value(s)"))
            for name, index in table.columns.items()
            if (match := _ATTRIBUTE.fullmatch(name))
        ]


def _weight_column(table: CsvTable) -> tuple[int, WeightUnit | None]:
    for title, index in table.columns.items():
        match = re.fullmatch(r"(?:weight|gewicht|poids|peso) \((.+)\)", title)
        if match and (unit := weight_unit(match[1])):
            return index, unit
    return table.index("Weight"), None


@dataclass(frozen=True, slots=True)
class _Identity:
    """What a row calls itself. `key` is empty when it has neither id nor sku."""

    key: str
    external_id: str | None
    sku: str | None


class _Mapper:
    def __init__(self, table: CsvTable, settings: ImportSettings) -> None:
        self.table = table
        self._at = _Columns(table)
        self._settings = settings
        self._read = CellReader(settings.currency, decimal_comma=True)
        self._weight_unit = self._at.weight_unit or settings.weight_unit

    def is_variation(self, row: Row) -> bool:
        return "variation" in row.cells[self._at.type].casefold()

    def mapped(self, row: Row) -> Iterator[CatalogEvent]:
        row = Row(row.line, [_unescaped(cell) for cell in row.cells])
        try:
            words = self._words(row)
            record = self._variation(row, words) if "variation" in words else self._product(row, words)
        except RowRejectedError as error:
            yield error.problem(row.line)
        else:
            yield record
        yield from self._read.problems
        self._read.problems.clear()

    def _words(self, row: Row) -> frozenset[str]:
        words = frozenset(word.strip().casefold() for word in row.cells[self._at.type].split(",")) - {""}
        if not words:
            raise RowRejectedError("Type", "MISSING_TYPE", "the row does not say what type of product it is")
        if unknown := sorted(words - _TYPES):
            message = f"type {', '.join(unknown)[:80]!r} is not known; the row comes in as simple"
            self._read.report(row.line, "Type", "UNKNOWN_TYPE", message)
        return words

    def _identity(self, row: Row) -> _Identity:
        external_id = self._read.key("ID", row.cells[self._at.id]) or None
        if external_id is not None and not (external_id.isascii() and external_id.isdigit()):
            raise RowRejectedError("ID", "INVALID_ID", f"id {external_id[:40]!r} is not a number")
        sku = self._read.sku("SKU", row.cells[self._at.sku])
        if external_id is not None:
            return _Identity(f"id:{external_id}", external_id, sku)
        return _Identity(f"sku:{sku}" if sku else "", None, sku)

    def _product(self, row: Row, words: frozenset[str]) -> ProductRecord:
        cells, at, read, line = row.cells, self._at, self._read, row.line
        known_as = self._identity(row)
        if not known_as.key:
            raise RowRejectedError("ID", "MISSING_KEY", "the row has neither an ID nor a SKU to know it by")
        title = read.text(line, "Name", cells[at.name], MAX_TITLE_LENGTH)
        if not title:
            raise RowRejectedError("Name", "MISSING_TITLE", "the product has no name")
        external_kind = next((word for word in _PRODUCT_TYPES if word in words), "simple")
        product = ProductRecord(
            line=line,
            rows=1,
            key=known_as.key,
            handle=slug(title) or slug(known_as.key),
            title=title,
            description=self._description(row),
            vendor=read.text(line, "Brands", cells[at.brands], MAX_TITLE_LENGTH),
            external_kind=external_kind,
            external_product_id=known_as.external_id,
            reference_sku=known_as.sku,
            status=ProductStatus.ACTIVE if self._published(cells) else ProductStatus.DRAFT,
            tags=_parts(read.text(line, "Tags", cells[at.tags])),
            categories=_category_paths(read.text(line, "Categories", cells[at.categories])),
            attributes=self._attributes(row),
            media=self._media(row),
        )
        if external_kind == "variable":
            return product
        if external_kind == "grouped":
            return replace(product, members=tuple(map(_reference, _parts(cells[at.members]))))
        return replace(product, variants=(self._variant(row, words, known_as),))

    def _variation(self, row: Row, words: frozenset[str]) -> VariationRecord:
        parent = self._read.key("Parent", row.cells[self._at.parent])
        if not parent:
            raise RowRejectedError("Parent", "MISSING_PARENT", "the variation does not name its parent product")
        known_as = self._identity(row)
        reference = _reference(parent)
        options = self._options(row)
        if not known_as.key:
            known_as = replace(known_as, key=option_row_key(reference, [value for _, value in options]))
        variant = self._variant(row, words, known_as, options)
        return VariationRecord(row.line, reference, replace(variant, media=self._media(row)[:1]))

    def _variant(
        self,
        row: Row,
        words: frozenset[str],
        known_as: _Identity,
        options: tuple[tuple[str, str], ...] = (),
    ) -> VariantRecord:
        cells, at, read, line = row.cells, self._at, self._read, row.line
        kind = _kind(words)
        price, compare_at = self._prices(row)
        return VariantRecord(
            line=line,
            row_key=known_as.key,
            sku=known_as.sku or generated_sku(self._settings.channel_code, known_as.key),
            sku_generated=known_as.sku is None,
            title=" / ".join(value for _, value in options),
            options=options,
            external_variant_id=known_as.external_id,
            gtin=read.gtin(line, "GTIN, UPC, EAN, or ISBN", cells[at.gtin]),
            kind=kind,
            stock_policy=self._policy(row, kind, words),
            weight_grams=read.grams(line, "Weight", cells[at.weight], self._weight_unit),
            price_minor=price,
            compare_at_minor=compare_at,
            position=_small_number(cells[at.position]),
            published=self._published(cells),
        )

    def _published(self, cells: list[str]) -> bool:
        return truth(cells[self._at.published]) is not False

    def _description(self, row: Row) -> str:
        body = self._read.text(row.line, "Description", row.cells[self._at.body])
        short = self._read.text(row.line, "Short description", row.cells[self._at.short])
        return (body or short).replace("\\n", "\n")

    def _attributes(self, row: Row) -> tuple[tuple[str, tuple[str, ...]], ...]:
        named = (
            (
                self._read.text(row.line, "Attribute name", row.cells[attribute.name], MAX_TITLE_LENGTH),
                attribute,
            )
            for attribute in self._at.attributes
        )
        return tuple((name, _parts(row.cells[attribute.values])) for name, attribute in named if name)

    def _options(self, row: Row) -> tuple[tuple[str, str], ...]:
        """A blank value means "any" and is no option."""
        pairs = (
            (self._read.key("Attribute name", row.cells[attribute.name]), attribute)
            for attribute in self._at.attributes
        )
        return tuple(
            (name, value)
            for name, attribute in pairs
            if name
            if (value := self._read.key("Attribute value", row.cells[attribute.values]).replace("\\,", ","))
        )

    def _prices(self, row: Row) -> tuple[int | None, int | None]:
        """What the shop asks on the settings' day, and what it asked before when that is a sale."""
        cells, at = row.cells, self._at
        regular = self._read.amount(row.line, "Regular price", cells[at.regular])
        sale = self._read.amount(row.line, "Sale price", cells[at.sale])
        if sale is None or not self._on_sale(cells):
            return regular, None
        return sale, regular if regular is not None and regular > sale else None

    def _on_sale(self, cells: list[str]) -> bool:
        today = self._settings.on_date
        starts, ends = (_ISO_DATE.match(cells[index].strip()) for index in (self._at.sale_starts, self._at.sale_ends))
        return (starts is None or starts[0] <= today) and (ends is None or today <= ends[0])

    def _policy(self, row: Row, kind: VariantKind, words: frozenset[str]) -> StockPolicy:
        if "external" in words:
            return StockPolicy.UNTRACKED
        if kind is not VariantKind.GOODS and not row.cells[self._at.stock].strip():
            return StockPolicy.UNTRACKED
        text = row.cells[self._at.backorders].strip().casefold()
        if text not in _BACKORDERS:
            message = f"{text[:40]!r} is not 0, 1 or notify; no backorders are assumed"
            self._read.report(row.line, "Backorders allowed?", "UNKNOWN_POLICY", message)
        return StockPolicy.BACKORDER if _BACKORDERS.get(text, False) else StockPolicy.DENY

    def _media(self, row: Row) -> tuple[MediaRecord, ...]:
        urls = (self._read.url(row.line, "Images", part) for part in _parts(row.cells[self._at.images]))
        return tuple(MediaRecord(url) for url in dict.fromkeys(urls) if url)


def _kind(words: frozenset[str]) -> VariantKind:
    if "downloadable" in words:
        return VariantKind.DIGITAL
    return VariantKind.SERVICE if "virtual" in words else VariantKind.GOODS


def _unescaped(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in _FORMULA else cell


def _parts(text: str) -> tuple[str, ...]:
    """The comma-separated values of a cell; `\\,` is a comma inside a value."""
    if not text:
        return ()
    return tuple(value for part in _COMMA.split(text) if (value := part.replace("\\,", ",").strip()))


def _category_paths(text: str) -> tuple[tuple[str, ...], ...]:
    paths = (tuple(name.strip() for name in part.split(">") if name.strip()) for part in _parts(text))
    return tuple(dict.fromkeys(path for path in paths if path))


def _reference(text: str) -> str:
    """`id:NN` as it is, anything else is a sku."""
    folded = text.casefold()
    if folded.startswith("id:") and folded[3:].isascii() and folded[3:].isdigit():
        return folded
    return f"sku:{text}"


def _small_number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0  # noqa: PLR2004 (a position)
