"""Small builders of routing snapshots, and the strategies that draw them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import combinations
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from hub.kernel.geo import GeoPoint
from routing import (
    Candidate,
    LineDemand,
    OpeningInterval,
    RoutingMethod,
    RoutingRequest,
    WeeklyHours,
)

BERLIN = GeoPoint(52.52, 13.405)
POTSDAM = GeoPoint(52.3906, 13.0645)
LEIPZIG = GeoPoint(51.3397, 12.3731)
HAMBURG = GeoPoint(53.5511, 9.9937)
MUNICH = GeoPoint(48.1351, 11.582)
SUNDAY_NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
SHIRT, SHOE, LAMP = UUID(int=1001), UUID(int=1002), UUID(int=1003)


def location_id(number: int) -> UUID:
    return UUID(int=number)


def make_line(number: int = 1, variant_id: UUID = SHIRT, quantity: int = 1) -> LineDemand:
    return LineDemand(UUID(int=2000 + number), variant_id, quantity)


def make_request(*lines: LineDemand, **changes: Any) -> RoutingRequest:
    request = RoutingRequest(
        order_id=UUID(int=1),
        lines=lines or (make_line(),),
        method=RoutingMethod.SHIP,
        channel_id=UUID(int=2),
        at=SUNDAY_NOON,
        destination=BERLIN,
    )
    return replace(request, **changes)


def make_candidate(
    number: int,
    available: Mapping[UUID, int] | None = None,
    *,
    name: str = "",
    geo: GeoPoint | None = BERLIN,
    **changes: Any,
) -> Candidate:
    candidate = Candidate(
        location_id=location_id(number),
        name=name or f"Store {number}",
        geo=geo,
        active=True,
        capabilities=frozenset({"SHIP", "PICKUP", "LOCAL_DELIVERY"}),
        time_zone="Europe/Berlin",
        available=available or {},
    )
    return replace(candidate, **changes)


def fewest_by_brute_force(request: RoutingRequest, eligible: list[Candidate]) -> tuple[int, int]:
    """The most units that all eligible locations cover, and the fewest locations that cover as many."""
    needs: dict[UUID, int] = {}
    for line in request.lines:
        needs[line.variant_id] = needs.get(line.variant_id, 0) + line.quantity

    def covers(chosen: tuple[Candidate, ...]) -> int:
        return sum(min(need, sum(c.usable(v) for c in chosen)) for v, need in needs.items())

    most = covers(tuple(eligible))
    for size in range(len(eligible) + 1):
        if any(covers(chosen) == most for chosen in combinations(eligible, size)):
            return most, size
    raise AssertionError("the set of all eligible locations covers the most")


_variants = st.sampled_from([SHIRT, SHOE, LAMP])
_stock = st.tuples(*[st.sampled_from([0, 0, 1, 2, 3, 5])] * 3).map(
    lambda units: dict(zip((SHIRT, SHOE, LAMP), units, strict=True))
)
_points = st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180))
_near_points = st.sampled_from([BERLIN, POTSDAM, LEIPZIG, HAMBURG, MUNICH])
_times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
_intervals = st.builds(OpeningInterval, _times, _times)
_days = st.lists(_intervals, max_size=2).map(tuple)
weekly_hours = st.lists(_days, min_size=7, max_size=7).map(lambda days: WeeklyHours(tuple(days)))


_hours_or_none = st.integers(0, 5).flatmap(lambda die: weekly_hours if die == 0 else st.none())


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value in four draws of five."""
    return st.sampled_from([*[usual] * 4 * len(others), *others])


@st.composite
def requests(draw: st.DrawFn, most_locations: int = 6) -> RoutingRequest:
    count = draw(st.integers(1, 4))
    lines = tuple(make_line(n, draw(_variants), draw(st.integers(1, 5))) for n in range(count))
    return make_request(
        *lines,
        method=draw(_mostly(RoutingMethod.SHIP, *RoutingMethod)),
        pickup_location_id=draw(st.none() | st.integers(1, most_locations).map(location_id)),
        destination=draw(st.none() | _near_points | _points),
        excluded_location_ids=draw(st.frozensets(st.integers(1, most_locations).map(location_id), max_size=1)),
        at=draw(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001 (Hypothesis adds the zone)
    )


@st.composite
def candidates(draw: st.DrawFn, most_locations: int = 6) -> list[Candidate]:
    """Up to six locations, most of them eligible, each with a part of what an order wants."""
    numbers = draw(st.permutations(range(1, most_locations + 1)))
    count = draw(_mostly(4, *range(most_locations + 1)))
    return [draw(_candidate(number)) for number in numbers[:count]]


@st.composite
def _candidate(draw: st.DrawFn, number: int) -> Candidate:
    everything = frozenset({"SHIP", "PICKUP", "LOCAL_DELIVERY"})
    return make_candidate(
        number,
        draw(_stock),
        held=draw(_mostly({}, {SHIRT: 1}, {SHOE: 2, LAMP: 1})),
        geo=draw(st.sampled_from([None, BERLIN, POTSDAM, LEIPZIG, HAMBURG, MUNICH])),
        active=draw(_mostly(True, False)),
        capabilities=draw(_mostly(everything, frozenset({"RETURNS"}))),
        time_zone=draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])),
        opening_hours=draw(_hours_or_none),
        daily_capacity=draw(_mostly(None, 0, 2)),
        capacity_used=draw(st.integers(0, 2)),
    )
