from dataclasses import replace
from fractions import Fraction
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from routing import (
    DEFAULT_RULES,
    Candidate,
    Outcome,
    ReasonCode,
    RoutingDecision,
    RoutingMethod,
    RoutingRequest,
    RuleSet,
    select,
    wait_until_open,
)
from routing.snapshot import zone_of
from tests.routing.factories import candidates, fewest_by_brute_force, requests

_GREEDY = RuleSet("greedy", tuple(replace(rule, exact_subsets=0) for rule in DEFAULT_RULES.rules))
_FILTER_CODES = frozenset(ReasonCode) - {ReasonCode.INSUFFICIENT_STOCK}


def _refused_by_filter(decision: RoutingDecision) -> set[UUID]:
    return {
        verdict.location_id
        for verdict in decision.candidates
        if verdict.outcome is Outcome.REFUSED and verdict.reasons[0].code in _FILTER_CODES
    }


def _eligible(decision: RoutingDecision, stores: list[Candidate]) -> list[Candidate]:
    refused = _refused_by_filter(decision)
    return [store for store in stores if store.location_id not in refused]


def _demanded(request: RoutingRequest) -> int:
    return sum(line.quantity for line in request.lines)


@given(requests(), candidates(), st.sampled_from([DEFAULT_RULES, _GREEDY]))
def test_assigned_and_unfilled_units_of_each_line_are_its_demand(
    request: RoutingRequest, stores: list[Candidate], rules: RuleSet
):
    decision = select(request, stores, rules)
    units: dict[UUID, int] = {}
    pieces = [(line.line_id, line.quantity) for line in decision.unfilled]
    pieces += [(line.line_id, line.quantity) for part in decision.assignments for line in part.lines]
    for line_id, quantity in pieces:
        assert quantity > 0
        units[line_id] = units.get(line_id, 0) + quantity
    assert units == {line.line_id: line.quantity for line in request.lines}


@given(requests(), candidates(), st.sampled_from([DEFAULT_RULES, _GREEDY]))
def test_no_location_gives_more_than_it_has(request: RoutingRequest, stores: list[Candidate], rules: RuleSet):
    by_id = {store.location_id: store for store in stores}
    for assignment in select(request, stores, rules).assignments:
        given_units: dict[UUID, int] = {}
        for line in assignment.lines:
            given_units[line.variant_id] = given_units.get(line.variant_id, 0) + line.quantity
        for variant_id, units in given_units.items():
            assert units <= by_id[assignment.location_id].usable(variant_id)


@given(requests(), candidates(), st.randoms(use_true_random=False))
def test_the_order_of_lines_and_candidates_does_not_matter(request: RoutingRequest, stores: list[Candidate], random):
    lines, shuffled = list(request.lines), list(stores)
    random.shuffle(lines)
    random.shuffle(shuffled)
    assert select(replace(request, lines=tuple(lines)), shuffled) == select(request, stores)


@given(requests(), candidates())
def test_one_location_is_chosen_exactly_when_an_eligible_one_covers_all(
    request: RoutingRequest, stores: list[Candidate]
):
    decision = select(request, stores)
    able = [
        store
        for store in _eligible(decision, stores)
        if fewest_by_brute_force(request, [store])[0] == _demanded(request)
    ]
    assert (len(decision.assignments) == 1 and decision.complete) == bool(able)


@settings(max_examples=400)
@given(requests(), candidates())
def test_the_number_of_locations_and_the_units_covered_agree_with_brute_force(
    request: RoutingRequest, stores: list[Candidate]
):
    decision = select(request, stores)
    most, fewest = fewest_by_brute_force(request, _eligible(decision, stores))
    assert len(decision.assignments) == fewest
    assert sum(line.quantity for line in decision.unfilled) == _demanded(request) - most


@settings(max_examples=400)
@given(requests(), candidates())
def test_the_greedy_search_covers_as_much_within_its_bound(request: RoutingRequest, stores: list[Candidate]):
    decision = select(request, stores, _GREEDY)
    eligible = _eligible(decision, stores)
    most, fewest = fewest_by_brute_force(request, eligible)
    largest = max((fewest_by_brute_force(request, [store])[0] for store in eligible), default=0)
    assert sum(line.quantity for line in decision.unfilled) == _demanded(request) - most
    assert len(decision.assignments) <= fewest * sum(Fraction(1, step) for step in range(1, largest + 1))


@given(requests(), candidates())
def test_excluded_inactive_incapable_closed_and_full_locations_are_never_chosen(
    request: RoutingRequest, stores: list[Candidate]
):
    chosen = {assignment.location_id for assignment in select(request, stores).assignments}
    for store in stores:
        if store.location_id not in chosen:
            continue
        assert store.location_id not in request.excluded_location_ids
        assert store.active
        assert request.method.value in store.capabilities
        if request.method is RoutingMethod.PICKUP:
            assert store.location_id == request.pickup_location_id
            continue
        wait = wait_until_open(store.opening_hours, zone_of(store), request.at)
        assert wait is not None
        assert wait.total_seconds() <= 24 * 3600
        assert store.daily_capacity is None or store.capacity_used < store.daily_capacity


@given(requests(), candidates())
def test_every_candidate_has_one_verdict_whose_numbers_agree_with_the_assignments(
    request: RoutingRequest, stores: list[Candidate]
):
    decision = select(request, stores)
    assigned = {part.location_id: sum(line.quantity for line in part.lines) for part in decision.assignments}
    assert sorted(v.location_id for v in decision.candidates) == sorted(s.location_id for s in stores)
    for verdict in decision.candidates:
        assert verdict.units_assigned == assigned.get(verdict.location_id, 0)
        assert (verdict.outcome is Outcome.CHOSEN) == (verdict.location_id in assigned)
        assert verdict.units_assigned <= verdict.units_available <= verdict.units_demanded == _demanded(request)
        assert verdict.explanation.endswith(".")
        assert verdict.reasons


@given(requests(), candidates())
def test_a_location_that_is_not_needed_could_be_left_out(request: RoutingRequest, stores: list[Candidate]):
    decision = select(request, stores)
    chosen = {assignment.location_id for assignment in decision.assignments}
    again = select(request, [store for store in stores if store.location_id in chosen])
    assert again.assignments == decision.assignments
    assert again.unfilled == decision.unfilled
