"""Verdicts: why each candidate was chosen, not needed or refused, with the numbers that decided it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from routing.decision import CandidateVerdict, Outcome, Reason, ReasonCode
from routing.ranking import distance_metres, stock_depth
from routing.ruleset import RankingName, Rule
from routing.snapshot import Candidate, RoutingRequest
from routing.splitting import Choice, Offer

_METRES_PER_KM = 1000
_ORDER = {outcome: index for index, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class Considered:
    """A candidate after the filters: its offer, and the reasons against it (none: eligible)."""

    candidate: Candidate
    offer: Offer
    refusals: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that verdicts are drawn from."""

    request: RoutingRequest
    rule: Rule | None
    considered: Sequence[Considered]
    choice: Choice
    assigned: dict[UUID, int]
    """Units given to each chosen location."""
    demanded: int


def verdicts(evaluation: Evaluation) -> tuple[CandidateVerdict, ...]:
    """One per candidate: chosen first, then not needed, then refused; by rank, then id within each."""
    judged = [(item.offer, _verdict(evaluation, item)) for item in evaluation.considered]
    judged.sort(key=lambda pair: (_ORDER[pair[1].outcome], pair[0].cost, pair[0].location_id))
    return tuple(verdict for _, verdict in judged)


def _verdict(evaluation: Evaluation, item: Considered) -> CandidateVerdict:
    outcome, reasons = _judge(evaluation, item)
    metres = distance_metres(evaluation.request, item.candidate)
    return CandidateVerdict(
        location_id=item.candidate.location_id,
        name=item.candidate.name,
        distance_km=None if metres is None else metres / _METRES_PER_KM,
        outcome=outcome,
        reasons=reasons,
        units_demanded=evaluation.demanded,
        units_available=item.offer.covered,
        units_assigned=evaluation.assigned.get(item.candidate.location_id, 0),
    )


def _judge(evaluation: Evaluation, item: Considered) -> tuple[Outcome, tuple[Reason, ...]]:
    if item.refusals:
        return Outcome.REFUSED, item.refusals
    if item.offer in evaluation.choice.offers:
        return Outcome.CHOSEN, (_why_chosen(evaluation, item),)
    if _whole_from_one(evaluation) and item.offer.covered == evaluation.demanded:
        return Outcome.NOT_NEEDED, (_outranked(evaluation, item),)
    if item.offer.covered == 0 or _whole_from_one(evaluation):
        return Outcome.REFUSED, (_insufficient(evaluation, item),)
    return Outcome.NOT_NEEDED, (_not_in_set(evaluation, item),)


def _whole_from_one(evaluation: Evaluation) -> bool:
    return len(evaluation.choice.offers) == 1 and evaluation.choice.covered == evaluation.demanded


def _why_chosen(evaluation: Evaluation, item: Considered) -> Reason:
    if _whole_from_one(evaluation):
        return _whole_order(evaluation, item)
    given, demanded = evaluation.assigned[item.offer.location_id], evaluation.demanded
    count, covered = len(evaluation.choice.offers), evaluation.choice.covered
    numbers = {"given": given, "demanded": demanded, "locations": count, "covered": covered}
    message = f"gives {given} of {_units(demanded)}{_away(evaluation, item)}"
    if count > 1:
        best = "the fewest possible" if evaluation.choice.fewest else "the fewest that were found"
        message += f"; {count} locations, {best}, give {covered} of {demanded}"
    return Reason(ReasonCode.PART_OF_ORDER, message, numbers)


def _whole_order(evaluation: Evaluation, item: Considered) -> Reason:
    rivals = sum(not other.refusals and other.offer.covered == evaluation.demanded for other in evaluation.considered)
    message = f"has all {_units(evaluation.demanded)} of the order{_away(evaluation, item)}"
    if rivals > 1:
        message += f", the best ranked of {rivals} such locations"
    return Reason(ReasonCode.WHOLE_ORDER, message, {"demanded": evaluation.demanded, "complete": rivals})


def _outranked(evaluation: Evaluation, item: Considered) -> Reason:
    """Names the first ranking in which the chosen location is better."""
    winner = evaluation.choice.offers[0]
    chosen = next(other for other in evaluation.considered if other.offer is winner)
    head = f"has all {_units(evaluation.demanded)}, but {chosen.candidate.name}"
    rankings = evaluation.rule.ranking if evaluation.rule else ()
    for name, own, better in zip(rankings, item.offer.cost, winner.cost, strict=True):
        if own != better:
            tail, numbers = _COMPARISONS[name](evaluation.request, item.candidate, chosen.candidate)
            return Reason(ReasonCode.OUTRANKED, f"{head} {tail}", numbers)
    return Reason(ReasonCode.OUTRANKED, f"{head} ranks the same and comes first by id")


def _nearer(request: RoutingRequest, candidate: Candidate, chosen: Candidate) -> tuple[str, dict[str, int | float]]:
    near, far = distance_metres(request, chosen), distance_metres(request, candidate)
    if near is None or far is None:
        return "is at a known distance", {}
    numbers = {"chosen_distance_km": near / _METRES_PER_KM, "distance_km": far / _METRES_PER_KM}
    if _km(near) == _km(far):
        return f"is nearer by {far - near} m ({_km(far)})", numbers
    return f"is nearer ({_km(near)} against {_km(far)})", numbers


def _deeper(request: RoutingRequest, candidate: Candidate, chosen: Candidate) -> tuple[str, dict[str, int | float]]:
    most, own = stock_depth(request, chosen), stock_depth(request, candidate)
    return f"has more stock ({most} against {own} units)", {"chosen_stock": most, "stock": own}


_COMPARISONS = {RankingName.NEAREST: _nearer, RankingName.MOST_STOCK: _deeper}


def _insufficient(evaluation: Evaluation, item: Considered) -> Reason:
    available, demanded = item.offer.covered, evaluation.demanded
    return Reason(
        ReasonCode.INSUFFICIENT_STOCK,
        f"{available} of {_units(demanded)} of the order available",
        {"available": available, "demanded": demanded},
    )


def _not_in_set(evaluation: Evaluation, item: Considered) -> Reason:
    available, demanded, choice = item.offer.covered, evaluation.demanded, evaluation.choice
    count = len(choice.offers)
    chosen = "the chosen location gives" if count == 1 else f"the {count} chosen locations give"
    return Reason(
        ReasonCode.NOT_IN_SET,
        f"{available} of {_units(demanded)} available, but {chosen} {choice.covered} without it",
        {"available": available, "demanded": demanded, "locations": count, "covered": choice.covered},
    )


def _away(evaluation: Evaluation, item: Considered) -> str:
    metres = distance_metres(evaluation.request, item.candidate)
    return "" if metres is None else f", {_km(metres)} away"


def _km(metres: int) -> str:
    return f"{metres / _METRES_PER_KM:.1f} km" if metres >= _METRES_PER_KM else f"{metres} m"


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"
