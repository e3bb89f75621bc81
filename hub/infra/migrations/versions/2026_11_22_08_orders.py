"""Create the tables of orders."""

from alembic import op

revision = "2026_11_22_08"
down_revision = "2026_11_22_07"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE orders (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        external_id text NOT NULL,
        number text NOT NULL,
        origin text,
        status text NOT NULL CONSTRAINT order_status_is_known
            CHECK (status IN ('PENDING_PAYMENT', 'OPEN', 'COMPLETED', 'CANCELLED')),
        hold text CONSTRAINT order_hold_is_known
            CHECK (hold IN ('UNMAPPED_LINE', 'CHANNEL_CONFLICT', 'UNKNOWN_STATE', 'UNKNOWN_LOCATION', 'GO_LIVE_REVIEW')),
        is_history boolean NOT NULL DEFAULT false,
        method text NOT NULL CONSTRAINT order_method_is_known
            CHECK (method IN ('SHIP', 'PICKUP', 'LOCAL_DELIVERY', 'HANDED_OVER')),
        pickup_location_id uuid REFERENCES locations (id),
        destination_latitude double precision,
        destination_longitude double precision,
        currency text NOT NULL,
        prices_include_tax boolean NOT NULL,
        shipping_minor bigint NOT NULL DEFAULT 0,
        total_minor bigint NOT NULL,
        totals_match boolean NOT NULL,
        customer_id uuid REFERENCES customers (id),
        contact bytea,
        reservation_id uuid REFERENCES reservations (id),
        source_version text NOT NULL,
        content_hash text NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        placed_at timestamptz NOT NULL,
        captured_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT channel_order_is_captured_once UNIQUE (channel_id, external_id)
    )
    """,
    """
    CREATE INDEX orders_by_age ON orders (placed_at, id)
    """,
    """
    CREATE INDEX orders_by_channel ON orders (channel_id, placed_at, id)
    """,
    """
    CREATE INDEX orders_by_customer ON orders (customer_id, placed_at, id) WHERE customer_id IS NOT NULL
    """,
    """
    CREATE INDEX orders_open ON orders (placed_at, id) WHERE status = 'OPEN'
    """,
    """
    CREATE TABLE order_lines (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders (id),
        position integer NOT NULL,
        external_id text NOT NULL,
        variant_id uuid REFERENCES variants (id),
        kind text NOT NULL CONSTRAINT order_line_kind_is_known CHECK (kind IN ('GOODS', 'BUNDLE', 'CUSTOM', 'FEE')),
        fulfilled_by text NOT NULL CONSTRAINT order_line_fulfiller_is_known
            CHECK (fulfilled_by IN ('HUB', 'CHANNEL', 'HANDED_OVER')),
        sku text,
        title text NOT NULL,
        quantity bigint NOT NULL CONSTRAINT ordered_quantity_is_positive CHECK (quantity > 0),
        cancelled bigint NOT NULL DEFAULT 0,
        fulfilled bigint NOT NULL DEFAULT 0,
        returned bigint NOT NULL DEFAULT 0,
        unit_price_minor bigint NOT NULL,
        discount_minor bigint NOT NULL DEFAULT 0,
        tax_minor bigint NOT NULL DEFAULT 0,
        CONSTRAINT order_line_is_captured_once UNIQUE (order_id, external_id),
        CONSTRAINT line_units_are_accounted_for
            CHECK (cancelled >= 0 AND fulfilled >= 0 AND returned >= 0
                   AND cancelled + fulfilled <= quantity AND returned <= fulfilled)
    )
    """,
    """
    CREATE INDEX order_lines_by_variant ON order_lines (variant_id) WHERE variant_id IS NOT NULL
    """,
    """
    CREATE TABLE order_payments (
        order_id uuid NOT NULL REFERENCES orders (id),
        reference text NOT NULL,
        method text NOT NULL,
        amount_minor bigint NOT NULL,
        currency text NOT NULL,
        paid_at timestamptz,
        CONSTRAINT payment_reference_is_kept_once PRIMARY KEY (order_id, reference)
    )
    """,
    """
    CREATE TABLE order_events (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders (id),
        kind text NOT NULL,
        principal_id uuid NOT NULL,
        channel_id uuid,
        detail jsonb NOT NULL DEFAULT '{}',
        at timestamptz NOT NULL
    )
    """,
    """
    CREATE INDEX order_events_by_order ON order_events (order_id, at, id)
    """,
    """
    CREATE TRIGGER order_events_are_append_only BEFORE UPDATE OR DELETE ON order_events
        FOR EACH STATEMENT EXECUTE FUNCTION hub_append_only()
    """,
    """
    CREATE TABLE order_returns (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders (id),
        channel_id uuid REFERENCES channels (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE INDEX order_returns_by_order ON order_returns (order_id)
    """,
    """
    CREATE TABLE order_return_lines (
        id uuid PRIMARY KEY,
        return_id uuid NOT NULL REFERENCES order_returns (id),
        order_line_id uuid NOT NULL REFERENCES order_lines (id),
        quantity bigint NOT NULL CONSTRAINT returned_quantity_is_positive CHECK (quantity > 0),
        condition text NOT NULL CONSTRAINT return_condition_is_known CHECK (condition IN ('SELLABLE', 'INSPECT', 'DAMAGED'))
    )
    """,
    """
    CREATE INDEX order_return_lines_by_return ON order_return_lines (return_id)
    """,
)

UNDO: tuple[str, ...] = (
    "DROP TABLE order_return_lines, order_returns, order_events, order_payments, order_lines, orders",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
