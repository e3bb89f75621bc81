"""Create the tables of inventory."""

from alembic import op

revision = "2026_11_22_05"
down_revision = "2026_11_22_04"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE stock_levels (
        variant_id uuid NOT NULL REFERENCES variants (id),
        location_id uuid NOT NULL REFERENCES locations (id),
        on_hand bigint NOT NULL DEFAULT 0,
        reserved bigint NOT NULL DEFAULT 0 CONSTRAINT reserved_is_not_negative CHECK (reserved >= 0),
        allocated bigint NOT NULL DEFAULT 0 CONSTRAINT allocated_is_not_negative CHECK (allocated >= 0),
        incoming bigint NOT NULL DEFAULT 0 CONSTRAINT incoming_is_not_negative CHECK (incoming >= 0),
        damaged bigint NOT NULL DEFAULT 0 CONSTRAINT damaged_is_not_negative CHECK (damaged >= 0),
        quality_control bigint NOT NULL DEFAULT 0 CONSTRAINT quality_control_is_not_negative CHECK (quality_control >= 0),
        safety_stock bigint NOT NULL DEFAULT 0 CONSTRAINT safety_stock_is_not_negative CHECK (safety_stock >= 0),
        shortage bigint NOT NULL DEFAULT 0 CONSTRAINT shortage_is_not_negative CHECK (shortage >= 0),
        version bigint NOT NULL DEFAULT 0,
        counted_at timestamptz,
        CONSTRAINT level_is_one_row_per_variant_and_location PRIMARY KEY (variant_id, location_id),
        CONSTRAINT no_oversell_of_what_the_hub_grants CHECK (reserved + allocated <= on_hand + shortage),
        CONSTRAINT shortage_is_zero_or_exact CHECK (shortage = 0 OR shortage = reserved + allocated - on_hand)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE INDEX stock_levels_by_location ON stock_levels (location_id, variant_id)
    """,
    """
    CREATE TABLE stock_movements (
        variant_id uuid NOT NULL,
        location_id uuid NOT NULL,
        level_version bigint NOT NULL CONSTRAINT movement_version_is_positive CHECK (level_version > 0),
        kind text NOT NULL CONSTRAINT movement_kind_is_known CHECK (kind IN (
            'OPENING', 'RECEIVE', 'COUNT', 'COUNT_CORRECTION', 'ADJUST', 'RESERVE', 'RELEASE', 'EXPIRE', 'ALLOCATE',
            'DEALLOCATE', 'FULFILL', 'SELL', 'RETURN', 'DAMAGE', 'INSPECT', 'WRITE_OFF', 'TRANSFER_OUT', 'TRANSFER_IN',
            'TRANSFER_LOSS')),
        on_hand_delta bigint NOT NULL,
        reserved_delta bigint NOT NULL,
        allocated_delta bigint NOT NULL,
        incoming_delta bigint NOT NULL,
        damaged_delta bigint NOT NULL,
        quality_control_delta bigint NOT NULL,
        reason text,
        reference_id uuid,
        principal_id uuid NOT NULL,
        channel_id uuid,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        CONSTRAINT movements_of_a_level_are_numbered_without_gap PRIMARY KEY (variant_id, location_id, level_version)
    )
    """,
    """
    CREATE INDEX stock_movements_by_reference ON stock_movements (reference_id) WHERE reference_id IS NOT NULL
    """,
    """
    CREATE TRIGGER stock_movements_are_append_only BEFORE UPDATE OR DELETE ON stock_movements
        FOR EACH STATEMENT EXECUTE FUNCTION hub_append_only()
    """,
    """
    CREATE TABLE reservations (
        id uuid PRIMARY KEY,
        owner text NOT NULL CONSTRAINT reservation_owner_is_known CHECK (owner IN ('CART', 'TERMINAL', 'ORDER', 'STAFF')),
        status text NOT NULL CONSTRAINT reservation_status_is_known
            CHECK (status IN ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED')),
        principal_id uuid NOT NULL,
        channel_id uuid REFERENCES channels (id),
        customer_id uuid,
        expires_at timestamptz,
        extendable_until timestamptz,
        outcome_id uuid,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        resolved_at timestamptz,
        CONSTRAINT only_orders_reserve_without_expiry CHECK ((owner = 'ORDER') = (expires_at IS NULL)),
        CONSTRAINT resolved_reservations_say_when CHECK ((status = 'ACTIVE') = (resolved_at IS NULL)),
        CONSTRAINT committed_reservations_name_their_outcome CHECK (status <> 'COMMITTED' OR outcome_id IS NOT NULL)
    )
    """,
    """
    CREATE INDEX reservations_due ON reservations (expires_at) WHERE status = 'ACTIVE' AND expires_at IS NOT NULL
    """,
    """
    CREATE TABLE reservation_lines (
        reservation_id uuid NOT NULL REFERENCES reservations (id),
        variant_id uuid NOT NULL,
        location_id uuid NOT NULL,
        quantity bigint NOT NULL CONSTRAINT reserved_quantity_is_positive CHECK (quantity > 0),
        CONSTRAINT reservation_names_a_level_once PRIMARY KEY (reservation_id, variant_id, location_id)
    )
    """,
    """
    CREATE TABLE allocations (
        holder_id uuid NOT NULL,
        variant_id uuid NOT NULL,
        location_id uuid NOT NULL,
        quantity bigint NOT NULL CONSTRAINT allocated_quantity_is_positive CHECK (quantity > 0),
        CONSTRAINT allocation_is_one_row_per_holder PRIMARY KEY (holder_id, variant_id, location_id)
    )
    """,
    """
    CREATE INDEX allocations_by_level ON allocations (variant_id, location_id)
    """,
    """
    CREATE TABLE unfilled_demand (
        order_line_id uuid PRIMARY KEY,
        variant_id uuid NOT NULL REFERENCES variants (id),
        channel_id uuid NOT NULL REFERENCES channels (id),
        quantity bigint NOT NULL CONSTRAINT unfilled_quantity_is_positive CHECK (quantity > 0),
        promised_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE INDEX unfilled_demand_by_variant ON unfilled_demand (variant_id, promised_at)
    """,
    """
    CREATE TABLE count_tasks (
        id uuid PRIMARY KEY,
        variant_id uuid NOT NULL,
        location_id uuid NOT NULL,
        reason text NOT NULL,
        opened_at timestamptz NOT NULL,
        closed_at timestamptz
    )
    """,
    """
    CREATE UNIQUE INDEX one_open_count_task_per_level ON count_tasks (variant_id, location_id) WHERE closed_at IS NULL
    """,
)

UNDO: tuple[str, ...] = (
    "DROP TABLE count_tasks, unfilled_demand, allocations, reservation_lines, reservations, stock_movements, stock_levels",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
