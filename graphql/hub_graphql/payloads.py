"""What every keyed mutation takes and answers besides its thing."""

from enum import Enum

import strawberry
from strawberry import enum_value

from hub_graphql.errors import Error
from hub_graphql.errors import Warning as Advice
from hub_graphql.fields import field
from hub_graphql.keyed import Settled

WHAT_TO_DO = strawberry.argument(description="What to do.")


@strawberry.input
class KeyedInput:
    idempotency_key: str = strawberry.field(
        description="1 to 128 printable ASCII characters, your own: the same key with the same input gives the first "
        "answer again for 30 days. Errors: IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REUSED with another input, "
        "IDEMPOTENCY_CONCURRENT_REQUEST."
    )


@strawberry.input
class VersionedInput(KeyedInput):
    expected_version: int | None = strawberry.field(
        default=None,
        description="The version that was looked at: STALE_VERSION when it moved on. Null: any version.",
    )


@strawberry.enum(description="What a refused row of a list means for the others.")
class ErrorPolicy(Enum):
    REJECT_EVERYTHING = enum_value("REJECT_EVERYTHING", description="Nothing is changed.")
    REJECT_FAILED_ROWS = enum_value("REJECT_FAILED_ROWS", description="The other rows go on.")


@strawberry.type
class KeyedPayload:
    settled: strawberry.Private[Settled]

    @field("Why nothing was changed; empty when it was.")
    def errors(self) -> list[Error]:
        return self.settled.errors

    @field("What to know about the change that was made.")
    def warnings(self) -> list[Advice]:
        return self.settled.warnings

    @field("Whether this key was answered before, so that this is the first answer again.")
    def replayed(self) -> bool:
        return self.settled.replayed
