import json
from typing import Any

import pytest
from hypothesis import given

from routing import (
    POOL_RULES,
    Candidate,
    ReasonCode,
    RoutingRequest,
    RoutingSnapshot,
    StoredFormError,
    decision_from_plain,
    select,
    snapshot_from_plain,
    to_plain,
)
from tests.routing.factories import SHIRT, candidates, make_candidate, make_request, requests


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@given(requests(), candidates())
def test_a_snapshot_and_its_decision_come_back_equal_from_json(request: RoutingRequest, stores: list[Candidate]):
    snapshot = RoutingSnapshot(request, tuple(stores))
    decision = snapshot.decide()
    stored = _through_json(to_plain(snapshot))
    assert snapshot_from_plain(stored) == snapshot
    assert to_plain(snapshot_from_plain(stored)) == stored
    assert decision_from_plain(_through_json(to_plain(decision))) == decision


@given(requests(), candidates())
def test_a_stored_snapshot_is_decided_again_exactly_as_before(request: RoutingRequest, stores: list[Candidate]):
    snapshot = RoutingSnapshot(request, tuple(stores), POOL_RULES)
    replayed = snapshot_from_plain(_through_json(to_plain(snapshot))).decide()
    assert replayed == select(request, stores, POOL_RULES)


def _stored() -> dict[str, Any]:
    snapshot = RoutingSnapshot(make_request(), (make_candidate(1, {SHIRT: 1}),))
    stored: dict[str, Any] = _through_json(to_plain(snapshot))
    return stored


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default():
    stored = _stored()
    stored["request"]["promise_date"] = "2026-12-24"
    del stored["candidates"][0]["held"]
    assert snapshot_from_plain(stored) == RoutingSnapshot(make_request(), (make_candidate(1, {SHIRT: 1}),))


def test_a_reason_of_a_newer_engine_is_read_as_unknown_with_its_message():
    stored = _through_json(to_plain(select(make_request(), [make_candidate(1)])))
    stored["candidates"][0]["reasons"][0] |= {"code": "TOO_WET", "message": "it rains"}
    reason = decision_from_plain(stored).candidates[0].reasons[0]
    assert (reason.code, reason.message) == (ReasonCode.UNKNOWN, "it rains")


@pytest.mark.parametrize(
    ("part", "field", "value", "path"),
    [
        ("request", "order_id", "not-an-id", ("request", "order_id")),
        ("request", "at", "2026-11-22T11:00:00", ("request", "at")),
        ("request", "method", "TELEPORT", ("request", "method")),
        ("request", "lines", None, ("request", "lines")),
        ("request", "destination", {"latitude": "far"}, ("request", "destination", "latitude")),
        ("rules", "name", 7, ("rules", "name")),
    ],
)
def test_a_misfit_is_named_by_its_path(part: str, field: str, value: object, path: tuple[str, ...]):
    stored = _stored()
    stored[part][field] = value
    with pytest.raises(StoredFormError) as refusal:
        snapshot_from_plain(stored)
    assert refusal.value.path == path


@pytest.mark.parametrize("data", [None, [], "{}", {}])
def test_data_that_is_no_snapshot_is_refused(data: object):
    with pytest.raises(StoredFormError):
        snapshot_from_plain(data)


def test_a_truth_value_is_not_a_number():
    stored = _stored()
    stored["candidates"][0]["capacity_used"] = True
    with pytest.raises(StoredFormError):
        snapshot_from_plain(stored)
