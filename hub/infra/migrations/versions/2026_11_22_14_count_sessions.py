"""Count a location in sessions: lines, recounts, variances."""

from alembic import op

revision = "2026_11_22_14"
down_revision = "2026_11_22_13"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE count_sessions (
        id uuid PRIMARY KEY,
        location_id uuid NOT NULL REFERENCES locations (id),
        status text NOT NULL CONSTRAINT count_session_status_is_known CHECK (status IN ('OPEN', 'APPLIED', 'CANCELLED')),
        blind boolean NOT NULL,
        recount_above bigint CONSTRAINT recount_threshold_is_not_negative CHECK (recount_above >= 0),
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT closed_count_session_says_when CHECK ((status = 'OPEN') = (closed_at IS NULL))
    )
    """,
    """
    CREATE INDEX count_sessions_newest ON count_sessions (created_at DESC, id DESC)
    """,
    """
    CREATE TABLE count_lines (
        session_id uuid NOT NULL REFERENCES count_sessions (id),
        variant_id uuid NOT NULL REFERENCES variants (id),
        status text NOT NULL CONSTRAINT count_line_status_is_known CHECK (status IN (
            'TO_COUNT', 'RECOUNT', 'COUNTED', 'APPLIED')),
        expected bigint,
        counted bigint CONSTRAINT counted_quantity_is_not_negative CHECK (counted >= 0),
        counted_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        reason text,
        CONSTRAINT count_session_names_a_variant_once PRIMARY KEY (session_id, variant_id),
        CONSTRAINT counted_line_says_what_and_when CHECK (
            status NOT IN ('COUNTED', 'APPLIED')
            OR (counted IS NOT NULL AND expected IS NOT NULL AND counted_at IS NOT NULL)),
        CONSTRAINT applied_variance_says_why CHECK (status <> 'APPLIED' OR counted = expected OR reason IS NOT NULL)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE count_lines, count_sessions")
