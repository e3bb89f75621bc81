"""Decisions of stock publishing; pure.

A channel's own sales lower its count by themselves. So what it should show is what we told it last, less what that
channel has sold since; and a count below that means sales which the hub has not seen yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from adapters.sdk.types import ListingRef
from hub.channel_sync.models import DriftCause

T = TypeVar("T")

REJECTED_FIRST_SECONDS: Final = 5.0
REJECTED_LONGEST_SECONDS: Final = 3600.0
RETRY_LONGEST_SECONDS: Final = 60.0
HELD_BACK_SECONDS: Final = 2.0
"""Time for the orders behind unseen sales to arrive, before what was held back is looked at again."""
CONFLICTS_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of `listing_stock` as the publisher and the reader see it. `sold` counts the channel's units since."""

    id: UUID
    listing_id: UUID
    variant_id: UUID
    location_id: UUID | None
    ref: ListingRef
    offered: bool
    dirty_seq: int
    published: int | None
    published_at: datetime | None
    observed: int | None
    resend: bool
    failures: int
    drift_seen: int
    sold: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What one row is to be told, as known at `computed_at`."""

    row: PublishedRow
    desired: int
    computed_at: datetime

    @property
    def is_decrease(self) -> bool:
        """Against what the channel should show now; where that is unknown only 0 is urgent."""
        if self.row.published is None:
            return self.desired == 0
        return self.desired < self.row.published - self.row.sold


def needs_sending(row: PublishedRow, desired: int) -> bool:
    """Whether the channel must be told, or shows the number already as far as anybody knows."""
    return row.resend or row.sold > 0 or row.published != desired


def in_sending_order(plans: Iterable[Planned]) -> list[Planned]:
    """Decreases before increases, smallest remaining first: what is nearly sold out is told first."""
    return sorted(plans, key=lambda plan: (not plan.is_decrease, plan.desired, plan.row.id))


def unseen_sales(row: PublishedRow, shown: int | None) -> int:
    """Units that are gone in the channel and in no order that the hub has."""
    if row.published is None or shown is None or row.resend:
        return 0
    return max(0, row.published - row.sold - shown)


def drift_cause(row: PublishedRow, shown: int) -> DriftCause | None:
    """Why the channel does not show what it should; None when it does.

    Where it counts per place, its sales are known per variant only, so any part of them may explain a lower count.
    """
    if row.published is None:
        return None
    lowest = row.published - row.sold
    highest = row.published if row.location_id is not None else lowest
    if shown < lowest:
        return DriftCause.CHANNEL_SHOWS_LESS
    return DriftCause.CHANNEL_SHOWS_MORE if shown > highest else None


def rejected_pause(failures: int) -> float:
    return min(REJECTED_LONGEST_SECONDS, REJECTED_FIRST_SECONDS * 2.0 ** min(failures, 12))


def retry_pause(failures: int) -> float:
    return min(RETRY_LONGEST_SECONDS, 2.0 ** min(failures, 12))


def conflict_pause(failures: int) -> float:
    return 0.0 if failures < CONFLICTS_AT_ONCE else retry_pause(failures)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), max(1, size)):
        yield items[start : start + max(1, size)]
