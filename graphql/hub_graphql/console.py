"""Figures for the console's live board: the whole retailer at a glance."""

from datetime import datetime
from typing import Annotated

import strawberry

from hub import console
from hub.kernel.errors import DeniedError
from hub.kernel.principal import Principal, Scope
from hub_graphql.context import Info
from hub_graphql.cost import cost
from hub_graphql.customer_types import LoyaltyMovementKind
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.pagination import checked_size
from hub_graphql.permissions import require_scope
from hub_graphql.words import known, shown

_GRAPHQL_ROAD = "graphql"
_CHANNELS_EXPECTED = 20
_MILLISECONDS = 1000


@strawberry.type(description="A channel lately, and how the stock it shows stands against what it should show.")
class ChannelFigures:
    id: strawberry.ID = strawberry.field(description="The channel's global id.")
    code: str = strawberry.field(description="The channel's code.")
    name: str = strawberry.field(description="The channel's name for people.")
    orders_captured: int = strawberry.field(description="Orders captured within the window, without history.")
    last_order_at: datetime | None = strawberry.field(
        description="When the newest of these was captured; null when there is none."
    )
    listings: int = strawberry.field(description="Listings whose stock is published, counted once per place.")
    listings_agreeing: int = strawberry.field(
        description="Of these, how many were last told exactly what they should show."
    )
    listings_dirty: int = strawberry.field(description="Of these, how many wait for a newer quantity to be published.")
    drifts_open: int = strawberry.field(description="Listings seen twice to show what the hub did not publish.")


@strawberry.type(description="GraphQL requests that the answering process has served since it started.")
class RequestFigures:
    count: int = strawberry.field(description="How many.")
    p50_milliseconds: float | None = strawberry.field(
        description="Half of them were faster, estimated from a histogram; null before the first."
    )
    p99_milliseconds: float | None = strawberry.field(
        description="99 of 100 were faster, estimated from a histogram; null before the first."
    )


@strawberry.type(description="Counts at one instant. What happened lately is counted within the window.")
class LiveFigures:
    as_of: datetime = strawberry.field(description="When the database counted.")
    window_seconds: int = strawberry.field(description="How far back the window reaches, in seconds.")
    oversold_units: int = strawberry.field(
        description="Units promised beyond what is there, after a fact such as a lower count; 0 when all is well."
    )
    oversold_levels: int = strawberry.field(description="How many stock levels lack these units.")
    unfilled_units: int = strawberry.field(description="Ordered units that no stock covers yet.")
    reservations_active: int = strawberry.field(description="Reservations with an expiry that are active now.")
    reservations_made: int = strawberry.field(description="Reservations with an expiry made within the window.")
    reservations_lapsed: int = strawberry.field(description="Of these, how many expired.")
    reservations_refused: int = strawberry.field(description="Requests to reserve that were refused in the window.")
    events_relay_lag_seconds: float = strawberry.field(
        description="Age of the oldest event not yet given to subscribers, in seconds; 0 when none waits."
    )
    requests: RequestFigures = strawberry.field(description="GraphQL requests of the answering process.")
    channels: list[ChannelFigures] = strawberry.field(
        description="Active channels by code, at most 100.", metadata=cost(assumed_size=_CHANNELS_EXPECTED)
    )


@strawberry.type(description="One movement of a member's points.")
class PointsChange:
    id: strawberry.ID = strawberry.field(description="The movement's global id.")
    kind: LoyaltyMovementKind | None = strawberry.field(description="What it was; null for one newer than this API.")
    points: int = strawberry.field(
        description="Points the member gained; negative for a loss, 0 for a change of state."
    )
    recorded_at: datetime = strawberry.field(description="When it was booked.")
    order_number: str | None = strawberry.field(description="The order's number; null when no order caused it.")
    channel_name: str | None = strawberry.field(description="The order's channel; null when no order caused it.")


First = Annotated[int, strawberry.argument(description="How many of the newest, 1 to 50.")]


@strawberry.type
class ConsoleQuery:
    @field(
        "The live board's counters. For credentials of the whole retailer, not of one channel or location.",
        require_scope(Scope.CHANNELS_READ),
    )
    async def live_figures(self, info: Info) -> LiveFigures:
        _require_whole_retailer(info.context.principal)
        return _figures(await info.context.read(console.live_figures))

    @field(
        "The newest movements of points of all members, without naming them. For credentials of the whole retailer. "
        "Errors: INVALID_INPUT.",
        require_scope(Scope.LOYALTY_READ),
        cost(size_argument="first"),
    )
    async def recent_points(self, info: Info, first: First = 10) -> list[PointsChange]:
        _require_whole_retailer(info.context.principal)
        limit = checked_size(first, most=console.MAX_RECENT_POINTS)
        changes = await info.context.read(lambda session: console.recent_points(session, limit=limit))
        return [_points_change(change) for change in changes]


def _require_whole_retailer(principal: Principal) -> None:
    bound = (principal.channel_id, principal.terminal_id, principal.location_ids, principal.customer_id)
    if any(value is not None for value in bound):
        raise DeniedError("these figures are of the whole retailer, and this credential is bound to a part of it")


def _figures(found: console.LiveFigures) -> LiveFigures:
    return LiveFigures(
        as_of=found.as_of,
        window_seconds=console.WINDOW_SECONDS,
        oversold_units=shown(found.oversold_units),
        oversold_levels=shown(found.oversold_levels),
        unfilled_units=shown(found.unfilled_units),
        reservations_active=shown(found.reservations_active),
        reservations_made=shown(found.reservations_made),
        reservations_lapsed=shown(found.reservations_lapsed),
        reservations_refused=shown(found.reservations_refused),
        events_relay_lag_seconds=found.relay_lag_seconds,
        requests=_requests(console.request_figures(_GRAPHQL_ROAD)),
        channels=[_channel(channel) for channel in found.channels],
    )


def _requests(found: console.RequestFigures) -> RequestFigures:
    return RequestFigures(
        count=shown(found.count),
        p50_milliseconds=_in_milliseconds(found.p50_seconds),
        p99_milliseconds=_in_milliseconds(found.p99_seconds),
    )


def _in_milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * _MILLISECONDS, 2)


def _channel(found: console.ChannelFigures) -> ChannelFigures:
    return ChannelFigures(
        id=global_id("Channel", found.id),
        code=found.code,
        name=found.name,
        orders_captured=shown(found.orders_captured),
        last_order_at=found.last_order_at,
        listings=shown(found.listings),
        listings_agreeing=shown(found.listings_agreeing),
        listings_dirty=shown(found.listings_dirty),
        drifts_open=shown(found.drifts_open),
    )


def _points_change(found: console.PointsChange) -> PointsChange:
    return PointsChange(
        id=global_id("PointsChange", found.id),
        kind=known(LoyaltyMovementKind, found.kind),
        points=shown(found.points),
        recorded_at=found.recorded_at,
        order_number=found.order_number,
        channel_name=found.channel_name,
    )
