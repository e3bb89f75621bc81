"""The demo retailer's files, in the formats that shops really export. The same seed gives the same bytes."""

import csv
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hub.entrypoints.demo.assortment import COLUMNS, FAMILIES, LOCATIONS, VENDORS, Family
from hub.kernel.gtin import check_digit

SEED = 20_261_122
PRODUCTS_PER_ADJECTIVE = 2

SHOPIFY_COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Option1 Name",
    "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU",
    "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy",
    "Variant Fulfillment Service", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping",
    "Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Gift Card", "SEO Title",
    "SEO Description", "Variant Image", "Variant Weight Unit", "Variant Tax Code", "Cost per item", "Status",
)  # fmt: skip
WOOCOMMERCE_COLUMNS = (
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?", "Visibility in catalog",
    "Short description", "Description", "Date sale price starts", "Date sale price ends", "Tax status", "Tax class",
    "In stock?", "Stock", "Backorders allowed?", "Sold individually?", "Weight (kg)", "Sale price", "Regular price",
    "Categories", "Tags", "Images", "Parent", "Grouped products", "External URL", "Button text", "Position",
    "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible", "Attribute 1 global", "Attribute 2 name",
    "Attribute 2 value(s)", "Attribute 2 visible", "Attribute 2 global", "Brands",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoVariant:
    sku: str
    gtin: str
    size: str
    colour: str
    price: str
    compare_at: str
    grams: int


@dataclass(frozen=True, slots=True)
class DemoProduct:
    number: int
    handle: str
    title: str
    text: str
    vendor: str
    family: Family
    variants: tuple[DemoVariant, ...]


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the files are and how many data rows each has."""

    shopify_products: Path
    woocommerce_products: Path
    locations: Path
    stock: Path
    products: int
    variants: int
    shopify_rows: int
    woocommerce_rows: int
    location_rows: int
    stock_rows: int


def demo_products(seed: int = SEED) -> list[DemoProduct]:
    """About 1,000 variants of clothing, shoes and things for the home."""
    chance = random.Random(seed)  # noqa: S311 (a catalog, not a secret)
    found: list[DemoProduct] = []
    for family in FAMILIES:
        for adjective, mark in product(family.adjectives, range(PRODUCTS_PER_ADJECTIVE)):
            found.append(_product(family, adjective, mark, len(found) + 1, chance))
    return found


def _product(family: Family, adjective: str, mark: int, number: int, chance: random.Random) -> DemoProduct:
    title = f"{adjective} {family.noun}{' Studio' if mark else ''}"
    euros = chance.randrange(*family.euros)
    pairs = list(product(family.colours, family.sizes))
    reduced = chance.random() < 0.2  # noqa: PLR2004 (one in five)
    variants = tuple(
        DemoVariant(
            sku=f"{family.noun[:2].upper()}{number:04d}-{index:02d}",
            gtin=_in_store_gtin(number * 100 + index),
            size=size,
            colour=colour,
            price=f"{euros * 8 // 10 if reduced else euros}.90",
            compare_at=f"{euros}.90" if reduced else "",
            grams=family.grams + 15 * (index % len(family.sizes)),
        )
        for index, (colour, size) in enumerate(pairs)
    )
    handle = title.casefold().replace(" ", "-")
    return DemoProduct(number, handle, title, family.text, chance.choice(VENDORS), family, variants)


def _in_store_gtin(serial: int) -> str:
    """A GTIN-13 of the range 20–29, which GS1 leaves to each company's own numbering."""
    payload = f"20{serial:010d}"
    return f"{payload}{check_digit(payload)}"


def write_demo_files(directory: Path, *, seed: int = SEED) -> DemoFiles:
    """Write `shopify-products.csv`, `woocommerce-products.csv`, `locations.csv` and `stock.csv`."""
    directory.mkdir(parents=True, exist_ok=True)
    items = demo_products(seed)
    shopify, woocommerce = directory / "shopify-products.csv", directory / "woocommerce-products.csv"
    locations, stock = directory / "locations.csv", directory / "stock.csv"
    return DemoFiles(
        shopify_products=shopify,
        woocommerce_products=woocommerce,
        locations=locations,
        stock=stock,
        products=len(items),
        variants=sum(len(item.variants) for item in items),
        shopify_rows=_write(shopify, SHOPIFY_COLUMNS, _shopify_rows(items)),
        woocommerce_rows=_write(woocommerce, WOOCOMMERCE_COLUMNS, _woocommerce_rows(items)),
        location_rows=_write(locations, COLUMNS, (dict(zip(COLUMNS, place, strict=True)) for place in LOCATIONS)),
        stock_rows=_write(stock, ("sku", "location", "quantity"), _stock_rows(items, seed)),
    )


def write_large_shopify_file(path: Path, rows: int) -> int:
    """A Shopify product file of `rows` variant rows, five to a product, written row by row. Returns the rows."""
    return _write(path, SHOPIFY_COLUMNS, _large_rows(rows))


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, object]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\r\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def _image(handle: str, name: str) -> str:
    return f"https://images.demo.invalid/{handle}/{name.casefold()}.jpg"


def _shopify_rows(items: Iterable[DemoProduct]) -> Iterator[dict[str, object]]:
    for item in items:
        colours = list(dict.fromkeys(variant.colour for variant in item.variants))
        for index, variant in enumerate(item.variants):
            row = _shopify_variant(item, variant)
            if index == 0:
                row |= _shopify_product(item)
            if index < len(colours):
                row |= {
                    "Image Src": _image(item.handle, colours[index]),
                    "Image Position": index + 1,
                    "Image Alt Text": f"{item.title} in {colours[index]}",
                }
            yield row


def _shopify_product(item: DemoProduct) -> dict[str, object]:
    return {
        "Title": item.title,
        "Body (HTML)": f"<p>{item.text}</p>",
        "Vendor": item.vendor,
        "Product Category": item.family.category,
        "Type": item.family.noun,
        "Tags": f"{item.family.category.split(' > ')[0].casefold()}, {item.vendor}",
        "Published": "true",
        "Option1 Name": "Colour",
        "Option2 Name": item.family.option,
        "Gift Card": "false",
        "Status": "active",
    }


def _shopify_variant(item: DemoProduct, variant: DemoVariant) -> dict[str, object]:
    return {
        "Handle": item.handle,
        "Option1 Value": variant.colour,
        "Option2 Value": variant.size,
        "Variant SKU": variant.sku,
        "Variant Grams": variant.grams,
        "Variant Inventory Tracker": "shopify",
        "Variant Inventory Policy": "deny",
        "Variant Fulfillment Service": "manual",
        "Variant Price": variant.price,
        "Variant Compare At Price": variant.compare_at,
        "Variant Requires Shipping": "true",
        "Variant Taxable": "true",
        "Variant Barcode": f"'{variant.gtin}",
        "Variant Image": _image(item.handle, variant.colour),
        "Variant Weight Unit": "g",
    }


def _woocommerce_rows(items: Iterable[DemoProduct]) -> Iterator[dict[str, object]]:
    for item in items:
        parent_id = item.number * 100
        parent_sku = f"WC-{item.number:04d}"
        yield _woocommerce_parent(item, parent_id, parent_sku)
        for index, variant in enumerate(item.variants, start=1):
            yield _woocommerce_variation(item, variant, parent_id + index, f"id:{parent_id}") | {"Position": index}


def _woocommerce_parent(item: DemoProduct, external_id: int, sku: str) -> dict[str, object]:
    colours = dict.fromkeys(variant.colour for variant in item.variants)
    return {
        "ID": external_id,
        "Type": "variable",
        "SKU": sku,
        "Name": item.title,
        "Published": 1,
        "Is featured?": 0,
        "Visibility in catalog": "visible",
        "Description": item.text,
        "Tax status": "taxable",
        "In stock?": 1,
        "Backorders allowed?": 0,
        "Categories": item.family.category,
        "Images": ", ".join(_image(item.handle, colour) for colour in colours),
        "Attribute 1 name": "Colour",
        "Attribute 1 value(s)": ", ".join(colours),
        "Attribute 1 visible": 1,
        "Attribute 1 global": 1,
        "Attribute 2 name": item.family.option,
        "Attribute 2 value(s)": ", ".join(item.family.sizes),
        "Attribute 2 visible": 1,
        "Attribute 2 global": 1,
        "Brands": item.vendor,
    }


def _woocommerce_variation(item: DemoProduct, variant: DemoVariant, external_id: int, parent: str) -> dict[str, object]:
    return {
        "ID": external_id,
        "Type": "variation",
        "SKU": variant.sku,
        "GTIN, UPC, EAN, or ISBN": variant.gtin,
        "Name": f"{item.title} - {variant.colour}, {variant.size}",
        "Published": 1,
        "Tax status": "taxable",
        "In stock?": 1,
        "Backorders allowed?": 0,
        "Weight (kg)": f"{variant.grams / 1000:.3f}",
        "Sale price": variant.price if variant.compare_at else "",
        "Regular price": variant.compare_at or variant.price,
        "Images": _image(item.handle, variant.colour),
        "Parent": parent,
        "Attribute 1 name": "Colour",
        "Attribute 1 value(s)": variant.colour,
        "Attribute 1 global": 1,
        "Attribute 2 name": item.family.option,
        "Attribute 2 value(s)": variant.size,
        "Attribute 2 global": 1,
    }


def _stock_rows(items: Iterable[DemoProduct], seed: int) -> Iterator[dict[str, object]]:
    """Warehouses hold everything, stores a part of it and few of each."""
    chance = random.Random(seed + 1)  # noqa: S311 (a catalog, not a secret)
    for item in items:
        for variant in item.variants:
            for place in LOCATIONS:
                is_warehouse = place[2] == "WAREHOUSE"
                if is_warehouse or chance.random() < 0.6:  # noqa: PLR2004 (six stores in ten carry it)
                    quantity = chance.randint(20, 80) if is_warehouse else chance.randint(0, 8)
                    yield {"sku": variant.sku, "location": place[0], "quantity": quantity}


def _large_rows(rows: int) -> Iterator[dict[str, object]]:
    family = FAMILIES[0]
    for number in range(rows):
        serial, index = divmod(number, len(family.sizes))
        item = DemoProduct(
            serial, f"product-{serial:07d}", f"{family.adjectives[serial % 4]} {family.noun} {serial}", family.text,
            VENDORS[serial % len(VENDORS)], family, (),
        )  # fmt: skip
        variant = DemoVariant(
            f"BULK-{number:08d}", _in_store_gtin(10**9 + number), family.sizes[index],
            family.colours[serial % 3], f"{10 + serial % 190}.90", "", family.grams,
        )  # fmt: skip
        row = _shopify_variant(item, variant) | {"Variant Image": ""}
        if index == 0:
            row |= _shopify_product(item) | {"Image Src": _image(item.handle, variant.colour), "Image Position": 1}
        yield row
