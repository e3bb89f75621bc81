"""The pure half of the repair: which witness decides what."""

from uuid import UUID

import pytest

from hub.inventory.commands import Actor
from hub.inventory.restating import Evidence, UndecidableError, repaired
from hub.inventory.rules import Deltas, Level, MovementKind
from hub.inventory.units import LevelKey

KEY = LevelKey(UUID(int=1), UUID(int=2))
ACTOR = Actor(UUID(int=3))


def _evidence(level: Level, ledger: Deltas, *, rows: int = 3, first: int = 1, **claims: int) -> Evidence:
    return Evidence(
        level,
        ledger,
        rows,
        distinct=claims.pop("distinct", rows),
        first=first,
        last=claims.pop("last", first + rows - 1),
        reopened=bool(claims.pop("reopened", 0)),
        claimed=claims.pop("claimed", ledger.reserved),
        held=claims.pop("held", ledger.allocated),
        announced=claims.pop("announced", ledger.incoming),
    )


def test_what_agrees_is_left_alone():
    assert repaired(_evidence(Level(KEY, 10, 2, 1, version=3), Deltas(10, 2, 1)), ACTOR) is None


def test_a_complete_ledger_decides_what_is_there():
    posting = repaired(_evidence(Level(KEY, 13, 2, version=3), Deltas(10, 2)), ACTOR)
    assert posting is not None
    assert (posting.level.on_hand, posting.level.reserved, posting.level.version) == (10, 2, 4)
    assert (posting.kind, posting.deltas, posting.reason) == (MovementKind.ADJUST, Deltas(), "REPAIRED")


def test_claims_decide_what_is_reserved_allocated_and_on_the_way():
    posting = repaired(
        _evidence(Level(KEY, 10, 2, 4, version=3), Deltas(10, 2, 4), claimed=5, held=1, announced=6), ACTOR
    )
    assert posting is not None
    assert posting.deltas == Deltas(reserved=3, allocated=-3, incoming=6)
    assert (posting.level.reserved, posting.level.allocated) == (5, 1)


def test_claims_beyond_what_is_there_become_a_shortage():
    posting = repaired(_evidence(Level(KEY, 4, 2, version=3), Deltas(4, 2), claimed=6), ACTOR)
    assert posting is not None
    assert posting.level.shortage == 2


def test_a_level_older_than_its_ledger_is_brought_up_to_it():
    posting = repaired(_evidence(Level(KEY, 9, version=2), Deltas(10)), ACTOR)
    assert posting is not None
    assert (posting.level.on_hand, posting.level.version) == (10, 4)


@pytest.mark.parametrize(
    "evidence",
    [
        _evidence(Level(KEY, 10, version=4), Deltas(10)),
        _evidence(Level(KEY, 10, version=4), Deltas(10), last=4),
        _evidence(Level(KEY, 10, version=3), Deltas(10), distinct=2),
        _evidence(Level(KEY, 10, version=4), Deltas(10), first=2),
    ],
    ids=["newest missing", "one in the middle missing", "one doubled", "first missing"],
)
def test_a_ledger_with_gaps_decides_nothing_until_somebody_lets_the_level_decide(evidence: Evidence):
    with pytest.raises(UndecidableError, match="numbered without gap"):
        repaired(evidence, ACTOR)
    posting = repaired(evidence, ACTOR, trust_level=True)
    assert posting is not None
    assert (posting.kind, posting.deltas) == (MovementKind.OPENING, Deltas(10))
    assert posting.level.version > max(evidence.last, evidence.level.version)


def test_a_ledger_that_starts_with_an_opening_is_complete_without_what_was_before():
    assert repaired(_evidence(Level(KEY, 10, version=9), Deltas(10), first=7, reopened=1), ACTOR) is None


def test_a_ledger_below_nothing_is_refused():
    with pytest.raises(UndecidableError, match="damaged"):
        repaired(_evidence(Level(KEY, 10, version=3), Deltas(10, damaged=-1)), ACTOR)
