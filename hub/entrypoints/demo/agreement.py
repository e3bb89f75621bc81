"""Do the channels show what the hub has? Their own state, asked from them, against the hub's own reckoning."""

from dataclasses import dataclass
from uuid import UUID

import httpx
from sqlalchemy import text

from hub.channel_sync import POLL_WORK, ask_channels
from hub.entrypoints.demo import cast
from hub.infra.database import Database, ReadSession
from hub.inventory import available_to_sell, levels

VARIANTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `listed` stock numbers that the channel shows, `equal` are the hub's; orders likewise."""

    channel: str
    listed: int
    equal: int
    orders: int
    captured: int

    @property
    def whole(self) -> bool:
        return self.listed == self.equal > 0 and self.orders == self.captured


async def compare_channels(
    database: Database, channels: dict[str, UUID], urls: dict[str, str]
) -> tuple[Agreement, Agreement]:
    """Both simulated channels against the hub. Raises httpx errors when a simulator is gone."""
    async with httpx.AsyncClient(timeout=30) as client:
        states = {code: (await client.get(f"{url}/_simulator/state")).json() for code, url in urls.items()}
    async with database.read() as session:
        store, account = states[cast.WOOCOMMERCE], states[cast.SQUARE]
        wanted = await _to_sell(session, channels[cast.WOOCOMMERCE])
        counted = await _at_places(session, channels[cast.SQUARE])
        shown = {(sku, place): units for sku, places in account["stock"].items() for place, units in places.items()}
        return (
            Agreement(
                cast.WOOCOMMERCE,
                len(store["stock"]),
                sum(wanted.get(sku) == units for sku, units in store["stock"].items()),
                len(store["orders"]),
                await _captured(session, channels[cast.WOOCOMMERCE], set(store["orders"])),
            ),
            Agreement(
                cast.SQUARE,
                len(shown),
                sum(counted.get(key) == units for key, units in shown.items()),
                len(account["orders"]),
                await _captured(session, channels[cast.SQUARE], set(account["orders"])),
            ),
        )


async def sweep_orders(database: Database) -> None:
    """Ask both channels for orders now, as the scheduler does every half a minute."""
    await ask_channels(database, POLL_WORK)


async def _to_sell(session: ReadSession, channel_id: UUID) -> dict[str, int | None]:
    variants = await _listed(session, channel_id)
    found: dict[str, int | None] = {}
    for part in _parts(list(variants)):
        promises = await available_to_sell(session, [(variant_id, channel_id) for variant_id in part])
        found |= {variants[variant_id]: promise.quantity for (variant_id, _), promise in promises.items()}
    return found


async def _at_places(session: ReadSession, channel_id: UUID) -> dict[tuple[str, str], int]:
    """What is available at each place that the channel counts, nothing where there never was any."""
    rows = await session.execute(
        text("SELECT location_id, external_location_id FROM channel_locations WHERE channel_id = :channel"),
        {"channel": channel_id},
    )
    places = {row.location_id: row.external_location_id for row in rows}
    variants = await _listed(session, channel_id)
    found = {(sku, place): 0 for sku in variants.values() for place in places.values()}
    for part in _parts(list(variants)):
        for level in await levels(session, part, list(places)):
            found[variants[level.variant_id], places[level.location_id]] = level.available
    return found


async def _listed(session: ReadSession, channel_id: UUID) -> dict[UUID, str]:
    rows = await session.execute(
        text(
            "SELECT v.id, v.sku FROM listings AS i JOIN variants AS v ON v.id = i.variant_id WHERE i.channel_id = :id"
        ),
        {"id": channel_id},
    )
    return {row.id: row.sku for row in rows}


async def _captured(session: ReadSession, channel_id: UUID, external_ids: set[str]) -> int:
    rows = await session.execute(
        text("SELECT count(*) FROM orders WHERE channel_id = :channel AND external_id = ANY(:ids)"),
        {"channel": channel_id, "ids": sorted(external_ids)},
    )
    count: int = rows.scalar_one()
    return count


def _parts(ids: list[UUID]) -> list[list[UUID]]:
    return [ids[start : start + VARIANTS_AT_ONCE] for start in range(0, len(ids), VARIANTS_AT_ONCE)]
