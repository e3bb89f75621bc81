"""A transfer's life, step by step: units are at one end, at the other, on the way, or accounted for with a reason."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.inventory import commands as c
from hub.inventory.books import Books
from hub.inventory.commands import AdjustmentReason, ReturnCondition
from hub.inventory.decision import decide
from hub.inventory.errors import DifferenceReasonRequiredError, MissingExceedsOutstandingError
from hub.inventory.receiving import ExpectedLine, ReceiptLine, receive
from hub.inventory.rules import Level
from hub.inventory.units import LevelKey, Units

ACTOR = c.Actor(UUID(int=9))
DOCUMENT = UUID(int=5)
VARIANTS = [UUID(int=1), UUID(int=2)]
SOURCE, TARGET = UUID(int=7), UUID(int=8)
STEPS = 30

receipts = st.lists(
    st.builds(
        ReceiptLine,
        st.sampled_from(VARIANTS),
        st.integers(0, 5),
        st.integers(0, 3),
        st.sampled_from(ReturnCondition),
        st.none() | st.sampled_from(AdjustmentReason),
    ),
    min_size=1,
    max_size=3,
)


class TransferLife(RuleBasedStateMachine):
    @initialize(stock=st.integers(0, 12), wanted=st.integers(1, 12))
    def draft(self, stock: int, wanted: int) -> None:
        keys = [LevelKey(variant, place) for variant in VARIANTS for place in (SOURCE, TARGET)]
        self.books = Books({key: Level(key, on_hand=stock if key.location_id == SOURCE else 0) for key in keys})
        self.lines = {VARIANTS[0]: ExpectedLine(wanted)}
        self.stock = stock
        self.sent = False

    def ask(self, command: c.StockCommand) -> c.Outcome:
        return decide(self.books, c.StockRequest(ACTOR, command))

    @precondition(lambda self: not self.sent)
    @rule()
    def dispatch(self) -> None:
        units = tuple(Units(LevelKey(variant, SOURCE), line.quantity) for variant, line in self.lines.items())
        outcome = self.ask(c.Dispatch(units, TARGET, DOCUMENT))
        self.sent = isinstance(outcome, c.Done)
        assert self.sent == (self.stock >= self.lines[VARIANTS[0]].quantity)

    @precondition(lambda self: self.sent)
    @rule(came=receipts)
    def receive(self, came: Sequence[ReceiptLine]) -> None:
        pairs = [(line.variant, line) for line in came if isinstance(line.variant, UUID)]
        try:
            changed, arrivals = receive(self.lines, pairs, TARGET)
        except (DifferenceReasonRequiredError, MissingExceedsOutstandingError):
            return
        assert isinstance(self.ask(c.Arrive(tuple(arrivals), c.ArrivalKind.TRANSFER, DOCUMENT)), c.Done)
        self.lines |= changed

    @invariant()
    def incoming_is_what_is_outstanding(self) -> None:
        for variant in VARIANTS:
            line = self.lines.get(variant, ExpectedLine(0))
            there = self.books.levels[LevelKey(variant, TARGET)]
            assert there.incoming == (line.outstanding if self.sent else 0)
            assert line.outstanding >= 0
            arrived = there.on_hand + there.damaged + there.quality_control
            assert arrived == line.received + line.extra

    @invariant()
    def no_unit_appears_or_vanishes_without_a_reason(self) -> None:
        total = sum(
            level.on_hand + level.damaged + level.quality_control + level.incoming
            for level in self.books.levels.values()
        )
        found = sum(line.extra for line in self.lines.values())
        lost = sum(line.missing for line in self.lines.values())
        assert total == self.stock * len(VARIANTS) + found - lost
        for posting in self.books.postings:
            assert posting.reason is not None or posting.kind not in {"ADJUST", "TRANSFER_LOSS"}


def test_a_transfer_loses_and_finds_nothing_without_a_reason() -> None:
    profile = settings(max_examples=120, stateful_step_count=STEPS, deadline=None, print_blob=True)
    run_state_machine_as_test(TransferLife, settings=profile)
