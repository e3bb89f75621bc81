"""How well a channel and the hub agree, for operators and the demo."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from hub.channel_sync.models import ChannelDrift
from hub.infra.database import AnySession

MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class PublishingStatus:
    """Counts of a channel's listings (times places, where it counts per place).

    `in_agreement`: the channel acknowledged exactly what it should show. `dirty`: something is still to be told.
    `last_error` is the code of the newest failed run, None when the last one succeeded.
    """

    channel_id: UUID
    listings: int
    in_agreement: int
    dirty: int
    failing: int
    open_drifts: int
    repaired_drifts: int
    parked_events: int
    last_published_at: datetime | None
    last_error: str | None


_STATUS = text(
    """
    SELECT count(*) FILTER (WHERE desired IS NOT NULL) AS listings,
        count(*) FILTER (WHERE desired IS NOT NULL AND desired IS NOT DISTINCT FROM published) AS in_agreement,
        count(*) FILTER (WHERE dirty_seq > clean_seq) AS dirty,
        count(*) FILTER (WHERE failures > 0) AS failing,
        (SELECT count(*) FROM channel_drifts WHERE channel_id = :channel AND status = 'OPEN') AS open_drifts,
        (SELECT count(*) FROM channel_drifts WHERE channel_id = :channel AND status = 'REPAIRED') AS repaired_drifts,
        (SELECT count(*) FROM inbox WHERE channel_id = :channel AND state = 'PARKED') AS parked_events,
        max(published_at) AS last_published_at,
        (SELECT last_error FROM channel_cursors WHERE channel_id = :channel AND last_error IS NOT NULL
         ORDER BY ran_at DESC LIMIT 1) AS last_error
    FROM listing_stock WHERE channel_id = :channel
    """
)


async def publishing_status(session: AnySession, channel_id: UUID) -> PublishingStatus:
    row = (await session.execute(_STATUS, {"channel": channel_id})).mappings().one()
    return PublishingStatus(channel_id, **row)


async def drifts(session: AnySession, channel_id: UUID, *, limit: int = MAX_PAGE) -> Sequence[ChannelDrift]:
    """The newest drifts of a channel, repaired ones too."""
    found = await session.execute(
        select(ChannelDrift)
        .where(col(ChannelDrift.channel_id) == channel_id)
        .order_by(col(ChannelDrift.detected_at).desc(), col(ChannelDrift.id).desc())
        .limit(min(limit, MAX_PAGE))
    )
    return found.scalars().all()
