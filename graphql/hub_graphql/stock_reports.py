"""What staff and systems report about stock: adjustments, receipts, counts, transfers and safety stock."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import LevelKey, Units, levels
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.ids import parse_uuid
from hub_graphql.keyed import Settled, derived_id, settle
from hub_graphql.naming import LocationInput, UnitsInput, VariantInput, location_key, variant_key, variants_of_lines
from hub_graphql.payloads import KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.stock import StockLevel, level_node

C = TypeVar("C")

_EXPECTED = "Only if onHand still is this many units; else STALE_QUANTITY. Null: whatever it is."
_PLACE = "By default the credential's only location. Errors: INVALID_ID, UNKNOWN_LOCATION."
_REFERENCE = "The UUID of the paper behind it; else INVALID_INPUT."


@strawberry.enum(description="Why stock was adjusted.")
class StockAdjustmentReason(Enum):
    CORRECTION = enum_value("CORRECTION", description="The number was wrong.")
    FOUND = enum_value("FOUND", description="Units turned up.")
    LOST = enum_value("LOST", description="Units cannot be found.")
    THEFT = enum_value("THEFT", description="Units were stolen.")
    SAMPLE = enum_value("SAMPLE", description="Units were used as samples.")
    DAMAGED = enum_value("DAMAGED", description="Units are damaged.")
    EXPIRED_GOODS = enum_value("EXPIRED_GOODS", description="Units are past their date.")
    OPENING_BALANCE = enum_value("OPENING_BALANCE", description="The first number of a level.")
    OTHER = enum_value("OTHER", description="Another reason.")


@strawberry.input
class LevelInput(KeyedInput, VariantInput, LocationInput):
    """Names one level: a variant at a location."""


@strawberry.input(description="A change of onHand with a reason.")
class StockAdjustInput(LevelInput):
    delta: int = strawberry.field(
        description="Units more (or, below 0, fewer); within ±1,000,000,000 and not 0; else INVALID_QUANTITY."
    )
    reason: StockAdjustmentReason = strawberry.field(description="Why.")
    expected_quantity: int | None = strawberry.field(default=None, description=_EXPECTED)
    reference_id: str | None = strawberry.field(default=None, description=_REFERENCE)


@strawberry.input(description="Units of one variant that arrived.")
class StockReceiveLineInput(UnitsInput):
    pass


@strawberry.input(description="Units that arrived at a location and are sellable.")
class StockReceiveInput(KeyedInput, LocationInput):
    lines: list[StockReceiveLineInput] = strawberry.field(
        description="What arrived; 1 to 1,000 lines, else TOO_MANY_LINES."
    )
    reference_id: str | None = strawberry.field(default=None, description=_REFERENCE)


@strawberry.input(description="The sellable units that were counted at a location.")
class StockCountInput(LevelInput):
    counted: int = strawberry.field(description="Units, 0 to 1,000,000,000; else INVALID_QUANTITY.")
    expected_quantity: int | None = strawberry.field(default=None, description=_EXPECTED)
    reason: StockAdjustmentReason | None = strawberry.field(default=None, description="Why it differs, if it does.")


@strawberry.input(description="Free units that move from one location to another at once.")
class StockTransferInput(KeyedInput, UnitsInput):
    from_location_id: strawberry.ID | None = strawberry.field(default=None, description=f"Where from, by id. {_PLACE}")
    from_location_code: str | None = strawberry.field(default=None, description="Where from, by code instead.")
    to_location_id: strawberry.ID | None = strawberry.field(default=None, description=f"Where to, by id. {_PLACE}")
    to_location_code: str | None = strawberry.field(default=None, description="Where to, by code instead.")


@strawberry.input(description="Units that channels shall not sell from a location.")
class SafetyStockSetInput(LevelInput):
    safety_stock: int = strawberry.field(description="Units, 0 to 1,000,000,000; else INVALID_QUANTITY.")


@strawberry.type
class LevelPayload(KeyedPayload):
    stock_level: StockLevel | None = strawberry.field(description="The level as it is now; null if refused.")


@strawberry.type
class LevelsPayload(KeyedPayload):
    stock_levels: list[StockLevel] = strawberry.field(description="The levels as they are now; empty if refused.")


@strawberry.type(description="What came of an adjustment.")
class StockAdjustPayload(LevelPayload):
    pass


@strawberry.type(description="What came of a count.")
class StockCountPayload(LevelPayload):
    pass


@strawberry.type(description="What came of setting a safety stock.")
class SafetyStockSetPayload(LevelPayload):
    pass


@strawberry.type(description="What came of a receipt.")
class StockReceivePayload(LevelsPayload):
    pass


@strawberry.type(description="What came of a transfer.")
class StockTransferPayload(LevelsPayload):
    pass


AdjustArgument = Annotated[StockAdjustInput, strawberry.argument(description="What to change.")]
ReceiveArgument = Annotated[StockReceiveInput, strawberry.argument(description="What arrived.")]
CountArgument = Annotated[StockCountInput, strawberry.argument(description="What was counted.")]
TransferArgument = Annotated[StockTransferInput, strawberry.argument(description="What to move.")]
SafetyArgument = Annotated[SafetyStockSetInput, strawberry.argument(description="What to keep.")]


@strawberry.type
class InventoryMutation:
    @mutation(
        "Changes onHand by a delta with a reason. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, "
        "INSUFFICIENT_STOCK, STALE_QUANTITY.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_adjust(self, info: Info, input: AdjustArgument) -> StockAdjustPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.Adjust:
            return inventory.Adjust(
                await level_key_of(context, input),
                input.delta,
                inventory.AdjustmentReason[input.reason.name],
                input.expected_quantity,
                _reference(input.reference_id),
            )

        settled, found = await report_stock(info, prepare, inventory.adjust_stock, input.idempotency_key)
        return StockAdjustPayload(settled=settled, stock_level=found[0] if found else None)

    @mutation(
        "Units arrived at a location and are sellable. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, "
        "TOO_MANY_LINES.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_receive(self, info: Info, input: ReceiveArgument) -> StockReceivePayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.Receive:
            location_id = await location_key(context, input.location_id, input.location_code)
            variants = await variants_of_lines(context, input.lines)
            units = tuple(
                Units(LevelKey(variant_id, location_id), line.quantity)
                for variant_id, line in zip(variants, input.lines, strict=True)
            )
            return inventory.Receive(units, _reference(input.reference_id))

        settled, found = await report_stock(info, prepare, inventory.receive_stock, input.idempotency_key)
        return StockReceivePayload(settled=settled, stock_levels=found)

    @mutation(
        "onHand was counted: a fact, never refused for what was promised before. Errors: UNKNOWN_SKU, "
        "UNKNOWN_LOCATION, INVALID_QUANTITY, STALE_QUANTITY.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_count(self, info: Info, input: CountArgument) -> StockCountPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.Count:
            return inventory.Count(
                await level_key_of(context, input),
                input.counted,
                input.expected_quantity,
                reason=inventory.AdjustmentReason[input.reason.name] if input.reason else None,
            )

        settled, found = await report_stock(info, prepare, inventory.count_stock, input.idempotency_key)
        return StockCountPayload(settled=settled, stock_level=found[0] if found else None)

    @mutation(
        "Moves free units between two locations in one step. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, "
        "INVALID_QUANTITY, INSUFFICIENT_STOCK.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def stock_transfer(self, info: Info, input: TransferArgument) -> StockTransferPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.Move:
            source = await location_key(
                context, input.from_location_id, input.from_location_code, path=("fromLocationId",)
            )
            target = await location_key(context, input.to_location_id, input.to_location_code, path=("toLocationId",))
            variant_id = await variant_key(context, input.sku, input.variant_id)
            reference_id = derived_id(context.principal, input.idempotency_key)
            return inventory.Move(variant_id, source, target, input.quantity, reference_id)

        settled, found = await report_stock(info, prepare, inventory.transfer_stock, input.idempotency_key)
        return StockTransferPayload(settled=settled, stock_levels=found)

    @mutation(
        "Sets how many units channels shall not sell from a location. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, "
        "INVALID_QUANTITY.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def safety_stock_set(self, info: Info, input: SafetyArgument) -> SafetyStockSetPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.SetSafetyStock:
            return inventory.SetSafetyStock(await level_key_of(context, input), input.safety_stock)

        settled, found = await report_stock(info, prepare, inventory.set_safety_stock, input.idempotency_key)
        return SafetyStockSetPayload(settled=settled, stock_level=found[0] if found else None)


async def report_stock(
    info: Info,
    prepare: Callable[[RequestContext], Awaitable[C]],
    report: Callable[..., Awaitable[Answer]],
    idempotency_key: str,
) -> tuple[Settled, list[StockLevel]]:
    """Run the feature's report and read the levels that it touched, in the order of the input."""

    async def run(database: Database, command: C) -> Answer:
        return await report(database, info.context.principal, command, idempotency_key=idempotency_key)

    settled = await settle(info, prepare, run)
    if settled.outcome is None:
        return settled, []
    touched = [LevelKey(UUID(variant), UUID(location)) for variant, location in settled.outcome["levels"]]
    found = await info.context.read(
        lambda session: levels(session, [key.variant_id for key in touched], [key.location_id for key in touched])
    )
    by_key = {LevelKey(view.variant_id, view.location_id): level_node(view) for view in found}
    return settled, [by_key[key] for key in dict.fromkeys(touched) if key in by_key]


async def level_key_of(context: RequestContext, given: LevelInput) -> LevelKey:
    location_id = await location_key(context, given.location_id, given.location_code)
    return LevelKey(await variant_key(context, given.sku, given.variant_id), location_id)


def _reference(text: str | None) -> UUID | None:
    return None if text is None else parse_uuid(text, path=("referenceId",))
