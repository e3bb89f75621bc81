"""Create the tables of catalog."""

from alembic import op

revision = "2026_11_22_04"
down_revision = "2026_11_22_03"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    -- array_to_string is only STABLE, because some element types print differently by setting; text does not.
    CREATE FUNCTION catalog_words(words text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN array_to_string(words, ' ')
    """,
    """
    CREATE TABLE products (
        id uuid PRIMARY KEY,
        handle text NOT NULL,
        title text NOT NULL CONSTRAINT product_title_is_not_blank CHECK (title <> ''),
        description text NOT NULL DEFAULT '',
        vendor text NOT NULL DEFAULT '',
        product_type text NOT NULL DEFAULT '',
        external_kind text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT 'ACTIVE' CONSTRAINT product_status_is_known
            CHECK (status IN ('ACTIVE', 'DRAFT', 'ARCHIVED')),
        tags text[] NOT NULL DEFAULT '{}',
        attributes jsonb NOT NULL DEFAULT '[]',
        authority_channel_id uuid REFERENCES channels (id),
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        search tsvector GENERATED ALWAYS AS (
            setweight(to_tsvector('simple', title), 'A')
            || setweight(to_tsvector('simple', vendor || ' ' || product_type || ' ' || catalog_words(tags)), 'B')
            || setweight(to_tsvector('simple', left(description, 20000)), 'C')
        ) STORED
    )
    """,
    "CREATE INDEX products_by_search ON products USING gin (search)",
    "CREATE INDEX products_by_title_trigrams ON products USING gin (title gin_trgm_ops)",
    "CREATE INDEX products_by_title ON products (title, id)",
    "CREATE INDEX products_by_handle ON products (handle)",
    "CREATE INDEX products_by_age ON products (created_at, id)",
    "CREATE INDEX products_by_vendor ON products (vendor, id)",
    """
    CREATE TABLE categories (
        id uuid PRIMARY KEY,
        parent_id uuid REFERENCES categories (id),
        name text NOT NULL CONSTRAINT category_name_is_not_blank CHECK (name <> ''),
        path text[] NOT NULL CONSTRAINT category_path_is_unique UNIQUE
    )
    """,
    """
    CREATE TABLE product_categories (
        product_id uuid NOT NULL REFERENCES products (id),
        category_id uuid NOT NULL REFERENCES categories (id),
        position integer NOT NULL,
        CONSTRAINT product_is_in_a_category_once PRIMARY KEY (product_id, category_id)
    )
    """,
    "CREATE INDEX product_categories_by_category ON product_categories (category_id)",
    """
    CREATE TABLE variants (
        id uuid PRIMARY KEY,
        product_id uuid NOT NULL REFERENCES products (id),
        sku text NOT NULL CONSTRAINT variant_sku_is_unique UNIQUE
            CONSTRAINT variant_sku_is_short CHECK (length(sku) BETWEEN 1 AND 100),
        sku_generated boolean NOT NULL DEFAULT false,
        title text NOT NULL DEFAULT '',
        kind text NOT NULL CONSTRAINT variant_kind_is_known
            CHECK (kind IN ('GOODS', 'BUNDLE', 'SERVICE', 'DIGITAL', 'GIFT_CARD')),
        stock_policy text NOT NULL CONSTRAINT variant_stock_policy_is_known
            CHECK (stock_policy IN ('DENY', 'BACKORDER', 'PREORDER', 'UNTRACKED')),
        backorder_limit bigint CONSTRAINT variant_backorder_limit_is_not_negative CHECK (backorder_limit >= 0),
        options jsonb NOT NULL DEFAULT '[]'
            CONSTRAINT variant_options_are_a_list CHECK (jsonb_typeof(options) = 'array'),
        weight_grams bigint CONSTRAINT variant_weight_is_not_negative CHECK (weight_grams >= 0),
        position integer NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX variants_by_product ON variants (product_id, position, id)",
    """
    CREATE TABLE variant_barcodes (
        gtin text CONSTRAINT barcode_names_one_variant PRIMARY KEY
            CONSTRAINT barcode_is_14_digits CHECK (gtin ~ '^[0-9]{14}$'),
        variant_id uuid NOT NULL REFERENCES variants (id)
    )
    """,
    "CREATE INDEX variant_barcodes_by_variant ON variant_barcodes (variant_id)",
    """
    CREATE TABLE prices (
        variant_id uuid NOT NULL REFERENCES variants (id),
        currency text NOT NULL CONSTRAINT price_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
        amount_minor bigint NOT NULL CONSTRAINT price_is_not_negative CHECK (amount_minor >= 0),
        compare_at_minor bigint CONSTRAINT compare_at_price_is_not_negative CHECK (compare_at_minor >= 0),
        tax_included boolean NOT NULL,
        CONSTRAINT variant_has_one_price_per_currency PRIMARY KEY (variant_id, currency)
    )
    """,
    """
    CREATE TABLE media (
        id uuid PRIMARY KEY,
        product_id uuid NOT NULL REFERENCES products (id),
        variant_id uuid REFERENCES variants (id),
        url text NOT NULL,
        alt text NOT NULL DEFAULT '',
        position integer NOT NULL
    )
    """,
    "CREATE INDEX media_by_product ON media (product_id, position)",
    "CREATE INDEX media_by_variant ON media (variant_id) WHERE variant_id IS NOT NULL",
    """
    -- What a channel calls a product. A product without variants (a parent, a group) is known by this alone.
    CREATE TABLE product_listings (
        channel_id uuid NOT NULL REFERENCES channels (id),
        product_key text NOT NULL,
        product_id uuid NOT NULL REFERENCES products (id),
        external_product_id text,
        reference_sku text,
        CONSTRAINT product_key_is_unique_per_channel PRIMARY KEY (channel_id, product_key)
    )
    """,
    "CREATE INDEX product_listings_by_product ON product_listings (product_id)",
    "CREATE INDEX product_listings_by_sku ON product_listings (channel_id, reference_sku) WHERE reference_sku IS NOT NULL",
    """
    CREATE TABLE product_members (
        group_product_id uuid NOT NULL REFERENCES products (id),
        position integer NOT NULL,
        channel_id uuid NOT NULL REFERENCES channels (id),
        reference text NOT NULL,
        member_product_id uuid REFERENCES products (id),
        CONSTRAINT group_lists_a_position_once PRIMARY KEY (group_product_id, position)
    )
    """,
    "CREATE INDEX product_members_unresolved ON product_members (channel_id) WHERE member_product_id IS NULL",
    "CREATE INDEX product_members_by_member ON product_members (member_product_id)",
    """
    CREATE TABLE listings (
        id uuid PRIMARY KEY,
        variant_id uuid NOT NULL REFERENCES variants (id),
        channel_id uuid NOT NULL REFERENCES channels (id),
        row_key text NOT NULL,
        external_product_id text,
        external_variant_id text,
        external_inventory_id text,
        status text NOT NULL CONSTRAINT listing_status_is_known CHECK (status IN ('ACTIVE', 'INACTIVE')),
        price_minor bigint CONSTRAINT listing_price_is_not_negative CHECK (price_minor >= 0),
        currency text NOT NULL CONSTRAINT listing_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
        buffer bigint CONSTRAINT listing_buffer_is_not_negative CHECK (buffer >= 0),
        cap bigint CONSTRAINT listing_cap_is_not_negative CHECK (cap >= 0),
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT variant_is_listed_once_per_channel UNIQUE (variant_id, channel_id),
        CONSTRAINT listing_row_key_is_unique_per_channel UNIQUE (channel_id, row_key)
    )
    """,
    """
    CREATE UNIQUE INDEX listing_external_id_is_unique_per_channel
        ON listings (channel_id, external_variant_id, external_product_id) WHERE external_variant_id IS NOT NULL
    """,
    """
    CREATE TABLE catalog_mappings (
        channel_id uuid NOT NULL REFERENCES channels (id),
        external_key text NOT NULL,
        variant_id uuid NOT NULL REFERENCES variants (id),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT mapping_is_unique_per_channel PRIMARY KEY (channel_id, external_key)
    )
    """,
    "CREATE INDEX catalog_mappings_by_variant ON catalog_mappings (variant_id)",
    """
    CREATE TABLE import_runs (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        format text NOT NULL,
        file_name text NOT NULL,
        file_digest text NOT NULL,
        counts jsonb NOT NULL DEFAULT '{}',
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        finished_at timestamptz
    )
    """,
    "CREATE INDEX import_runs_by_channel ON import_runs (channel_id, started_at)",
    """
    CREATE TABLE mapping_queue (
        id uuid PRIMARY KEY,
        channel_id uuid NOT NULL REFERENCES channels (id),
        import_run_id uuid REFERENCES import_runs (id),
        source_line integer NOT NULL,
        row_key text NOT NULL,
        reason text NOT NULL CONSTRAINT mapping_reason_is_known CHECK (reason IN ('DUPLICATE_SKU', 'DUPLICATE_GTIN')),
        candidate_variant_id uuid REFERENCES variants (id),
        status text NOT NULL DEFAULT 'OPEN' CONSTRAINT mapping_status_is_known
            CHECK (status IN ('OPEN', 'RESOLVED', 'DISMISSED')),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT mapping_question_is_asked_once UNIQUE (channel_id, row_key, reason)
    )
    """,
    "CREATE INDEX mapping_queue_open ON mapping_queue (channel_id, created_at) WHERE status = 'OPEN'",
)

UNDO: tuple[str, ...] = (
    """
    DROP TABLE mapping_queue, import_runs, catalog_mappings, listings, product_members, product_listings, media,
        prices, variant_barcodes, variants, product_categories, categories, products
    """,
    "DROP FUNCTION catalog_words(text[])",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
