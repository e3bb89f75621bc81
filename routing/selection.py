"""The selector: one decision for production, for pinning a claim on a pool, and for simulation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from routing.allocation import allocate
from routing.decision import Assignment, Reason, ReasonCode, RoutingDecision, UnfilledLine
from routing.errors import RoutingInputError
from routing.filters import refusals
from routing.ranking import cost_of
from routing.ruleset import DEFAULT_RULES, NO_RULE, Rule, RuleSet
from routing.snapshot import Candidate, Part, RoutingRequest, demand_by_variant, parts_by_variant
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
    demand, parts = demand_by_variant(request), parts_by_variant(request)
    considered = [_consider(request, candidate, rule, demand, parts) for candidate in candidates]
    choice = _choose(considered, list(demand.values()), rule)
    by_id = {candidate.location_id: candidate for candidate in candidates}
    assignments, unfilled = allocate(request, [by_id[offer.location_id] for offer in choice.offers])
    if parts:
        choice, assignments, unfilled = _with_shared_parts(request, considered, choice, rule, by_id)
    evaluation = Evaluation(request, rule, considered, choice, _units_by_location(assignments), sum(demand.values()))
    return RoutingDecision(assignments, unfilled, verdicts(evaluation), rule.name if rule else NO_RULE, rules.name)


def _with_shared_parts(
    request: RoutingRequest,
    considered: Sequence[Considered],
    choice: Choice,
    rule: Rule | None,
    by_id: dict[UUID, Candidate],
) -> tuple[Choice, tuple[Assignment, ...], tuple[UnfilledLine, ...]]:
    """What is given once lines that share a part have been summed; further locations help out by rank.

    An offer counts every line as if it were alone, so chosen locations may turn out to give less, or nothing.
    """
    rest = [item.offer for item in considered if not item.refusals and item.offer not in choice.offers]
    rest.sort(key=lambda offer: (offer.cost, offer.location_id))
    limit = None if rule is None else rule.max_locations
    offers = list(choice.offers)
    assignments, unfilled = allocate(request, [by_id[offer.location_id] for offer in offers])
    while unfilled and rest and (limit is None or len(assignments) < limit):
        more = allocate(request, [by_id[offer.location_id] for offer in (*offers, rest[0])])
        if sum(line.quantity for line in more[1]) < sum(line.quantity for line in unfilled):
            offers.append(rest[0])
            assignments, unfilled = more
        rest.pop(0)
    given = _units_by_location(assignments)
    kept = tuple(offer for offer in offers if offer.location_id in given)
    fewest = choice.fewest and kept == choice.offers
    return replace(choice, offers=kept, covered=sum(given.values()), fewest=fewest), assignments, unfilled


def _consider(
    request: RoutingRequest,
    candidate: Candidate,
    rule: Rule | None,
    demand: dict[UUID, int],
    parts: dict[UUID, tuple[Part, ...]],
) -> Considered:
    offered = tuple(candidate.usable(variant_id, parts.get(variant_id, ())) for variant_id in demand)
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
