"""Rows that many tests need, written as the features write them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from hub.channels import Channel, ChannelLocation, Terminal
from hub.infra.database import Database, WriteSession
from hub.inventory import Actor, Count, LevelKey, StockRequest, apply
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.locations import Location

ALL_CAPABILITIES = ["SHIP", "PICKUP", "LOCAL_DELIVERY", "RETURNS"]


def make_principal(
    *,
    scopes: frozenset[Scope] = frozenset(Scope),
    channel_id: UUID | None = None,
    terminal_id: UUID | None = None,
    location_ids: frozenset[UUID] | None = None,
    kind: PrincipalKind = PrincipalKind.MACHINE,
) -> Principal:
    return Principal(
        id=new_id(),
        kind=kind,
        name="test",
        scopes=scopes,
        channel_id=channel_id,
        terminal_id=terminal_id,
        location_ids=location_ids,
    )


async def make_location(
    session: WriteSession,
    code: str = "berlin",
    *,
    latitude: float = 52.52,
    longitude: float = 13.405,
    capabilities: Sequence[str] = tuple(ALL_CAPABILITIES),
) -> UUID:
    location = Location(
        code=code,
        name=code.title(),
        kind="STORE",
        latitude=latitude,
        longitude=longitude,
        time_zone="Europe/Berlin",
        capabilities=list(capabilities),
    )
    session.add(location)
    await session.flush()
    return location.id


async def make_channel(
    session: WriteSession,
    code: str = "shop",
    *,
    kind: str = "STOREFRONT",
    system: str = "memory",
    locations: Sequence[UUID] = (),
    currency: str = "EUR",
) -> UUID:
    channel = Channel(
        code=code,
        name=code.title(),
        kind=kind,
        system=system,
        currency=currency,
        prices_include_tax=True,
        go_live_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    session.add(channel)
    await session.flush()
    session.add_all(ChannelLocation(channel_id=channel.id, location_id=location) for location in locations)
    await session.flush()
    return channel.id


async def make_terminal(session: WriteSession, channel_id: UUID, location_id: UUID, code: str = "till-1") -> UUID:
    terminal = Terminal(code=code, channel_id=channel_id, location_id=location_id)
    session.add(terminal)
    await session.flush()
    return terminal.id


async def make_variant(
    session: WriteSession, sku: str = "TSHIRT-M", *, stock_policy: str = "DENY", price_minor: int = 1990
) -> UUID:
    """A product with one variant and a EUR price."""
    product_id, variant_id = new_id(), new_id()
    await session.execute(
        text("INSERT INTO products (id, handle, title, status, version) VALUES (:id, :handle, :title, 'ACTIVE', 1)"),
        {"id": product_id, "handle": sku.lower(), "title": sku},
    )
    await session.execute(
        text(
            "INSERT INTO variants (id, product_id, sku, title, kind, stock_policy, position, version)"
            " VALUES (:id, :product, :sku, :sku, 'GOODS', :policy, 1, 1)"
        ),
        {"id": variant_id, "product": product_id, "sku": sku, "policy": stock_policy},
    )
    await session.execute(
        text("INSERT INTO prices (variant_id, currency, amount_minor, tax_included) VALUES (:id, 'EUR', :price, true)"),
        {"id": variant_id, "price": price_minor},
    )
    return variant_id


async def set_stock(database: Database, variant_id: UUID, location_id: UUID, quantity: int) -> None:
    """Count the level to `quantity`."""
    async with database.write() as session:
        key = LevelKey(variant_id, location_id)
        await apply(session, [StockRequest(Actor(UUID(int=0)), Count(key, quantity))])


async def move_clock(database: Database, seconds: int) -> None:
    """Let the deciding clock run ahead, for sessions opened from now on."""
    async with database.connection() as connection:
        name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        await connection.execute(text(f"ALTER DATABASE {name} SET hub.clock_offset = '{seconds} seconds'"))
    await database.engine.dispose()
