"""The demo's assortment as the simulated channels hold it: their own ids, and no stock until the hub tells them."""

from typing import Any

from hub.entrypoints.demo.cast import SQUARE_PRODUCTS
from hub.entrypoints.demo.catalog_data import DemoProduct, DemoVariant


def woocommerce_catalog(products: list[DemoProduct]) -> list[dict[str, Any]]:
    """For the simulated store; the ids are those of its CSV export."""
    return [
        {
            "id": product.number * 100,
            "name": product.title,
            "sku": "",
            "price": product.variants[0].price,
            "category": product.family.category,
            "description": product.text,
            "variations": [
                {
                    "id": product.number * 100 + index,
                    "sku": variant.sku,
                    "price": variant.price,
                    "stock": 0,
                    "barcode": variant.gtin,
                    "options": _options(product, variant),
                }
                for index, variant in enumerate(product.variants, start=1)
            ],
        }
        for product in products
    ]


def square_catalog(products: list[DemoProduct]) -> list[dict[str, Any]]:
    """For the simulated account, which sells a part of the assortment."""
    return [
        {
            "id": f"ITEM{product.number:06d}",
            "name": product.title,
            "description": product.text,
            "category": product.family.noun,
            "price": product.variants[0].price,
            "variations": [
                {
                    "id": f"VAR{product.number:06d}{index:02d}",
                    "sku": variant.sku,
                    "price": variant.price,
                    "stock": 0,
                    "barcode": variant.gtin,
                    "options": _options(product, variant),
                }
                for index, variant in enumerate(product.variants, start=1)
            ],
        }
        for product in products[:SQUARE_PRODUCTS]
    ]


def _options(product: DemoProduct, variant: DemoVariant) -> dict[str, str]:
    return {"Colour": variant.colour, product.family.option: variant.size}
