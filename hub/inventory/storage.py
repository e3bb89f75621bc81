"""All SQL that the stock engine writes with, on the raw driver: `tests/bench` shows what the ORM would cost."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.inventory.books import Books, Posting, Resolution
from hub.inventory.locking import Driver, key_columns
from hub.inventory.rules import Level
from hub.inventory.units import LevelKey, Units

EXTENSION_CAP_SECONDS = 86_400
"""A reservation that is extended again and again still ends a day after it was made."""

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
            _SET_SAFETY_STOCK, *key_columns(list(books.safety_stocks)), list(books.safety_stocks.values())
        )
    if books.counted:
        await driver.execute(_COUNTED, *key_columns(list(books.counted)), list(books.counted.values()))
    if books.contradicted:
        await driver.execute(_ASK_FOR_COUNT, *key_columns(sorted(books.contradicted)))


async def _write_relocations(driver: Driver, relocations: Mapping[UUID, Sequence[Units]]) -> None:
    lines = [(moved, unit) for moved, units in relocations.items() for unit in units]
    await driver.execute(_FORGET_LINES, list(relocations))
    await driver.execute(
        _WRITE_LINES,
        [moved for moved, _ in lines],
        *key_columns([unit.key for _, unit in lines]),
        [unit.quantity for _, unit in lines],
    )
    await driver.execute(_NOTE_CHANGE, list(relocations))


def _holding_columns(names: Sequence[tuple[UUID, LevelKey]]) -> tuple[list[UUID], list[UUID], list[UUID]]:
    return [holder for holder, _ in names], *key_columns([key for _, key in names])


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
