"""An empty hub becomes the demo retailer: files imported as `hub import` does, channels connected, keys handed out."""

import csv
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.types import ChannelKind
from hub.access import CreateKey, CreateUser, PasswordVault, Role, RoleGrant, create_key, create_user
from hub.catalog import CsvSource, ImportReport, import_products, product_format
from hub.channel_sync import CATALOG_WORK, CHANNEL_QUEUE, mark_all_dirty
from hub.channels import Channel, CreateChannel, Terminal, channel_by_code, create_channel, map_location
from hub.entrypoints.demo import cast
from hub.entrypoints.demo.catalog_data import DemoFiles, write_demo_files
from hub.infra import work
from hub.infra.database import Database, WriteSession
from hub.infra.sealing import Sealer
from hub.inventory import import_stock
from hub.kernel.principal import SYSTEM, Scope
from hub.locations import import_locations
from hub.loyalty import CreateProgramme, create_programme

USERNAME = "demo"

SHOP_SCOPES = frozenset(
    {
        Scope.CATALOG_READ,
        Scope.STOCK_READ,
        Scope.RESERVATIONS_WRITE,
        Scope.ORDERS_READ,
        Scope.ORDERS_WRITE,
        Scope.FULFILLMENT_READ,
        Scope.CUSTOMERS_READ,
        Scope.LOYALTY_READ,
    }
)
TILL_SCOPES = frozenset({Scope.RESERVATIONS_WRITE, Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.CUSTOMERS_READ})
STORE_SCOPES = frozenset({Scope.FULFILLMENT_READ, Scope.FULFILLMENT_WRITE})

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of something a file holds, counted apart from the importer, and how many came in."""

    what: str
    in_file: int
    imported: int

    @property
    def equal(self) -> bool:
        return self.in_file == self.imported


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated channel system: where it listens and the secret that signs its webhooks."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Seeded:
    """The retailer as it stands. `tokens` are the keys of the shop, the tills and the stores, by name."""

    channels: dict[str, UUID]
    locations: dict[str, UUID]
    tokens: dict[str, str]
    password: str
    counted: tuple[Counted, ...]
    hot_skus: tuple[str, ...]
    till_skus: dict[str, tuple[str, ...]]


async def seed(
    database: Database,
    sealer: Sealer,
    directory: Path,
    *,
    url: str,
    simulated: dict[str, Simulated],
) -> Seeded:
    """Fill an empty hub. `url` is the hub's own, to which Square signs its webhooks."""
    files = write_demo_files(directory / "files")
    async with database.write() as session:
        await create_programme(session, CreateProgramme(cast.PROGRAMME, cast.CURRENCY))
        channels = await _channels(session, sealer, url, simulated)
    counted = [*await _locations(database, files), *await _products(database, files)]
    async with database.write() as session:
        locations = await _pools(session)
        await work.enqueue(session, CATALOG_WORK, str(channels[cast.SQUARE]), queue=CHANNEL_QUEUE)
    counted.append(await _stock(database, files))
    for code in (cast.WOOCOMMERCE, cast.SQUARE):
        async with database.write() as session:
            await mark_all_dirty(session, channels[code])
    async with database.write() as session:
        tokens = await _keys(session, channels, locations)
        password = await _staff(session)
        hot, till_skus = await _wanted(session)
    return Seeded(channels, locations, tokens, password, tuple(counted), hot, till_skus)


async def _channels(
    session: WriteSession, sealer: Sealer, url: str, simulated: dict[str, Simulated]
) -> dict[str, UUID]:
    woocommerce, square = simulated[cast.WOOCOMMERCE], simulated[cast.SQUARE]
    commands = (
        _channel(cast.SHOP, "Web shop", ChannelKind.STOREFRONT),
        _channel(cast.TILLS, "Tills", ChannelKind.POS),
        _channel(
            cast.WOOCOMMERCE,
            "WooCommerce shop",
            ChannelKind.STOREFRONT,
            system="woocommerce",
            settings={
                "base_url": woocommerce.url,
                "consumer_key": "ck_simulator",
                "consumer_secret": "cs_simulator",
                "webhook_secret": woocommerce.secret,
                "currency": cast.CURRENCY,
                "requests_per_second": 100,
            },
        ),
        _channel(
            cast.SQUARE,
            "Square stores",
            ChannelKind.POS,
            system="square",
            settings={
                "base_url": square.url,
                "access_token": "EAAAsimulator",
                "webhook_signature_key": square.secret,
                "notification_url": f"{url}/webhooks/{cast.SQUARE}",
                "requests_per_second": 100,
            },
        ),
    )
    return {
        command.code: await create_channel(session, command, principal=SYSTEM, sealer=sealer) for command in commands
    }


def _channel(code: str, name: str, kind: ChannelKind, **more: Any) -> CreateChannel:
    return CreateChannel(code=code, name=name, kind=kind, currency=cast.CURRENCY, prices_include_tax=True, **more)


async def _locations(database: Database, files: DemoFiles) -> list[Counted]:
    report = await import_locations(database, CsvSource.from_path(files.locations))
    return [Counted("locations", len(_rows(files.locations)), report.rows - report.rejected)]


async def _products(database: Database, files: DemoFiles) -> list[Counted]:
    async with database.read() as session:
        shop = await channel_by_code(session, cast.SHOP)
        store = await channel_by_code(session, cast.WOOCOMMERCE)
    ours = await _imported(database, shop, files.shopify_products, "shopify-csv")
    rows = _rows(files.shopify_products)
    theirs = await _imported(database, store, files.woocommerce_products, "woocommerce-csv")
    lines = _rows(files.woocommerce_products)
    parents = [line for line in lines if line["Type"] != "variation"]
    return [
        Counted("products (Shopify CSV)", len({row["Handle"] for row in rows}), _sum(ours.products)),
        Counted("variants (Shopify CSV)", len(rows), _sum(ours.variants)),
        Counted("products (WooCommerce CSV)", len(parents), _sum(theirs.products)),
        Counted("variants (WooCommerce CSV)", len(lines) - len(parents), _sum(theirs.variants)),
    ]


async def _imported(database: Database, channel: Channel, file: Path, name: str) -> ImportReport:
    return await import_products(database, channel, CsvSource.from_path(file), product_format(name))


async def _stock(database: Database, files: DemoFiles) -> Counted:
    report = await import_stock(database, SYSTEM, CsvSource.from_path(files.stock))
    return Counted("stock counts", len(_rows(files.stock)), report.rows - report.rejected)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def _sum(tally: Any) -> int:
    total: int = tally.created + tally.updated + tally.unchanged
    return total


async def _pools(session: WriteSession) -> dict[str, UUID]:
    """Both shops sell from everywhere, the tills from their stores, Square from the two that it counts."""
    found = await session.execute(text("SELECT code, id FROM locations"))
    locations = {row.code: row.id for row in found}
    pools: dict[str, dict[str, str | None]] = {
        cast.SHOP: dict.fromkeys(locations),
        cast.WOOCOMMERCE: dict.fromkeys(locations),
        cast.TILLS: dict.fromkeys(cast.TILL_PLACES),
        cast.SQUARE: dict(cast.SQUARE_PLACES),
    }
    for code, pool in pools.items():
        channel = await channel_by_code(session, code)
        for location, external in pool.items():
            await map_location(session, channel, location, external, principal=SYSTEM)
    return locations


async def _keys(session: WriteSession, channels: dict[str, UUID], locations: dict[str, UUID]) -> dict[str, str]:
    tokens = {"storefront": await _key(session, CreateKey("storefront", SHOP_SCOPES, channel_id=channels[cast.SHOP]))}
    for number, place in enumerate(cast.TILL_PLACES, start=1):
        terminal = Terminal(code=f"till-{number}", channel_id=channels[cast.TILLS], location_id=locations[place])
        session.add(terminal)
        await session.flush()
        command = CreateKey(terminal.code, TILL_SCOPES, terminal_id=terminal.id)
        tokens[terminal.code] = await _key(session, command)
    for code, location_id in locations.items():
        command = CreateKey(f"store {code}", STORE_SCOPES, location_ids=frozenset({location_id}))
        tokens[code] = await _key(session, command)
    return tokens


async def _key(session: WriteSession, command: CreateKey) -> str:
    return (await create_key(session, command, principal=SYSTEM)).token


async def _staff(session: WriteSession) -> str:
    password = secrets.token_urlsafe(12)
    command = CreateUser(USERNAME, password, (RoleGrant(Role.OPERATIONS),))
    await create_user(session, command, principal=SYSTEM, vault=PasswordVault())
    return password


async def _wanted(session: WriteSession) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """What everybody wants: skus of which every till's store has a few. And what each till sells besides."""
    places = sorted(set(cast.TILL_PLACES))
    rows = await session.execute(
        text(
            "SELECT v.sku, array_agg(l.code) AS places, min(s.on_hand) AS fewest FROM stock_levels AS s"
            " JOIN variants AS v ON v.id = s.variant_id JOIN locations AS l ON l.id = s.location_id"
            " WHERE l.code = ANY(:places) AND s.on_hand > 0 GROUP BY v.sku ORDER BY v.sku"
        ),
        {"places": places},
    )
    stocked = rows.all()
    hot = [row.sku for row in stocked if len(row.places) == len(places) and row.fewest >= 3][: cast.HOT_SKUS]  # noqa: PLR2004 (enough to fight over)
    others = [row for row in stocked if row.sku not in hot]
    skus = {place: tuple(row.sku for row in others if place in row.places)[-cast.TILL_SKUS :] for place in places}
    return tuple(hot), skus
