"""Unfilled demand: ordered units that no stock covers yet. It lowers what channels may promise."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession, WriteSession
from hub.inventory.units import LevelKey

SHARED_DEMAND = """
    SELECT sum(u.quantity)::bigint FROM unfilled_demand AS u
    WHERE u.variant_id = {variant} AND EXISTS (
        SELECT FROM channel_locations AS ours
        JOIN channel_locations AS theirs ON theirs.location_id = ours.location_id AND theirs.channel_id = u.channel_id
        JOIN locations AS l ON l.id = ours.location_id AND l.active AND l.kind <> 'EXTERNAL'
        WHERE ours.channel_id = {channel})
"""
"""The unfilled demand that competes for a channel's stock: of channels that share an open location with it."""


@dataclass(frozen=True, slots=True)
class Unfilled:
    order_line_id: UUID
    variant_id: UUID
    channel_id: UUID
    quantity: int
    promised_at: datetime


async def replace_unfilled(session: WriteSession, line_ids: Sequence[UUID], rows: Sequence[Unfilled]) -> None:
    """The unfilled demand of these order lines is now exactly `rows`. The caller holds the order's lock."""
    await session.execute(
        text("DELETE FROM unfilled_demand WHERE order_line_id = ANY(:ids)"), {"ids": sorted(line_ids)}
    )
    if rows:
        await session.execute(
            text(
                "INSERT INTO unfilled_demand (order_line_id, variant_id, channel_id, quantity, promised_at)"
                " VALUES (:order_line_id, :variant_id, :channel_id, :quantity, :promised_at)"
            ),
            [asdict(row) for row in rows],
        )


async def lines_waiting_for(session: AnySession, variant_ids: Sequence[UUID], *, limit: int) -> list[UUID]:
    """Order lines that wait for stock of these variants, oldest promise first."""
    rows = await session.execute(
        text(
            "SELECT order_line_id FROM unfilled_demand WHERE variant_id = ANY(:variants)"
            " ORDER BY promised_at, order_line_id LIMIT :limit"
        ),
        {"variants": sorted(variant_ids), "limit": limit},
    )
    return list(rows.scalars())


async def ask_for_count(session: WriteSession, keys: Sequence[LevelKey], *, reason: str) -> None:
    """Open a count task for each level that has none."""
    await session.execute(
        text(
            "INSERT INTO count_tasks (id, variant_id, location_id, reason, opened_at)"
            " SELECT uuidv7(), v, l, :reason, hub_now()"
            " FROM unnest(CAST(:variants AS uuid[]), CAST(:locations AS uuid[])) AS t (v, l) ON CONFLICT DO NOTHING"
        ),
        {
            "variants": [key.variant_id for key in keys],
            "locations": [key.location_id for key in keys],
            "reason": reason,
        },
    )
