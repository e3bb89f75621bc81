"""The order-routing engine: pure functions over plain data."""

from routing.decision import (
    ENGINE_VERSION,
    AssignedLine,
    Assignment,
    CandidateVerdict,
    Outcome,
    Reason,
    ReasonCode,
    RoutingDecision,
    UnfilledLine,
)
from routing.errors import RoutingInputError, StoredFormError
from routing.explanation import explain
from routing.hours import OpeningInterval, WeeklyHours, wait_until_open
from routing.plain import decision_from_plain, snapshot_from_plain, to_plain
from routing.ruleset import DEFAULT_RULES, NO_RULE, POOL_RULES, FilterName, RankingName, Rule, RuleSet
from routing.selection import RoutingSnapshot, select
from routing.snapshot import Candidate, LineDemand, Part, RoutingMethod, RoutingRequest

__all__ = [
    "DEFAULT_RULES",
    "ENGINE_VERSION",
    "NO_RULE",
    "POOL_RULES",
    "AssignedLine",
    "Assignment",
    "Candidate",
    "CandidateVerdict",
    "FilterName",
    "LineDemand",
    "OpeningInterval",
    "Outcome",
    "Part",
    "RankingName",
    "Reason",
    "ReasonCode",
    "RoutingDecision",
    "RoutingInputError",
    "RoutingMethod",
    "RoutingRequest",
    "RoutingSnapshot",
    "Rule",
    "RuleSet",
    "StoredFormError",
    "UnfilledLine",
    "WeeklyHours",
    "decision_from_plain",
    "explain",
    "select",
    "snapshot_from_plain",
    "to_plain",
    "wait_until_open",
]
