"""Reads of channels."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from hub.channels.errors import ChannelNotFoundError
from hub.channels.models import Channel
from hub.infra.database import AnySession

MAX_CHANNELS = 1_000


async def channel_by_id(session: AnySession, channel_id: UUID) -> Channel:
    """Raises ChannelNotFoundError."""
    found = (await session.execute(select(Channel).where(col(Channel.id) == channel_id))).scalar_one_or_none()
    if found is None:
        raise ChannelNotFoundError(f"there is no channel {channel_id}", path=("channelId",))
    return found


async def channel_by_code(session: AnySession, code: str) -> Channel:
    """Raises ChannelNotFoundError."""
    # The code may come from a URL; Postgres refuses NUL instead of not finding it.
    statement = select(Channel).where(col(Channel.code) == code)
    found = None if "\x00" in code else (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        raise ChannelNotFoundError(f"there is no channel {code[:80]!r}", path=("channel",))
    return found


async def list_channels(session: AnySession) -> Sequence[Channel]:
    """All channels by code. Their settings stay sealed."""
    found = await session.execute(select(Channel).order_by(col(Channel.code)).limit(MAX_CHANNELS))
    return found.scalars().all()


async def connected_channel_ids(session: AnySession) -> list[UUID]:
    """Active channels that have an adapter's settings."""
    rows = await session.execute(
        select(col(Channel.id))
        .where(col(Channel.active), col(Channel.settings_encrypted).is_not(None))
        .order_by(col(Channel.id))
        .limit(MAX_CHANNELS)
    )
    return list(rows.scalars())


async def external_locations(session: AnySession, channel_id: UUID) -> dict[UUID, str]:
    """Location id → what the channel calls it, for the locations that are mapped."""
    rows = await session.execute(
        text(
            "SELECT location_id, external_location_id FROM channel_locations"
            " WHERE channel_id = :channel AND external_location_id IS NOT NULL"
        ),
        {"channel": channel_id},
    )
    return {row.location_id: row.external_location_id for row in rows}
