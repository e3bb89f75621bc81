"""What may be promised of a variant: on a channel, at one location, or near a point.

Every number says when it was read, where it comes from and how far it can be trusted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub.infra.database import ReadSession
from hub.inventory import AvailableAt, AvailableToSell, PlaceWanted, available_at, available_to_sell
from hub.kernel.geo import GeoPoint, distance_km
from hub_graphql.channels import Channel, load_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.limits import DEFAULT_LIST_SIZE
from hub_graphql.locations import Location, load_location
from hub_graphql.pagination import checked_size
from hub_graphql.words import shown

if TYPE_CHECKING:
    from hub_graphql.products import Variant

LOW_STOCK_UNITS = 5
_KM_DIGITS = 3


@strawberry.enum(description="How an order reaches its customer.")
class FulfillmentMethod(Enum):
    SHIP = enum_value("SHIP", description="A parcel.")
    PICKUP = enum_value("PICKUP", description="The customer collects it at a location.")
    LOCAL_DELIVERY = enum_value("LOCAL_DELIVERY", description="The location delivers in its neighbourhood.")


DEFAULT_METHOD = FulfillmentMethod.SHIP
"""What is promised and what is reserved when nobody says how the units shall reach the customer."""


@strawberry.enum(description="What a shopper needs to know about stock.")
class StockState(Enum):
    IN_STOCK = enum_value("IN_STOCK", description="More than five units, or stock is not counted.")
    LOW_STOCK = enum_value("LOW_STOCK", description="One to five units.")
    OUT_OF_STOCK = enum_value("OUT_OF_STOCK", description="No unit can be promised.")
    UNKNOWN_SKU = enum_value("UNKNOWN_SKU", description="No variant has this sku.")


@strawberry.enum(description="Where a number comes from.")
class AvailabilitySource(Enum):
    LEDGER = enum_value("LEDGER", description="Computed from the hub's stock ledger.")
    NOT_TRACKED = enum_value("NOT_TRACKED", description="The variant's stock is not counted.")
    NONE = enum_value("NONE", description="Nothing is known.")


@strawberry.enum(description="How far a number can be trusted.")
class Confidence(Enum):
    HIGH = enum_value("HIGH", description="The ledger agrees with every fact that was reported.")
    LOW = enum_value("LOW", description="A fact contradicts the ledger somewhere in the pool; a count is due.")
    NONE = enum_value("NONE", description="No stock of it was ever recorded there.")


@strawberry.type(description="What one location could promise of a variant.")
class LocationAvailability:
    location_key: strawberry.Private[UUID]
    available: int = strawberry.field(description="Units that could be promised from here.")
    distance_km: float | None = strawberry.field(
        description="Kilometres from the point that was asked about; null when none was, or the place is unknown."
    )

    @field("The location.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@dataclass(frozen=True, slots=True)
class Question:
    """Whose availability is asked for: a channel's, one location's, or (neither) every location's."""

    channel_id: UUID | None = None
    location_id: UUID | None = None
    method: str | None = None
    near: GeoPoint | None = None

    def place(self, variant_id: UUID) -> PlaceWanted:
        return PlaceWanted(variant_id, self.channel_id, self.method)


ListSize = Annotated[int, strawberry.argument(description="Locations wanted at most, 1 to 100.")]
Method = Annotated[
    FulfillmentMethod | None,
    strawberry.argument(
        description="Count only locations that can do this, as reservationCreate claims; null: whatever they can do."
    ),
]
OnChannel = Annotated[
    str | None, strawberry.argument(description="A channel's code or id; by default the credential's own.")
]


@strawberry.type(description="What may be promised of one variant now.")
class Availability:
    variant_key: strawberry.Private[UUID | None]
    question: strawberry.Private[Question]
    sku: str = strawberry.field(description="The sku that was asked for.")
    quantity: int | None = strawberry.field(description="Units that may be promised; null: not counted, sell freely.")
    state: StockState = strawberry.field(description="The quantity in one word.")
    as_of: datetime | None = strawberry.field(description="When the database read it; null when nothing is recorded.")
    source: AvailabilitySource = strawberry.field(description="Where the quantity comes from.")
    confidence: Confidence = strawberry.field(description="How far it can be trusted.")

    @field("The variant; null for an unknown sku.")
    async def variant(self, info: Info) -> Annotated["Variant", strawberry.lazy("hub_graphql.products")] | None:
        from hub_graphql.products import load_variant

        return await load_variant(info.context, self.variant_key) if self.variant_key else None

    @field("The channel whose promise this is; null when locations were asked for.")
    async def channel(self, info: Info) -> Channel | None:
        channel_id = self.question.channel_id
        return await load_channel(info.context, channel_id) if channel_id else None

    @field(
        "Where the units are: nearest first when a point was given, else fullest first.",
        cost(assumed_size=DEFAULT_LIST_SIZE),
    )
    async def locations(self, info: Info, first: ListSize = DEFAULT_LIST_SIZE) -> list[LocationAvailability]:
        most = checked_size(first)
        if self.variant_key is None:
            return []
        places = await _places(info.context, self.variant_key, self.question)
        found = [_at(place, self.question.near) for place in places if place.available or self.question.location_id]
        if self.question.near is not None:
            found.sort(key=lambda at: (at.distance_km is None, at.distance_km or 0.0))
        return found[:most]


class OnChannelBy(NamedTuple):
    """A variant on a channel by a fulfilment method."""

    variant_id: UUID
    channel_id: UUID
    method: str | None


class Promise(NamedTuple):
    """A quantity (None: not counted), when it was read and how far it can be trusted."""

    quantity: int | None
    as_of: datetime | None
    confidence: Confidence


async def promises(session: ReadSession, keys: Iterable[OnChannelBy]) -> Mapping[OnChannelBy, AvailableToSell]:
    """Available to sell, in one statement per method asked about."""
    by_method: dict[str | None, list[tuple[UUID, UUID]]] = defaultdict(list)
    for key in keys:
        by_method[key.method].append((key.variant_id, key.channel_id))
    return {
        OnChannelBy(variant_id, channel_id, method): promise
        for method, pairs in by_method.items()
        for (variant_id, channel_id), promise in (await available_to_sell(session, pairs, method=method)).items()
    }


async def prefetch(context: RequestContext, variant_ids: list[UUID], question: Question) -> None:
    """Read in one statement what `availability_of` will ask for these variants one by one."""
    if question.channel_id is not None and question.location_id is None:
        channel_id, method = question.channel_id, question.method
        await context.load_many(promises, [OnChannelBy(key, channel_id, method) for key in variant_ids])
    else:
        await context.load_many(places_by_question, [question.place(key) for key in variant_ids])


async def availability_of(
    context: RequestContext, variant_id: UUID, sku: str, stock_policy: str, question: Question
) -> Availability:
    """The answer for a variant that exists; batched with every other one of the operation."""
    if question.channel_id is not None and question.location_id is None:
        promise = await context.load(promises, OnChannelBy(variant_id, question.channel_id, question.method))
        if promise is not None:
            return promised(promise, sku, question)
    places = await _places(context, variant_id, question)
    as_of = places[0].as_of if places else None
    if stock_policy == "UNTRACKED":
        return _answer(variant_id, sku, question, Promise(None, as_of, Confidence.HIGH))
    total = sum(place.available for place in places)
    confidence = _confidence(len(places), doubtful=any(place.doubtful for place in places))
    return _answer(variant_id, sku, question, Promise(total, as_of, confidence))


def promised(promise: AvailableToSell, sku: str, question: Question) -> Availability:
    sure = promise.quantity is None
    confidence = Confidence.HIGH if sure else _confidence(promise.levels, doubtful=promise.doubtful)
    return _answer(promise.variant_id, sku, question, Promise(promise.quantity, promise.as_of, confidence))


def unknown_sku(sku: str, question: Question) -> Availability:
    return Availability(
        variant_key=None,
        question=question,
        sku=sku,
        quantity=0,
        state=StockState.UNKNOWN_SKU,
        as_of=None,
        source=AvailabilitySource.NONE,
        confidence=Confidence.NONE,
    )


def stock_state(quantity: int | None) -> StockState:
    if quantity is None or quantity > LOW_STOCK_UNITS:
        return StockState.IN_STOCK
    return StockState.LOW_STOCK if quantity > 0 else StockState.OUT_OF_STOCK


def _answer(variant_id: UUID, sku: str, question: Question, promise: Promise) -> Availability:
    quantity = promise.quantity
    return Availability(
        variant_key=variant_id,
        question=question,
        sku=sku,
        quantity=None if quantity is None else shown(quantity),
        state=stock_state(quantity),
        as_of=promise.as_of,
        source=AvailabilitySource.NOT_TRACKED if quantity is None else AvailabilitySource.LEDGER,
        confidence=promise.confidence,
    )


def _confidence(levels: int, *, doubtful: bool) -> Confidence:
    if not levels:
        return Confidence.NONE
    return Confidence.LOW if doubtful else Confidence.HIGH


async def places_by_question(
    session: ReadSession, wanted: Iterable[PlaceWanted]
) -> Mapping[PlaceWanted, list[AvailableAt]]:
    return await available_at(session, list(wanted))


async def _places(context: RequestContext, variant_id: UUID, question: Question) -> list[AvailableAt]:
    places = await context.load(places_by_question, question.place(variant_id)) or []
    if question.location_id is None:
        return places
    return [place for place in places if place.location_id == question.location_id]


def _at(place: AvailableAt, near: GeoPoint | None) -> LocationAvailability:
    distance = None
    if near is not None and place.latitude is not None and place.longitude is not None:
        distance = round(distance_km(near, GeoPoint(place.latitude, place.longitude)), _KM_DIGITS)
    return LocationAvailability(location_key=place.location_id, available=shown(place.available), distance_km=distance)
