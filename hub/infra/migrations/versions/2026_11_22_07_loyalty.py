"""Create the tables of loyalty."""

from alembic import op

revision = "2026_11_22_07"
down_revision = "2026_11_22_06"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE loyalty_programmes (
        id uuid PRIMARY KEY,
        name text NOT NULL CONSTRAINT programme_name_is_unique UNIQUE,
        currency text NOT NULL,
        points_per bigint NOT NULL CONSTRAINT programme_points_are_sane CHECK (points_per BETWEEN 1 AND 1000),
        minor_units bigint NOT NULL CONSTRAINT programme_unit_is_sane CHECK (minor_units BETWEEN 1 AND 1000000000),
        base_includes_tax boolean NOT NULL,
        pending_days integer NOT NULL DEFAULT 0 CONSTRAINT programme_pending_days_are_sane CHECK (pending_days BETWEEN 0 AND 366),
        active boolean NOT NULL DEFAULT true,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE loyalty_accounts (
        id uuid PRIMARY KEY,
        programme_id uuid NOT NULL REFERENCES loyalty_programmes (id),
        customer_id uuid NOT NULL REFERENCES customers (id),
        version bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT customer_has_one_account_per_programme UNIQUE (customer_id, programme_id)
    )
    """,
    """
    -- The points of one order line (or of one adjustment: a line of one unit that was handed over at once).
    CREATE TABLE loyalty_lots (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES loyalty_accounts (id),
        programme_id uuid NOT NULL REFERENCES loyalty_programmes (id),
        order_id uuid,
        order_line_id uuid,
        quantity bigint NOT NULL CONSTRAINT lot_has_units CHECK (quantity >= 1),
        granted bigint NOT NULL CONSTRAINT lot_grants_points CHECK (granted >= 1),
        fulfilled_units bigint NOT NULL DEFAULT 0,
        returned_units bigint NOT NULL DEFAULT 0,
        earned bigint NOT NULL DEFAULT 0,
        reversed bigint NOT NULL DEFAULT 0,
        pending bigint NOT NULL DEFAULT 0,
        available bigint NOT NULL DEFAULT 0,
        spent bigint NOT NULL DEFAULT 0,
        owed bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT order_line_has_one_lot_per_programme UNIQUE (order_line_id, programme_id),
        CONSTRAINT lot_names_order_and_line_together CHECK ((order_id IS NULL) = (order_line_id IS NULL)),
        CONSTRAINT lot_units_stay_within_the_line
            CHECK (fulfilled_units BETWEEN 0 AND quantity AND returned_units BETWEEN 0 AND quantity),
        CONSTRAINT lot_earns_at_most_what_was_granted CHECK (earned BETWEEN 0 AND granted),
        CONSTRAINT lot_reverses_at_most_what_was_earned CHECK (reversed BETWEEN 0 AND earned),
        CONSTRAINT lot_parts_are_not_negative CHECK (least(pending, available, spent, owed) >= 0),
        CONSTRAINT lot_adds_up CHECK (pending + available + spent - owed = earned - reversed)
    )
    """,
    """
    CREATE INDEX loyalty_lots_to_spend ON loyalty_lots (account_id, id) WHERE available > 0
    """,
    """
    CREATE INDEX loyalty_lots_owing ON loyalty_lots (account_id, id) WHERE owed > 0
    """,
    """
    CREATE INDEX loyalty_lots_by_order ON loyalty_lots (order_id)
    """,
    """
    CREATE TABLE loyalty_transactions (
        id uuid PRIMARY KEY,
        programme_id uuid NOT NULL REFERENCES loyalty_programmes (id),
        kind text NOT NULL CONSTRAINT points_kind_is_known
            CHECK (kind IN ('GRANT', 'EARN', 'ACTIVATE', 'REVERSE', 'SPEND', 'ADJUST', 'HOLD', 'CAPTURE', 'RELEASE', 'EXPIRE')),
        source text NOT NULL CONSTRAINT points_source_is_known
            CHECK (source IN ('ORDER', 'FULFILLMENT_ORDER_LINE', 'RETURN_LINE', 'TRANSACTION', 'CHECKOUT', 'STAFF')),
        source_id uuid NOT NULL,
        account_id uuid NOT NULL REFERENCES loyalty_accounts (id),
        lot_id uuid REFERENCES loyalty_lots (id),
        units bigint,
        asked bigint,
        reason text CONSTRAINT adjustment_reason_is_known
            CHECK (reason IN ('GOODWILL', 'CORRECTION', 'MISSING_PURCHASE', 'MIGRATION', 'ABUSE')),
        CONSTRAINT only_an_adjustment_has_a_reason CHECK ((kind = 'ADJUST') = (reason IS NOT NULL)),
        recorded_at timestamptz NOT NULL,
        CONSTRAINT points_move_once_per_source UNIQUE (source_id, source, kind, programme_id)
    )
    """,
    """
    CREATE INDEX loyalty_transactions_by_lot ON loyalty_transactions (lot_id)
    """,
    """
    -- What the member has is positive, what the member owes negative; the programme's books mirror both.
    CREATE TABLE loyalty_entries (
        transaction_id uuid NOT NULL REFERENCES loyalty_transactions (id),
        line integer NOT NULL,
        account_id uuid REFERENCES loyalty_accounts (id),
        book text NOT NULL CONSTRAINT book_is_known CHECK (book IN ('MEMBER_AVAILABLE', 'MEMBER_PENDING',
            'MEMBER_HELD', 'MEMBER_OWED', 'PROGRAMME_ISSUED', 'PROGRAMME_BURNED')),
        lot_id uuid NOT NULL REFERENCES loyalty_lots (id),
        points bigint NOT NULL CONSTRAINT entry_moves_points CHECK (points <> 0),
        PRIMARY KEY (transaction_id, line),
        CONSTRAINT member_books_belong_to_an_account CHECK ((account_id IS NOT NULL) = starts_with(book, 'MEMBER_'))
    )
    """,
    """
    CREATE INDEX loyalty_entries_by_account ON loyalty_entries (account_id, transaction_id)
    """,
    """
    CREATE FUNCTION loyalty_points_conserve() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT sum(points) FROM loyalty_entries WHERE transaction_id = NEW.transaction_id) <> 0 THEN
            RAISE EXCEPTION 'the entries of points transaction % do not sum to zero', NEW.transaction_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'points_conserve';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER points_conserve AFTER INSERT ON loyalty_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_points_conserve()
    """,
    """
    CREATE TRIGGER loyalty_entries_are_append_only BEFORE UPDATE OR DELETE ON loyalty_entries
        FOR EACH ROW EXECUTE FUNCTION hub_append_only()
    """,
    """
    CREATE TRIGGER loyalty_transactions_are_append_only BEFORE UPDATE OR DELETE ON loyalty_transactions
        FOR EACH ROW EXECUTE FUNCTION hub_append_only()
    """,
    """
    -- A cache of the entries, written under the account's lock and compared by `hub check`.
    CREATE TABLE loyalty_balances (
        account_id uuid NOT NULL REFERENCES loyalty_accounts (id),
        book text NOT NULL,
        points bigint NOT NULL,
        PRIMARY KEY (account_id, book),
        CONSTRAINT balance_is_of_a_member_book
            CHECK (book IN ('MEMBER_AVAILABLE', 'MEMBER_PENDING', 'MEMBER_HELD', 'MEMBER_OWED')),
        CONSTRAINT member_never_overdraws
            CHECK (CASE book WHEN 'MEMBER_OWED' THEN points <= 0 ELSE points >= 0 END)
    )
    """,
    """
    -- Earned points that wait for the return window to close.
    CREATE TABLE loyalty_activations (
        transaction_id uuid PRIMARY KEY REFERENCES loyalty_transactions (id),
        account_id uuid NOT NULL REFERENCES loyalty_accounts (id),
        lot_id uuid NOT NULL REFERENCES loyalty_lots (id),
        points bigint NOT NULL CONSTRAINT activation_has_points CHECK (points >= 1),
        due_at timestamptz NOT NULL,
        done boolean NOT NULL DEFAULT false
    )
    """,
    """
    CREATE INDEX loyalty_activations_due ON loyalty_activations (due_at) WHERE NOT done
    """,
)

UNDO: tuple[str, ...] = (
    """
    DROP TABLE loyalty_activations, loyalty_balances, loyalty_entries, loyalty_transactions, loyalty_lots,
        loyalty_accounts, loyalty_programmes
    """,
    "DROP FUNCTION loyalty_points_conserve()",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
