"""Note when what a read session read was booked to its transfer."""

from alembic import op

revision = "2026_11_22_15"
down_revision = "2026_11_22_14"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(
        "ALTER TABLE rfid_sessions ADD COLUMN booked_at timestamptz, ADD CONSTRAINT only_closed_reads_are_booked"
        " CHECK (booked_at IS NULL OR (status = 'CLOSED' AND transfer_id IS NOT NULL))"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE rfid_sessions DROP COLUMN booked_at")
