"""What a level should say, from its ledger and its claims: the pure half of `hub check stock --repair`. No I/O."""

from dataclasses import dataclass, fields, replace

from hub.inventory.books import Posting
from hub.inventory.commands import Actor
from hub.inventory.rules import Deltas, Level, MovementKind

REPAIRED = "REPAIRED"
CARRIED_FORWARD = "CARRIED_FORWARD"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A level beside what is known of it: its movements since the last OPENING, active claims, holdings, and what is
    still on the way.

    `distinct` counts the different numbers among the `rows` movements; `reopened`: the first of them is an OPENING.
    """

    level: Level
    ledger: Deltas
    rows: int
    distinct: int
    first: int
    last: int
    reopened: bool
    claimed: int
    held: int
    announced: int

    @property
    def ledger_is_complete(self) -> bool:
        """Numbered without gap from the start, and at least as new as the level."""
        starts = self.first == 1 or self.reopened or not self.rows
        unbroken = self.rows == self.distinct and (not self.rows or self.last == self.first + self.rows - 1)
        return starts and unbroken and self.last >= self.level.version

    @property
    def holds(self) -> bool:
        """Ledger, level and claims tell one story."""
        agreed = states(self.level) == self.ledger == self.claimed_from(self.ledger)
        return agreed and self.ledger_is_complete and self.last == self.level.version

    def claimed_from(self, decided: Deltas) -> Deltas:
        """The states with what claims, holdings and announcements make of them."""
        return replace(decided, reserved=self.claimed, allocated=self.held, incoming=self.announced)


class UndecidableError(Exception):
    """The evidence does not say what the level should be. The message says what is missing and who can decide."""


def repaired(evidence: Evidence, actor: Actor, *, trust_level: bool = False) -> Posting | None:
    """The movement that makes ledger, level and claims agree; None when they do.

    Claims, holdings and announcements decide reserved, allocated and incoming. The ledger, if complete, decides the
    rest, and the movement adds to it what the claims lack or have too many. With `trust_level` the level decides, and
    an OPENING movement starts its ledger anew. Raises UndecidableError.
    """
    if evidence.holds:
        return None
    if not trust_level and not evidence.ledger_is_complete:
        raise UndecidableError(
            f"its movements are not numbered without gap up to {evidence.level.version}: the ledger cannot say what is"
            " there. Count the level, then let the level decide (--trust-level)"
        )
    decided = states(evidence.level) if trust_level else evidence.ledger
    target = evidence.claimed_from(decided)
    below = [item.name for item in fields(target) if item.name != "on_hand" and getattr(target, item.name) < 0]
    if below:
        raise UndecidableError(f"the ledger adds up to less than nothing: {', '.join(below)}")
    if trust_level:
        return _posting(evidence, target, target, MovementKind.OPENING, actor)
    return _posting(evidence, target, _difference(target, evidence.ledger), MovementKind.ADJUST, actor)


def carried_forward(level: Level, actor: Actor) -> Posting:
    """An OPENING movement that states the level as it is, so that nothing before it is needed to add it up."""
    after = replace(level, version=level.version + 1)
    return Posting(after, MovementKind.OPENING, states(level), actor, CARRIED_FORWARD)


def states(level: Level) -> Deltas:
    """Everything that movements add up to."""
    return Deltas(level.on_hand, level.reserved, level.allocated, level.incoming, level.damaged, level.quality_control)


def _posting(evidence: Evidence, target: Deltas, deltas: Deltas, kind: MovementKind, actor: Actor) -> Posting:
    after = replace(
        evidence.level,
        on_hand=target.on_hand,
        reserved=target.reserved,
        allocated=target.allocated,
        incoming=target.incoming,
        damaged=target.damaged,
        quality_control=target.quality_control,
        shortage=max(0, target.reserved + target.allocated - target.on_hand),
        version=max(evidence.last, evidence.level.version) + 1,
    )
    return Posting(after, kind, deltas, actor, REPAIRED)


def _difference(target: Deltas, now: Deltas) -> Deltas:
    return Deltas(**{item.name: getattr(target, item.name) - getattr(now, item.name) for item in fields(Deltas)})
