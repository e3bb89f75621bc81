"""Create the tables of channel sync."""

from alembic import op

revision = "2026_11_22_10"
down_revision = "2026_11_22_09"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE inbox (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        event_id text NOT NULL CONSTRAINT inbox_event_id_is_short CHECK (length(event_id) BETWEEN 1 AND 255),
        topic text NOT NULL CONSTRAINT inbox_topic_is_known
            CHECK (topic IN ('ORDER', 'PRODUCT', 'STOCK', 'CUSTOMER', 'REFUND', 'IGNORED', 'UNKNOWN')),
        external_topic text NOT NULL DEFAULT '',
        external_id text,
        occurred_at timestamptz,
        headers jsonb NOT NULL DEFAULT '{}',
        body bytea,
        state text NOT NULL CONSTRAINT inbox_state_is_known CHECK (state IN ('RECEIVED', 'DONE', 'PARKED', 'IGNORED')),
        error_code text,
        error_detail text,
        received_at timestamptz NOT NULL,
        processed_at timestamptz,
        CONSTRAINT channel_event_is_received_once UNIQUE (channel_id, event_id),
        CONSTRAINT only_waiting_events_are_unprocessed CHECK ((state = 'RECEIVED') = (processed_at IS NULL)),
        CONSTRAINT parked_event_says_why CHECK ((state = 'PARKED') = (error_code IS NOT NULL))
    )
    """,
    """
    CREATE INDEX inbox_by_age ON inbox (received_at)
    """,
    """
    CREATE INDEX inbox_waiting ON inbox (received_at) WHERE state = 'RECEIVED'
    """,
    """
    CREATE INDEX inbox_parked ON inbox (channel_id, received_at) WHERE state = 'PARKED'
    """,
    """
    -- How far a channel was read. `watermark` is the instant up to which it is complete; while a pass is under way
    -- `page`, `pass_since` and `pass_started_at` say where it goes on.
    CREATE TABLE channel_cursors (
        channel_id uuid NOT NULL REFERENCES channels (id),
        kind text NOT NULL CONSTRAINT cursor_kind_is_known CHECK (kind IN ('ORDERS', 'CATALOG', 'STOCK_PUBLISH', 'STOCK_READ')),
        watermark timestamptz,
        page text,
        pass_since timestamptz,
        pass_started_at timestamptz,
        failures bigint NOT NULL DEFAULT 0,
        last_error text,
        ran_at timestamptz,
        CONSTRAINT channel_has_one_cursor_per_kind PRIMARY KEY (channel_id, kind),
        CONSTRAINT cursor_failures_are_counted CHECK (failures >= 0)
    )
    """,
    """
    -- What a channel should show (desired), was last told (published) and last showed (observed), per listing and,
    -- where the channel counts per place, location. A row without location on such a channel means: make its rows.
    CREATE TABLE listing_stock (
        id uuid PRIMARY KEY,
        listing_id uuid NOT NULL REFERENCES listings (id),
        channel_id uuid NOT NULL REFERENCES channels (id),
        variant_id uuid NOT NULL REFERENCES variants (id),
        location_id uuid REFERENCES locations (id),
        desired bigint CONSTRAINT desired_stock_is_not_negative CHECK (desired >= 0),
        desired_at timestamptz,
        published bigint CONSTRAINT published_stock_is_not_negative CHECK (published >= 0),
        published_at timestamptz,
        observed bigint,
        observed_at timestamptz,
        dirty_seq bigint NOT NULL DEFAULT 1,
        clean_seq bigint NOT NULL DEFAULT 0,
        resend boolean NOT NULL DEFAULT false,
        drift_seen smallint NOT NULL DEFAULT 0 CONSTRAINT drift_is_seen_before_it_is_told CHECK (drift_seen BETWEEN 0 AND 1),
        failures bigint NOT NULL DEFAULT 0,
        last_error text,
        next_attempt_at timestamptz,
        CONSTRAINT listing_is_published_once_per_place UNIQUE NULLS NOT DISTINCT (listing_id, location_id),
        CONSTRAINT listing_is_clean_only_after_it_was_dirty CHECK (clean_seq <= dirty_seq),
        CONSTRAINT published_stock_has_its_instant CHECK ((published IS NULL) = (published_at IS NULL))
    )
    """,
    """
    CREATE INDEX listing_stock_dirty ON listing_stock (channel_id) WHERE dirty_seq > clean_seq
    """,
    """
    CREATE INDEX listing_stock_by_variant ON listing_stock (variant_id)
    """,
    """
    CREATE INDEX listing_stock_by_channel ON listing_stock (channel_id, observed_at NULLS FIRST)
    """,
    """
    CREATE TABLE channel_drifts (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        listing_id uuid NOT NULL REFERENCES listings (id),
        location_id uuid REFERENCES locations (id),
        published bigint NOT NULL,
        observed bigint NOT NULL,
        sold_since bigint NOT NULL CONSTRAINT drift_sales_are_not_negative CHECK (sold_since >= 0),
        cause text NOT NULL CONSTRAINT drift_cause_is_known CHECK (cause IN ('CHANNEL_SHOWS_LESS', 'CHANNEL_SHOWS_MORE')),
        status text NOT NULL CONSTRAINT drift_status_is_known CHECK (status IN ('OPEN', 'REPAIRED')),
        detected_at timestamptz NOT NULL,
        repaired_at timestamptz,
        CONSTRAINT repaired_drift_has_its_instant CHECK ((status = 'REPAIRED') = (repaired_at IS NOT NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX listing_has_one_open_drift_per_place ON channel_drifts (listing_id, location_id)
        NULLS NOT DISTINCT WHERE status = 'OPEN'
    """,
    """
    CREATE INDEX channel_drifts_by_channel ON channel_drifts (channel_id, detected_at)
    """,
    """
    CREATE TABLE channel_pushes (
        channel_id uuid NOT NULL REFERENCES channels (id),
        kind text NOT NULL CONSTRAINT push_kind_is_known CHECK (kind IN ('ACKNOWLEDGE', 'SHIPMENT')),
        subject_id uuid NOT NULL,
        order_id uuid NOT NULL REFERENCES orders (id),
        outcome text NOT NULL CONSTRAINT push_outcome_is_known CHECK (outcome IN ('SENT', 'REFUSED')),
        error_code text,
        pushed_at timestamptz NOT NULL,
        CONSTRAINT channel_is_told_once PRIMARY KEY (kind, subject_id),
        CONSTRAINT refused_push_says_why CHECK ((outcome = 'REFUSED') = (error_code IS NOT NULL))
    )
    """,
    """
    CREATE INDEX channel_pushes_by_order ON channel_pushes (order_id)
    """,
)

UNDO: tuple[str, ...] = ("DROP TABLE channel_pushes, channel_drifts, listing_stock, channel_cursors, inbox",)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
