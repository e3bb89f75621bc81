"""Every lock that the stock engine takes, and what it reads under them, on the raw driver.

Rows are locked here and nowhere else, always in key order: reservations by id, then levels by (variant, location).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.rules import HeldReservation, Level
from hub.inventory.units import LevelKey

Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class DuePosition(NamedTuple):
    """A reservation's place in the order in which holds end."""

    expires_at: datetime
    reservation_id: UUID


MAX_INLINE_EXPIRIES = 100

_LOCK_RESERVATIONS = """
SELECT id FROM reservations WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

# Run after the lock, so that the status is the lock holder's.
_RESERVATIONS = """
SELECT r.id, r.status, r.expires_at, r.principal_id, r.owner, l.variant_id, l.location_id, l.quantity
FROM reservations AS r LEFT JOIN reservation_lines AS l ON l.reservation_id = r.id
WHERE r.id = ANY($1::uuid[])
"""

_LOCK_LEVELS = """
SELECT s.variant_id, s.location_id, s.on_hand, s.reserved, s.allocated, s.incoming, s.damaged, s.quality_control,
       s.safety_stock, s.shortage, s.version, s.counted_at
FROM stock_levels AS s
JOIN unnest($1::uuid[], $2::uuid[]) AS k (variant_id, location_id) USING (variant_id, location_id)
ORDER BY s.variant_id, s.location_id
FOR NO KEY UPDATE OF s
"""

_OPEN_LEVELS = """
INSERT INTO stock_levels (variant_id, location_id)
SELECT v, l FROM unnest($1::uuid[], $2::uuid[]) AS k (v, l) ORDER BY v, l
ON CONFLICT DO NOTHING
"""

_HOLDINGS = """
SELECT holder_id, variant_id, location_id, quantity FROM allocations WHERE holder_id = ANY($1::uuid[])
"""

# The clock stands in a sub-query: compared with a volatile function directly, no index could serve the comparison.
_LOCK_DUE_ON_LEVELS = """
SELECT r.id FROM reservations AS r
WHERE r.status = 'ACTIVE' AND r.expires_at <= (SELECT hub_now()) AND EXISTS (
    SELECT FROM reservation_lines AS l
    JOIN unnest($1::uuid[], $2::uuid[]) AS k (variant_id, location_id) USING (variant_id, location_id)
    WHERE l.reservation_id = r.id)
ORDER BY r.expires_at LIMIT $3
FOR NO KEY UPDATE OF r SKIP LOCKED
"""

_DUE_ON_VARIANTS = """
SELECT EXISTS (
    SELECT FROM reservations AS r JOIN reservation_lines AS l ON l.reservation_id = r.id
    WHERE r.status = 'ACTIVE' AND r.expires_at <= (SELECT hub_now()) AND l.variant_id = ANY($1::uuid[]))
"""

_LOCK_DUE_ON_VARIANTS = """
SELECT r.id FROM reservations AS r
WHERE r.status = 'ACTIVE' AND r.expires_at <= (SELECT hub_now()) AND EXISTS (
    SELECT FROM reservation_lines AS l WHERE l.reservation_id = r.id AND l.variant_id = ANY($1::uuid[]))
ORDER BY r.expires_at LIMIT $2
FOR NO KEY UPDATE OF r SKIP LOCKED
"""

_LOCK_DUE = """
SELECT r.id, r.expires_at FROM reservations AS r
WHERE r.status = 'ACTIVE' AND r.expires_at <= (SELECT hub_now())
  AND ($2::timestamptz IS NULL OR (r.expires_at, r.id) > ($2::timestamptz, $3::uuid))
ORDER BY r.expires_at, r.id LIMIT $1
FOR NO KEY UPDATE OF r SKIP LOCKED
"""


async def lock_reservations(driver: Driver, ids: Sequence[UUID]) -> dict[UUID, HeldReservation]:
    """The reservations under their locks; `judge_due` says later which of them are due."""
    if not ids:
        return {}
    await driver.fetch(_LOCK_RESERVATIONS, sorted(ids))
    return await read_locked(driver, ids)


async def read_locked(driver: Driver, ids: Sequence[UUID]) -> dict[UUID, HeldReservation]:
    found: dict[UUID, tuple[asyncpg.Record, dict[LevelKey, int]]] = {}
    for row in await driver.fetch(_RESERVATIONS, ids):
        units = found.setdefault(row["id"], (row, {}))[1]
        if row["quantity"] is not None:
            units[LevelKey(row["variant_id"], row["location_id"])] = row["quantity"]
    return {
        reservation_id: HeldReservation(
            reservation_id,
            ReservationStatus(row["status"]),
            due=False,
            units=units,
            expires_at=row["expires_at"],
            principal_id=row["principal_id"],
            owner=ReservationOwner(row["owner"]),
        )
        for reservation_id, (row, units) in found.items()
    }


async def judge_due(driver: Driver, held: Mapping[UUID, HeldReservation]) -> dict[UUID, HeldReservation]:
    """The reservations, each with whether it is due by the database's clock. Call it under every lock."""
    if not held:
        return {}
    now: datetime = await driver.fetchval("SELECT hub_now()")
    return {
        reservation_id: replace(item, due=item.expires_at is not None and item.expires_at <= now)
        for reservation_id, item in held.items()
    }


async def open_levels(driver: Driver, keys: Iterable[LevelKey]) -> None:
    """Make the missing levels, all zero."""
    await driver.execute(_OPEN_LEVELS, *key_columns(sorted(keys)))


async def lock_levels(driver: Driver, keys: Iterable[LevelKey], *, skip_locked: bool = False) -> dict[LevelKey, Level]:
    """The levels that exist, locked in key order. `skip_locked` leaves out those that others hold."""
    ordered = sorted(set(keys))
    if not ordered:
        return {}
    statement = _LOCK_LEVELS + (" SKIP LOCKED" if skip_locked else "")
    rows = await driver.fetch(statement, *key_columns(ordered))
    return {(key := LevelKey(row[0], row[1])): Level(key, *row[2:]) for row in rows}


async def read_holdings(driver: Driver, holder_ids: Sequence[UUID]) -> dict[tuple[UUID, LevelKey], int]:
    """What the holders hold; stable at levels that the caller has locked."""
    if not holder_ids:
        return {}
    rows = await driver.fetch(_HOLDINGS, holder_ids)
    return {(row["holder_id"], LevelKey(row["variant_id"], row["location_id"])): row["quantity"] for row in rows}


async def lock_due_on(driver: Driver, keys: Sequence[LevelKey]) -> list[UUID]:
    """Due reservations that hold units of these levels; never waits."""
    rows = await driver.fetch(_LOCK_DUE_ON_LEVELS, *key_columns(keys), MAX_INLINE_EXPIRIES)
    return [row["id"] for row in rows]


async def due_holds_exist(driver: Driver, variant_ids: Sequence[UUID]) -> bool:
    return bool(await driver.fetchval(_DUE_ON_VARIANTS, variant_ids))


async def lock_due_on_variants(driver: Driver, variant_ids: Sequence[UUID]) -> list[UUID]:
    rows = await driver.fetch(_LOCK_DUE_ON_VARIANTS, variant_ids, MAX_INLINE_EXPIRIES)
    return [row["id"] for row in rows]


async def lock_due(driver: Driver, limit: int, after: DuePosition | None) -> list[DuePosition]:
    """Due reservations behind `after`, those due longest first."""
    rows = await driver.fetch(_LOCK_DUE, limit, *(after or (None, None)))
    return [DuePosition(row["expires_at"], row["id"]) for row in rows]


def key_columns(keys: Sequence[LevelKey]) -> tuple[list[UUID], list[UUID]]:
    """For `unnest`: variants and locations."""
    return [key.variant_id for key in keys], [key.location_id for key in keys]
