"""Cursors of the pulls: where Square goes on, with the question it belongs to.

Square wants the very same question with each cursor, so a cursor carries it and what the caller passes beside
it does not matter.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.sdk.errors import Rejected
from hub.kernel.clock import parse_instant

_ALWAYS: Final = "-"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The changes since an instant, in one group of locations, from Square's own cursor on."""

    since: datetime | None
    group: int = 0
    square: str = ""

    def __str__(self) -> str:
        since = _ALWAYS if self.since is None else self.since.isoformat()
        return f"{since} {self.group} {self.square}"


def start_at(cursor: str | None, modified_after: datetime | None) -> Cursor:
    """Where to go on. Raises Rejected for a cursor that is not one of ours."""
    if cursor is None:
        return Cursor(modified_after.astimezone(UTC) if modified_after is not None else None)
    try:
        since, group, square = cursor.split(" ", 2)
        return Cursor(None if since == _ALWAYS else parse_instant(since), int(group), square)
    except ValueError:
        raise Rejected("the cursor is not one of this adapter's", field="cursor") from None


def following(at: Cursor, square: str | None, groups: int = 1) -> str | None:
    """The cursor of the next page: of this group, else of the next one; None after the last."""
    if square is not None:
        return str(Cursor(at.since, at.group, square))
    return str(Cursor(at.since, at.group + 1)) if at.group + 1 < groups else None
