"""The tables of the catalog. Rows are written by `repository` and `import_writes`, never built from outside
input.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Computed, DateTime, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel

from hub.kernel.ids import new_id

_SEARCH = (
    "setweight(to_tsvector('simple', title), 'A')"
    " || setweight(to_tsvector('simple', vendor || ' ' || product_type || ' ' || catalog_words(tags)), 'B')"
    " || setweight(to_tsvector('simple', left(description, 20000)), 'C')"
)


def _instant() -> Any:
    return Column(DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()"))


def _big(*, nullable: bool = False) -> Any:
    return Column(BigInteger, nullable=nullable)


class Product(SQLModel, table=True):
    """What is sold, as a shopper sees it. `authority_channel_id` is who is right about its content; None is
    the hub.
    """

    __tablename__ = "products"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    handle: str
    title: str
    description: str = ""
    vendor: str = ""
    product_type: str = ""
    external_kind: str = ""
    status: str = "ACTIVE"
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    attributes: list[Any] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    authority_channel_id: UUID | None = Field(default=None, foreign_key="channels.id")
    version: int = Field(default=1, sa_column=_big())
    created_at: datetime | None = Field(default=None, sa_column=_instant())
    updated_at: datetime | None = Field(default=None, sa_column=_instant())
    search: str | None = Field(default=None, sa_column=Column(TSVECTOR, Computed(_SEARCH, persisted=True)))


class Category(SQLModel, table=True):
    """A node of the category tree; `path` holds the names from the root to itself."""

    __tablename__ = "categories"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    parent_id: UUID | None = Field(default=None, foreign_key="categories.id")
    name: str
    path: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))


class ProductCategory(SQLModel, table=True):
    __tablename__ = "product_categories"

    product_id: UUID = Field(primary_key=True, foreign_key="products.id")
    category_id: UUID = Field(primary_key=True, foreign_key="categories.id")
    position: int


class Variant(SQLModel, table=True):
    """One sellable thing. `options` is an ordered list of `{"name", "value"}`."""

    __tablename__ = "variants"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    product_id: UUID = Field(foreign_key="products.id")
    sku: str
    sku_generated: bool = False
    title: str = ""
    kind: str = "GOODS"
    stock_policy: str = "DENY"
    backorder_limit: int | None = Field(default=None, sa_column=_big(nullable=True))
    options: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    weight_grams: int | None = Field(default=None, sa_column=_big(nullable=True))
    position: int = 0
    version: int = Field(default=1, sa_column=_big())
    created_at: datetime | None = Field(default=None, sa_column=_instant())


class BundleComponent(SQLModel, table=True):
    """Units of a variant within one unit of a bundle. A bundle has no stock of its own, and no bundle in it."""

    __tablename__ = "bundle_components"

    bundle_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    component_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    quantity: int = Field(sa_column=_big())
    position: int


class VariantBarcode(SQLModel, table=True):
    """A GTIN in its 14-digit form."""

    __tablename__ = "variant_barcodes"

    gtin: str = Field(primary_key=True)
    variant_id: UUID = Field(foreign_key="variants.id")


class Price(SQLModel, table=True):
    __tablename__ = "prices"

    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    currency: str = Field(primary_key=True)
    amount_minor: int = Field(sa_column=_big())
    compare_at_minor: int | None = Field(default=None, sa_column=_big(nullable=True))
    tax_included: bool


class Media(SQLModel, table=True):
    """An image of a product, or of one variant when `variant_id` is set."""

    __tablename__ = "media"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    product_id: UUID = Field(foreign_key="products.id")
    variant_id: UUID | None = Field(default=None, foreign_key="variants.id")
    url: str
    alt: str = ""
    position: int


class ProductListing(SQLModel, table=True):
    """What a channel calls a product: its handle or `id:NN`."""

    __tablename__ = "product_listings"

    channel_id: UUID = Field(primary_key=True, foreign_key="channels.id")
    product_key: str = Field(primary_key=True)
    product_id: UUID = Field(foreign_key="products.id")
    external_product_id: str | None = None
    reference_sku: str | None = None


class ProductMember(SQLModel, table=True):
    """A product shown within a grouped product; `member_product_id` is set once the reference is known."""

    __tablename__ = "product_members"

    group_product_id: UUID = Field(primary_key=True, foreign_key="products.id")
    position: int = Field(primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    reference: str
    member_product_id: UUID | None = Field(default=None, foreign_key="products.id")


class Listing(SQLModel, table=True):
    """A variant as one channel offers it."""

    __tablename__ = "listings"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    variant_id: UUID = Field(foreign_key="variants.id")
    channel_id: UUID = Field(foreign_key="channels.id")
    row_key: str
    external_product_id: str | None = None
    external_variant_id: str | None = None
    external_inventory_id: str | None = None
    status: str = "ACTIVE"
    price_minor: int | None = Field(default=None, sa_column=_big(nullable=True))
    currency: str
    buffer: int | None = Field(default=None, sa_column=_big(nullable=True))
    cap: int | None = Field(default=None, sa_column=_big(nullable=True))
    version: int = Field(default=1, sa_column=_big())
    created_at: datetime | None = Field(default=None, sa_column=_instant())


class CatalogMapping(SQLModel, table=True):
    """A person's word on which variant a channel's row is; it comes before every other match."""

    __tablename__ = "catalog_mappings"

    channel_id: UUID = Field(primary_key=True, foreign_key="channels.id")
    external_key: str = Field(primary_key=True)
    variant_id: UUID = Field(foreign_key="variants.id")
    created_at: datetime | None = Field(default=None, sa_column=_instant())


class ImportRun(SQLModel, table=True):
    __tablename__ = "import_runs"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    format: str
    file_name: str
    file_digest: str
    counts: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=_instant())
    finished_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class MappingQuestion(SQLModel, table=True):
    """A row that waits for a person to say which variant it is. Holds keys and ids only."""

    __tablename__ = "mapping_queue"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel_id: UUID = Field(foreign_key="channels.id")
    import_run_id: UUID | None = Field(default=None, foreign_key="import_runs.id")
    source_line: int
    row_key: str
    reason: str
    candidate_variant_id: UUID | None = Field(default=None, foreign_key="variants.id")
    status: str = "OPEN"
    created_at: datetime | None = Field(default=None, sa_column=_instant())
