"""What an import batch knows about the catalog before it decides: plain, mutable, keyed every way a row can
match.
"""

from dataclasses import dataclass, field
from uuid import UUID

from hub.catalog.importers.records import MediaRecord, ProductRecord, VariantRecord

Options = tuple[tuple[str, str], ...]
CategoryPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductContent:
    handle: str
    title: str
    description: str
    vendor: str
    product_type: str
    external_kind: str
    status: str
    tags: tuple[str, ...]
    attributes: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, record: ProductRecord) -> "ProductContent":
        return cls(
            record.handle,
            record.title,
            record.description,
            record.vendor,
            record.product_type,
            record.external_kind,
            record.status.value,
            record.tags,
            record.attributes,
        )


@dataclass(slots=True)
class ProductState:
    id: UUID
    authority_id: UUID | None
    content: ProductContent
    media: tuple[MediaRecord, ...] = ()
    categories: tuple[CategoryPath, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantContent:
    title: str
    kind: str
    stock_policy: str
    options: Options
    weight_grams: int | None
    position: int

    @classmethod
    def of(cls, record: VariantRecord) -> "VariantContent":
        return cls(
            record.title,
            record.kind.value,
            record.stock_policy.value,
            record.options,
            record.weight_grams,
            record.position,
        )


@dataclass(frozen=True, slots=True)
class PriceState:
    amount_minor: int
    compare_at_minor: int | None
    tax_included: bool


@dataclass(frozen=True, slots=True)
class ListingContent:
    row_key: str
    external_product_id: str | None
    external_variant_id: str | None
    status: str
    price_minor: int | None
    currency: str


@dataclass(slots=True)
class ListingState:
    id: UUID
    variant_id: UUID
    content: ListingContent


@dataclass(slots=True)
class VariantState:
    """A variant with its price in the channel's currency and its listing on the channel, if any."""

    id: UUID
    product_id: UUID
    sku: str
    sku_generated: bool
    content: VariantContent
    gtins: set[str] = field(default_factory=set)
    price: PriceState | None = None
    listing: ListingState | None = None
    media: tuple[MediaRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductNames:
    """What the channel calls a product."""

    external_product_id: str | None
    reference_sku: str | None


@dataclass(slots=True)
class Snapshot:
    """`reference` maps what a row may call a product (`key`, `id:NN`, `sku:TEXT`) to its id."""

    references: dict[str, UUID] = field(default_factory=dict)
    names: dict[str, ProductNames] = field(default_factory=dict)
    products: dict[UUID, ProductState] = field(default_factory=dict)
    variants: dict[UUID, VariantState] = field(default_factory=dict)
    by_sku: dict[str, UUID] = field(default_factory=dict)
    by_gtin: dict[str, UUID] = field(default_factory=dict)
    by_row_key: dict[str, UUID] = field(default_factory=dict)
    mappings: dict[str, UUID] = field(default_factory=dict)

    def add_variant(self, variant: VariantState) -> None:
        self.variants[variant.id] = variant
        self.by_sku[variant.sku] = variant.id
        for gtin in variant.gtins:
            self.by_gtin[gtin] = variant.id
        if variant.listing is not None:
            self.by_row_key[variant.listing.content.row_key] = variant.id
