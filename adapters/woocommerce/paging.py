"""Walking what changed, oldest change first, without repeating or skipping while the store keeps changing.

Page numbers shift when an entry that was already read is modified: it moves to the end, and the first of the
next page moves into this one, unseen. So a cursor is an instant: each page starts at the modification where
the last one ended. Only entries modified within one and the same second are walked by page number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.sdk.errors import Rejected
from adapters.sdk.reading import Reader
from adapters.woocommerce.client import whole_second_before

EPOCH: Final = datetime(1970, 1, 2, tzinfo=UTC)
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Entries modified later than `after`, from `page` on."""

    after: datetime
    page: int = 1

    def __str__(self) -> str:
        return f"{self.after.strftime(_FORMAT)} {self.page}"


def start_at(cursor: str | None, modified_after: datetime | None) -> Cursor:
    """Where to go on. Raises Rejected for a cursor that is not one of ours."""
    if cursor is None:
        return Cursor(whole_second_before(modified_after or EPOCH))
    instant, _, page = cursor.partition(" ")
    try:
        return Cursor(datetime.strptime(instant, _FORMAT).replace(tzinfo=UTC), int(page))
    except ValueError:
        raise Rejected("the cursor is not one of this adapter's", field="cursor") from None


def cut(entries: Sequence[Reader], at: Cursor, *, more: bool) -> tuple[list[Reader], str | None]:
    """The entries of this page that are complete, and the cursor of the next page.

    The page's last second may go on in the next page, so it is left to it unless the page holds nothing else.
    """
    if not more or not entries:
        return list(entries), None
    moments = [entry.instant("date_modified_gmt", assume_utc=True) for entry in entries]
    last = moments[-1]
    complete = [entry for entry, moment in zip(entries, moments, strict=True) if moment < last]
    if not complete:
        return list(entries), str(Cursor(at.after, at.page + 1))
    return complete, str(Cursor(whole_second_before(last)))
