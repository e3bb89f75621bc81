"""What the engine answers: who fulfils what, what nobody can, and why each candidate won or lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

ENGINE_VERSION = "1"
"""Changes whenever the same snapshot may be decided differently than before."""


class Outcome(StrEnum):
    CHOSEN = "CHOSEN"
    NOT_NEEDED = "NOT_NEEDED"
    """Could have helped, but a better choice makes it superfluous."""
    REFUSED = "REFUSED"
    """Could not do it: a filter, or too little stock."""


class ReasonCode(StrEnum):
    WHOLE_ORDER = "WHOLE_ORDER"
    PART_OF_ORDER = "PART_OF_ORDER"
    OUTRANKED = "OUTRANKED"
    NOT_IN_SET = "NOT_IN_SET"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    INACTIVE = "INACTIVE"
    CAPABILITY_MISSING = "CAPABILITY_MISSING"
    EXCLUDED = "EXCLUDED"
    CLOSED = "CLOSED"
    CAPACITY_EXHAUSTED = "CAPACITY_EXHAUSTED"
    NOT_PICKUP_LOCATION = "NOT_PICKUP_LOCATION"
    PICKUP_LOCATION_UNKNOWN = "PICKUP_LOCATION_UNKNOWN"
    NO_RULE = "NO_RULE"
    UNKNOWN = "UNKNOWN"
    """Stored by a newer engine; its message still says what it meant."""

    @classmethod
    def _missing_(cls, value: object) -> "ReasonCode":
        del value
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for programs (`code`, `numbers`) and for people (`message`, a clause without a full stop)."""

    code: ReasonCode
    message: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssignedLine:
    line_id: UUID
    variant_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """The part of the order that one location fulfils; lines by line id."""

    location_id: UUID
    lines: tuple[AssignedLine, ...]


@dataclass(frozen=True, slots=True)
class UnfilledLine:
    """Demand that no eligible location covers."""

    line_id: UUID
    variant_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class CandidateVerdict:
    """One candidate's fate. `units_available` counts only what the order needs of each variant."""

    location_id: UUID
    name: str
    distance_km: float | None
    outcome: Outcome
    reasons: tuple[Reason, ...]
    units_demanded: int
    units_available: int
    units_assigned: int

    @property
    def explanation(self) -> str:
        """One English sentence with its numbers: "Refused: 2 of 5 units of the order available."."""
        outcome = self.outcome.value.replace("_", " ").capitalize()
        return f"{outcome}: {'; '.join(reason.message for reason in self.reasons)}."


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Assignments best rank first; verdicts by outcome (chosen, not needed, refused), then rank, then id."""

    assignments: tuple[Assignment, ...]
    unfilled: tuple[UnfilledLine, ...]
    candidates: tuple[CandidateVerdict, ...]
    rule: str
    rule_set: str
    engine_version: str = ENGINE_VERSION

    @property
    def complete(self) -> bool:
        return not self.unfilled
