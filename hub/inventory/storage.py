"""All SQL that the stock engine writes with, on the raw driver: `tests/bench` shows what the ORM would cost.

Rows are locked here and nowhere else, always in key order: reservations by id, then levels by (variant, location).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from hub.inventory.books import Books, Posting, Resolution
from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.rules import HeldReservation, Level
from hub.inventory.units import LevelKey, Units

Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class DuePosition(NamedTuple):
    """A reservation's place in the order in which holds end."""

    expires_at: datetime
    reservation_id: UUID


EXTENSION_CAP_SECONDS = 86_400
"""A reservation that is extended again and again still ends a day after it was made."""

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

_WRITE_MOVEMENTS = """
WITH final AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                         $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
        AS f (variant_id, location_id, on_hand, reserved, allocated, incoming, damaged, quality_control,
              shortage, version)
), updated AS (
    UPDATE stock_levels AS s
    SET on_hand = f.on_hand, reserved = f.reserved, allocated = f.allocated, incoming = f.incoming,
        damaged = f.damaged, quality_control = f.quality_control, shortage = f.shortage, version = f.version
    FROM final AS f
    WHERE s.variant_id = f.variant_id AND s.location_id = f.location_id
)
INSERT INTO stock_movements (variant_id, location_id, level_version, kind, on_hand_delta, reserved_delta,
    allocated_delta, incoming_delta, damaged_delta, quality_control_delta, reason, reference_id, principal_id,
    channel_id, occurred_at, recorded_at)
SELECT v, l, n, k, d1, d2, d3, d4, d5, d6, why, ref, who, ch, coalesce(at, now.now), now.now
FROM unnest($11::uuid[], $12::uuid[], $13::bigint[], $14::text[], $15::bigint[], $16::bigint[], $17::bigint[],
            $18::bigint[], $19::bigint[], $20::bigint[], $21::text[], $22::uuid[], $23::uuid[], $24::uuid[],
            $25::timestamptz[])
    AS m (v, l, n, k, d1, d2, d3, d4, d5, d6, why, ref, who, ch, at), (SELECT hub_now() AS now) AS now
"""

_WRITE_RESERVATIONS = """
WITH made AS (
    INSERT INTO reservations (id, owner, status, principal_id, channel_id, customer_id, expires_at,
                              extendable_until, created_at)
    SELECT id, owner, 'ACTIVE', who, ch, customer, now.now + make_interval(secs => ttl),
           now.now + CASE WHEN ttl IS NULL THEN NULL ELSE make_interval(secs => $11) END, now.now
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::float8[])
        AS r (id, owner, who, ch, customer, ttl), (SELECT hub_now() AS now) AS now
    RETURNING id, expires_at
), lines AS (
    INSERT INTO reservation_lines (reservation_id, variant_id, location_id, quantity)
    SELECT * FROM unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::bigint[])
)
SELECT id, expires_at FROM made
"""

_RESOLVE = """
UPDATE reservations AS r
SET status = t.status, outcome_id = t.outcome, resolved_at = hub_now(), version = r.version + 1
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (id, status, outcome)
WHERE r.id = t.id
"""

_EXTEND = """
UPDATE reservations AS r
SET expires_at = greatest(r.expires_at,
                          least(hub_now() + make_interval(secs => t.ttl), r.extendable_until)),
    version = r.version + 1
FROM unnest($1::uuid[], $2::float8[]) AS t (id, ttl)
WHERE r.id = t.id AND r.expires_at IS NOT NULL
RETURNING r.id, r.expires_at
"""

_FORGET_LINES = "DELETE FROM reservation_lines WHERE reservation_id = ANY($1::uuid[])"

_WRITE_LINES = """
INSERT INTO reservation_lines (reservation_id, variant_id, location_id, quantity)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
"""

_NOTE_CHANGE = "UPDATE reservations SET version = version + 1 WHERE id = ANY($1::uuid[])"

_ADOPT = """
UPDATE reservations SET owner = 'ORDER', expires_at = NULL, extendable_until = NULL, version = version + 1
WHERE id = ANY($1::uuid[])
"""

_HOLD = """
INSERT INTO allocations (holder_id, variant_id, location_id, quantity)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
ON CONFLICT (holder_id, variant_id, location_id) DO UPDATE SET quantity = excluded.quantity
"""

_LET_GO = """
DELETE FROM allocations AS a
USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS t (holder_id, variant_id, location_id)
WHERE (a.holder_id, a.variant_id, a.location_id) = (t.holder_id, t.variant_id, t.location_id)
"""

_SET_SAFETY_STOCK = """
UPDATE stock_levels AS s SET safety_stock = t.safety
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS t (variant_id, location_id, safety)
WHERE s.variant_id = t.variant_id AND s.location_id = t.location_id
"""

_COUNTED = """
WITH levels AS (
    UPDATE stock_levels AS s SET counted_at = greatest(s.counted_at, coalesce(t.at, hub_now()))
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS t (variant_id, location_id, at)
    WHERE s.variant_id = t.variant_id AND s.location_id = t.location_id
)
UPDATE count_tasks AS c SET closed_at = hub_now()
FROM unnest($1::uuid[], $2::uuid[]) AS t (variant_id, location_id)
WHERE c.variant_id = t.variant_id AND c.location_id = t.location_id AND c.closed_at IS NULL
"""

_ASK_FOR_COUNT = """
INSERT INTO count_tasks (id, variant_id, location_id, reason, opened_at)
SELECT uuidv7(), v, l, 'NEGATIVE_ON_HAND', hub_now() FROM unnest($1::uuid[], $2::uuid[]) AS t (v, l)
ON CONFLICT DO NOTHING
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
    await driver.execute(_OPEN_LEVELS, *_columns(sorted(keys)))


async def lock_levels(driver: Driver, keys: Iterable[LevelKey], *, skip_locked: bool = False) -> dict[LevelKey, Level]:
    """The levels that exist, locked in key order. `skip_locked` leaves out those that others hold."""
    ordered = sorted(set(keys))
    if not ordered:
        return {}
    statement = _LOCK_LEVELS + (" SKIP LOCKED" if skip_locked else "")
    rows = await driver.fetch(statement, *_columns(ordered))
    return {(key := LevelKey(row[0], row[1])): Level(key, *row[2:]) for row in rows}


async def read_holdings(driver: Driver, holder_ids: Sequence[UUID]) -> dict[tuple[UUID, LevelKey], int]:
    """What the holders hold; stable at levels that the caller has locked."""
    if not holder_ids:
        return {}
    rows = await driver.fetch(_HOLDINGS, holder_ids)
    return {(row["holder_id"], LevelKey(row["variant_id"], row["location_id"])): row["quantity"] for row in rows}


async def lock_due_on(driver: Driver, keys: Sequence[LevelKey]) -> list[UUID]:
    """Due reservations that hold units of these levels; never waits."""
    rows = await driver.fetch(_LOCK_DUE_ON_LEVELS, *_columns(keys), MAX_INLINE_EXPIRIES)
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


async def write(driver: Driver, books: Books) -> dict[UUID, datetime]:
    """Write everything the books hold, in bulk. Returns the expiry of new and extended reservations."""
    if books.postings:
        await _write_movements(driver, books)
    expiries: dict[UUID, datetime] = {}
    if books.reserved:
        expiries |= await _write_reservations(driver, books)
    if books.extensions:
        longest: dict[UUID, int] = {}
        for item in books.extensions:
            longest[item.reservation_id] = max(item.ttl_seconds, longest.get(item.reservation_id, 0))
        rows = await driver.fetch(_EXTEND, list(longest), [float(seconds) for seconds in longest.values()])
        expiries |= {row["id"]: row["expires_at"] for row in rows}
    if books.resolutions:
        await driver.execute(_RESOLVE, *_resolution_columns(books.resolutions))
    await _write_rare(driver, books)
    return expiries


async def _write_movements(driver: Driver, books: Books) -> None:
    final: dict[LevelKey, Level] = {posting.level.key: posting.level for posting in books.postings}
    levels = list(final.values())
    await driver.execute(_WRITE_MOVEMENTS, *_level_columns(levels), *_posting_columns(books.postings))


async def _write_reservations(driver: Driver, books: Books) -> dict[UUID, datetime]:
    # A reservation may be made and resolved by the same call; it is inserted first and resolved after.
    made = books.reserved
    lines = [(command.reservation_id, key, quantity) for _, command, units in made for key, quantity in units]
    rows = await driver.fetch(
        _WRITE_RESERVATIONS,
        [command.reservation_id for _, command, _ in made],
        [command.owner.value for _, command, _ in made],
        [actor.principal_id for actor, _, _ in made],
        [actor.channel_id for actor, _, _ in made],
        [command.customer_id for _, command, _ in made],
        [None if command.ttl_seconds is None else float(command.ttl_seconds) for _, command, _ in made],
        [line[0] for line in lines],
        [line[1].variant_id for line in lines],
        [line[1].location_id for line in lines],
        [line[2] for line in lines],
        float(EXTENSION_CAP_SECONDS),
    )
    return {row["id"]: row["expires_at"] for row in rows}


async def _write_rare(driver: Driver, books: Books) -> None:
    kept = {name: quantity for name, quantity in books.changed_holdings.items() if quantity}
    gone = [name for name, quantity in books.changed_holdings.items() if not quantity]
    if kept:
        await driver.execute(_HOLD, *_holding_columns(list(kept)), list(kept.values()))
    if gone:
        await driver.execute(_LET_GO, *_holding_columns(gone))
    if books.relocations:
        await _write_relocations(driver, books.relocations)
    if books.adoptions:
        await driver.execute(_ADOPT, books.adoptions)
    if books.safety_stocks:
        await driver.execute(
            _SET_SAFETY_STOCK, *_columns(list(books.safety_stocks)), list(books.safety_stocks.values())
        )
    if books.counted:
        await driver.execute(_COUNTED, *_columns(list(books.counted)), list(books.counted.values()))
    if books.contradicted:
        await driver.execute(_ASK_FOR_COUNT, *_columns(sorted(books.contradicted)))


async def _write_relocations(driver: Driver, relocations: Mapping[UUID, Sequence[Units]]) -> None:
    lines = [(moved, unit) for moved, units in relocations.items() for unit in units]
    await driver.execute(_FORGET_LINES, list(relocations))
    await driver.execute(
        _WRITE_LINES,
        [moved for moved, _ in lines],
        *_columns([unit.key for _, unit in lines]),
        [unit.quantity for _, unit in lines],
    )
    await driver.execute(_NOTE_CHANGE, list(relocations))


def _columns(keys: Sequence[LevelKey]) -> tuple[list[UUID], list[UUID]]:
    return [key.variant_id for key in keys], [key.location_id for key in keys]


def _holding_columns(names: Sequence[tuple[UUID, LevelKey]]) -> tuple[list[UUID], list[UUID], list[UUID]]:
    return [holder for holder, _ in names], *_columns([key for _, key in names])


def _resolution_columns(items: Sequence[Resolution]) -> tuple[list[UUID], list[str], list[UUID | None]]:
    return (
        [item.reservation_id for item in items],
        [item.status.value for item in items],
        [item.outcome_id for item in items],
    )


def _level_columns(levels: Sequence[Level]) -> tuple[list[Any], ...]:
    return (
        [level.key.variant_id for level in levels],
        [level.key.location_id for level in levels],
        [level.on_hand for level in levels],
        [level.reserved for level in levels],
        [level.allocated for level in levels],
        [level.incoming for level in levels],
        [level.damaged for level in levels],
        [level.quality_control for level in levels],
        [level.shortage for level in levels],
        [level.version for level in levels],
    )


def _posting_columns(postings: Sequence[Posting]) -> tuple[list[Any], ...]:
    return (
        [item.level.key.variant_id for item in postings],
        [item.level.key.location_id for item in postings],
        [item.level.version for item in postings],
        [item.kind.value for item in postings],
        [item.deltas.on_hand for item in postings],
        [item.deltas.reserved for item in postings],
        [item.deltas.allocated for item in postings],
        [item.deltas.incoming for item in postings],
        [item.deltas.damaged for item in postings],
        [item.deltas.quality_control for item in postings],
        [item.reason for item in postings],
        [item.reference_id for item in postings],
        [item.actor.principal_id for item in postings],
        [item.actor.channel_id for item in postings],
        [item.occurred_at for item in postings],
    )
