"""Questions about stock: what may be promised, what lies where, and what moved it.

Promises are for everyone who sells; what is really on hand is for staff and systems with stock:read, within the
locations and the channel that their credential is bound to.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from hub.channels import views as channels
from hub.inventory import ReservationOwner, reading
from hub.inventory.reading import LevelFilter
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import LocationNotAllowedError, Scope
from hub_graphql.availability import (
    DEFAULT_METHOD,
    Availability,
    FulfillmentMethod,
    Method,
    OnChannel,
    Question,
    availability_of,
    prefetch,
    unknown_sku,
)
from hub_graphql.catalog import visible_variants
from hub_graphql.channels import meant_channel, needed_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.geography import GeoPointInput, parse_point
from hub_graphql.naming import Named, location_key, location_key_or_none, variant_key, variant_keys
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, Before, First, Last
from hub_graphql.permissions import require_scope
from hub_graphql.reservations import owner_of
from hub_graphql.stock import StockLevel, StockMovement, level_node, movement_node
from hub_graphql.stock_reports import InventoryMutation
from hub_graphql.watching import AvailabilitySubscription

MAX_NAMED = 100

Skus = Annotated[list[str], strawberry.argument(description="Skus, 1 to 100.")]
SomeSkus = Annotated[list[str] | None, strawberry.argument(description="Only these skus, at most 100; UNKNOWN_SKU.")]
SomeVariants = Annotated[
    list[strawberry.ID] | None, strawberry.argument(description="Only these variants, by id, at most 100.")
]
SomeLocations = Annotated[
    list[strawberry.ID] | None, strawberry.argument(description="Only these locations, by id, at most 100.")
]
OneLocation = Annotated[
    strawberry.ID | None, strawberry.argument(description="At this location only, by id; excludes channel and near.")
]
Near = Annotated[GeoPointInput | None, strawberry.argument(description="Tell distances from this point.")]
Sku = Annotated[str | None, strawberry.argument(description="The variant's sku; give this or variantId.")]
VariantId = Annotated[strawberry.ID | None, strawberry.argument(description="The variant's id; give this or sku.")]
LocationId = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The location's id; by default the credential's only one."),
]
LocationCode = Annotated[str | None, strawberry.argument(description="The location's code, instead of its id.")]


@strawberry.type
class InventoryQuery:
    @field(
        "What may be promised of each sku, in the order asked for: on a channel, at one location, or, for a "
        "credential of no channel, at every open location. A till or staff who name a location are told what lies "
        "there, whatever it can do. Errors: CHANNEL_NOT_FOUND, CHANNEL_NOT_ALLOWED, LOCATION_NOT_ALLOWED, INVALID_ID, "
        "INVALID_INPUT.",
        require_scope(Scope.CATALOG_READ, Scope.STOCK_READ),
        cost(size_argument="skus"),
    )
    async def availability(
        self,
        info: Info,
        *,
        skus: Skus,
        channel: OnChannel = None,
        location_id: OneLocation = None,
        near: Near = None,
        method: Method = DEFAULT_METHOD,
    ) -> list[Availability]:
        if not 1 <= len(skus) <= MAX_NAMED:
            raise InvalidInputError(f"name 1 to {MAX_NAMED} skus, not {len(skus)}", path=("skus",))
        question = await _question(info.context, channel, location_id, near, method)
        found = await visible_variants(info.context, skus)
        await prefetch(info.context, [view.id for view in found if view is not None], question)
        return [
            unknown_sku(sku, question)
            if view is None
            else await availability_of(info.context, view.id, sku, view.stock_policy, question)
            for sku, view in zip(skus, found, strict=True)
        ]

    @field(
        "Levels, page by page. A credential sees the locations it is bound to, else its channel's pool. "
        "Errors: UNKNOWN_SKU, LOCATION_NOT_ALLOWED, INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def stock_levels(
        self,
        info: Info,
        *,
        skus: SomeSkus = None,
        variant_ids: SomeVariants = None,
        location_ids: SomeLocations = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StockLevel]:
        asked = await _level_filter(info.context, skus, variant_ids, location_ids)
        scope = cursor_scope("stockLevels", skus=skus, variants=variant_ids, locations=location_ids)
        wanted = page(scope, tuple[UUID, UUID], first=first, after=after, last=last, before=before)
        rows = await info.context.read(
            lambda session: reading.levels_page(
                session, asked, limit=wanted.fetch, after=wanted.position, backwards=wanted.backwards
            )
        )
        return connect(rows, wanted, node=level_node, key=lambda row: (row.variant_id, row.location_id))

    @field(
        "The ledger of one level, newest first. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, LOCATION_NOT_ALLOWED, "
        "INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def stock_movements(
        self,
        info: Info,
        *,
        sku: Sku = None,
        variant_id: VariantId = None,
        location_id: LocationId = None,
        location_code: LocationCode = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[StockMovement]:
        location = await location_key(info.context, location_id, location_code)
        await require_locations(info.context, [location])
        variant = await variant_key(info.context, sku, variant_id)
        scope = cursor_scope("stockMovements", variant=variant, location=location)
        wanted = page(scope, tuple[int], first=first, after=after, last=last, before=before)
        version = wanted.position[0] if wanted.position else None
        rows = await info.context.read(
            lambda session: reading.movements_page(
                session,
                variant,
                location,
                limit=wanted.fetch,
                after=version,
                backwards=wanted.backwards,
            )
        )
        return connect(rows, wanted, node=movement_node, key=lambda row: (row.level_version,))


async def require_locations(context: RequestContext, location_ids: Sequence[UUID]) -> None:
    """The caller may look into every one of these. Raises LocationNotAllowedError."""
    for location_id in location_ids:
        context.principal.require_location(location_id)
    await require_pool(context, location_ids)


async def require_pool(context: RequestContext, location_ids: Sequence[UUID]) -> None:
    """A credential of one channel that is bound to no location asks about that channel's pool only."""
    channel_id = context.principal.channel_id
    if channel_id is None or context.principal.location_ids is not None or not location_ids:
        return
    pool = await context.load(channels.pools_by_channel_ids, channel_id) or frozenset()
    if not pool.issuperset(location_ids):
        raise LocationNotAllowedError("this location is not in the channel's pool", path=("locationId",))


async def _question(
    context: RequestContext,
    channel: str | None,
    location_id: strawberry.ID | None,
    near: GeoPointInput | None,
    method: FulfillmentMethod | None,
) -> Question:
    if location_id is not None and (channel is not None or near is not None):
        raise InvalidInputError("ask about a location, or about a channel and a point", path=("locationId",))
    name = method.name if method else None
    if location_id is not None:
        location = await location_key_or_none(context, location_id, None, path=("locationId",))
        if location is not None:
            await _require_sellable(context, location)
        claims_as_shop = owner_of(context.principal) is ReservationOwner.CART
        return Question(location_id=location, method=name if claims_as_shop else None)
    point = None if near is None else parse_point(near, path=("near",))
    found = await (meant_channel if near is not None else needed_channel)(context, channel)
    return Question(channel_id=found.id if found else None, method=name, near=point)


async def _require_sellable(context: RequestContext, location_id: UUID) -> None:
    """A promise at one location: of the caller's channel's pool, or one that the caller is bound to."""
    if context.principal.channel_id is None or location_id in (context.principal.location_ids or ()):
        return
    pool = await context.load(channels.pools_by_channel_ids, context.principal.channel_id) or frozenset()
    if location_id not in pool:
        raise LocationNotAllowedError("this location is not in the channel's pool", path=("locationId",))


async def _level_filter(
    context: RequestContext,
    skus: list[str] | None,
    variant_ids: list[strawberry.ID] | None,
    location_ids: list[strawberry.ID] | None,
) -> LevelFilter:
    for name, given in (("skus", skus), ("variantIds", variant_ids), ("locationIds", location_ids)):
        if given is not None and not 1 <= len(given) <= MAX_NAMED:
            raise InvalidInputError(f"{name} holds 1 to {MAX_NAMED} items, not {len(given)}", path=(name,))
    named = [Named(sku, None, ("skus",)) for sku in skus or ()]
    named += [Named(None, key, ("variantIds",)) for key in variant_ids or ()]
    variants = await variant_keys(context, named) if named else None
    locations = [await location_key(context, key, None, path=("locationIds",)) for key in location_ids or ()] or None
    if locations is not None:
        await require_locations(context, locations)
    principal = context.principal
    if locations is None and principal.location_ids is not None:
        locations = sorted(principal.location_ids)
    return LevelFilter(variants, locations, principal.channel_id if locations is None else None)


__all__ = ["AvailabilitySubscription", "InventoryMutation", "InventoryQuery"]
