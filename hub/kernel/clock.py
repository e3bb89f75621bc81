"""Time in Python is for display, cursors and tokens only.

Whether a reservation has lapsed, a lease is over or a deadline passed is judged in SQL by `hub_now()`.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant as an aware UTC datetime. Raises ValueError when the offset is missing."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset; write it like 2026-11-22T10:00:00Z")
    return value.astimezone(UTC)
