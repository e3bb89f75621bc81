"""Create the tables of access."""

from alembic import op

revision = "2026_11_22_03"
down_revision = "2026_11_22_02"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE api_keys (
        id uuid PRIMARY KEY,
        principal_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT api_key_name_is_short CHECK (length(name) BETWEEN 1 AND 100),
        prefix text NOT NULL CONSTRAINT api_key_prefix_is_unique UNIQUE
            CONSTRAINT api_key_prefix_is_plain CHECK (prefix ~ '^[a-z0-9]{12}$'),
        secret_hash bytea NOT NULL CONSTRAINT api_key_secret_is_a_hash CHECK (length(secret_hash) = 32),
        previous_secret_hash bytea CONSTRAINT api_key_previous_secret_is_a_hash CHECK (length(previous_secret_hash) = 32),
        previous_expires_at timestamptz,
        scopes text[] NOT NULL,
        channel_id uuid REFERENCES channels (id),
        terminal_id uuid REFERENCES terminals (id),
        location_ids uuid[] CONSTRAINT api_key_locations_are_all_or_some CHECK (cardinality(location_ids) > 0),
        trusted_documents_only boolean NOT NULL DEFAULT false,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT hub_now(),
        CONSTRAINT terminal_key_has_one_channel_and_one_location CHECK (
            terminal_id IS NULL
            OR (channel_id IS NOT NULL AND cardinality(location_ids) IS NOT DISTINCT FROM 1)),
        CONSTRAINT terminal_is_the_principal_of_its_key CHECK (terminal_id IS NULL OR terminal_id = principal_id),
        CONSTRAINT api_key_previous_secret_ends CHECK (
            (previous_secret_hash IS NULL) = (previous_expires_at IS NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX principal_has_one_live_api_key ON api_keys (principal_id) WHERE revoked_at IS NULL
    """,
    """
    CREATE TABLE staff_users (
        id uuid PRIMARY KEY,
        username text NOT NULL CONSTRAINT staff_username_is_unique UNIQUE
            CONSTRAINT staff_username_is_no_email CHECK (username ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
        password_hash text NOT NULL CONSTRAINT staff_password_is_argon2id CHECK (password_hash LIKE '$argon2id$%'),
        active boolean NOT NULL DEFAULT true,
        failed_logins bigint NOT NULL DEFAULT 0 CONSTRAINT staff_failed_logins_are_counted CHECK (failed_logins >= 0),
        locked_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT hub_now()
    )
    """,
    """
    CREATE TABLE staff_roles (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES staff_users (id),
        role text NOT NULL CONSTRAINT staff_role_is_known
            CHECK (role IN ('ASSOCIATE', 'STORE_MANAGER', 'OPERATIONS', 'ADMIN')),
        location_id uuid REFERENCES locations (id),
        CONSTRAINT staff_role_is_granted_once_per_location UNIQUE NULLS NOT DISTINCT (user_id, role, location_id),
        CONSTRAINT central_role_has_no_location CHECK (
            role IN ('ASSOCIATE', 'STORE_MANAGER') OR location_id IS NULL)
    )
    """,
    """
    CREATE TABLE staff_sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES staff_users (id),
        token_hash bytea NOT NULL CONSTRAINT staff_session_token_is_unique UNIQUE
            CONSTRAINT staff_session_token_is_a_hash CHECK (length(token_hash) = 32),
        csrf_hash bytea NOT NULL CONSTRAINT staff_session_csrf_is_a_hash CHECK (length(csrf_hash) = 32),
        created_at timestamptz NOT NULL DEFAULT hub_now(),
        last_seen_at timestamptz NOT NULL DEFAULT hub_now(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        CONSTRAINT staff_session_ends_after_it_began CHECK (expires_at > created_at)
    )
    """,
    """
    CREATE INDEX staff_sessions_by_user ON staff_sessions (user_id) WHERE revoked_at IS NULL
    """,
    """
    CREATE TABLE shop_signing_keys (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        kid text NOT NULL CONSTRAINT shop_key_id_is_plain CHECK (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
        algorithm text NOT NULL CONSTRAINT shop_key_algorithm_is_asymmetric
            CHECK (algorithm IN ('ES256', 'RS256', 'EdDSA')),
        public_key_pem text NOT NULL CONSTRAINT shop_key_is_public
            CHECK (public_key_pem LIKE '-----BEGIN PUBLIC KEY-----%'),
        issuer text NOT NULL CONSTRAINT shop_key_issuer_is_short CHECK (length(issuer) BETWEEN 1 AND 255),
        audience text NOT NULL CONSTRAINT shop_key_audience_is_short CHECK (length(audience) BETWEEN 1 AND 255),
        revoked_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT hub_now(),
        CONSTRAINT shop_key_is_unique_per_issuer UNIQUE (issuer, kid)
    )
    """,
)

UNDO: tuple[str, ...] = ("DROP TABLE shop_signing_keys, staff_sessions, staff_roles, staff_users, api_keys",)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
