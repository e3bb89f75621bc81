"""Create the tables of foundation."""

from alembic import op

revision = "2026_11_22_01"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE EXTENSION IF NOT EXISTS pg_trgm
    """,
    """
    -- The one clock that decides. Tests move it with ALTER DATABASE … SET hub.clock_offset; production never sets it.
    CREATE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
        SELECT clock_timestamp() + coalesce(nullif(current_setting('hub.clock_offset', true), ''), '0')::interval
    $$
    """,
    """
    CREATE FUNCTION hub_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        topic text NOT NULL,
        entity_id uuid NOT NULL,
        entity_version bigint NOT NULL,
        payload jsonb NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE events (
        seq bigint PRIMARY KEY,
        topic text NOT NULL,
        entity_id uuid NOT NULL,
        entity_version bigint NOT NULL,
        payload jsonb NOT NULL,
        recorded_at timestamptz NOT NULL,
        relayed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE INDEX events_by_age ON events (relayed_at)
    """,
    """
    CREATE TABLE relay_state (
        singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT relay_state_is_one_row CHECK (singleton),
        last_seq bigint NOT NULL
    )
    """,
    """
    INSERT INTO relay_state (last_seq) VALUES (0)
    """,
    """
    CREATE TABLE event_consumers (
        name text PRIMARY KEY,
        last_seq bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE work_items (
        id uuid PRIMARY KEY,
        queue text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        state text NOT NULL DEFAULT 'READY'
            CONSTRAINT work_state_is_known CHECK (state IN ('READY', 'RUNNING', 'DONE', 'QUARANTINED')),
        generation bigint NOT NULL DEFAULT 1,
        attempts integer NOT NULL DEFAULT 0,
        starts integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL,
        lease_until timestamptz,
        fence bigint NOT NULL DEFAULT 0,
        last_error text,
        created_at timestamptz NOT NULL,
        finished_at timestamptz,
        CONSTRAINT work_is_one_row_per_subject UNIQUE (kind, subject)
    )
    """,
    """
    CREATE INDEX work_items_due ON work_items (queue, due_at) WHERE state = 'READY'
    """,
    """
    CREATE INDEX work_items_leased ON work_items (lease_until) WHERE state = 'RUNNING'
    """,
    """
    CREATE INDEX work_items_done ON work_items (finished_at) WHERE state = 'DONE'
    """,
    """
    CREATE INDEX work_items_quarantined ON work_items (id) WHERE state = 'QUARANTINED'
    """,
    """
    CREATE TABLE idempotency_keys (
        principal_id uuid NOT NULL,
        key text NOT NULL CONSTRAINT idempotency_key_is_short CHECK (length(key) BETWEEN 1 AND 128),
        operation text NOT NULL,
        input_hash bytea NOT NULL,
        outcome jsonb,
        created_at timestamptz NOT NULL,
        CONSTRAINT idempotency_key_is_unique_per_principal PRIMARY KEY (principal_id, key)
    ) PARTITION BY HASH (principal_id, key)
    """,
    """
    DO $$ BEGIN
        FOR part IN 0..7 LOOP
            EXECUTE format('CREATE TABLE idempotency_keys_%s PARTITION OF idempotency_keys '
                           'FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
        END LOOP;
    END $$
    """,
    """
    CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)
    """,
    """
    CREATE TABLE audit_log (
        id uuid PRIMARY KEY,
        at timestamptz NOT NULL,
        principal_id uuid NOT NULL,
        principal_kind text NOT NULL,
        acting_for uuid,
        operation text NOT NULL,
        input_hash bytea NOT NULL,
        entity_ids uuid[] NOT NULL DEFAULT '{}',
        request_id text
    )
    """,
    """
    CREATE INDEX audit_log_by_principal ON audit_log (principal_id, at)
    """,
    """
    CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
        FOR EACH ROW EXECUTE FUNCTION hub_append_only()
    """,
)

UNDO: tuple[str, ...] = (
    "DROP TABLE audit_log, idempotency_keys, work_items, event_consumers, relay_state, events, outbox",
    "DROP FUNCTION hub_append_only()",
    "DROP FUNCTION hub_now()",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
