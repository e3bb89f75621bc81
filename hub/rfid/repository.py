"""All SQL of RFID."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from hub.infra.database import AnySession, WriteSession, raw_connection
from hub.kernel.epc import ReadEpc

_SESSION = """
SELECT id, purpose,
       CASE WHEN status = 'OPEN' AND expires_at <= hub_now() THEN 'EXPIRED' ELSE status END AS status,
       location_id, transfer_id, principal_id, tags, batches, version, opened_at, expires_at, closed_at, booked_at,
       (SELECT count(*) FROM rfid_lines AS l WHERE l.session_id = s.id) AS lines,
       (SELECT count(*) FROM rfid_lines AS l WHERE l.session_id = s.id AND l.read_units IS DISTINCT FROM l.expected)
           AS differences
FROM rfid_sessions AS s
"""
_LOCK = """
SELECT id, purpose, CASE WHEN status = 'OPEN' AND expires_at <= hub_now() THEN 'EXPIRED' ELSE status END AS status,
       location_id, transfer_id, principal_id, tags, batches, version, opened_at, expires_at, closed_at, booked_at,
       0 AS lines, 0 AS differences
FROM rfid_sessions WHERE id = $1 FOR UPDATE
"""
_OPEN = """
INSERT INTO rfid_sessions
    (id, purpose, status, location_id, transfer_id, principal_id, tags, batches, version, opened_at, expires_at)
SELECT $1, $2, 'OPEN', $3, $4, $5, 0, 0, 1, hub_now(), hub_now() + make_interval(secs => $6)
"""
_OPEN_COUNT = "SELECT count(*) FROM rfid_sessions WHERE location_id = $1 AND status = 'OPEN' AND expires_at > hub_now()"
_EXPECT = """
INSERT INTO rfid_lines (session_id, variant_id, expected, read_units, moved)
SELECT $1, variant_id, quantity, 0, false FROM unnest($2::uuid[], $3::bigint[]) AS given (variant_id, quantity)
"""
_VARIANTS = "SELECT gtin, variant_id FROM variant_barcodes WHERE gtin = ANY($1::text[])"
_ADD_TAGS = """
INSERT INTO rfid_tags (session_id, gtin, serial, variant_id, epc)
SELECT $1, gtin, serial, variant_id, epc
FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[]) AS seen (gtin, serial, variant_id, epc)
ON CONFLICT DO NOTHING
"""
_NOTE_BATCH = """
UPDATE rfid_sessions SET tags = tags + $2, batches = batches + 1, version = version + 1 WHERE id = $1 RETURNING tags
"""
_SEEN = "SELECT variant_id, count(*) AS units FROM rfid_tags WHERE session_id = $1 GROUP BY variant_id"
# A scope that was given at opening is what is counted; else all that lies there and could carry a tag. Damaged units
# and those under inspection lie there and are read too, outside onHand.
_CLOSE_COUNT = f"""
WITH seen AS ({_SEEN}),
scope AS (SELECT variant_id FROM rfid_lines WHERE session_id = $1),
there AS (
    SELECT variant_id FROM seen
    UNION
    SELECT s.variant_id FROM stock_levels AS s
    JOIN variants AS v ON v.id = s.variant_id AND v.stock_policy <> 'UNTRACKED'
    WHERE s.location_id = $2 AND (s.on_hand, s.damaged, s.quality_control) <> (0, 0, 0)
      AND EXISTS (SELECT FROM variant_barcodes AS b WHERE b.variant_id = s.variant_id)
),
wanted AS (
    SELECT variant_id FROM scope
    UNION ALL
    SELECT variant_id FROM there WHERE NOT EXISTS (SELECT FROM scope)
)
INSERT INTO rfid_lines (session_id, variant_id, expected, read_units, on_hand, counted, moved)
SELECT $1, w.variant_id,
       coalesce(s.on_hand + s.damaged + s.quality_control, 0),
       coalesce(seen.units, 0),
       coalesce(s.on_hand, 0),
       greatest(0, coalesce(seen.units, 0) - coalesce(s.damaged + s.quality_control, 0)),
       coalesce(last.recorded_at > $3, false)
FROM wanted AS w
LEFT JOIN seen USING (variant_id)
LEFT JOIN stock_levels AS s ON s.variant_id = w.variant_id AND s.location_id = $2
LEFT JOIN LATERAL (
    SELECT m.recorded_at FROM stock_movements AS m
    WHERE m.variant_id = w.variant_id AND m.location_id = $2
      AND (m.on_hand_delta, m.damaged_delta, m.quality_control_delta) <> (0, 0, 0)
    ORDER BY m.level_version DESC LIMIT 1
) AS last ON true
LIMIT $4
ON CONFLICT (session_id, variant_id) DO UPDATE
SET expected = EXCLUDED.expected, read_units = EXCLUDED.read_units, on_hand = EXCLUDED.on_hand,
    counted = EXCLUDED.counted, moved = EXCLUDED.moved
"""
_CLOSE_AGAINST_LIST = f"""
INSERT INTO rfid_lines (session_id, variant_id, expected, read_units, moved)
SELECT $1, variant_id, 0, units, false FROM ({_SEEN}) AS seen
ON CONFLICT (session_id, variant_id) DO UPDATE SET read_units = EXCLUDED.read_units
"""
_CLOSE = """
UPDATE rfid_sessions SET status = 'CLOSED', closed_at = hub_now(), version = version + 1
WHERE id = $1 RETURNING version
"""
_BOOK = "UPDATE rfid_sessions SET booked_at = hub_now(), version = version + 1 WHERE id = $1"
_DIFFERENCES = """
SELECT count(*) FILTER (WHERE read_units <> expected) AS differing,
       coalesce(sum(expected - read_units) FILTER (WHERE read_units < expected), 0)::bigint AS missing,
       coalesce(sum(read_units - expected) FILTER (WHERE read_units > expected), 0)::bigint AS extra,
       count(*) AS lines
FROM rfid_lines WHERE session_id = $1
"""
_LINE_COLUMNS = """
l.session_id, s.location_id, l.variant_id, l.expected, l.read_units AS read, l.on_hand, l.counted, l.moved,
l.applied_at, s.closed_at
"""
_LINES = f"""
SELECT {_LINE_COLUMNS} FROM rfid_lines AS l JOIN rfid_sessions AS s ON s.id = l.session_id
WHERE l.session_id = $1 AND ($2::uuid IS NULL OR l.variant_id > $2)
ORDER BY l.variant_id LIMIT $3
"""
_PROPOSED = "l.counted <> l.on_hand AND l.applied_at IS NULL"
_LOCK_PROPOSALS = f"""
SELECT {_LINE_COLUMNS} FROM rfid_lines AS l JOIN rfid_sessions AS s ON s.id = l.session_id
WHERE l.session_id = $1 AND {_PROPOSED} AND ($2::uuid[] IS NULL OR l.variant_id = ANY($2))
ORDER BY l.variant_id LIMIT $3 FOR UPDATE OF l
"""
_APPLIED = "UPDATE rfid_lines SET applied_at = hub_now() WHERE session_id = $1 AND variant_id = ANY($2::uuid[])"
_TAG_URIS = "SELECT epc FROM rfid_tags WHERE session_id = $1 ORDER BY gtin, serial"
_PROPOSAL_PAGE = """
SELECT {columns} FROM rfid_lines AS l JOIN rfid_sessions AS s ON s.id = l.session_id
WHERE {proposed} AND ($1::uuid[] IS NULL OR s.location_id = ANY($1)) AND ($2::uuid IS NULL OR l.session_id = $2)
  AND ($3::uuid IS NULL OR (l.session_id, l.variant_id) {comparison} ($3, $4::uuid))
ORDER BY l.session_id {direction}, l.variant_id {direction} LIMIT $5
"""
_SESSION_PAGE = """
{session}
WHERE ($1::uuid[] IS NULL OR s.location_id = ANY($1)) AND ($2::uuid IS NULL OR s.id {comparison} $2)
ORDER BY s.id {direction} LIMIT $3
"""
_REACH = "SELECT EXISTS (SELECT FROM channel_locations WHERE channel_id = $1 AND location_id = $2)"


class SessionView(NamedTuple):
    """A session as of now. `lines` and `differences` are 0 while it is open and nothing was announced."""

    id: UUID
    purpose: str
    status: str
    location_id: UUID
    transfer_id: UUID | None
    principal_id: UUID
    tags: int
    batches: int
    version: int
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    booked_at: datetime | None
    lines: int
    differences: int


class LineView(NamedTuple):
    session_id: UUID
    location_id: UUID
    variant_id: UUID
    expected: int | None
    read: int
    on_hand: int | None
    counted: int | None
    moved: bool
    applied_at: datetime | None
    closed_at: datetime | None

    @property
    def difference(self) -> int:
        """Units read beyond (or, below 0, short of) what was expected."""
        return self.read - (self.expected or 0)


class Differences(NamedTuple):
    """How many lines differ, and by how many units in each direction."""

    differing: int
    missing: int
    extra: int
    lines: int


async def add_session(session: WriteSession, view: tuple[UUID, str, UUID, UUID | None, UUID], *, seconds: int) -> None:
    """`view`: id, purpose, location, transfer, principal."""
    await (await raw_connection(session)).execute(_OPEN, *view, seconds)


async def open_sessions_at(session: WriteSession, location_id: UUID) -> int:
    count: int = await (await raw_connection(session)).fetchval(_OPEN_COUNT, location_id)
    return count


async def expect(session: WriteSession, session_id: UUID, units: Sequence[tuple[UUID, int | None]]) -> None:
    """Announce variants; the quantity of a count is not known before it is closed."""
    driver = await raw_connection(session)
    await driver.execute(_EXPECT, session_id, [variant for variant, _ in units], [quantity for _, quantity in units])


async def lock_session(session: WriteSession, session_id: UUID) -> SessionView | None:
    row = await (await raw_connection(session)).fetchrow(_LOCK, session_id)
    return None if row is None else SessionView(*row)


async def session_by_id(session: AnySession, session_id: UUID) -> SessionView | None:
    row = await (await raw_connection(session)).fetchrow(f"{_SESSION} WHERE s.id = $1", session_id)
    return None if row is None else SessionView(*row)


async def variants_by_gtins(session: AnySession, gtins: Sequence[str]) -> dict[str, UUID]:
    return dict(await (await raw_connection(session)).fetch(_VARIANTS, sorted(set(gtins))))  # type: ignore[arg-type]


async def add_tags(session: WriteSession, session_id: UUID, tags: Sequence[tuple[ReadEpc, UUID]]) -> int:
    """How many of them the session had not seen."""
    driver = await raw_connection(session)
    epcs = [epc for epc, _ in tags]
    told = await driver.execute(
        _ADD_TAGS,
        session_id,
        [epc.gtin for epc in epcs],
        [epc.serial for epc in epcs],
        [variant for _, variant in tags],
        [epc.uri for epc in epcs],
    )
    return int(told.rpartition(" ")[2])


async def note_batch(session: WriteSession, session_id: UUID, added: int) -> int:
    """The number of tags that the session holds now."""
    tags: int = await (await raw_connection(session)).fetchval(_NOTE_BATCH, session_id, added)
    return tags


async def compare_with_stock(session: WriteSession, view: SessionView, *, limit: int) -> None:
    """Write a line for each variant that was counted; no more than `limit`."""
    await (await raw_connection(session)).execute(_CLOSE_COUNT, view.id, view.location_id, view.opened_at, limit)


async def compare_with_list(session: WriteSession, session_id: UUID) -> None:
    """Bring what was read into the announced lines, and add those that nobody announced."""
    await (await raw_connection(session)).execute(_CLOSE_AGAINST_LIST, session_id)


async def close(session: WriteSession, session_id: UUID) -> int:
    """The session's new version."""
    version: int = await (await raw_connection(session)).fetchval(_CLOSE, session_id)
    return version


async def mark_booked(session: WriteSession, session_id: UUID) -> None:
    await (await raw_connection(session)).execute(_BOOK, session_id)


async def differences(session: AnySession, session_id: UUID) -> Differences:
    row = await (await raw_connection(session)).fetchrow(_DIFFERENCES, session_id)
    return Differences(*_present(row))


async def lines(session: AnySession, session_id: UUID, *, after: UUID | None, limit: int) -> list[LineView]:
    rows = await (await raw_connection(session)).fetch(_LINES, session_id, after, limit)
    return [LineView(*row) for row in rows]


async def lock_proposals(
    session: WriteSession, session_id: UUID, variants: Sequence[UUID] | None, *, limit: int
) -> list[LineView]:
    """Proposals that nobody has applied, in the order of their levels' locks."""
    rows = await (await raw_connection(session)).fetch(_LOCK_PROPOSALS, session_id, variants, limit)
    return [LineView(*row) for row in rows]


async def mark_applied(session: WriteSession, session_id: UUID, variants: Sequence[UUID]) -> None:
    await (await raw_connection(session)).execute(_APPLIED, session_id, variants)


async def tag_uris(session: AnySession, session_id: UUID) -> list[str]:
    return [row[0] for row in await (await raw_connection(session)).fetch(_TAG_URIS, session_id)]


async def is_in_pool(session: AnySession, channel_id: UUID, location_id: UUID) -> bool:
    found: bool = await (await raw_connection(session)).fetchval(_REACH, channel_id, location_id)
    return found


async def sessions_page(
    session: AnySession,
    location_ids: Sequence[UUID] | None,
    *,
    limit: int,
    after: UUID | None = None,
    backwards: bool = False,
) -> list[SessionView]:
    """Newest first."""
    comparison, direction = (">", "ASC") if backwards else ("<", "DESC")
    query = _SESSION_PAGE.format(session=_SESSION, comparison=comparison, direction=direction)
    rows = await (await raw_connection(session)).fetch(query, location_ids, after, limit)
    return [SessionView(*row) for row in rows]


async def proposals_page(
    session: AnySession,
    location_ids: Sequence[UUID] | None,
    session_id: UUID | None,
    *,
    limit: int,
    after: tuple[UUID, UUID] | None = None,
    backwards: bool = False,
) -> list[LineView]:
    """Proposals that nobody has applied, newest session first."""
    comparison, direction = (">", "ASC") if backwards else ("<", "DESC")
    query = _PROPOSAL_PAGE.format(columns=_LINE_COLUMNS, proposed=_PROPOSED, comparison=comparison, direction=direction)
    rows = await (await raw_connection(session)).fetch(query, location_ids, session_id, *(after or (None, None)), limit)
    return [LineView(*row) for row in rows]


def _present(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise LookupError("an aggregate gives one row")
    return row
