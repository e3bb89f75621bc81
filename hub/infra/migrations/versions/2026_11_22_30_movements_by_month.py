"""Keep movements by the month they were recorded in, without copying those that are there."""

from alembic import op

revision = "2026_11_22_30"
down_revision = "2026_11_22_15"
branch_labels = None
depends_on = None

MONTHS_AHEAD = 3

STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE stock_movements RENAME TO stock_movements_first",
    "DROP TRIGGER stock_movements_are_append_only ON stock_movements_first",
    "DROP INDEX stock_movements_by_reference",
    """
    ALTER TABLE stock_movements_first
        RENAME CONSTRAINT movements_of_a_level_are_numbered_without_gap TO movements_first_are_numbered_without_gap
    """,
    # No key spans months: a level's lock and its version number them, each month's own key and the checker watch.
    """
    CREATE TABLE stock_movements (LIKE stock_movements_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
        PARTITION BY RANGE (recorded_at)
    """,
    """
    CREATE INDEX stock_movements_by_reference ON stock_movements (reference_id) WHERE reference_id IS NOT NULL
    """,
    # For each row, because only such triggers stand on every partition too.
    """
    CREATE TRIGGER stock_movements_are_append_only BEFORE UPDATE OR DELETE ON stock_movements
        FOR EACH ROW EXECUTE FUNCTION hub_append_only()
    """,
    """
    DO $$ BEGIN
        EXECUTE format('ALTER TABLE stock_movements ATTACH PARTITION stock_movements_first FOR VALUES FROM (MINVALUE) TO (%L)',
            (date_trunc('month', greatest(hub_now(), (SELECT max(recorded_at) FROM stock_movements_first)), 'UTC')
             + interval '1 month'));
    END $$
    """,
    """
    CREATE TABLE stock_movements_default PARTITION OF stock_movements (
        CONSTRAINT movements_default_are_numbered_without_gap PRIMARY KEY (variant_id, location_id, level_version)
    ) DEFAULT
    """,
    """
    -- Makes the partitions of the months to come; a month that is there, or whose rows lie in the default, is left.
    CREATE FUNCTION hub_open_movement_months(ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        first timestamptz;
        next timestamptz;
        month text;
        made integer := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('hub_open_movement_months', 0));
        FOR number IN 1..ahead LOOP
            first := (date_trunc('month', hub_now() AT TIME ZONE 'UTC') + make_interval(months => number))
                     AT TIME ZONE 'UTC';
            next := (date_trunc('month', hub_now() AT TIME ZONE 'UTC') + make_interval(months => number + 1))
                    AT TIME ZONE 'UTC';
            month := to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
            CONTINUE WHEN to_regclass('stock_movements_' || month) IS NOT NULL;
            CONTINUE WHEN EXISTS (SELECT FROM stock_movements_default WHERE recorded_at >= first AND recorded_at < next);
            EXECUTE format('CREATE TABLE stock_movements_%1$s (LIKE stock_movements INCLUDING DEFAULTS INCLUDING CONSTRAINTS,'
                           ' CONSTRAINT movements_%1$s_are_numbered_without_gap'
                           ' PRIMARY KEY (variant_id, location_id, level_version))', month);
            EXECUTE format('ALTER TABLE stock_movements ATTACH PARTITION stock_movements_%s FOR VALUES FROM (%L) TO (%L)',
                           month, first, next);
            made := made + 1;
        END LOOP;
        RETURN made;
    END $$
    """,
    f"SELECT hub_open_movement_months({MONTHS_AHEAD})",
)

UNDO: tuple[str, ...] = (
    "DROP FUNCTION hub_open_movement_months(integer)",
    "ALTER TABLE stock_movements RENAME TO stock_movements_by_month",
    "DROP INDEX stock_movements_by_reference",
    "CREATE TABLE stock_movements (LIKE stock_movements_by_month INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
    "INSERT INTO stock_movements SELECT * FROM stock_movements_by_month",
    "DROP TABLE stock_movements_by_month",
    """
    ALTER TABLE stock_movements ADD CONSTRAINT movements_of_a_level_are_numbered_without_gap
        PRIMARY KEY (variant_id, location_id, level_version)
    """,
    """
    CREATE INDEX stock_movements_by_reference ON stock_movements (reference_id) WHERE reference_id IS NOT NULL
    """,
    """
    CREATE TRIGGER stock_movements_are_append_only BEFORE UPDATE OR DELETE ON stock_movements
        FOR EACH STATEMENT EXECUTE FUNCTION hub_append_only()
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
