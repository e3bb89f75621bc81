"""Lean rows of channels for readers, each in one statement, keyed by what was asked."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession

_COLUMNS = "id, code, name, kind, currency, prices_include_tax, active"
_BY_IDS = text(f"SELECT {_COLUMNS} FROM channels WHERE id = ANY(:ids)")
_BY_CODES = text(f"SELECT {_COLUMNS} FROM channels WHERE code = ANY(:codes)")
_POOLS = text("SELECT channel_id, location_id FROM channel_locations WHERE channel_id = ANY(:ids)")


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
    rows = await session.execute(_BY_IDS, {"ids": list(ids)})
    return {row.id: ChannelView(*row) for row in rows}


async def channels_by_codes(session: AnySession, codes: Iterable[str]) -> dict[str, ChannelView]:
    rows = await session.execute(_BY_CODES, {"codes": list(codes)})
    return {row.code: ChannelView(*row) for row in rows}


async def pools_by_channel_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """The locations in each channel's pool; a channel without any is absent."""
    pools: dict[UUID, set[UUID]] = defaultdict(set)
    for row in await session.execute(_POOLS, {"ids": list(ids)}):
        pools[row.channel_id].add(row.location_id)
    return {channel_id: frozenset(pool) for channel_id, pool in pools.items()}
