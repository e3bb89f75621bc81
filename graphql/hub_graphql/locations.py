"""Stores, warehouses and other places that hold stock."""

from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub.channels import views as channels
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub.locations import LocationFilter, LocationView
from hub.locations import repository as locations
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import field
from hub_graphql.geography import GeoPoint, GeoPointInput, geo_point, parse_point
from hub_graphql.ids import expect_id, global_id
from hub_graphql.nodes import Node, register_node
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, Before, First, Last
from hub_graphql.permissions import require_scope
from hub_graphql.words import known, known_among

_METRES = 1000


@strawberry.enum(description="What sort of place a location is.")
class LocationKind(Enum):
    STORE = enum_value("STORE", description="A store that people walk into.")
    WAREHOUSE = enum_value("WAREHOUSE", description="A warehouse.")
    POP_UP = enum_value("POP_UP", description="A store for a while.")
    EXTERNAL = enum_value("EXTERNAL", description="Stock that a channel holds and fulfils itself; never in a pool.")


@strawberry.enum(description="What a location can do for an order.")
class LocationCapability(Enum):
    SHIP = enum_value("SHIP", description="Ships parcels.")
    PICKUP = enum_value("PICKUP", description="Hands orders over to customers who collect them.")
    LOCAL_DELIVERY = enum_value("LOCAL_DELIVERY", description="Delivers in its neighbourhood.")
    RETURNS = enum_value("RETURNS", description="Takes returns.")


@strawberry.enum(description="A day of the week.")
class Weekday(Enum):
    MON = enum_value("MON", description="Monday.")
    TUE = enum_value("TUE", description="Tuesday.")
    WED = enum_value("WED", description="Wednesday.")
    THU = enum_value("THU", description="Thursday.")
    FRI = enum_value("FRI", description="Friday.")
    SAT = enum_value("SAT", description="Saturday.")
    SUN = enum_value("SUN", description="Sunday.")


@strawberry.type(description="A time of a weekday during which a location is open.")
class OpeningHours:
    day: Weekday = strawberry.field(description="The weekday, in the location's time zone.")
    opens: str = strawberry.field(description="Opening time as HH:MM, in the location's time zone.")
    closes: str = strawberry.field(description="Closing time as HH:MM, in the location's time zone.")


@strawberry.type(description="A place that holds stock.")
class Location(Node):
    code: str = strawberry.field(
        description="Its short name, unique among locations; give it as locationCode where an input takes one."
    )
    name: str = strawberry.field(description="Its name for people.")
    kind: LocationKind | None = strawberry.field(description="What it is; null for a kind newer than this API.")
    geo: GeoPoint | None = strawberry.field(description="Where it is; null when unknown.")
    time_zone: str = strawberry.field(description="The IANA time zone of its hours, such as Europe/Berlin.")
    country_code: str = strawberry.field(description="ISO 3166-1 alpha-2 code; empty when unknown.")
    postal_code: str = strawberry.field(description="Postal code; empty when unknown.")
    city: str = strawberry.field(description="City; empty when unknown.")
    opening_hours: list[OpeningHours] | None = strawberry.field(
        description="When it is open, Monday first; null when it is always open."
    )
    capabilities: list[LocationCapability] = strawberry.field(description="What it can do for an order.")
    active: bool = strawberry.field(description="Whether it takes part in selling.")
    distance_km: float | None = strawberry.field(
        default=None, description="Kilometres from the point that was asked about; null when none was."
    )


Near = Annotated[
    GeoPointInput | None, strawberry.argument(description="Nearest to this point first; without it, by code.")
]
OfCapability = Annotated[LocationCapability | None, strawberry.argument(description="Only locations that can do this.")]
LocationId = Annotated[strawberry.ID | None, strawberry.argument(description="The location's global id.")]
LocationCode = Annotated[str | None, strawberry.argument(description="The location's code.")]


@strawberry.type
class LocationQuery:
    @field(
        "Open locations, nearest first when a point is given. A credential of one channel sees that channel's. "
        "Errors: INVALID_CURSOR, INVALID_INPUT for no point on the earth.",
        require_scope(Scope.CATALOG_READ, Scope.STOCK_READ),
    )
    async def locations(
        self,
        info: Info,
        *,
        near: Near = None,
        capability: OfCapability = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Location]:
        point = None if near is None else parse_point(near, path=("near",))
        scope = cursor_scope("locations", near=point, capability=capability and capability.name)
        wanted = page(scope, tuple[int, str], first=first, after=after, last=last, before=before)
        rows = await info.context.read(
            lambda session: locations.locations_page(
                session,
                LocationFilter(info.context.principal.channel_id, capability.name if capability else None),
                near=point,
                limit=wanted.fetch,
                after=wanted.position,
                backwards=wanted.backwards,
            )
        )
        return connect(rows, wanted, node=location_node, key=lambda row: (row.rank, row.code))

    @field(
        "One location by its id or its code; null when it does not exist for this caller. Errors: INVALID_ID, "
        "INVALID_INPUT.",
        require_scope(Scope.CATALOG_READ, Scope.STOCK_READ),
    )
    async def location(
        self,
        info: Info,
        id: LocationId = None,  # noqa: A002
        code: LocationCode = None,
    ) -> Location | None:
        if (id is None) == (code is None):
            raise InvalidInputError("name the location by id or by code, one of the two", path=("id",))
        key = expect_id("Location", id) if id is not None else await location_key(info.context, code or "")
        return await load_visible_location(info.context, key) if key else None


def location_node(view: LocationView) -> Location:
    distance = view.distance_m
    return Location(
        id=global_id("Location", view.id),
        code=view.code,
        name=view.name,
        kind=known(LocationKind, view.kind),
        geo=geo_point(view.latitude, view.longitude),
        time_zone=view.time_zone,
        country_code=view.country_code,
        postal_code=view.postal_code,
        city=view.city,
        opening_hours=_hours(view.opening_hours),
        capabilities=known_among(LocationCapability, view.capabilities),
        active=view.active,
        distance_km=None if distance is None else distance / _METRES,
    )


async def load_location(context: RequestContext, key: UUID) -> Location | None:
    """The location behind a reference in an object that the caller may see."""
    view = await context.load(locations.locations_by_ids, key)
    return location_node(view) if view else None


async def load_visible_location(context: RequestContext, key: UUID) -> Location | None:
    """The location, if it is in the pool of the caller's channel (any, for a caller without a channel)."""
    channel_id = context.principal.channel_id
    if channel_id is not None and key not in (await context.load(channels.pools_by_channel_ids, channel_id) or ()):
        return None
    return await load_location(context, key)


async def location_key(context: RequestContext, code: str) -> UUID | None:
    """The id of the location with this code."""
    return await context.load(locations.location_ids_by_codes, code)


def _hours(stored: dict[str, Any] | None) -> list[OpeningHours] | None:
    if stored is None:
        return None
    return [
        OpeningHours(day=day, opens=opens, closes=closes)
        for day in Weekday
        for opens, closes in stored.get(day.name, ())
    ]


register_node("Location", load_visible_location, Scope.CATALOG_READ, Scope.STOCK_READ)
