"""Routing rules as data: which rule applies to a request, whom it refuses, how it ranks and splits."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from routing.errors import RoutingInputError
from routing.snapshot import RoutingMethod, RoutingRequest

NO_RULE = "none"
"""The rule named by a decision that no rule applied to."""


class FilterName(StrEnum):
    PICKUP_LOCATION = "PICKUP_LOCATION"
    ACTIVE = "ACTIVE"
    CAPABILITY = "CAPABILITY"
    NOT_EXCLUDED = "NOT_EXCLUDED"
    OPEN = "OPEN"
    CAPACITY = "CAPACITY"


class RankingName(StrEnum):
    NEAREST = "NEAREST"
    MOST_STOCK = "MOST_STOCK"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to choose. Rankings compare in the order given, the location id last.

    `needs_destination` restricts the rule to requests that name one. `max_locations` None leaves the number
    of parcels open. `exact_subsets` bounds the exhaustive search for the fewest locations; beyond it, greedy.
    """

    name: str
    methods: frozenset[RoutingMethod]
    filters: tuple[FilterName, ...]
    ranking: tuple[RankingName, ...]
    needs_destination: bool = False
    max_locations: int | None = None
    max_wait_hours: float = 24.0
    exact_subsets: int = 5_000

    def __post_init__(self) -> None:
        if not (isfinite(self.max_wait_hours) and self.max_wait_hours >= 0):
            raise RoutingInputError(f"rule {self.name}: {self.max_wait_hours} is not a number of hours to wait")
        if self.max_locations is not None and self.max_locations < 1:
            raise RoutingInputError(f"rule {self.name}: at least one location must be allowed")

    def applies_to(self, request: RoutingRequest) -> bool:
        return request.method in self.methods and (request.destination is not None or not self.needs_destination)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in order; the first that applies to a request decides it."""

    name: str
    rules: tuple[Rule, ...]

    def rule_for(self, request: RoutingRequest) -> Rule | None:
        return next((rule for rule in self.rules if rule.applies_to(request)), None)


_POOL = (FilterName.ACTIVE, FilterName.CAPABILITY, FilterName.NOT_EXCLUDED)
_READY = (*_POOL, FilterName.OPEN, FilterName.CAPACITY)
_DELIVERED = frozenset({RoutingMethod.SHIP, RoutingMethod.LOCAL_DELIVERY})


def _rules(delivered_filters: tuple[FilterName, ...]) -> tuple[Rule, ...]:
    return (
        Rule(
            "pickup-location",
            frozenset({RoutingMethod.PICKUP}),
            (FilterName.PICKUP_LOCATION, *_POOL),
            (RankingName.NEAREST,),
            max_locations=1,
        ),
        Rule(
            "nearest-then-fewest-splits",
            _DELIVERED,
            delivered_filters,
            (RankingName.NEAREST,),
            needs_destination=True,
        ),
        Rule("most-stock-then-fewest-splits", _DELIVERED, delivered_filters, (RankingName.MOST_STOCK,)),
    )


DEFAULT_RULES = RuleSet("default", _rules(_READY))
"""Routes orders: to places that can begin within the allowed wait and have capacity left today."""

POOL_RULES = RuleSet("pool", _rules(_POOL))
"""Pins claims: every place that counts towards available to sell is eligible, open or not, busy or not."""
