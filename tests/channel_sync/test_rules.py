"""Decisions of stock publishing, without a database."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.types import ListingRef
from hub.channel_sync import rules
from hub.channel_sync.errors import stored_error
from hub.channel_sync.inbox import event_key, kept_headers
from hub.channel_sync.models import DriftCause
from hub.channel_sync.rules import Planned, PublishedRow
from hub.channel_sync.tasks import retry_seconds
from hub.kernel.ids import new_id

NOW = datetime(2026, 11, 22, tzinfo=UTC)
units = st.integers(0, 1_000)


def row(**changes: Any) -> PublishedRow:
    fields: dict[str, Any] = {
        "id": new_id(),
        "listing_id": UUID(int=1),
        "variant_id": UUID(int=2),
        "location_id": None,
        "ref": ListingRef("1", "p", "v"),
        "offered": True,
        "dirty_seq": 2,
        "published": 10,
        "published_at": NOW,
        "observed": 10,
        "resend": False,
        "failures": 0,
        "drift_seen": 0,
        "sold": 0,
    }
    return PublishedRow(**fields | changes)


@given(st.lists(st.tuples(units, units)))
def test_decreases_come_first_and_each_half_begins_with_the_smallest(pairs: list[tuple[int, int]]) -> None:
    plans = rules.in_sending_order(Planned(row(published=old), new, NOW) for old, new in pairs)
    directions = [plan.is_decrease for plan in plans]
    assert directions == sorted(directions, reverse=True)
    for half in (True, False):
        desired = [plan.desired for plan in plans if plan.is_decrease is half]
        assert desired == sorted(desired)


@given(units, units, units)
def test_a_count_that_the_channels_own_sales_explain_is_no_drift_and_nothing_unseen(
    published: int, sold: int, shown: int
) -> None:
    here = row(published=published, sold=sold)
    cause, unseen = rules.drift_cause(here, shown), rules.unseen_sales(here, shown)
    assert (cause is None) == (shown == published - sold)
    assert (unseen > 0) == (cause is DriftCause.CHANNEL_SHOWS_LESS)


def test_per_place_any_part_of_the_variants_sales_explains_a_lower_count() -> None:
    place = row(location_id=UUID(int=3), published=10, sold=4)
    assert [rules.drift_cause(place, shown) for shown in (6, 8, 10)] == [None, None, None]
    assert rules.drift_cause(place, 5) is DriftCause.CHANNEL_SHOWS_LESS
    assert rules.drift_cause(place, 11) is DriftCause.CHANNEL_SHOWS_MORE


def test_a_listing_never_told_is_told_and_one_with_sales_since_too() -> None:
    assert rules.needs_sending(row(published=None, published_at=None), 0)
    assert rules.needs_sending(row(sold=1), 10)
    assert rules.needs_sending(row(resend=True), 10)
    assert not rules.needs_sending(row(), 10)


def test_a_repair_holds_nothing_back() -> None:
    assert rules.unseen_sales(row(resend=True), 3) == 0
    assert rules.unseen_sales(row(), 3) == 7
    assert rules.unseen_sales(row(), None) == 0


@given(st.integers(0, 10_000))
def test_pauses_grow_and_are_bounded(failures: int) -> None:
    assert 0 < rules.rejected_pause(failures) <= rules.REJECTED_LONGEST_SECONDS
    assert 0 < rules.retry_pause(failures) <= rules.RETRY_LONGEST_SECONDS
    assert rules.conflict_pause(0) == 0
    assert rules.rejected_pause(failures) <= rules.rejected_pause(failures + 1)


def test_a_channels_own_word_on_when_to_come_back_is_kept() -> None:
    assert retry_seconds(Retryable("busy", after_seconds=77), 1) == 77
    assert retry_seconds(Retryable("busy"), 1) == 1
    assert retry_seconds(Retryable("busy"), 99) == 300
    assert retry_seconds(AuthFailed("no"), 1) == 300


@pytest.mark.parametrize(
    ("error", "stored"),
    [
        (
            ContractBroken("'Ada' is not a number", path="$.lines[0].quantity"),
            ("CONTRACT_BROKEN", "$.lines[0].quantity"),
        ),
        (Rejected("Ada Lovelace is not allowed", field="billing"), ("REJECTED", "billing")),
        (AuthFailed("token abc"), ("AUTH_FAILED", "")),
    ],
)
def test_what_is_stored_of_an_error_quotes_nobody(error: Any, stored: tuple[str, str]) -> None:
    assert stored_error(error) == stored


def test_headers_are_kept_only_where_they_describe_the_delivery() -> None:
    given = {
        "content-type": "application/json",
        "x-wc-webhook-topic": "order.created",
        "x-wc-webhook-signature": "secret",
        "authorization": "Bearer secret",
        "cookie": "session",
        "x-forwarded-for": "203.0.113.7",
    }
    assert kept_headers(given) == {"content-type": "application/json", "x-wc-webhook-topic": "order.created"}


def test_an_event_id_that_is_too_long_is_kept_as_a_digest() -> None:
    assert event_key("e1") == "e1"
    assert event_key("x" * 256).startswith("sha256:")
    assert event_key("").startswith("sha256:")
    assert event_key("a\x00b").startswith("sha256:")
