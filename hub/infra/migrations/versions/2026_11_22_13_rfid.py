"""Create the tables of RFID read sessions."""

from alembic import op

revision = "2026_11_22_13"
down_revision = "2026_11_22_12"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE rfid_sessions (
        id uuid PRIMARY KEY,
        purpose text NOT NULL CONSTRAINT rfid_purpose_is_known CHECK (purpose IN ('COUNT', 'DISPATCH', 'RECEIPT')),
        status text NOT NULL CONSTRAINT rfid_status_is_known CHECK (status IN ('OPEN', 'CLOSED')),
        location_id uuid NOT NULL REFERENCES locations (id),
        transfer_id uuid,
        principal_id uuid NOT NULL,
        tags bigint NOT NULL,
        batches bigint NOT NULL,
        version bigint NOT NULL,
        opened_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT closed_rfid_sessions_say_when CHECK ((status = 'CLOSED') = (closed_at IS NOT NULL)),
        CONSTRAINT counts_belong_to_no_transfer CHECK (purpose <> 'COUNT' OR transfer_id IS NULL)
    )
    """,
    "CREATE INDEX rfid_sessions_by_location ON rfid_sessions (location_id, id)",
    "CREATE INDEX rfid_sessions_by_age ON rfid_sessions (opened_at)",
    """
    CREATE TABLE rfid_tags (
        session_id uuid NOT NULL REFERENCES rfid_sessions (id),
        gtin text NOT NULL,
        serial text NOT NULL,
        variant_id uuid NOT NULL,
        epc text NOT NULL,
        CONSTRAINT an_item_is_read_once_per_session PRIMARY KEY (session_id, gtin, serial)
    )
    """,
    """
    CREATE TABLE rfid_lines (
        session_id uuid NOT NULL REFERENCES rfid_sessions (id),
        variant_id uuid NOT NULL,
        expected bigint,
        read_units bigint NOT NULL CONSTRAINT read_units_are_not_negative CHECK (read_units >= 0),
        on_hand bigint,
        counted bigint CONSTRAINT proposed_count_is_not_negative CHECK (counted >= 0),
        moved boolean NOT NULL,
        applied_at timestamptz,
        CONSTRAINT rfid_session_has_a_variant_once PRIMARY KEY (session_id, variant_id),
        CONSTRAINT a_proposal_says_what_it_replaces CHECK ((counted IS NULL) = (on_hand IS NULL)),
        CONSTRAINT only_proposals_are_applied CHECK (applied_at IS NULL OR counted IS NOT NULL)
    )
    """,
    """
    CREATE INDEX rfid_proposals ON rfid_lines (session_id, variant_id) WHERE counted <> on_hand AND applied_at IS NULL
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE rfid_lines, rfid_tags, rfid_sessions")
