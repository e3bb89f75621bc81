"""What a file says, in the hub's own words: frozen, normalised, each with the line it came from."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hub.catalog.kinds import ProductStatus, StockPolicy, VariantKind, WeightUnit
from hub.kernel.geo import GeoPoint

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A rule that a row breaks. `rejects_row`: it stayed out; otherwise it came in without that value."""

    line: int
    column: str
    rule: str
    message: str
    rejects_row: bool = False


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """What a product file does not say about itself and its channel does."""

    channel_code: str
    currency: str
    weight_unit: WeightUnit = WeightUnit.KILOGRAM
    prices_include_tax: bool = True
    on_date: str = "9999-12-31"
    """ISO date (the channel's day) on which a scheduled sale price is judged."""


@dataclass(frozen=True, slots=True)
class MediaRecord:
    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class VariantRecord:
    """One sellable thing. `row_key` names it within its channel and is stable across re-imports."""

    line: int
    row_key: str
    sku: str
    sku_generated: bool
    title: str
    options: tuple[tuple[str, str], ...] = ()
    external_variant_id: str | None = None
    gtin: str | None = None
    kind: VariantKind = VariantKind.GOODS
    stock_policy: StockPolicy = StockPolicy.DENY
    weight_grams: int | None = None
    price_minor: int | None = None
    compare_at_minor: int | None = None
    position: int = 0
    published: bool = True
    media: tuple[MediaRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """One product with the variants its rows describe.

    `rows` are the accepted data rows it was built from. An empty `title` means that the rows continue a
    product described earlier in the file or imported before: only variants and media are added. `members` are
    the references (`sku:…` or `id:…`) of a grouped product, which has no variant and no stock of its own.
    """

    line: int
    rows: int
    key: str
    handle: str
    title: str
    description: str = ""
    vendor: str = ""
    product_type: str = ""
    external_kind: str = ""
    external_product_id: str | None = None
    reference_sku: str | None = None
    status: ProductStatus = ProductStatus.ACTIVE
    tags: tuple[str, ...] = ()
    categories: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    media: tuple[MediaRecord, ...] = ()
    variants: tuple[VariantRecord, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariationRecord:
    """A variant whose product stands in another row: `parent` is `id:NN` or `sku:TEXT`."""

    line: int
    parent: str
    variant: VariantRecord


@dataclass(frozen=True, slots=True)
class StockRecord:
    line: int
    sku: str
    location_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class OpeningSpan:
    """Local time in minutes after midnight; `weekday` 0 is Monday; `closes_minute` may be 1440."""

    weekday: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True, slots=True)
class LocationRecord:
    line: int
    code: str
    name: str
    kind: str
    geo: GeoPoint
    time_zone: str
    opening_hours: tuple[OpeningSpan, ...] = ()
    capabilities: tuple[str, ...] = ()
    daily_capacity: int | None = None
    country: str = ""
    postal_code: str = ""
    city: str = ""
    address: str = ""


CatalogEvent = ProductRecord | VariationRecord | RowProblem
CatalogEvents = Iterator[CatalogEvent]


def option_row_key(handle: str, values: Sequence[str]) -> str:
    """The key of a variant in a format without ids: its product's handle and its option values, in order.

    Option names are left out, so that renaming "Size" does not make new variants.
    """
    return _COMPACT.encode([handle, *values])


def generated_sku(channel_code: str, row_key: str) -> str:
    """The sku of a row that has none: 80 bits of SHA-256 over the channel and the row key, in base 32."""
    digest = sha256(f"{channel_code}\x00{row_key}".encode()).digest()
    return "GEN-" + base64.b32encode(digest[:10]).decode()
