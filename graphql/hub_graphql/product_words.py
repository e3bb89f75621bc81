"""Closed word lists of the catalog."""

from enum import Enum

import strawberry
from strawberry import enum_value

from hub.catalog import ProductSort


@strawberry.enum(description="Where a product is in its life.")
class ProductStatus(Enum):
    ACTIVE = enum_value("ACTIVE", description="For sale.")
    DRAFT = enum_value("DRAFT", description="Being prepared; shops do not see it.")
    ARCHIVED = enum_value("ARCHIVED", description="No longer for sale; kept for returns and history.")


@strawberry.enum(description="What sort of thing a variant is.")
class VariantKind(Enum):
    GOODS = enum_value("GOODS", description="A thing on a shelf.")
    BUNDLE = enum_value("BUNDLE", description="Several variants sold as one.")
    SERVICE = enum_value("SERVICE", description="Work, such as an alteration.")
    DIGITAL = enum_value("DIGITAL", description="A download or a licence.")
    GIFT_CARD = enum_value("GIFT_CARD", description="A gift card.")


@strawberry.enum(description="What happens when a variant's stock is gone.")
class StockPolicy(Enum):
    DENY = enum_value("DENY", description="It is not sold any more.")
    BACKORDER = enum_value("BACKORDER", description="Orders wait for new stock, up to a limit.")
    PREORDER = enum_value("PREORDER", description="Orders wait for the first stock.")
    UNTRACKED = enum_value("UNTRACKED", description="Its stock is not counted.")


@strawberry.enum(description="Whether a channel offers a variant.")
class ListingStatus(Enum):
    ACTIVE = enum_value("ACTIVE", description="Offered.")
    INACTIVE = enum_value("INACTIVE", description="Not offered now.")


@strawberry.enum(description="What products are ordered by; equal ones by their id.")
class ProductSortKey(Enum):
    TITLE = enum_value("TITLE", description="By title.")
    CREATED_AT = enum_value("CREATED_AT", description="By when the hub first saw them.")
    PRICE = enum_value("PRICE", description="By the lowest price among the variants, in the filter's currency.")
    RELEVANCE = enum_value("RELEVANCE", description="Best match of the search first; needs a search.")


def product_sort(key: ProductSortKey) -> ProductSort:
    return ProductSort[key.name]
