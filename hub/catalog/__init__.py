"""Products, variants, prices, barcodes, categories and how each channel lists them.

`import_products` brings in a channel's file; `repository` answers readers; the readers of location and stock
files live here too, because all file formats share one way of reading and reporting rows.
"""

from hub.catalog import repository, views
from hub.catalog.errors import (
    FileDelimiterError,
    FileEncodingError,
    FileError,
    FileHeaderError,
    FileTooBrokenError,
    FileTooLongError,
    UnknownFormatError,
)
from hub.catalog.import_report import ImportReport
from hub.catalog.importers.delimited import CsvSource, SourceFacts, inspect_source
from hub.catalog.importers.locations_csv import parse_opening_hours, read_locations
from hub.catalog.importers.records import (
    ImportSettings,
    LocationRecord,
    OpeningSpan,
    ProductRecord,
    RowProblem,
    StockRecord,
    VariantRecord,
    VariationRecord,
    generated_sku,
)
from hub.catalog.importers.shopify_csv import read_shopify_products
from hub.catalog.importers.stock_csv import read_stock
from hub.catalog.importers.woocommerce_csv import read_woocommerce_products
from hub.catalog.kinds import ListingStatus, ProductStatus, StockPolicy, VariantKind, WeightUnit
from hub.catalog.models import (
    CatalogMapping,
    Category,
    ImportRun,
    Listing,
    MappingQuestion,
    Media,
    Price,
    Product,
    ProductCategory,
    ProductListing,
    ProductMember,
    Variant,
    VariantBarcode,
)
from hub.catalog.product_import import (
    ImportChannel,
    ProductFormat,
    Progress,
    apply_pulled_products,
    import_products,
    product_format,
)
from hub.catalog.product_search import (
    PageKey,
    ProductFilter,
    ProductPage,
    ProductQueryError,
    ProductSort,
    product_rows,
    products_page,
)
from hub.catalog.rules import Tally

__all__ = [
    "CatalogMapping",
    "Category",
    "CsvSource",
    "FileDelimiterError",
    "FileEncodingError",
    "FileError",
    "FileHeaderError",
    "FileTooBrokenError",
    "FileTooLongError",
    "ImportChannel",
    "ImportReport",
    "ImportRun",
    "ImportSettings",
    "Listing",
    "ListingStatus",
    "LocationRecord",
    "MappingQuestion",
    "Media",
    "OpeningSpan",
    "PageKey",
    "Price",
    "Product",
    "ProductCategory",
    "ProductFilter",
    "ProductFormat",
    "ProductListing",
    "ProductMember",
    "ProductPage",
    "ProductQueryError",
    "ProductRecord",
    "ProductSort",
    "ProductStatus",
    "Progress",
    "RowProblem",
    "SourceFacts",
    "StockPolicy",
    "StockRecord",
    "Tally",
    "UnknownFormatError",
    "Variant",
    "VariantBarcode",
    "VariantKind",
    "VariantRecord",
    "VariationRecord",
    "WeightUnit",
    "apply_pulled_products",
    "generated_sku",
    "import_products",
    "inspect_source",
    "parse_opening_hours",
    "product_format",
    "product_rows",
    "products_page",
    "read_locations",
    "read_shopify_products",
    "read_stock",
    "read_woocommerce_products",
    "repository",
    "views",
]
