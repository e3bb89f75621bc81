"""Rankings: each gives a candidate a whole-number cost, lower is better; a rule compares them in order."""

from collections.abc import Callable, Mapping

from hub.kernel.geo import distance_km
from routing.ruleset import RankingName, Rule
from routing.snapshot import Candidate, RoutingRequest, demand_by_variant, parts_by_variant

Ranking = Callable[[RoutingRequest, Candidate], int]
Cost = tuple[int, ...]

_METRES_PER_KM = 1000
_FARTHER_THAN_ANYWHERE = 10**12


def cost_of(request: RoutingRequest, candidate: Candidate, rule: Rule) -> Cost:
    """The candidate's costs in the order of the rule's rankings."""
    return tuple(RANKINGS[name](request, candidate) for name in rule.ranking)


def distance_metres(request: RoutingRequest, candidate: Candidate) -> int | None:
    """Distance to the destination in whole metres, None when either end is unknown.

    Whole metres, because sums of integers do not depend on their order and the last bit of a sine on its
    library.
    """
    if request.destination is None or candidate.geo is None:
        return None
    return round(distance_km(request.destination, candidate.geo) * _METRES_PER_KM)


def stock_depth(request: RoutingRequest, candidate: Candidate) -> int:
    """Usable units of everything the order asks for, beyond its need too."""
    parts = parts_by_variant(request)
    return sum(candidate.usable(variant_id, parts.get(variant_id, ())) for variant_id in demand_by_variant(request))


def _nearest(request: RoutingRequest, candidate: Candidate) -> int:
    metres = distance_metres(request, candidate)
    return _FARTHER_THAN_ANYWHERE if metres is None else metres


def _most_stock(request: RoutingRequest, candidate: Candidate) -> int:
    return -stock_depth(request, candidate)


RANKINGS: Mapping[RankingName, Ranking] = {
    RankingName.NEAREST: _nearest,
    RankingName.MOST_STOCK: _most_stock,
}
