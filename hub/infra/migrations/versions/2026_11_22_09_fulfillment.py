"""Create the tables of fulfillment."""

from alembic import op

revision = "2026_11_22_09"
down_revision = "2026_11_22_08"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE routing_decisions (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders (id),
        run integer NOT NULL,
        cause text NOT NULL,
        snapshot jsonb NOT NULL,
        decision jsonb NOT NULL,
        decided_at timestamptz NOT NULL,
        CONSTRAINT routing_runs_of_an_order_are_numbered UNIQUE (order_id, run)
    )
    """,
    """
    CREATE TABLE fulfillment_orders (
        id uuid PRIMARY KEY,
        number bigint GENERATED ALWAYS AS IDENTITY,
        order_id uuid NOT NULL REFERENCES orders (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        routing_decision_id uuid REFERENCES routing_decisions (id),
        method text NOT NULL CONSTRAINT fulfillment_method_is_known CHECK (method IN ('SHIP', 'PICKUP', 'LOCAL_DELIVERY')),
        status text NOT NULL CONSTRAINT fulfillment_status_is_known
            CHECK (status IN ('OPEN', 'IN_PROGRESS', 'READY', 'CLOSED', 'ON_HOLD', 'REJECTED', 'CANCELLED')),
        reject_reason text,
        carrier text,
        tracking_number text,
        tracking_url text,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        accepted_at timestamptz,
        ready_at timestamptz,
        closed_at timestamptz
    )
    """,
    """
    CREATE INDEX fulfillment_orders_queue ON fulfillment_orders (location_id, status, created_at, id)
    """,
    """
    CREATE INDEX fulfillment_orders_by_order ON fulfillment_orders (order_id)
    """,
    """
    CREATE TABLE fulfillment_order_lines (
        id uuid PRIMARY KEY,
        fulfillment_order_id uuid NOT NULL REFERENCES fulfillment_orders (id),
        order_line_id uuid NOT NULL REFERENCES order_lines (id),
        variant_id uuid NOT NULL REFERENCES variants (id),
        quantity bigint NOT NULL CONSTRAINT fulfillment_quantity_is_positive CHECK (quantity > 0),
        CONSTRAINT fulfillment_order_has_a_line_once UNIQUE (fulfillment_order_id, order_line_id)
    )
    """,
    """
    CREATE INDEX fulfillment_order_lines_by_order_line ON fulfillment_order_lines (order_line_id)
    """,
    """
    CREATE TABLE routing_rejections (
        order_id uuid NOT NULL REFERENCES orders (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        reason text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT a_location_rejects_an_order_once PRIMARY KEY (order_id, location_id)
    )
    """,
)

UNDO: tuple[str, ...] = (
    "DROP TABLE routing_rejections, fulfillment_order_lines, fulfillment_orders, routing_decisions",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
