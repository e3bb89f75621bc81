"""Lean rows of channels for readers, each in one statement, keyed by what was asked."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hub.infra.database import AnySession, raw_connection

_COLUMNS = "id, code, name, kind, currency, prices_include_tax, active"
_BY_IDS = f"SELECT {_COLUMNS} FROM channels WHERE id = ANY($1::uuid[])"
_BY_CODES = f"SELECT {_COLUMNS} FROM channels WHERE code = ANY($1::text[])"
_POOLS = "SELECT channel_id, location_id FROM channel_locations WHERE channel_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as readers see it; its settings stay sealed."""

    id: UUID
    code: str
    name: str
    kind: str
    currency: str
    prices_include_tax: bool
    active: bool


async def channels_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, ChannelView]:
    return {row[0]: ChannelView(*row) for row in await _fetch(session, _BY_IDS, list(ids))}


async def channels_by_codes(session: AnySession, codes: Iterable[str]) -> dict[str, ChannelView]:
    return {row[1]: ChannelView(*row) for row in await _fetch(session, _BY_CODES, list(codes))}


async def pools_by_channel_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """The locations in each channel's pool; a channel without any is absent."""
    pools: dict[UUID, set[UUID]] = defaultdict(set)
    for channel_id, location_id in await _fetch(session, _POOLS, list(ids)):
        pools[channel_id].add(location_id)
    return {channel_id: frozenset(pool) for channel_id, pool in pools.items()}


async def _fetch(session: AnySession, statement: str, values: list[Any]) -> list[Any]:
    """On the raw driver: most requests of the API ask for their channel."""
    driver = await raw_connection(session)
    rows: list[Any] = await driver.fetch(statement, values)
    return rows
