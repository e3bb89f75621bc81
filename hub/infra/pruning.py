"""Forgetting what nobody needs any more, a bounded batch at a time."""

from dataclasses import dataclass

from sqlalchemy import text

from hub.infra import metrics
from hub.infra.database import Database

BATCH = 5000
MAX_BATCHES = 20
"""Per run: what is left waits for the next run, so that pruning never holds others up."""


@dataclass(frozen=True, slots=True)
class Retention:
    table: str
    days: int
    statement: str


RETENTIONS = (
    Retention(
        "work_items",
        7,
        """
        DELETE FROM work_items WHERE id IN (
            SELECT id FROM work_items
            WHERE state = 'DONE' AND finished_at < (SELECT hub_now()) - make_interval(days => :days)
            ORDER BY finished_at LIMIT :batch FOR UPDATE SKIP LOCKED)
        """,
    ),
    Retention(
        "rfid_tags",
        30,
        """
        DELETE FROM rfid_tags WHERE (session_id, gtin, serial) IN (
            SELECT t.session_id, t.gtin, t.serial FROM rfid_sessions AS s JOIN rfid_tags AS t ON t.session_id = s.id
            WHERE s.opened_at < (SELECT hub_now()) - make_interval(days => :days)
            LIMIT :batch FOR UPDATE OF t SKIP LOCKED)
        """,
    ),
    Retention(
        "rfid_lines",
        400,
        """
        DELETE FROM rfid_lines WHERE (session_id, variant_id) IN (
            SELECT l.session_id, l.variant_id FROM rfid_sessions AS s JOIN rfid_lines AS l ON l.session_id = s.id
            WHERE s.opened_at < (SELECT hub_now()) - make_interval(days => :days)
            LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
        """,
    ),
    Retention(
        "rfid_sessions",
        400,
        """
        DELETE FROM rfid_sessions WHERE id IN (
            SELECT id FROM rfid_sessions AS s
            WHERE s.opened_at < (SELECT hub_now()) - make_interval(days => :days)
              AND NOT EXISTS (SELECT FROM rfid_tags AS t WHERE t.session_id = s.id)
              AND NOT EXISTS (SELECT FROM rfid_lines AS l WHERE l.session_id = s.id)
            LIMIT :batch FOR UPDATE SKIP LOCKED)
        """,
    ),
    Retention(
        "idempotency_keys",
        30,
        """
        DELETE FROM idempotency_keys WHERE (principal_id, key) IN (
            SELECT principal_id, key FROM idempotency_keys
            WHERE created_at < (SELECT hub_now()) - make_interval(days => :days)
            ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED)
        """,
    ),
    # Committed ones stay beside the order or receipt that they became, and so do those that an order still names.
    Retention(
        "reservations",
        30,
        """
        WITH given_back AS MATERIALIZED (
            SELECT r.id FROM reservations AS r
            WHERE r.status IN ('RELEASED', 'EXPIRED')
              AND r.resolved_at < (SELECT hub_now()) - make_interval(days => :days)
              AND NOT EXISTS (SELECT FROM orders AS o WHERE o.reservation_id = r.id)
            ORDER BY r.resolved_at LIMIT :batch FOR UPDATE OF r SKIP LOCKED
        ), lines AS (
            DELETE FROM reservation_lines WHERE reservation_id IN (SELECT id FROM given_back)
        )
        DELETE FROM reservations WHERE id IN (SELECT id FROM given_back)
        """,
    ),
)


async def prune_all(database: Database) -> dict[str, int]:
    """Delete what is past its retention: how many rows per table."""
    return {retention.table: await prune(database, retention) for retention in RETENTIONS}


async def prune(database: Database, retention: Retention, *, batch: int = BATCH) -> int:
    """One table, in transactions of `batch` rows."""
    total = 0
    for _ in range(MAX_BATCHES):
        async with database.write() as session:
            deleted = await session.execute(text(retention.statement), {"days": retention.days, "batch": batch})
            count: int = deleted.rowcount  # type: ignore[attr-defined]
        total += count
        if count < batch:
            break
    metrics.pruned.labels(retention.table).inc(total)
    return total
