"""Create the tables of channels and locations."""

from alembic import op

revision = "2026_11_22_02"
down_revision = "2026_11_22_01"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE channels (
        id uuid PRIMARY KEY,
        code text NOT NULL CONSTRAINT channel_code_is_unique UNIQUE
            CONSTRAINT channel_code_is_a_slug CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
        name text NOT NULL,
        kind text NOT NULL CONSTRAINT channel_kind_is_known
            CHECK (kind IN ('STOREFRONT', 'MARKETPLACE', 'SOCIAL', 'POS', 'WAREHOUSE', 'ERP')),
        system text NOT NULL,
        currency text NOT NULL,
        prices_include_tax boolean NOT NULL,
        weight_unit text NOT NULL DEFAULT 'kg' CONSTRAINT channel_weight_unit_is_known CHECK (weight_unit IN ('g', 'kg', 'oz', 'lb')),
        go_live_at timestamptz NOT NULL,
        stock_buffer bigint NOT NULL DEFAULT 0 CONSTRAINT channel_buffer_is_not_negative CHECK (stock_buffer >= 0),
        publishes_stock boolean NOT NULL DEFAULT true,
        settings_encrypted bytea,
        active boolean NOT NULL DEFAULT true,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE locations (
        id uuid PRIMARY KEY,
        code text NOT NULL CONSTRAINT location_code_is_unique UNIQUE
            CONSTRAINT location_code_is_a_slug CHECK (code ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
        name text NOT NULL,
        kind text NOT NULL CONSTRAINT location_kind_is_known CHECK (kind IN ('STORE', 'WAREHOUSE', 'POP_UP', 'EXTERNAL')),
        latitude double precision CONSTRAINT location_latitude_is_degrees CHECK (latitude BETWEEN -90 AND 90),
        longitude double precision CONSTRAINT location_longitude_is_degrees CHECK (longitude BETWEEN -180 AND 180),
        time_zone text NOT NULL,
        country_code text NOT NULL DEFAULT '',
        postal_code text NOT NULL DEFAULT '',
        city text NOT NULL DEFAULT '',
        opening_hours jsonb,
        capabilities text[] NOT NULL DEFAULT '{}' CONSTRAINT location_capabilities_are_known
            CHECK (capabilities <@ ARRAY['SHIP', 'PICKUP', 'LOCAL_DELIVERY', 'RETURNS']),
        daily_capacity integer CONSTRAINT location_capacity_is_not_negative CHECK (daily_capacity >= 0),
        active boolean NOT NULL DEFAULT true,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE channel_locations (
        channel_id uuid NOT NULL REFERENCES channels (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        external_location_id text,
        CONSTRAINT channel_pool_holds_a_location_once PRIMARY KEY (channel_id, location_id),
        CONSTRAINT external_location_is_unique_per_channel UNIQUE (channel_id, external_location_id)
    )
    """,
    """
    CREATE INDEX channel_locations_by_location ON channel_locations (location_id)
    """,
    """
    CREATE TABLE terminals (
        id uuid PRIMARY KEY,
        code text NOT NULL CONSTRAINT terminal_code_is_unique UNIQUE,
        channel_id uuid NOT NULL REFERENCES channels (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
)

UNDO: tuple[str, ...] = ("DROP TABLE terminals, channel_locations, locations, channels",)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
