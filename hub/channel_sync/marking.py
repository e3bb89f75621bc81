"""What moves stock marks listings; marks are counted, so that one which comes during a publish is not lost."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from hub.channel_sync import stock_rows
from hub.channel_sync.messages import CHANNEL_QUEUE, PUBLISH_DELAY_SECONDS, PUBLISH_WORK
from hub.fulfillment import ask_for_relief, reroute_waiting
from hub.infra import work
from hub.infra.database import Database, WriteSession
from hub.infra.events import StreamedEvent
from hub.inventory import STOCK_CHANGED, bundles_with

STALE_SECONDS: Final = 600.0
"""A row is computed again after this time even without an event: buffers, pools and demand change ATS too."""


async def on_events(session: WriteSession, events: Sequence[StreamedEvent]) -> None:
    """Durable consumer: stock that moved is published, also of the bundles that it is part of, orders that it cannot
    serve any more find another place, and orders that wait for it are routed again."""
    variants = sorted({event.entity_id for event in events if event.topic == STOCK_CHANGED})
    if not variants:
        return
    concerned = {*variants, *await bundles_with(session, variants)}
    await ask_to_publish(session, await stock_rows.mark_variants(session, concerned))
    await ask_for_relief(session, variants)
    await reroute_waiting(session, variants)


async def ask_to_publish(
    session: WriteSession, channel_ids: Iterable[UUID], *, delay_seconds: float = PUBLISH_DELAY_SECONDS
) -> None:
    subjects = [str(channel_id) for channel_id in channel_ids]
    await work.enqueue_many(session, PUBLISH_WORK, subjects, queue=CHANNEL_QUEUE, delay_seconds=delay_seconds)


async def mark_all_dirty(session: WriteSession, channel_id: UUID, *, resend: bool = False) -> None:
    """Compute every listing of the channel again; with `resend` tell it even what it should know."""
    await stock_rows.add_missing(session, channel_id, again=True)
    await stock_rows.mark_channel(session, channel_id, resend=resend)
    await ask_to_publish(session, [channel_id])


async def mark_missing(session: WriteSession, channel_id: UUID) -> int:
    """Listings that were never published are to be: how many."""
    added = await stock_rows.add_missing(session, channel_id)
    if added:
        await ask_to_publish(session, [channel_id])
    return added


async def sweep(database: Database) -> None:
    """Level-triggered: look again at old rows, and at channels whose wake-up or retry came to nothing."""
    async with database.write() as session:
        due = await stock_rows.mark_oldest(session, age_seconds=STALE_SECONDS)
        due += await stock_rows.channels_with_work(session)
        await ask_to_publish(session, due)
