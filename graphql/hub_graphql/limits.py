"""Every bound of the GraphQL edge in one place; docs/reference/limits.md publishes the same numbers."""

from typing import Final

# The request body
MAX_BODY_BYTES: Final = 64 * 1024
MAX_JSON_DEPTH: Final = 32
BODY_SECONDS: Final = 10.0

# The document
MAX_TOKENS: Final = 2_000
MAX_COMMENTS: Final = 200
MAX_DEFINITIONS: Final = 50
MAX_DEPTH: Final = 15
MAX_FIELDS: Final = 200
MAX_ALIASES: Final = 30
MAX_DIRECTIVES: Final = 30
MAX_ROOT_MUTATIONS: Final = 10
MAX_INTROSPECTION_FIELDS: Final = 1_000
MAX_INTROSPECTION_DEPTH: Final = 25

# What it may ask for
MAX_COST: Final = 1_000
MAX_VALUES: Final = 20_000
DEFAULT_LIST_SIZE: Final = 10
DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 100
MUTATION_WEIGHT: Final = 10

# What comes back
MAX_ERRORS: Final = 5
MAX_MESSAGE_LENGTH: Final = 500
REQUEST_SECONDS: Final = 10.0

# Documents kept parsed and validated
MAX_CACHED_DOCUMENTS: Final = 1_000
MAX_CACHED_TOKENS: Final = 200_000

# Batches of the data loaders
MAX_LOADER_KEYS: Final = 1_000

# Subscriptions
CONNECTION_INIT_SECONDS: Final = 5.0
REAUTHORISE_SECONDS: Final = 5.0
MAX_FRAME_BYTES: Final = 64 * 1024
MAX_SUBSCRIPTIONS: Final = 20
MAX_QUEUED_EVENTS: Final = 1_000
MAX_OPERATION_ID_LENGTH: Final = 100
CLOSING_SECONDS: Final = 2.0
SSE_HEARTBEAT_SECONDS: Final = 15.0
