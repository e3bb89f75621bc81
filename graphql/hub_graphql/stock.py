"""Stock as staff look at it: levels and the ledger behind them."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub.inventory import LevelKey, LevelView, expected_by_levels
from hub.inventory.reading import MovementView
from hub_graphql.channels import Channel, channel_reference
from hub_graphql.context import Info
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.locations import Location, load_location
from hub_graphql.products import Variant, load_variant
from hub_graphql.words import known, shown


@strawberry.type(description="Units that are announced for a date.")
class IncomingStock:
    date: datetime | None = strawberry.field(description="When they are expected; null when nobody said.")
    quantity: int = strawberry.field(description="Units.")


@strawberry.type(description="The stock of one variant at one location. Every number counts units.")
class StockLevel:
    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID]
    on_hand: int = strawberry.field(description="Sellable units that are physically there; below 0 after facts.")
    reserved: int = strawberry.field(description="Claimed for a while by reservations.")
    allocated: int = strawberry.field(description="Bound to fulfillment orders.")
    incoming: int = strawberry.field(description="Announced and not there yet.")
    damaged: int = strawberry.field(description="There, damaged, outside onHand.")
    quality_control: int = strawberry.field(description="There, being inspected, outside onHand.")
    safety_stock: int = strawberry.field(description="Kept from channels; a till may sell it.")
    shortage: int = strawberry.field(description="Promises that a fact has made impossible to keep.")
    available: int = strawberry.field(description="onHand - reserved - allocated - safetyStock, at least 0.")
    version: int = strawberry.field(description="Grows with each movement.")
    counted_at: datetime | None = strawberry.field(description="When it was last counted; null: never.")
    as_of: datetime = strawberry.field(description="When the database read it.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.variant_key)

    @field("What is incoming and when, earliest first.", cost(assumed_size=2))
    async def incoming_expected(self, info: Info) -> list[IncomingStock]:
        if not self.incoming:
            return []
        key = LevelKey(self.variant_key, self.location_key)
        found = await info.context.load(expected_by_levels, key) or []
        return [IncomingStock(date=item.at, quantity=shown(item.quantity)) for item in found]

    @field("The location.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@strawberry.enum(description="What moved stock.")
class StockMovementKind(Enum):
    OPENING = enum_value("OPENING", description="The first number that the hub was told.")
    ANNOUNCE = enum_value("ANNOUNCE", description="Units are expected, or no longer.")
    RECEIVE = enum_value("RECEIVE", description="Units arrived.")
    COUNT = enum_value("COUNT", description="Units were counted.")
    COUNT_CORRECTION = enum_value("COUNT_CORRECTION", description="A sale older than the last count, set right.")
    ADJUST = enum_value("ADJUST", description="A change with a reason.")
    RESERVE = enum_value("RESERVE", description="A reservation was made.")
    RELEASE = enum_value("RELEASE", description="A reservation was given back.")
    EXPIRE = enum_value("EXPIRE", description="A reservation's time was over.")
    ALLOCATE = enum_value("ALLOCATE", description="Units were bound to a fulfillment order.")
    DEALLOCATE = enum_value("DEALLOCATE", description="Units were unbound again.")
    FULFILL = enum_value("FULFILL", description="Bound units left the building.")
    SELL = enum_value("SELL", description="Units were sold over the counter.")
    RETURN = enum_value("RETURN", description="Units came back.")
    DAMAGE = enum_value("DAMAGE", description="Sellable units turned out to be damaged.")
    INSPECT = enum_value("INSPECT", description="Units changed between sellable, damaged and inspection.")
    WRITE_OFF = enum_value("WRITE_OFF", description="Damaged units were given up.")
    TRANSFER_OUT = enum_value("TRANSFER_OUT", description="Units left for another location.")
    TRANSFER_IN = enum_value("TRANSFER_IN", description="Units arrived from another location.")
    TRANSFER_LOSS = enum_value("TRANSFER_LOSS", description="Units got lost on the way.")


@strawberry.type(description="One row of a level's ledger. Deltas count units; rows are never changed.")
class StockMovement:
    channel_key: strawberry.Private[UUID | None]
    level_version: int = strawberry.field(description="Its number among the level's movements: 1, 2, 3 without gap.")
    kind: StockMovementKind | None = strawberry.field(description="What moved; null for a newer word.")
    on_hand_delta: int = strawberry.field(description="Change of onHand.")
    reserved_delta: int = strawberry.field(description="Change of reserved.")
    allocated_delta: int = strawberry.field(description="Change of allocated.")
    incoming_delta: int = strawberry.field(description="Change of incoming.")
    damaged_delta: int = strawberry.field(description="Change of damaged.")
    quality_control_delta: int = strawberry.field(description="Change of qualityControl.")
    reason: str | None = strawberry.field(
        description="Why: a StockAdjustmentReason of adjustments, inspections, write-offs and differences."
    )
    reference_id: str | None = strawberry.field(
        description="The UUID of what caused it: a reservation, order, receipt or transfer."
    )
    occurred_at: datetime = strawberry.field(description="When it happened.")
    recorded_at: datetime = strawberry.field(description="When the hub wrote it down.")

    @field("The channel it came through; null when it came through none.")
    async def channel(self, info: Info) -> Channel | None:
        return await channel_reference(info.context, self.channel_key) if self.channel_key else None


def level_node(view: LevelView) -> StockLevel:
    return StockLevel(
        variant_key=view.variant_id,
        location_key=view.location_id,
        on_hand=shown(view.on_hand),
        reserved=shown(view.reserved),
        allocated=shown(view.allocated),
        incoming=shown(view.incoming),
        damaged=shown(view.damaged),
        quality_control=shown(view.quality_control),
        safety_stock=shown(view.safety_stock),
        shortage=shown(view.shortage),
        available=shown(view.available),
        version=shown(view.version),
        counted_at=view.counted_at,
        as_of=view.as_of,
    )


def movement_node(view: MovementView) -> StockMovement:
    return StockMovement(
        channel_key=view.channel_id,
        level_version=shown(view.level_version),
        kind=known(StockMovementKind, view.kind),
        on_hand_delta=shown(view.on_hand_delta),
        reserved_delta=shown(view.reserved_delta),
        allocated_delta=shown(view.allocated_delta),
        incoming_delta=shown(view.incoming_delta),
        damaged_delta=shown(view.damaged_delta),
        quality_control_delta=shown(view.quality_control_delta),
        reason=view.reason,
        reference_id=str(view.reference_id) if view.reference_id else None,
        occurred_at=view.occurred_at,
        recorded_at=view.recorded_at,
    )
