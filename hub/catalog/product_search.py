"""Pages of products: filtered, searched, sorted, with keyset cursors that do not slip when rows are added."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Numeric, Select, and_, cast, func, literal, or_, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import col

from hub.catalog.models import Category, Listing, Price, Product, ProductCategory, Variant
from hub.catalog.repository import column
from hub.catalog.views import PRODUCT_COLUMNS, ProductView
from hub.infra.database import AnySession
from hub.kernel.errors import InvalidInputError
from hub.kernel.money import MAX_AMOUNT_MINOR

MAX_PAGE = 100
MAX_SEARCH_LENGTH = 200
_RANK_DIGITS = 6
_COLUMNS = tuple(column(getattr(Product, name)) for name in PRODUCT_COLUMNS)


class ProductSort(StrEnum):
    TITLE = "TITLE"
    CREATED_AT = "CREATED_AT"
    PRICE = "PRICE"
    RELEVANCE = "RELEVANCE"


_PLAIN_SORTS: dict[ProductSort, ColumnElement[Any]] = {
    ProductSort.TITLE: column(Product.title),
    ProductSort.CREATED_AT: column(Product.created_at),
}


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Everything that is set must hold. `category_id` includes the categories below it; prices are of
    `currency`.
    """

    category_id: UUID | None = None
    channel_id: UUID | None = None
    status: str | None = None
    vendor: str | None = None
    currency: str | None = None
    min_price_minor: int | None = None
    max_price_minor: int | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class PageKey:
    """Where a page ends: the sort value as text, and the id that breaks ties."""

    value: str
    id: UUID


@dataclass(frozen=True, slots=True)
class ProductPage:
    products: list[ProductView]
    keys: list[PageKey]
    has_next: bool


class ProductQueryError(InvalidInputError):
    code = "INVALID_PRODUCT_QUERY"


async def products_page(
    session: AnySession,
    wanted: ProductFilter,
    *,
    sort: ProductSort = ProductSort.TITLE,
    descending: bool = False,
    first: int = 20,
    after: PageKey | None = None,
) -> ProductPage:
    """One page in sort order; RELEVANCE is always best first and needs a search; PRICE needs a currency.

    Raises ProductQueryError for a page size beyond 1 … 100, a missing companion or a cursor of another query.
    """
    rows = await product_rows(session, wanted, sort=sort, descending=descending, size=first, after=after)
    page = rows[:first]
    return ProductPage([product for product, _ in page], [key for _, key in page], len(rows) > first)


async def product_rows(
    session: AnySession,
    wanted: ProductFilter,
    *,
    sort: ProductSort = ProductSort.TITLE,
    descending: bool = False,
    size: int = 20,
    after: PageKey | None = None,
    backwards: bool = False,
) -> list[tuple[ProductView, PageKey]]:
    """The rows of a page and, when there is more, one row beyond it. Backwards: those before `after`, last first.

    Raises as `products_page`.
    """
    _check(wanted, sort, size)
    key = _sort_key(sort, wanted)
    descending = (descending or sort is ProductSort.RELEVANCE) != backwards
    query = select(*_COLUMNS, key.label("sort_key")).where(*_conditions(wanted))
    query = _paged(query, key, sort, after, descending=descending).limit(size + 1)
    found = await session.execute(query)
    return [(ProductView._make(row[:-1]), PageKey(_written(row[-1]), row[0])) for row in found]


def _check(wanted: ProductFilter, sort: ProductSort, first: int) -> None:
    if not 1 <= first <= MAX_PAGE:
        raise ProductQueryError(f"first is {first}; it must be 1 to {MAX_PAGE}", path=("first",))
    text = wanted.search
    if text is not None and (not text.strip() or len(text) > MAX_SEARCH_LENGTH or "\x00" in text):
        message = f"a search has 1 to {MAX_SEARCH_LENGTH} characters and no NUL"
        raise ProductQueryError(message, path=("search",))
    if sort is ProductSort.RELEVANCE and text is None:
        raise ProductQueryError("sorting by RELEVANCE needs a search", path=("sort",))
    prices = (wanted.min_price_minor, wanted.max_price_minor)
    if wanted.currency is None and (sort is ProductSort.PRICE or prices != (None, None)):
        raise ProductQueryError("prices are compared in one currency; name it", path=("currency",))


def _conditions(wanted: ProductFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        found.append(col(Product.status) == wanted.status)
    if wanted.vendor is not None:
        found.append(col(Product.vendor) == wanted.vendor)
    if wanted.category_id is not None:
        found.append(_in_category(wanted.category_id))
    if wanted.channel_id is not None:
        found.append(_listed_on(wanted.channel_id))
    if wanted.min_price_minor is not None or wanted.max_price_minor is not None:
        found.append(_priced_between(wanted))
    if wanted.search is not None:
        found.append(_matches(wanted.search))
    return found


def _in_category(category_id: UUID) -> ColumnElement[bool]:
    top, below = aliased(Category), aliased(Category)
    prefix = column(below.path)[1 : func.cardinality(top.path)]
    return col(Product.id).in_(
        select(col(ProductCategory.product_id))
        .join(below, col(below.id) == col(ProductCategory.category_id))
        .join(top, prefix == top.path)
        .where(col(top.id) == category_id)
    )


def _listed_on(channel_id: UUID) -> ColumnElement[bool]:
    return (
        select(literal(1))
        .select_from(Variant)
        .join(Listing, col(Listing.variant_id) == col(Variant.id))
        .where(
            col(Variant.product_id) == col(Product.id),
            col(Listing.channel_id) == channel_id,
            col(Listing.status) == "ACTIVE",
        )
        .exists()
    )


def _priced_between(wanted: ProductFilter) -> ColumnElement[bool]:
    low = 0 if wanted.min_price_minor is None else wanted.min_price_minor
    high = MAX_AMOUNT_MINOR if wanted.max_price_minor is None else wanted.max_price_minor
    return (
        select(literal(1))
        .select_from(Variant)
        .join(Price, col(Price.variant_id) == col(Variant.id))
        .where(
            col(Variant.product_id) == col(Product.id),
            col(Price.currency) == wanted.currency,
            col(Price.amount_minor).between(low, high),
        )
        .exists()
    )


def _matches(search: str) -> ColumnElement[bool]:
    """The words, or a title with a similar word (a typing slip, a word begun), or exactly a sku."""
    has_sku = (
        select(literal(1))
        .select_from(Variant)
        .where(col(Variant.product_id) == col(Product.id), col(Variant.sku) == search.strip())
        .exists()
    )
    similar = literal(search).op("<%")(col(Product.title))
    return or_(col(Product.search).op("@@")(_query(search)), similar, has_sku)


def _query(search: str) -> ColumnElement[Any]:
    return func.websearch_to_tsquery("simple", search)


def _sort_key(sort: ProductSort, wanted: ProductFilter) -> ColumnElement[Any]:
    if sort in _PLAIN_SORTS:
        return _PLAIN_SORTS[sort]
    if sort is ProductSort.PRICE:
        lowest = (
            select(func.min(column(Price.amount_minor)))
            .join(Variant, col(Variant.id) == col(Price.variant_id))
            .where(col(Variant.product_id) == col(Product.id), col(Price.currency) == wanted.currency)
            .scalar_subquery()
        )
        return func.coalesce(lowest, cast(literal(MAX_AMOUNT_MINOR + 1), BigInteger))
    search = wanted.search or ""
    rank = func.ts_rank(column(Product.search), _query(search)) + func.word_similarity(search, column(Product.title))
    return func.round(cast(rank, Numeric), _RANK_DIGITS)


def _paged(
    query: Select[Any], key: ColumnElement[Any], sort: ProductSort, after: PageKey | None, *, descending: bool
) -> Select[Any]:
    product_id = column(Product.id)
    if after is not None:
        position = tuple_(key, product_id)
        limit = tuple_(literal(_read(sort, after.value), key.type), literal(after.id, product_id.type))
        query = query.where(and_(position < limit if descending else position > limit))
    return query.order_by(*((key.desc(), product_id.desc()) if descending else (key.asc(), product_id.asc())))


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _read(sort: ProductSort, value: str) -> object:
    try:
        if sort is ProductSort.TITLE:
            return value
        if sort is ProductSort.CREATED_AT:
            return datetime.fromisoformat(value)
        return int(value) if sort is ProductSort.PRICE else Decimal(value)
    except (ValueError, ArithmeticError):
        raise ProductQueryError("the cursor belongs to another query", path=("after",)) from None
