"""What the engine sees: the demand of one order and the locations that might meet it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.kernel.geo import GeoPoint
from hub.kernel.quantity import counted_quantity, positive_quantity
from routing.errors import RoutingInputError
from routing.hours import WeeklyHours


class RoutingMethod(StrEnum):
    """How the buyer receives the goods; a location offers those that its capabilities name."""

    SHIP = "SHIP"
    PICKUP = "PICKUP"
    LOCAL_DELIVERY = "LOCAL_DELIVERY"


@dataclass(frozen=True, slots=True)
class Part:
    """Units of a variant within one unit of a bundle."""

    variant_id: UUID
    quantity: int

    def __post_init__(self) -> None:
        positive_quantity(self.quantity, path=("parts", "quantity"))


@dataclass(frozen=True, slots=True)
class LineDemand:
    """`parts`: what one unit of a bundle is made of; a unit comes whole from one location."""

    line_id: UUID
    variant_id: UUID
    quantity: int
    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        positive_quantity(self.quantity, path=("lines", "quantity"))


@dataclass(frozen=True, slots=True)
class RoutingRequest:
    """What one order, or one claim on a channel's pool, needs. Several lines may name the same variant.

    `at` is the instant (UTC) that opening hours are judged by; `excluded_location_ids` rejected the order
    before. `destination` should be no more exact than distances need: it is stored with the decision.
    """

    order_id: UUID
    lines: tuple[LineDemand, ...]
    method: RoutingMethod
    channel_id: UUID
    at: datetime
    pickup_location_id: UUID | None = None
    destination: GeoPoint | None = None
    excluded_location_ids: frozenset[UUID] = frozenset()

    def __post_init__(self) -> None:
        if self.at.utcoffset() != timedelta(0):
            raise RoutingInputError(f"instant {self.at.isoformat()} is not in UTC", path=("at",))
        if not self.lines:
            raise RoutingInputError("an order without lines has nothing to route", path=("lines",))
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise RoutingInputError("two lines have the same id; sum them first", path=("lines",))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One location as it is at the snapshot.

    `available` is already reduced by safety stock and by every claim; `held` are units that this very order
    claims there, which it may use as well. `capacity_used` counts the fulfillment orders of the local day.
    `opening_hours` None means always open, `daily_capacity` None means unlimited.
    """

    location_id: UUID
    name: str
    geo: GeoPoint | None
    active: bool
    capabilities: frozenset[str]
    time_zone: str
    available: Mapping[UUID, int]
    held: Mapping[UUID, int] = field(default_factory=dict)
    opening_hours: WeeklyHours | None = None
    daily_capacity: int | None = None
    capacity_used: int = 0

    def __post_init__(self) -> None:
        zone_of(self)
        for name, count in (
            ("capacityUsed", self.capacity_used),
            ("dailyCapacity", self.daily_capacity or 0),
        ):
            counted_quantity(count, path=("candidates", name))
        for name, units in (("available", self.available), ("held", self.held)):
            for count in units.values():
                counted_quantity(count, path=("candidates", name))

    def usable(self, variant_id: UUID, parts: tuple[Part, ...] = ()) -> int:
        """Units of a variant, or whole bundles of these parts, that this order can have here."""
        if parts:
            return min(self.usable(part.variant_id) // part.quantity for part in parts)
        return self.available.get(variant_id, 0) + self.held.get(variant_id, 0)


def zone_of(candidate: Candidate) -> ZoneInfo:
    """The location's time zone. Raises RoutingInputError for a name that the zone database does not know."""
    try:
        return ZoneInfo(candidate.time_zone)
    except (KeyError, ValueError, OSError):
        raise RoutingInputError(
            f"time zone {candidate.time_zone!r} of {candidate.name} is no IANA name such as Europe/Berlin",
            path=("candidates", "timeZone"),
        ) from None


def demand_by_variant(request: RoutingRequest) -> dict[UUID, int]:
    """Units needed per variant, in the order of variant ids."""
    demand: dict[UUID, int] = {}
    for line in sorted(request.lines, key=lambda line: line.variant_id):
        demand[line.variant_id] = demand.get(line.variant_id, 0) + line.quantity
    return demand


def parts_by_variant(request: RoutingRequest) -> dict[UUID, tuple[Part, ...]]:
    """What the bundles among the request's variants are made of."""
    return {line.variant_id: line.parts for line in request.lines if line.parts}
