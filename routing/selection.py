"""The selector: one decision for production, for pinning a claim on a pool, and for simulation."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from routing.allocation import allocate
from routing.decision import Assignment, Reason, ReasonCode, RoutingDecision
from routing.errors import RoutingInputError
from routing.filters import refusals
from routing.ranking import cost_of
from routing.ruleset import DEFAULT_RULES, NO_RULE, Rule, RuleSet
from routing.snapshot import Candidate, RoutingRequest, demand_by_variant
from routing.splitting import Choice, Offer, choose
from routing.verdicts import Considered, Evaluation, verdicts


@dataclass(frozen=True, slots=True)
class RoutingSnapshot:
    """Everything a decision depends on; stored beside it, so that it can be taken again."""

    request: RoutingRequest
    candidates: tuple[Candidate, ...]
    rules: RuleSet = DEFAULT_RULES

    def decide(self) -> RoutingDecision:
        return select(self.request, self.candidates, self.rules)


def select(request: RoutingRequest, candidates: Sequence[Candidate], rules: RuleSet = DEFAULT_RULES) -> RoutingDecision:
    """Who fulfils which units of the request, what nobody can, and why.

    Pure: the same arguments, in whatever order lines and candidates come, give the same decision. For each
    line, assigned plus unfilled units are the demand. Raises RoutingInputError when a location appears twice.
    """
    _refuse_duplicates(candidates)
    rule = rules.rule_for(request)
    demand = demand_by_variant(request)
    considered = [_consider(request, candidate, rule, demand) for candidate in candidates]
    choice = _choose(considered, list(demand.values()), rule)
    by_id = {candidate.location_id: candidate for candidate in candidates}
    assignments, unfilled = allocate(request, [by_id[offer.location_id] for offer in choice.offers])
    evaluation = Evaluation(request, rule, considered, choice, _units_by_location(assignments), sum(demand.values()))
    return RoutingDecision(assignments, unfilled, verdicts(evaluation), rule.name if rule else NO_RULE, rules.name)


def _consider(request: RoutingRequest, candidate: Candidate, rule: Rule | None, demand: dict[UUID, int]) -> Considered:
    offered = tuple(candidate.usable(variant_id) for variant_id in demand)
    covered = sum(min(wanted, units) for wanted, units in zip(demand.values(), offered, strict=True))
    if rule is None:
        nobody = Reason(ReasonCode.NO_RULE, f"no routing rule applies to {request.method.value} orders")
        return Considered(candidate, Offer(candidate.location_id, offered, covered, ()), (nobody,))
    offer = Offer(candidate.location_id, offered, covered, cost_of(request, candidate, rule))
    return Considered(candidate, offer, refusals(request, candidate, rule))


def _choose(considered: Sequence[Considered], demand: Sequence[int], rule: Rule | None) -> Choice:
    if rule is None:
        return Choice((), 0, fewest=True)
    return choose(
        (item.offer for item in considered if not item.refusals),
        demand,
        max_locations=rule.max_locations,
        exact_subsets=rule.exact_subsets,
    )


def _units_by_location(assignments: Sequence[Assignment]) -> dict[UUID, int]:
    return {assignment.location_id: sum(line.quantity for line in assignment.lines) for assignment in assignments}


def _refuse_duplicates(candidates: Sequence[Candidate]) -> None:
    if len({candidate.location_id for candidate in candidates}) != len(candidates):
        raise RoutingInputError("a location appears twice among the candidates", path=("candidates",))
