"""The closed word lists of the catalog, stored as text. Reads tolerate a word that is not here."""

from enum import StrEnum


class VariantKind(StrEnum):
    GOODS = "GOODS"
    BUNDLE = "BUNDLE"
    SERVICE = "SERVICE"
    DIGITAL = "DIGITAL"
    GIFT_CARD = "GIFT_CARD"


class StockPolicy(StrEnum):
    DENY = "DENY"
    BACKORDER = "BACKORDER"
    PREORDER = "PREORDER"
    UNTRACKED = "UNTRACKED"


class ProductStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DRAFT = "DRAFT"
    ARCHIVED = "ARCHIVED"


class ListingStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class WeightUnit(StrEnum):
    GRAM = "g"
    KILOGRAM = "kg"
    POUND = "lb"
    OUNCE = "oz"


class QueueReason(StrEnum):
    """Why a row of a file waits for a person to say which variant it is."""

    DUPLICATE_SKU = "DUPLICATE_SKU"
    DUPLICATE_GTIN = "DUPLICATE_GTIN"


class QueueStatus(StrEnum):
    OPEN = "OPEN"
    RESOLVED = "RESOLVED"
    DISMISSED = "DISMISSED"
