"""The retailer that is measured: the data of the peers' benchmark, brought in by the features' own functions.

1,000 products of 2 variants, 5 locations with 200,000 units of each; one scarce variant with 5 × 20 units and one with
5 × 100.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from adapters.sdk.types import ChannelKind
from hub.access import CreateKey, create_key
from hub.catalog import CsvSource, import_products, product_format
from hub.channels import CreateChannel, Terminal, channel_by_code, create_channel, map_location
from hub.infra.database import Database
from hub.infra.sealing import Sealer
from hub.inventory import import_stock
from hub.kernel.principal import SYSTEM, Scope
from hub.locations import import_locations
from tests.bench.figure import tell

PRODUCTS: Final = 1_000
VARIANTS_EACH: Final = 2
UNITS: Final = 200_000
SHOP: Final = "shop"
WOOCOMMERCE: Final = "woo"
TILLS: Final = "tills"
SCARCE_100: Final = "SCARCE-100"
SCARCE_500: Final = "SCARCE-500"
HOT: Final = "SKU-00000-0"
WEBHOOK_SECRET: Final = "benchmark"
PLACES: Final = (
    ("berlin", 52.52, 13.405), ("hamburg", 53.551, 9.994), ("munich", 48.137, 11.575), ("cologne", 50.937, 6.96),
    ("leipzig", 51.34, 12.374),
)  # fmt: skip

_PRODUCT_COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Variant SKU", "Variant Grams", "Variant Inventory Policy", "Variant Price", "Variant Inventory Tracker",
    "Variant Requires Shipping", "Variant Taxable", "Image Src", "Image Position", "Status",
)  # fmt: skip
_SHOP_SCOPES = frozenset(
    {Scope.CATALOG_READ, Scope.STOCK_READ, Scope.RESERVATIONS_WRITE, Scope.ORDERS_READ, Scope.ORDERS_WRITE}
)
_TILL_SCOPES = frozenset({Scope.CATALOG_READ, Scope.STOCK_READ, Scope.RESERVATIONS_WRITE})


def skus() -> list[str]:
    return [f"SKU-{product:05d}-{variant}" for product in range(PRODUCTS) for variant in range(VARIANTS_EACH)]


def handles() -> list[str]:
    return [f"product-{product:05d}" for product in range(PRODUCTS)]


async def open_retailer(database: Database, sealer: Sealer, directory: Path) -> tuple[str, str]:
    """Bring everything in; the API tokens of the shop's front end and of a till in Berlin."""
    tell("  seeding: locations, channels")
    await import_locations(database, CsvSource.from_path(_write_locations(directory)))
    async with database.write() as session:
        for code, kind in ((SHOP, ChannelKind.STOREFRONT), (TILLS, ChannelKind.POS)):
            command = CreateChannel(code, code.title(), kind, "EUR", prices_include_tax=True)
            await create_channel(session, command, principal=SYSTEM, sealer=sealer)
        await create_channel(session, _woocommerce(), principal=SYSTEM, sealer=sealer)
        for code in (SHOP, WOOCOMMERCE, TILLS):
            channel = await channel_by_code(session, code)
            for place, _, _ in PLACES:
                await map_location(session, channel, place, None, principal=SYSTEM)
    tell("  seeding: products")
    async with database.read() as session:
        shop = await channel_by_code(session, SHOP)
    report = await import_products(
        database, shop, CsvSource.from_path(_write_products(directory)), product_format("shopify-csv")
    )
    assert not report.rejected, report.problems[:3]
    tell("  seeding: stock")
    stock = await import_stock(database, SYSTEM, CsvSource.from_path(_write_stock(directory)))
    assert not stock.rejected, stock.problems[:3]
    return await _tokens(database, shop.id)


def _woocommerce() -> CreateChannel:
    """A store that sends webhooks; it is never called, so its address leads nowhere."""
    settings = {
        "base_url": "https://store.invalid",
        "consumer_key": "ck_benchmark",
        "consumer_secret": "cs_benchmark",
        "webhook_secret": WEBHOOK_SECRET,
        "currency": "EUR",
    }
    return CreateChannel(
        WOOCOMMERCE,
        "WooCommerce",
        ChannelKind.STOREFRONT,
        "EUR",
        prices_include_tax=True,
        system="woocommerce",
        settings=settings,
        publishes_stock=False,
    )


async def _tokens(database: Database, shop_id: UUID) -> tuple[str, str]:
    async with database.write() as session:
        tills = await channel_by_code(session, TILLS)
        location_id = await map_location(session, tills, PLACES[0][0], None, principal=SYSTEM)
        till = Terminal(code="till-1", channel_id=tills.id, location_id=location_id)
        session.add(till)
        await session.flush()
        shop_key = await create_key(session, CreateKey("shop", _SHOP_SCOPES, channel_id=shop_id), principal=SYSTEM)
        till_key = await create_key(session, CreateKey("till", _TILL_SCOPES, terminal_id=till.id), principal=SYSTEM)
    return shop_key.token, till_key.token


def _write_locations(directory: Path) -> Path:
    columns = ("code", "name", "kind", "latitude", "longitude", "time_zone", "capabilities")
    rows = [
        (code, code.title(), "STORE", latitude, longitude, "Europe/Berlin", "SHIP PICKUP RETURNS")
        for code, latitude, longitude in PLACES
    ]
    return _write(directory / "locations.csv", columns, rows)


def _write_products(directory: Path) -> Path:
    rows: list[tuple[object, ...]] = []
    for product, handle in enumerate(handles()):
        for variant in range(VARIANTS_EACH):
            size = "SM"[variant]
            about = (f"Product {product:05d}", "<p>Soft, warm, washable.</p>", "Maker", "Shirt", "new", "true", "Size")
            rows.append(
                (handle, *(about if variant == 0 else ("",) * len(about)), size, f"SKU-{product:05d}-{variant}", 250,
                 "deny", "19.90", "shopify", "true", "true",
                 *((f"https://images.invalid/{handle}.jpg", 1, "active") if variant == 0 else ("", "", "")))
            )  # fmt: skip
    rows += [
        (sku.lower(), sku, "", "Maker", "Shirt", "", "true", "Size", "S", sku, 250, "deny", "19.90", "shopify", "true",
         "true", "", "", "active")
        for sku in (SCARCE_100, SCARCE_500)
    ]  # fmt: skip
    return _write(directory / "products.csv", _PRODUCT_COLUMNS, rows)


def _write_stock(directory: Path) -> Path:
    plenty = ((sku, place[0], UNITS) for sku in skus() for place in PLACES)
    scarce = [(sku, place[0], units) for sku, units in ((SCARCE_100, 20), (SCARCE_500, 100)) for place in PLACES]
    return _write(directory / "stock.csv", ("sku", "location", "quantity"), [*plenty, *scarce])


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
