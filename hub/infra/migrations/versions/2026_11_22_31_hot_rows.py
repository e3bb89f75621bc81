"""Tune the tables whose rows change all the time, and find the reservations that may be forgotten."""

from alembic import op

revision = "2026_11_22_31"
down_revision = "2026_11_22_30"
branch_labels = None
depends_on = None

# docs/operating/storage.md explains each number.
SETTINGS: dict[str, str] = {
    "stock_levels": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,"
    " autovacuum_analyze_scale_factor = 0.1",
    "reservations": "fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000",
    "reservation_lines": "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2",
    "outbox": "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,"
    " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000",
} | {
    f"idempotency_keys_{part}": "autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2"
    for part in range(8)
}

STATEMENTS: tuple[str, ...] = (
    *(f"ALTER TABLE {table} SET ({settings})" for table, settings in SETTINGS.items()),
    "CREATE INDEX reservations_given_back ON reservations (resolved_at) WHERE status IN ('RELEASED', 'EXPIRED')",
    "CREATE INDEX orders_by_reservation ON orders (reservation_id) WHERE reservation_id IS NOT NULL",
)

UNDO: tuple[str, ...] = (
    "DROP INDEX orders_by_reservation",
    "DROP INDEX reservations_given_back",
    *(
        f"ALTER TABLE {table} RESET ({', '.join(item.split(' = ')[0].strip() for item in settings.split(','))})"
        for table, settings in SETTINGS.items()
    ),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
