"""Stock as people look at it: pages of levels and movements, and reservations with their lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession
from hub.inventory.availability import LevelView
from hub.inventory.models import ReservationStatus

_LEVEL_PAGE = """
    SELECT s.variant_id, s.location_id, s.on_hand, s.reserved, s.allocated, s.incoming, s.damaged,
           s.quality_control, s.safety_stock, s.shortage, s.version, s.counted_at,
           greatest(0, s.on_hand - s.reserved - s.allocated - s.safety_stock) AS available, hub_now() AS as_of
    FROM stock_levels AS s
    WHERE (CAST(:variants AS uuid[]) IS NULL OR s.variant_id = ANY(:variants))
      AND (CAST(:locations AS uuid[]) IS NULL OR s.location_id = ANY(:locations))
      AND (CAST(:channel AS uuid) IS NULL OR s.location_id IN (
          SELECT cl.location_id FROM channel_locations AS cl WHERE cl.channel_id = :channel))
      AND (CAST(:after_variant AS uuid) IS NULL
           OR (s.variant_id, s.location_id) {comparison} (:after_variant, CAST(:after_location AS uuid)))
    ORDER BY s.variant_id {direction}, s.location_id {direction}
    LIMIT :limit
"""
_LEVELS_FORWARDS = text(_LEVEL_PAGE.format(comparison=">", direction="ASC"))
_LEVELS_BACKWARDS = text(_LEVEL_PAGE.format(comparison="<", direction="DESC"))

_MOVEMENT_PAGE = """
    SELECT variant_id, location_id, level_version, kind, on_hand_delta, reserved_delta, allocated_delta,
           incoming_delta, damaged_delta, quality_control_delta, reason, reference_id, channel_id, occurred_at,
           recorded_at
    FROM stock_movements
    WHERE variant_id = :variant AND location_id = :location
      AND {window}
    ORDER BY level_version {direction}
    LIMIT :limit
"""
_OLDER_MOVEMENTS = text(
    _MOVEMENT_PAGE.format(window="(CAST(:version AS bigint) IS NULL OR level_version < :version)", direction="DESC")
)
_NEWER_MOVEMENTS = text(
    _MOVEMENT_PAGE.format(window="(CAST(:version AS bigint) IS NULL OR level_version > :version)", direction="ASC")
)
# The window lets Postgres leave out every month before it.
RECENT_MOVEMENTS = text(
    _MOVEMENT_PAGE.format(window="recorded_at >= (SELECT hub_now()) - make_interval(days => :days)", direction="DESC")
)
RECENT_DAYS = 35

# A reservation whose time is over holds nothing for its owner, whether or not the sweeper came by.
_RESERVATIONS = text(
    """
    SELECT r.id, r.owner,
           CASE WHEN r.status = 'ACTIVE' AND r.expires_at <= hub_now() THEN 'EXPIRED' ELSE r.status END AS status,
           r.principal_id, r.channel_id, r.expires_at, r.outcome_id, r.version, r.created_at, r.resolved_at,
           l.variant_id, l.location_id, l.quantity
    FROM reservations AS r LEFT JOIN reservation_lines AS l ON l.reservation_id = r.id
    WHERE r.id = ANY(:ids)
    ORDER BY r.id, l.variant_id, l.location_id
    """
)
_RESERVATION_COLUMNS = 10


class MovementView(NamedTuple):
    """One ledger row. `occurred_at` is when it happened, `recorded_at` when the hub heard of it."""

    variant_id: UUID
    location_id: UUID
    level_version: int
    kind: str
    on_hand_delta: int
    reserved_delta: int
    allocated_delta: int
    incoming_delta: int
    damaged_delta: int
    quality_control_delta: int
    reason: str | None
    reference_id: UUID | None
    channel_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime


class ReservationLineView(NamedTuple):
    variant_id: UUID
    location_id: UUID
    quantity: int


@dataclass(slots=True)
class ReservationView:
    """A reservation as of now: an active one whose time is over reads EXPIRED."""

    id: UUID
    owner: str
    status: str
    principal_id: UUID
    channel_id: UUID | None
    expires_at: datetime | None
    outcome_id: UUID | None
    version: int
    created_at: datetime
    resolved_at: datetime | None
    lines: list[ReservationLineView] = field(default_factory=list)


def made_just_now(outcome: Mapping[str, Any], principal_id: UUID) -> ReservationView:
    """The reservation that `create_reservation` has just answered with, without reading it back."""
    return ReservationView(
        id=UUID(outcome["reservation_id"]),
        owner=outcome["owner"],
        status=ReservationStatus.ACTIVE,
        principal_id=principal_id,
        channel_id=UUID(outcome["channel_id"]) if outcome["channel_id"] else None,
        expires_at=datetime.fromisoformat(outcome["expires_at"]),
        outcome_id=None,
        version=1,
        created_at=datetime.fromisoformat(outcome["created_at"]),
        resolved_at=None,
        lines=[ReservationLineView(UUID(line[0]), UUID(line[1]), line[2]) for line in outcome["lines"]],
    )


@dataclass(frozen=True, slots=True)
class LevelFilter:
    """Everything that is set must hold; `channel_id`: levels in that channel's pool."""

    variant_ids: Sequence[UUID] | None = None
    location_ids: Sequence[UUID] | None = None
    channel_id: UUID | None = None


async def levels_page(
    session: AnySession,
    wanted: LevelFilter,
    *,
    limit: int,
    after: tuple[UUID, UUID] | None = None,
    backwards: bool = False,
) -> list[LevelView]:
    """Levels by (variant, location), strictly after (backwards: before) the pair `after`."""
    variant_id, location_id = after or (None, None)
    rows = await session.execute(
        _LEVELS_BACKWARDS if backwards else _LEVELS_FORWARDS,
        {
            "variants": None if wanted.variant_ids is None else list(wanted.variant_ids),
            "locations": None if wanted.location_ids is None else list(wanted.location_ids),
            "channel": wanted.channel_id,
            "after_variant": variant_id,
            "after_location": location_id,
            "limit": limit,
        },
    )
    return [LevelView(*row) for row in rows]


async def movements_page(
    session: AnySession,
    variant_id: UUID,
    location_id: UUID,
    *,
    limit: int,
    after: int | None = None,
    backwards: bool = False,
) -> list[MovementView]:
    """A level's movements, newest first; strictly older (backwards: newer) than the level version `after`."""
    if after is None and not backwards:
        recent = await _recent_movements(session, variant_id, location_id, limit)
        if recent is not None:
            return recent
    rows = await session.execute(
        _NEWER_MOVEMENTS if backwards else _OLDER_MOVEMENTS,
        {"variant": variant_id, "location": location_id, "version": after, "limit": limit},
    )
    return [MovementView._make(row) for row in rows]


async def _recent_movements(
    session: AnySession, variant_id: UUID, location_id: UUID, limit: int
) -> list[MovementView] | None:
    """The newest page, read from the last months only; None when it may reach further back."""
    rows = await session.execute(
        RECENT_MOVEMENTS, {"variant": variant_id, "location": location_id, "days": RECENT_DAYS, "limit": limit}
    )
    found = [MovementView._make(row) for row in rows]
    if not found:
        return None
    # A clock that was set back could hide a movement behind a newer one: then their numbers have a gap.
    unbroken = found[0].level_version - found[-1].level_version == len(found) - 1
    return found if unbroken and (len(found) == limit or found[-1].level_version == 1) else None


async def reservations_by_ids(session: AnySession, ids: Sequence[UUID]) -> dict[UUID, ReservationView]:
    found: dict[UUID, ReservationView] = {}
    for row in await session.execute(_RESERVATIONS, {"ids": list(ids)}):
        view = found.setdefault(row.id, ReservationView(*row[:_RESERVATION_COLUMNS]))
        if row.quantity is not None:
            view.lines.append(ReservationLineView(row.variant_id, row.location_id, row.quantity))
    return found
