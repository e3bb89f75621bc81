"""Know what is on the way: transfers, purchase orders, and the announcements behind `incoming`."""

from alembic import op

revision = "2026_11_22_12"
down_revision = "2026_11_22_11"
branch_labels = None
depends_on = None

KINDS = (
    "'OPENING', 'RECEIVE', 'COUNT', 'COUNT_CORRECTION', 'ADJUST', 'RESERVE', 'RELEASE', 'EXPIRE', 'ALLOCATE',"
    " 'DEALLOCATE', 'FULFILL', 'SELL', 'RETURN', 'DAMAGE', 'INSPECT', 'WRITE_OFF', 'TRANSFER_OUT', 'TRANSFER_IN',"
    " 'TRANSFER_LOSS'"
)

STATEMENTS: tuple[str, ...] = (
    f"""
    ALTER TABLE stock_movements
        DROP CONSTRAINT movement_kind_is_known,
        ADD CONSTRAINT movement_kind_is_known CHECK (kind IN ({KINDS}, 'ANNOUNCE')),
        ADD CONSTRAINT adjustment_says_why
            CHECK (kind NOT IN ('ADJUST', 'INSPECT', 'WRITE_OFF', 'TRANSFER_LOSS') OR reason IS NOT NULL)
    """,
    """
    CREATE TABLE consignments (
        id uuid PRIMARY KEY,
        kind text NOT NULL CONSTRAINT consignment_kind_is_known CHECK (kind IN ('TRANSFER', 'PURCHASE')),
        status text NOT NULL CONSTRAINT consignment_status_is_known CHECK (status IN (
            'DRAFT', 'OPEN', 'IN_TRANSIT', 'PARTIALLY_RECEIVED', 'RECEIVED', 'CANCELLED')),
        from_location_id uuid REFERENCES locations (id),
        to_location_id uuid NOT NULL REFERENCES locations (id),
        number text,
        supplier text NOT NULL DEFAULT '',
        expected_at timestamptz,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        dispatched_at timestamptz,
        closed_at timestamptz,
        CONSTRAINT transfer_has_two_places CHECK (
            (kind = 'TRANSFER') = (from_location_id IS NOT NULL) AND from_location_id IS DISTINCT FROM to_location_id),
        CONSTRAINT purchase_order_has_a_number CHECK ((kind = 'PURCHASE') = (number IS NOT NULL)),
        CONSTRAINT closed_consignment_says_when CHECK ((status IN ('RECEIVED', 'CANCELLED')) = (closed_at IS NOT NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX purchase_order_number_is_used_once ON consignments (number) WHERE kind = 'PURCHASE'
    """,
    """
    CREATE INDEX consignments_newest ON consignments (kind, created_at DESC, id DESC)
    """,
    """
    CREATE TABLE consignment_lines (
        consignment_id uuid NOT NULL REFERENCES consignments (id),
        variant_id uuid NOT NULL REFERENCES variants (id),
        quantity bigint NOT NULL CONSTRAINT consigned_quantity_is_not_negative CHECK (quantity >= 0),
        received bigint NOT NULL DEFAULT 0 CONSTRAINT received_quantity_is_not_negative CHECK (received >= 0),
        extra bigint NOT NULL DEFAULT 0 CONSTRAINT extra_quantity_is_not_negative CHECK (extra >= 0),
        missing bigint NOT NULL DEFAULT 0 CONSTRAINT missing_quantity_is_not_negative CHECK (missing >= 0),
        CONSTRAINT consignment_names_a_variant_once PRIMARY KEY (consignment_id, variant_id),
        CONSTRAINT consigned_units_arrive_or_are_missing_once CHECK (received + missing <= quantity)
    )
    """,
    """
    CREATE INDEX consignment_lines_outstanding ON consignment_lines (variant_id, consignment_id)
        WHERE received + missing < quantity
    """,
)

UNDO: tuple[str, ...] = (
    "DROP TABLE consignment_lines, consignments",
    f"""
    ALTER TABLE stock_movements
        DROP CONSTRAINT adjustment_says_why,
        DROP CONSTRAINT movement_kind_is_known,
        ADD CONSTRAINT movement_kind_is_known CHECK (kind IN ({KINDS})) NOT VALID
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
