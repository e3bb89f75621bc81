"""Find the orders that wait for a person without reading the others."""

from alembic import op

revision = "2026_11_22_11"
down_revision = "2026_11_22_10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("CREATE INDEX orders_held ON orders (placed_at, id) WHERE hold IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX orders_held")
