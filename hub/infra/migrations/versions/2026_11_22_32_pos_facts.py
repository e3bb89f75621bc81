"""Create the tables of what terminals report."""

from alembic import op

revision = "2026_11_22_32"
down_revision = "2026_11_22_31"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    -- Never pruned and never partitioned: a terminal's receipt is recorded once, however late it comes again.
    CREATE TABLE pos_facts (
        id uuid PRIMARY KEY,
        terminal_id uuid NOT NULL REFERENCES terminals (id),
        kind text NOT NULL CONSTRAINT pos_fact_kind_is_known CHECK (kind IN ('SALE', 'RETURN')),
        receipt text NOT NULL CONSTRAINT pos_receipt_is_short CHECK (length(receipt) BETWEEN 1 AND 64),
        content_hash bytea NOT NULL,
        location_id uuid NOT NULL REFERENCES locations (id),
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        clock_offset_ms bigint,
        order_id uuid REFERENCES orders (id),
        reservation_id uuid REFERENCES reservations (id),
        original_terminal_id uuid REFERENCES terminals (id),
        original_receipt text,
        outcome jsonb NOT NULL,
        CONSTRAINT terminal_receipt_is_recorded_once UNIQUE (terminal_id, kind, receipt),
        CONSTRAINT reservation_is_sold_by_one_receipt UNIQUE (reservation_id),
        CONSTRAINT recorded_sale_has_its_order CHECK (kind <> 'SALE' OR order_id IS NOT NULL)
    )
    """,
    """
    CREATE INDEX pos_facts_by_original ON pos_facts (original_terminal_id, original_receipt)
        WHERE original_receipt IS NOT NULL
    """,
    """
    CREATE INDEX pos_facts_by_order ON pos_facts (order_id) WHERE order_id IS NOT NULL
    """,
    """
    CREATE TABLE pos_return_lines (
        fact_id uuid NOT NULL REFERENCES pos_facts (id),
        position integer NOT NULL,
        variant_id uuid REFERENCES variants (id),
        sku text,
        title text NOT NULL,
        quantity bigint NOT NULL CONSTRAINT pos_returned_quantity_is_positive CHECK (quantity > 0),
        linked bigint NOT NULL DEFAULT 0
            CONSTRAINT pos_return_links_what_came_back CHECK (linked BETWEEN 0 AND quantity),
        condition text NOT NULL
            CONSTRAINT pos_return_condition_is_known CHECK (condition IN ('SELLABLE', 'INSPECT', 'DAMAGED')),
        CONSTRAINT pos_return_line_is_recorded_once PRIMARY KEY (fact_id, position)
    )
    """,
    """
    CREATE INDEX pos_return_lines_unmapped ON pos_return_lines (sku) WHERE variant_id IS NULL AND sku IS NOT NULL
    """,
)

UNDO: tuple[str, ...] = ("DROP TABLE pos_return_lines, pos_facts",)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
