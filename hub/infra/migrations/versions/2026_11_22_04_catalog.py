"""Create the tables of catalog."""

from alembic import op

revision = "2026_11_22_04"
down_revision = "2026_11_22_03"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = ()

UNDO: tuple[str, ...] = ()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
