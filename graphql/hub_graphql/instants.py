"""The scalar of the API for points in time, and the schema configuration that binds it to `datetime`."""

from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

_MAX_LENGTH = 40


def write_instant(value: datetime) -> str:
    """RFC 3339 in UTC: `2026-03-01T09:30:00Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_instant(value: object) -> datetime:
    """Any RFC 3339 date-time with its offset, as UTC. Raises GraphQLError for anything else."""
    found = _parsed(value) if isinstance(value, str) and len(value) <= _MAX_LENGTH else None
    if found is None:
        raise GraphQLError("a DateTime is written in RFC 3339 with its offset, such as 2026-03-01T09:30:00Z")
    return found


def _parsed(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A point in time as RFC 3339 in UTC, such as 2026-03-01T09:30:00Z; other offsets are accepted.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=write_instant,
    parse_value=read_instant,
)

CONFIG = StrawberryConfig(scalar_map={datetime: DATE_TIME})
"""Give it to every schema: `strawberry.Schema(…, config=CONFIG)`."""
