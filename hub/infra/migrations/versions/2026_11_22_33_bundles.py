"""Create the components of bundles, and of ordered bundles as they were sold."""

from alembic import op

revision = "2026_11_22_33"
down_revision = "2026_11_22_32"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE bundle_components (
        bundle_id uuid NOT NULL REFERENCES variants (id),
        component_id uuid NOT NULL REFERENCES variants (id),
        quantity bigint NOT NULL CONSTRAINT component_quantity_is_positive CHECK (quantity > 0),
        position integer NOT NULL,
        CONSTRAINT bundle_names_a_component_once PRIMARY KEY (bundle_id, component_id),
        CONSTRAINT bundle_is_no_component_of_itself CHECK (bundle_id <> component_id)
    )
    """,
    """
    CREATE INDEX bundle_components_by_component ON bundle_components (component_id)
    """,
    """
    CREATE TABLE order_line_components (
        order_line_id uuid NOT NULL REFERENCES order_lines (id),
        variant_id uuid NOT NULL REFERENCES variants (id),
        quantity bigint NOT NULL CONSTRAINT sold_component_quantity_is_positive CHECK (quantity > 0),
        position integer NOT NULL,
        CONSTRAINT order_line_names_a_component_once PRIMARY KEY (order_line_id, variant_id)
    )
    """,
    """
    ALTER TABLE unfilled_demand
        DROP CONSTRAINT unfilled_demand_pkey,
        ADD CONSTRAINT unfilled_demand_is_noted_once PRIMARY KEY (order_line_id, variant_id)
    """,
)

UNDO: tuple[str, ...] = (
    """
    ALTER TABLE unfilled_demand
        DROP CONSTRAINT unfilled_demand_is_noted_once,
        ADD CONSTRAINT unfilled_demand_pkey PRIMARY KEY (order_line_id)
    """,
    "DROP TABLE order_line_components, bundle_components",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
