"""A unit of a bundle comes whole from one location, and lines that share a part are summed."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from routing import (
    Candidate,
    LineDemand,
    Part,
    RoutingDecision,
    RoutingRequest,
    RoutingSnapshot,
    select,
    snapshot_from_plain,
    to_plain,
)
from tests.routing.factories import LAMP, SHIRT, SHOE, location_id, make_candidate, make_line, make_request

OUTFIT, KIT = UUID(int=1101), UUID(int=1102)
PARTS = {OUTFIT: (Part(SHOE, 1), Part(SHIRT, 2)), KIT: (Part(SHIRT, 1), Part(LAMP, 1))}


def line(number: int, variant_id: UUID, quantity: int) -> LineDemand:
    return LineDemand(UUID(int=2000 + number), variant_id, quantity, PARTS.get(variant_id, ()))


def given_units(decision: RoutingDecision) -> dict[tuple[int, UUID], int]:
    """(location, variant) → units or whole bundles."""
    return {
        (part.location_id.int, item.variant_id): item.quantity for part in decision.assignments for item in part.lines
    }


def test_a_bundle_goes_where_all_of_its_parts_are():
    stores = [
        make_candidate(1, {SHOE: 9, SHIRT: 1}),
        make_candidate(2, {SHOE: 1, SHIRT: 9}),
        make_candidate(3, {SHOE: 1, SHIRT: 2}),
    ]
    decision = select(make_request(line(1, OUTFIT, 2)), stores)
    assert given_units(decision) == {(2, OUTFIT): 1, (3, OUTFIT): 1}
    assert decision.complete


def test_parts_that_lie_apart_make_no_bundle():
    stores = [make_candidate(1, {SHOE: 9}), make_candidate(2, {SHIRT: 9})]
    decision = select(make_request(line(1, OUTFIT, 1)), stores)
    assert not decision.assignments
    assert [item.quantity for item in decision.unfilled] == [1]


def test_a_place_that_seems_to_have_everything_is_helped_by_the_next():
    stores = [make_candidate(1, {SHOE: 1, SHIRT: 2}), make_candidate(2, {SHIRT: 5})]
    decision = select(make_request(line(1, OUTFIT, 1), make_line(2, SHIRT, 2)), stores)
    assert given_units(decision) == {(1, OUTFIT): 1, (2, SHIRT): 2}
    assert decision.complete


def test_units_that_the_order_holds_count_for_its_bundles():
    store = make_candidate(1, {SHOE: 1}, held={SHIRT: 2})
    assert given_units(select(make_request(line(1, OUTFIT, 1)), [store])) == {(1, OUTFIT): 1}


def test_a_stored_decision_about_bundles_can_be_taken_again():
    snapshot = RoutingSnapshot(make_request(line(1, OUTFIT, 2)), (make_candidate(1, {SHOE: 1, SHIRT: 2}),))
    assert snapshot_from_plain(to_plain(snapshot)) == snapshot


units = st.dictionaries(st.sampled_from([SHOE, SHIRT, LAMP]), st.integers(0, 6))
wanted = st.lists(st.tuples(st.sampled_from([OUTFIT, KIT, SHIRT, LAMP]), st.integers(1, 4)), min_size=1, max_size=4)


@given(wanted, st.lists(units, min_size=1, max_size=4))
def test_no_part_is_given_twice_and_every_unit_is_accounted_for(
    demand: list[tuple[UUID, int]], stock: list[dict[UUID, int]]
):
    request: RoutingRequest = make_request(*(line(number, *item) for number, item in enumerate(demand)))
    stores: list[Candidate] = [make_candidate(number + 1, available) for number, available in enumerate(stock)]
    decision = select(request, stores)
    for number, available in enumerate(stock):
        taken = dict.fromkeys((SHOE, SHIRT, LAMP), 0)
        for part in decision.assignments:
            if part.location_id != location_id(number + 1):
                continue
            for item in part.lines:
                for piece in PARTS.get(item.variant_id, (Part(item.variant_id, 1),)):
                    taken[piece.variant_id] += item.quantity * piece.quantity
        assert all(units <= available.get(variant, 0) for variant, units in taken.items())
    pieces = [(item.line_id, item.quantity) for item in decision.unfilled]
    pieces += [(item.line_id, item.quantity) for part in decision.assignments for item in part.lines]
    total: dict[UUID, int] = {}
    for key, quantity in pieces:
        total[key] = total.get(key, 0) + quantity
    assert total == {item.line_id: item.quantity for item in request.lines}
    chosen = {verdict.location_id for verdict in decision.candidates if verdict.units_assigned}
    assert chosen == {part.location_id for part in decision.assignments}


@given(st.integers(1, 5), st.lists(units, min_size=1, max_size=4))
def test_of_one_bundle_as_many_are_given_as_the_places_make(quantity: int, stock: list[dict[UUID, int]]):
    stores = [make_candidate(number + 1, available) for number, available in enumerate(stock)]
    decision = select(make_request(line(1, OUTFIT, quantity)), stores)
    made = sum(min(place.get(SHOE, 0), place.get(SHIRT, 0) // 2) for place in stock)
    assert sum(given_units(decision).values()) == min(quantity, made)
