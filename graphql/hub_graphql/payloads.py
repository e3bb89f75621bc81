"""What every keyed mutation takes and says besides its thing."""

import strawberry

KEY_DESCRIPTION = (
    "1 to 128 printable ASCII characters, your own: the same key with the same input gives the first answer again "
    "for 30 days, with another input IDEMPOTENCY_KEY_REUSED."
)
VERSION_DESCRIPTION = "The version that was looked at: STALE_VERSION when it moved on. Null: any version."

ERRORS = "Why nothing was changed; empty when it was."
WARNINGS = "What to know about the change that was made."
REPLAYED = "Whether this key was answered before, so that this is the first answer again."

WHAT_TO_DO = strawberry.argument(description="What to do.")
