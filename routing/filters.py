"""Filters: each looks at one candidate and answers with the reason to refuse it, or None."""

from collections.abc import Callable, Mapping

from routing.decision import Reason, ReasonCode
from routing.hours import wait_until_open
from routing.ruleset import FilterName, Rule
from routing.snapshot import Candidate, RoutingRequest, zone_of

Filter = Callable[[RoutingRequest, Candidate, Rule], Reason | None]
_SECONDS_PER_HOUR = 3600


def refusals(request: RoutingRequest, candidate: Candidate, rule: Rule) -> tuple[Reason, ...]:
    """Every reason of the rule's filters against the candidate; empty when it is eligible."""
    answers = (FILTERS[name](request, candidate, rule) for name in rule.filters)
    return tuple(reason for reason in answers if reason is not None)


def _pickup_location(request: RoutingRequest, candidate: Candidate, _rule: Rule) -> Reason | None:
    if request.pickup_location_id is None:
        return Reason(ReasonCode.PICKUP_LOCATION_UNKNOWN, "the order does not say where it is collected")
    if candidate.location_id != request.pickup_location_id:
        return Reason(ReasonCode.NOT_PICKUP_LOCATION, "the buyer collects at another location")
    return None


def _active(_request: RoutingRequest, candidate: Candidate, _rule: Rule) -> Reason | None:
    return None if candidate.active else Reason(ReasonCode.INACTIVE, "the location is not active")


def _capability(request: RoutingRequest, candidate: Candidate, _rule: Rule) -> Reason | None:
    if request.method.value in candidate.capabilities:
        return None
    return Reason(ReasonCode.CAPABILITY_MISSING, f"the location does not offer {request.method.value}")


def _not_excluded(request: RoutingRequest, candidate: Candidate, _rule: Rule) -> Reason | None:
    if candidate.location_id not in request.excluded_location_ids:
        return None
    return Reason(ReasonCode.EXCLUDED, "the location rejected this order before")


def _open(request: RoutingRequest, candidate: Candidate, rule: Rule) -> Reason | None:
    wait = wait_until_open(candidate.opening_hours, zone_of(candidate), request.at)
    allowed: dict[str, int | float] = {"max_wait_hours": rule.max_wait_hours}
    if wait is None:
        return Reason(ReasonCode.CLOSED, "closed, and its opening hours name no opening", allowed)
    hours = wait.total_seconds() / _SECONDS_PER_HOUR
    if hours <= rule.max_wait_hours:
        return None
    return Reason(
        ReasonCode.CLOSED,
        f"closed for another {hours:.1f} h, and at most {rule.max_wait_hours:g} h are allowed",
        {"wait_hours": hours, **allowed},
    )


def _capacity(_request: RoutingRequest, candidate: Candidate, _rule: Rule) -> Reason | None:
    if candidate.daily_capacity is None or candidate.capacity_used < candidate.daily_capacity:
        return None
    return Reason(
        ReasonCode.CAPACITY_EXHAUSTED,
        f"{candidate.capacity_used} orders today for a daily capacity of {candidate.daily_capacity}",
        {"capacity_used": candidate.capacity_used, "daily_capacity": candidate.daily_capacity},
    )


FILTERS: Mapping[FilterName, Filter] = {
    FilterName.PICKUP_LOCATION: _pickup_location,
    FilterName.ACTIVE: _active,
    FilterName.CAPABILITY: _capability,
    FilterName.NOT_EXCLUDED: _not_excluded,
    FilterName.OPEN: _open,
    FilterName.CAPACITY: _capacity,
}
