"""Create the tables of customers."""

from alembic import op

revision = "2026_11_22_06"
down_revision = "2026_11_22_05"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    -- `person` is sealed with a key of its own, `person_key` is that key sealed with the hub's: erasing is
    -- forgetting the key. What is left is an id with hashed identifiers, so that a later import arrives redacted.
    CREATE TABLE customers (
        id uuid PRIMARY KEY,
        person bytea,
        person_key bytea,
        erased_at timestamptz,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT person_and_key_go_together CHECK ((person IS NULL) = (person_key IS NULL)),
        CONSTRAINT erased_customer_holds_no_person CHECK (erased_at IS NULL OR person_key IS NULL)
    )
    """,
    """
    CREATE TABLE customer_identities (
        id uuid PRIMARY KEY,
        customer_id uuid NOT NULL REFERENCES customers (id),
        kind text NOT NULL CONSTRAINT identity_kind_is_known
            CHECK (kind IN ('EMAIL', 'PHONE', 'LOYALTY_CARD', 'CHANNEL_ACCOUNT', 'NFC_TOKEN')),
        channel_id uuid REFERENCES channels (id),
        value_hash bytea NOT NULL,
        verified boolean NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT channel_account_names_its_channel CHECK ((kind = 'CHANNEL_ACCOUNT') = (channel_id IS NOT NULL)),
        CONSTRAINT channel_account_is_its_channels_word CHECK (kind <> 'CHANNEL_ACCOUNT' OR verified)
    )
    """,
    """
    CREATE UNIQUE INDEX verified_identity_points_at_one_customer
        ON customer_identities (value_hash, kind, channel_id) NULLS NOT DISTINCT WHERE verified
    """,
    """
    CREATE UNIQUE INDEX unverified_identity_is_mentioned_once
        ON customer_identities (customer_id, kind, channel_id, value_hash) NULLS NOT DISTINCT WHERE NOT verified
    """,
    """
    CREATE INDEX customer_identities_by_customer ON customer_identities (customer_id)
    """,
)

UNDO: tuple[str, ...] = ("DROP TABLE customer_identities, customers",)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
