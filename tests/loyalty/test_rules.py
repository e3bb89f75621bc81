"""Points arithmetic: shares, debts, and conservation whatever order the news arrives in."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.kernel.money import MAX_AMOUNT_MINOR, spread
from hub.loyalty.errors import InsufficientPointsError, PointsError
from hub.loyalty.rules import (
    MAX_POINTS,
    Book,
    Lot,
    Posting,
    Ratio,
    activate_points,
    earn_units,
    points_of_lines,
    points_of_order,
    return_units,
    share_of_units,
    spend_points,
)


def make_lot(**values: int) -> Lot:
    return replace(Lot(id=uuid4(), quantity=3, granted=10), **values)  # type: ignore[arg-type]


def only(posting: Posting) -> Lot:
    (lot,) = posting.lots
    return lot


class TestPointsOfAnOrder:
    def test_are_rounded_down_once_on_the_whole_order(self):
        assert points_of_order(Ratio(1, 100), [150, 150, 199]) == 4

    def test_are_shared_among_lines_so_that_nothing_is_lost(self):
        assert points_of_lines(Ratio(1, 100), [150, 150, 199]) == [1, 1, 2]

    def test_of_nothing_are_nothing(self):
        assert points_of_lines(Ratio(1, 100), [0, 0]) == [0, 0]

    def test_refuse_a_negative_base(self):
        with pytest.raises(PointsError):
            points_of_order(Ratio(1, 100), [100, -1])

    def test_refuse_a_base_beyond_every_amount(self):
        with pytest.raises(PointsError):
            points_of_order(Ratio(1, 100), [MAX_AMOUNT_MINOR, 1])

    @given(
        st.integers(1, 1000),
        st.integers(1, 10_000),
        st.lists(st.integers(0, 10_000_000), min_size=1, max_size=20),
    )
    def test_the_lines_sum_to_the_order(self, points, minor, bases):
        ratio = Ratio(points, minor)
        assert sum(points_of_lines(ratio, bases)) == points_of_order(ratio, bases)


@given(st.integers(0, 10_000), st.integers(1, 60), st.data())
def test_the_share_of_units_is_their_part_of_a_largest_remainder_split(granted, quantity, data):
    units = data.draw(st.integers(0, quantity))
    assert share_of_units(granted, quantity, units) == sum(spread(granted, [1] * quantity)[:units])


class TestEarning:
    def test_gives_the_share_of_each_unit_and_all_of_them_the_whole(self):
        lot = make_lot()
        first = only(earn_units(lot, 1, pending=False))
        rest = only(earn_units(first, 2, pending=False))
        assert (first.available, rest.available) == (4, 10)

    def test_counts_no_more_units_than_the_line_has(self):
        posting = earn_units(make_lot(fulfilled_units=2, earned=7, available=7), 5, pending=False)
        assert posting.units == 1
        assert only(posting).earned == 10

    def test_waits_as_pending_when_the_programme_says_so(self):
        lot = only(earn_units(make_lot(), 3, pending=True))
        assert (lot.pending, lot.available) == (10, 0)

    def test_pays_debts_first(self):
        debtor = make_lot(fulfilled_units=3, returned_units=3, earned=10, reversed=10, spent=6, owed=6)
        posting = earn_units(make_lot(), 3, pending=False, owing=[debtor])
        assert posting.moved(Book.MEMBER_AVAILABLE) == 4
        assert posting.moved(Book.MEMBER_OWED) == 6
        assert posting.moved(Book.PROGRAMME_BURNED) == 0

    def test_nets_a_return_that_was_reported_first(self):
        lot = only(return_units(make_lot(), 2))
        assert lot.reversed == 0
        assert only(earn_units(lot, 3, pending=False)).available == 3


class TestReturning:
    def test_takes_pending_points_before_available_ones(self):
        lot = make_lot(fulfilled_units=3, earned=10, pending=6, available=4)
        assert (only(return_units(lot, 2)).pending, only(return_units(lot, 2)).available) == (0, 3)

    def test_counts_no_more_units_than_the_line_has(self):
        lot = only(earn_units(make_lot(), 3, pending=False))
        gone = only(return_units(lot, 99))
        assert (gone.reversed, gone.returned_units, gone.available) == (10, 3, 0)

    def test_of_spent_points_is_covered_by_other_lots_and_then_owed(self):
        spent = make_lot(fulfilled_units=3, earned=10, spent=10)
        other = make_lot(fulfilled_units=1, earned=4, available=4)
        posting = return_units(spent, 3, others=[other])
        changed = {lot.id: lot for lot in posting.lots}
        assert (changed[other.id].available, changed[other.id].spent) == (0, 4)
        assert (changed[spent.id].owed, changed[spent.id].spent) == (6, 6)
        assert posting.moved(Book.PROGRAMME_ISSUED) == 10


class TestSpending:
    def test_takes_the_oldest_lots_first(self):
        old, new = (make_lot(fulfilled_units=3, earned=10, available=10) for _ in range(2))
        changed = {lot.id: lot.available for lot in spend_points(12, [old, new]).lots}
        assert changed == {old.id: 0, new.id: 8}

    def test_refuses_more_than_is_available_and_says_how_much_is(self):
        with pytest.raises(InsufficientPointsError) as refused:
            spend_points(11, [make_lot(fulfilled_units=3, earned=10, available=10)])
        assert (refused.value.requested, refused.value.available) == (11, 10)

    @pytest.mark.parametrize("points", [0, -1, MAX_POINTS + 1])
    def test_refuses_absurd_numbers(self, points):
        with pytest.raises(PointsError):
            spend_points(points, [])


class Account(RuleBasedStateMachine):
    """One account under any sequence of commands, against totals that know nothing of lots."""

    @initialize(waits=st.booleans())
    def open(self, waits):
        self.lots: dict[UUID, Lot] = {}
        self.burned = 0
        self.waits = waits

    def apply(self, posting: Posting) -> None:
        per_lot: dict[UUID, int] = {}
        for entry in posting.entries:
            assert entry.points != 0
            per_lot[entry.lot_id] = per_lot.get(entry.lot_id, 0) + entry.points
        assert set(per_lot.values()) <= {0}
        self.lots.update({lot.id: lot for lot in posting.lots})

    def total(self, part: str) -> int:
        return sum(getattr(lot, part) for lot in self.lots.values())

    def open_lots(self, part: str) -> list[Lot]:
        return [lot for lot in self.lots.values() if getattr(lot, part)]

    @rule(quantity=st.integers(1, 5), granted=st.integers(1, 40))
    def grant(self, quantity, granted):
        lot = Lot(id=uuid4(), quantity=quantity, granted=granted)
        self.lots[lot.id] = lot

    @precondition(lambda self: self.lots)
    @rule(data=st.data(), units=st.integers(1, 6))
    def earn(self, data, units):
        lot = data.draw(st.sampled_from(list(self.lots.values())))
        self.apply(earn_units(lot, units, pending=self.waits, owing=self.open_lots("owed")))

    @precondition(lambda self: self.lots)
    @rule(data=st.data(), units=st.integers(1, 6))
    def give_back(self, data, units):
        lot = data.draw(st.sampled_from(list(self.lots.values())))
        self.apply(return_units(lot, units, others=self.open_lots("available")))

    @precondition(lambda self: self.open_lots("pending"))
    @rule(data=st.data(), points=st.integers(1, 50))
    def activate(self, data, points):
        lot = data.draw(st.sampled_from(self.open_lots("pending")))
        self.apply(activate_points(lot, points, owing=self.open_lots("owed")))

    @rule(points=st.integers(1, 30))
    def spend(self, points):
        if points > self.total("available"):
            with pytest.raises(InsufficientPointsError):
                spend_points(points, self.open_lots("available"))
            return
        self.apply(spend_points(points, self.open_lots("available")))
        self.burned += points

    @invariant()
    def every_lot_adds_up_and_follows_its_units(self):
        for lot in self.lots.values():
            kept = min(lot.returned_units, lot.fulfilled_units)
            assert min(lot.pending, lot.available, lot.spent, lot.owed) >= 0
            assert lot.pending + lot.available + lot.spent - lot.owed == lot.earned - lot.reversed
            assert lot.earned == share_of_units(lot.granted, lot.quantity, lot.fulfilled_units)
            assert lot.reversed == share_of_units(lot.granted, lot.quantity, kept)
            assert lot.granted >= lot.earned >= lot.reversed

    @invariant()
    def the_balance_depends_on_totals_only(self):
        net = self.total("earned") - self.total("reversed") - self.burned - self.total("pending")
        assert self.total("available") == max(0, net)
        assert self.total("owed") == max(0, -net)
        assert self.total("spent") == self.burned


Account.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAccount = Account.TestCase
