"""Splitting: which locations together cover most of the order, as few as possible, best ranked among equals.

Sizes are tried upwards (one location, pairs, triples …) and each size exhaustively, as long as no more than
`exact_subsets` sets have to be looked at in all; single locations always are. Past that, the location that
adds most units is taken again and again. Covering units is submodular, so without a limit on locations this
takes at most H(d) = 1 + 1/2 + … + 1/d times the fewest, d being the most units that one location covers
(Wolsey 1982), and with a limit it covers at least 1 - 1/e of the most (Nemhauser, Wolsey and Fisher 1978).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from uuid import UUID

from routing.ranking import Cost


@dataclass(frozen=True, slots=True)
class Offer:
    """What one eligible location can give: usable units per demanded variant, and its ranking costs."""

    location_id: UUID
    units: tuple[int, ...]
    covered: int
    """Units of the order that it covers alone."""
    cost: Cost


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen offers, best rank first. `fewest` is False when a smaller set could have been overlooked."""

    offers: tuple[Offer, ...]
    covered: int
    fewest: bool


def covered_units(offers: Iterable[Offer], demand: Sequence[int]) -> int:
    """Units of the demand that the offers cover together."""
    pooled = [0] * len(demand)
    for offer in offers:
        pooled = [total + units for total, units in zip(pooled, offer.units, strict=True)]
    return sum(min(wanted, total) for wanted, total in zip(demand, pooled, strict=True))


def choose(offers: Iterable[Offer], demand: Sequence[int], *, max_locations: int | None, exact_subsets: int) -> Choice:
    """The set that covers most, then has fewest locations, then least total cost, then lowest ids."""
    useful = sorted((offer for offer in offers if offer.covered), key=lambda o: (o.cost, o.location_id))
    target = covered_units(useful, demand)
    limit = min(len(useful), max_locations or len(useful))
    best, looked_at = Choice((), 0, fewest=True), 0
    for size in range(1, limit + 1):
        looked_at += comb(len(useful), size)
        if size > 1 and looked_at > exact_subsets:
            return _greedy(useful, demand, limit, proven_insufficient=size - 1)
        best = _best_of_size(useful, demand, size, best)
        if best.covered == target:
            break
    return best


def _best_of_size(useful: Sequence[Offer], demand: Sequence[int], size: int, best: Choice) -> Choice:
    """The best set of exactly `size` that covers more than `best`, else `best`."""
    least: tuple[int, Cost, list[UUID]] | None = None
    wanted = best.covered + 1
    for subset in combinations(useful, size):
        if sum(offer.covered for offer in subset) < wanted:
            continue
        covered = covered_units(subset, demand)
        if covered < wanted:
            continue
        key = (-covered, _total_cost(subset), sorted(offer.location_id for offer in subset))
        if least is None or key < least:
            least, best, wanted = key, Choice(subset, covered, fewest=True), covered
    return best


def _greedy(useful: Sequence[Offer], demand: Sequence[int], limit: int, *, proven_insufficient: int) -> Choice:
    chosen: list[Offer] = []
    covered = 0
    while len(chosen) < limit:
        rest = [offer for offer in useful if offer not in chosen]
        gains = [covered_units([*chosen, offer], demand) - covered for offer in rest]
        most = max(gains, default=0)
        if most == 0:
            break
        chosen.append(rest[gains.index(most)])
        covered += most
    kept = _without_superfluous(sorted(chosen, key=lambda o: (o.cost, o.location_id)), demand, covered)
    return Choice(tuple(kept), covered, fewest=len(kept) == proven_insufficient + 1)


def _without_superfluous(chosen: list[Offer], demand: Sequence[int], covered: int) -> list[Offer]:
    """Drop, worst rank first, every offer that the others have made unnecessary."""
    for offer in reversed(chosen):
        others = [other for other in chosen if other is not offer]
        if covered_units(others, demand) == covered:
            chosen = others
    return chosen


def _total_cost(offers: Sequence[Offer]) -> Cost:
    return tuple(sum(parts) for parts in zip(*(offer.cost for offer in offers), strict=True))
