from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from hub.kernel.errors import InvalidInputError
from routing import (
    DEFAULT_RULES,
    NO_RULE,
    POOL_RULES,
    AssignedLine,
    Candidate,
    CandidateVerdict,
    Outcome,
    ReasonCode,
    RoutingDecision,
    RoutingInputError,
    RoutingMethod,
    RuleSet,
    WeeklyHours,
    explain,
    select,
)
from tests.routing.factories import (
    BERLIN,
    HAMBURG,
    LAMP,
    LEIPZIG,
    MUNICH,
    POTSDAM,
    SHIRT,
    SHOE,
    SUNDAY_NOON,
    location_id,
    make_candidate,
    make_line,
    make_request,
)


def _chosen(decision: RoutingDecision) -> list[UUID]:
    return [assignment.location_id for assignment in decision.assignments]


def _verdict(decision: RoutingDecision, number: int) -> CandidateVerdict:
    return next(v for v in decision.candidates if v.location_id == location_id(number))


def _codes(decision: RoutingDecision, number: int) -> list[ReasonCode]:
    return [reason.code for reason in _verdict(decision, number).reasons]


class TestOneLocation:
    def test_the_nearest_location_with_the_whole_order_is_chosen(self):
        far = make_candidate(1, {SHIRT: 9}, name="Hamburg", geo=HAMBURG)
        near = make_candidate(2, {SHIRT: 5}, name="Potsdam", geo=POTSDAM)
        decision = select(make_request(make_line(quantity=5)), [far, near])
        assert _chosen(decision) == [location_id(2)]
        assert decision.complete
        assert decision.rule == "nearest-then-fewest-splits"
        assert explain(decision) == [
            "Potsdam — Chosen: has all 5 units of the order, 27.2 km away, the best ranked of 2 such locations.",
            "Hamburg — Not needed: has all 5 units, but Potsdam is nearer (27.2 km against 255.3 km).",
        ]

    def test_a_farther_location_with_everything_beats_a_nearer_one_with_a_part(self):
        near = make_candidate(1, {SHIRT: 2}, name="Potsdam", geo=POTSDAM)
        far = make_candidate(2, {SHIRT: 5}, name="Munich", geo=MUNICH)
        decision = select(make_request(make_line(quantity=5)), [near, far])
        assert _chosen(decision) == [location_id(2)]
        assert _verdict(decision, 1).explanation == "Refused: 2 of 5 units of the order available."
        assert _verdict(decision, 1).reasons[0].numbers == {"available": 2, "demanded": 5}

    def test_equal_distances_are_decided_by_the_location_id(self):
        decision = select(make_request(), [make_candidate(2, {SHIRT: 9}), make_candidate(1, {SHIRT: 1})])
        assert _chosen(decision) == [location_id(1)]
        assert _verdict(decision, 2).explanation.endswith("ranks the same and comes first by id.")

    def test_a_location_at_an_unknown_place_ranks_behind_every_known_one(self):
        decision = select(
            make_request(),
            [make_candidate(1, {SHIRT: 1}, geo=None), make_candidate(2, {SHIRT: 1}, geo=MUNICH)],
        )
        assert _chosen(decision) == [location_id(2)]
        assert _verdict(decision, 1).distance_km is None
        assert "is at a known distance" in _verdict(decision, 1).explanation

    def test_without_a_destination_the_location_with_most_stock_is_chosen(self):
        stores = [make_candidate(1, {SHIRT: 3}), make_candidate(2, {SHIRT: 8})]
        decision = select(make_request(destination=None), stores)
        assert _chosen(decision) == [location_id(2)]
        assert decision.rule == "most-stock-then-fewest-splits"
        assert "Store 2 has more stock (8 against 3 units)" in _verdict(decision, 1).explanation

    def test_units_that_the_order_itself_holds_count_as_available_to_it(self):
        holder = make_candidate(1, {SHIRT: 1}, held={SHIRT: 2})
        decision = select(make_request(make_line(quantity=3)), [holder])
        assert decision.complete
        assert _chosen(decision) == [location_id(1)]

    def test_distances_that_look_equal_are_told_apart_in_metres(self):
        near = replace(POTSDAM, latitude=POTSDAM.latitude + 0.0001)
        stores = [make_candidate(1, {SHIRT: 1}, geo=near), make_candidate(2, {SHIRT: 1}, geo=POTSDAM)]
        decision = select(make_request(), stores)
        assert "Store 1 is nearer by 6 m (27.2 km)" in _verdict(decision, 2).explanation


class TestSplits:
    def test_two_locations_are_better_than_three_nearer_ones(self):
        lines = [make_line(1, SHIRT, 2), make_line(2, SHOE, 1), make_line(3, LAMP, 1)]
        stores = [
            make_candidate(1, {SHIRT: 2}, geo=BERLIN),
            make_candidate(2, {SHOE: 1}, geo=BERLIN),
            make_candidate(3, {LAMP: 1}, geo=BERLIN),
            make_candidate(4, {SHOE: 1, LAMP: 1}, geo=MUNICH),
        ]
        decision = select(make_request(*lines), stores)
        assert _chosen(decision) == [location_id(1), location_id(4)]
        assert _verdict(decision, 2).explanation == (
            "Not needed: 1 of 4 units available, but the 2 chosen locations give 4 without it."
        )

    def test_equally_small_sets_are_decided_by_their_total_distance(self):
        lines = [make_line(1, SHIRT), make_line(2, SHOE)]
        stores = [
            make_candidate(1, {SHIRT: 1}, geo=MUNICH),
            make_candidate(2, {SHIRT: 1}, geo=LEIPZIG),
            make_candidate(3, {SHOE: 1}, geo=HAMBURG),
            make_candidate(4, {SHOE: 1}, geo=POTSDAM),
        ]
        assert _chosen(select(make_request(*lines), stores)) == [location_id(4), location_id(2)]

    def test_a_line_stays_whole_when_one_chosen_location_has_all_of_it(self):
        lines = [make_line(1, SHIRT, 2), make_line(2, SHOE, 1)]
        near = make_candidate(1, {SHIRT: 1, SHOE: 1}, geo=BERLIN)
        far = make_candidate(2, {SHIRT: 2}, geo=MUNICH)
        decision = select(make_request(*lines), [near, far])
        assert [a.lines for a in decision.assignments] == [
            (AssignedLine(lines[1].line_id, SHOE, 1),),
            (AssignedLine(lines[0].line_id, SHIRT, 2),),
        ]

    def test_a_line_is_divided_when_no_location_has_all_of_it(self):
        decision = select(
            make_request(make_line(quantity=5)),
            [make_candidate(1, {SHIRT: 3}, geo=BERLIN), make_candidate(2, {SHIRT: 4}, geo=POTSDAM)],
        )
        assert [a.lines[0].quantity for a in decision.assignments] == [3, 2]
        assert _verdict(decision, 1).explanation == (
            "Chosen: gives 3 of 5 units, 0 m away; 2 locations, the fewest possible, give 5 of 5."
        )

    def test_what_nobody_has_comes_back_as_unfilled_with_its_quantity(self):
        lines = [make_line(1, SHIRT, 5), make_line(2, SHOE, 2)]
        decision = select(make_request(*lines), [make_candidate(1, {SHIRT: 3}), make_candidate(2)])
        assert [(line.line_id, line.quantity) for line in decision.unfilled] == [
            (lines[0].line_id, 2),
            (lines[1].line_id, 2),
        ]
        assert _verdict(decision, 2).explanation == "Refused: 0 of 7 units of the order available."
        assert explain(decision)[-1] == (
            f"Line {lines[1].line_id} — Unfilled: no eligible location has 2 more of {SHOE}."
        )

    def test_no_candidates_leave_everything_unfilled(self):
        decision = select(make_request(make_line(quantity=5)), [])
        assert decision.assignments == ()
        assert decision.candidates == ()
        assert decision.unfilled[0].quantity == 5

    def test_a_rule_that_allows_one_location_takes_the_one_that_covers_most(self):
        rules = RuleSet("one", tuple(replace(rule, max_locations=1) for rule in DEFAULT_RULES.rules))
        stores = [make_candidate(1, {SHIRT: 2}), make_candidate(2, {SHIRT: 3}, geo=MUNICH)]
        decision = select(make_request(make_line(quantity=5)), stores, rules)
        assert _chosen(decision) == [location_id(2)]
        assert decision.unfilled[0].quantity == 2
        assert _verdict(decision, 1).outcome is Outcome.NOT_NEEDED

    def test_a_set_found_greedily_does_not_claim_to_be_the_fewest(self):
        rules = RuleSet("greedy", tuple(replace(rule, exact_subsets=0) for rule in DEFAULT_RULES.rules))
        stores = [make_candidate(number, {SHIRT: 1}) for number in range(1, 5)]
        decision = select(make_request(make_line(quantity=3)), stores, rules)
        assert _chosen(decision) == [location_id(number) for number in (1, 2, 3)]
        assert "the fewest that were found" in decision.candidates[0].explanation

    def test_many_locations_with_one_unit_each_are_still_combined(self):
        stores = [make_candidate(number, {SHIRT: 1}) for number in range(1, 201)]
        decision = select(make_request(make_line(quantity=40)), stores)
        assert _chosen(decision) == [location_id(number) for number in range(1, 41)]


class TestFilters:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"active": False}, ReasonCode.INACTIVE),
            ({"capabilities": frozenset({"PICKUP"})}, ReasonCode.CAPABILITY_MISSING),
            ({"opening_hours": WeeklyHours.parse({"TUE": [["09:00", "18:00"]]})}, ReasonCode.CLOSED),
            ({"opening_hours": WeeklyHours.parse({})}, ReasonCode.CLOSED),
            ({"daily_capacity": 3, "capacity_used": 3}, ReasonCode.CAPACITY_EXHAUSTED),
            ({"daily_capacity": 0}, ReasonCode.CAPACITY_EXHAUSTED),
        ],
    )
    def test_a_filter_refuses_and_without_its_reason_the_location_is_chosen(
        self, changes: dict[str, Any], code: ReasonCode
    ):
        fine = make_candidate(1, {SHIRT: 9})
        refused = select(make_request(), [replace(fine, **changes)])
        assert refused.assignments == ()
        assert _codes(refused, 1) == [code]
        assert _chosen(select(make_request(), [fine])) == [location_id(1)]

    def test_a_location_that_rejected_the_order_is_not_asked_again(self):
        request = make_request(excluded_location_ids=frozenset({location_id(1)}))
        stores = [make_candidate(1, {SHIRT: 9}), make_candidate(2, {SHIRT: 9}, geo=MUNICH)]
        decision = select(request, stores)
        assert _chosen(decision) == [location_id(2)]
        assert _verdict(decision, 1).explanation == "Refused: the location rejected this order before."

    def test_every_reason_against_a_location_is_named_with_its_numbers(self):
        store = make_candidate(1, {SHIRT: 9}, active=False, daily_capacity=2, capacity_used=3)
        verdict = _verdict(select(make_request(), [store]), 1)
        assert verdict.explanation == ("Refused: the location is not active; 3 orders today for a daily capacity of 2.")
        assert verdict.reasons[1].numbers == {"capacity_used": 3, "daily_capacity": 2}

    def test_a_location_that_opens_within_the_allowed_wait_is_eligible(self):
        monday = make_candidate(1, {SHIRT: 1}, opening_hours=WeeklyHours.parse({"MON": [["09:00", "18:00"]]}))
        assert _chosen(select(make_request(), [monday])) == [location_id(1)]
        short = RuleSet("short", tuple(replace(rule, max_wait_hours=20.5) for rule in DEFAULT_RULES.rules))
        decision = select(make_request(), [monday], short)
        assert _verdict(decision, 1).explanation == (
            "Refused: closed for another 21.0 h, and at most 20.5 h are allowed."
        )

    def test_a_claim_on_a_pool_is_pinned_to_closed_and_busy_locations_too(self):
        store = make_candidate(1, {SHIRT: 1}, opening_hours=WeeklyHours.parse({}), daily_capacity=0)
        assert select(make_request(), [store]).assignments == ()
        assert _chosen(select(make_request(), [store], POOL_RULES)) == [location_id(1)]


class TestPickup:
    def _collect(self, *stores: Candidate, at: int | None = 1) -> RoutingDecision:
        request = make_request(
            make_line(quantity=2),
            method=RoutingMethod.PICKUP,
            pickup_location_id=None if at is None else location_id(at),
        )
        return select(request, stores)

    def test_only_the_pickup_location_is_eligible(self):
        decision = self._collect(make_candidate(1, {SHIRT: 2}, geo=MUNICH), make_candidate(2, {SHIRT: 9}))
        assert _chosen(decision) == [location_id(1)]
        assert decision.rule == "pickup-location"
        assert _verdict(decision, 2).explanation == "Refused: the buyer collects at another location."

    def test_what_the_pickup_location_lacks_is_unfilled_and_not_taken_elsewhere(self):
        decision = self._collect(make_candidate(1, {SHIRT: 1}), make_candidate(2, {SHIRT: 9}))
        assert decision.assignments[0].lines[0].quantity == 1
        assert decision.unfilled[0].quantity == 1

    def test_closing_hours_do_not_take_the_pickup_away_from_the_promised_place(self):
        closed = make_candidate(1, {SHIRT: 2}, opening_hours=WeeklyHours.parse({}))
        assert _chosen(self._collect(closed)) == [location_id(1)]

    def test_an_order_without_a_pickup_location_is_unfilled_and_says_so(self):
        decision = self._collect(make_candidate(1, {SHIRT: 2}), at=None)
        assert decision.unfilled[0].quantity == 2
        assert _codes(decision, 1) == [ReasonCode.PICKUP_LOCATION_UNKNOWN]

    def test_a_pickup_location_that_rejected_the_order_is_refused(self):
        request = make_request(
            method=RoutingMethod.PICKUP,
            pickup_location_id=location_id(1),
            excluded_location_ids=frozenset({location_id(1)}),
        )
        decision = select(request, [make_candidate(1, {SHIRT: 2})])
        assert _codes(decision, 1) == [ReasonCode.EXCLUDED]


class TestBadInput:
    def test_an_instant_outside_utc_is_refused(self):
        for at in (datetime(2026, 1, 1), SUNDAY_NOON.astimezone(timezone(timedelta(hours=1)))):  # noqa: DTZ001 (the point)
            with pytest.raises(RoutingInputError, match="UTC"):
                make_request(at=at)

    def test_an_order_without_lines_is_refused(self):
        with pytest.raises(RoutingInputError, match="lines"):
            make_request(lines=())

    def test_two_lines_with_one_id_are_refused(self):
        with pytest.raises(RoutingInputError, match="same id"):
            make_request(make_line(1), make_line(1, SHOE))

    def test_a_location_that_appears_twice_is_refused(self):
        with pytest.raises(RoutingInputError, match="twice"):
            select(make_request(), [make_candidate(1), make_candidate(1)])

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
    def test_an_unknown_time_zone_is_refused(self, zone: str):
        with pytest.raises(RoutingInputError, match="IANA"):
            make_candidate(1, time_zone=zone)

    @pytest.mark.parametrize("quantity", [0, -1, 10**12])
    def test_an_absurd_quantity_is_refused(self, quantity: int):
        with pytest.raises(InvalidInputError):
            make_line(quantity=quantity)

    @pytest.mark.parametrize("changes", [{"available": {SHIRT: -1}}, {"held": {SHIRT: -1}}, {"capacity_used": -1}])
    def test_a_negative_count_is_refused(self, changes: dict[str, Any]):
        with pytest.raises(InvalidInputError):
            replace(make_candidate(1), **changes)

    @pytest.mark.parametrize(
        "changes", [{"max_locations": 0}, {"max_wait_hours": -1.0}, {"max_wait_hours": float("nan")}]
    )
    def test_a_rule_that_cannot_hold_is_refused(self, changes: dict[str, Any]):
        with pytest.raises(RoutingInputError):
            replace(DEFAULT_RULES.rules[0], **changes)

    def test_a_request_that_no_rule_applies_to_is_unfilled_and_says_so(self):
        decision = select(make_request(), [make_candidate(1, {SHIRT: 9})], RuleSet("empty", ()))
        assert decision.rule == NO_RULE
        assert decision.unfilled[0].quantity == 1
        assert _codes(decision, 1) == [ReasonCode.NO_RULE]
