"""Writing and reading stock: absolute counts per variation and location.

Square applies counts and its own sales in the order of their instants and takes a call's changes all or none.
It has no compare-and-set.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

from adapters.sdk.errors import Rejected, Retryable
from adapters.sdk.reading import Reader
from adapters.sdk.signatures import digest_id
from adapters.sdk.types import ListingRef, StockOutcome, StockReading, StockResult, StockUpdate
from adapters.square.client import (
    CHANGES_PER_CALL,
    COUNTED_PER_CALL,
    KeyReused,
    SquareClient,
    chunks,
    instant_text,
)

Place = tuple[str, str]
"""Variation and location."""
Row = tuple[int, StockUpdate, Place]
"""An update with its position and the place it is for."""

_MAX_KEY_LENGTH: Final = 128
_NO_LOCATION: Final = "the listing names no Square location, and the channel has not exactly one"


async def publish(
    client: SquareClient, updates: Sequence[StockUpdate], *, only_location: str | None, counted_at: datetime
) -> tuple[StockResult, ...]:
    """One result per update, in order.

    A call that is refused is halved until the refused rows stand alone. What cannot be sent is raised while
    nothing was written; afterwards it becomes rows to RETRY.
    """
    rows, results = _placed(updates, only_location)
    work = deque(chunks(rows, CHANGES_PER_CALL))
    written = False
    while work:
        part = work.popleft()
        try:
            results |= await _write(client, part, counted_at)
            written = True
        except Rejected as error:
            if len(part) == 1:
                results |= _refused(part, StockOutcome.REJECTED, str(error))
            else:
                half = len(part) // 2
                work.extendleft((part[half:], part[:half]))
        except Retryable as error:
            if not written:
                raise
            results |= _refused(part, StockOutcome.RETRY, error.reason)
    return tuple(results[index] for index in range(len(updates)))


async def read(
    client: SquareClient, refs: Sequence[ListingRef], *, only_location: str | None, read_at: datetime
) -> tuple[StockReading, ...]:
    """What Square shows now; None where nothing was ever counted. Listings without a location are left out."""
    placed = [(ref, place) for ref in refs if (place := place_of(ref, only_location)) is not None]
    shown: dict[Place, int] = {}
    for part in chunks(placed, COUNTED_PER_CALL):
        shown |= await _counts(client, [place for _, place in part])
    return tuple(StockReading(ref, shown.get(place), read_at) for ref, place in placed)


def place_of(ref: ListingRef, only_location: str | None) -> Place | None:
    location = ref.external_location_id or only_location
    return None if location is None else (ref.external_inventory_id or ref.external_variant_id, location)


async def _write(client: SquareClient, rows: Sequence[Row], counted_at: datetime) -> dict[int, StockResult]:
    key = _idempotency_key([update for _, update, _ in rows])
    try:
        counts = await client.change_inventory(
            [_count(update, place, counted_at) for _, update, place in rows], idempotency_key=key
        )
    except KeyReused:
        # These very updates came before at another instant and were applied then: what is true now?
        shown = await _counts(client, [place for _, _, place in rows])
        return {index: _compared(update, shown.get(place)) for index, update, place in rows}
    confirmed = _by_place(counts)
    return {
        index: StockResult(update.ref, StockOutcome.PUBLISHED, confirmed.get(place, update.quantity))
        for index, update, place in rows
    }


async def _counts(client: SquareClient, places: Sequence[Place]) -> dict[Place, int]:
    variations = sorted({variation for variation, _ in places})
    locations = sorted({location for _, location in places})
    return _by_place(await client.counts(variations, locations)) if places else {}


def _compared(update: StockUpdate, shown: int | None) -> StockResult:
    if shown == update.quantity:
        return StockResult(update.ref, StockOutcome.PUBLISHED, shown)
    return StockResult(update.ref, StockOutcome.CONFLICT, shown, "was published before and has changed in Square since")


def _placed(updates: Sequence[StockUpdate], only_location: str | None) -> tuple[list[Row], dict[int, StockResult]]:
    """The rows that can be sent, and the results of those that cannot."""
    rows: list[Row] = []
    results: dict[int, StockResult] = {}
    for index, update in enumerate(updates):
        place = place_of(update.ref, only_location)
        if place is None:
            results[index] = StockResult(update.ref, StockOutcome.REJECTED, reason=_NO_LOCATION)
        else:
            rows.append((index, update, place))
    return rows, results


def _refused(rows: Sequence[Row], outcome: StockOutcome, reason: str) -> dict[int, StockResult]:
    return {index: StockResult(update.ref, outcome, reason=reason) for index, update, _ in rows}


def _idempotency_key(updates: Sequence[StockUpdate]) -> str:
    """The update's own key when it is alone and fits, else a digest over all keys."""
    keys = [update.idempotency_key for update in updates]
    if len(keys) == 1 and len(keys[0]) <= _MAX_KEY_LENGTH:
        return keys[0]
    return digest_id(*(key.encode() for key in keys))


def _count(update: StockUpdate, place: Place, counted_at: datetime) -> Mapping[str, Any]:
    variation, location = place
    return {
        "type": "PHYSICAL_COUNT",
        "physical_count": {
            "reference_id": update.ref.listing_id,
            "catalog_object_id": variation,
            "state": "IN_STOCK",
            "location_id": location,
            "quantity": str(update.quantity),
            "occurred_at": instant_text(counted_at),
        },
    }


def _by_place(counts: Sequence[Reader]) -> dict[Place, int]:
    return {
        (count.text("catalog_object_id"), count.text("location_id")): _whole(count)
        for count in counts
        if count.text("state") == "IN_STOCK"
    }


def _whole(count: Reader) -> int:
    """A count in whole pieces; a fraction of a piece cannot be sold."""
    text = count.text("quantity")
    try:
        quantity = Decimal(text)
    except InvalidOperation:
        raise count.broken("quantity", f"{text[:30]!r} is not a number") from None
    if not quantity.is_finite() or quantity.adjusted() > len("999999999999"):
        raise count.broken("quantity", f"{text[:30]!r} is not a count")
    return int(quantity.to_integral_value(ROUND_FLOOR))
