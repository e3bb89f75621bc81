"""What staff and systems report about stock: adjustments, receipts, counts, safety stock and moves.

Each function is one keyed mutation; the outcome lists the touched levels.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, KeyedInput, keyed
from hub.inventory import commands as c
from hub.inventory.availability import levels
from hub.inventory.batcher import batcher_of
from hub.inventory.engine import apply
from hub.inventory.errors import TooManyLinesError, UnknownLocationError
from hub.inventory.known import Known, Path, Wanted, reaches_its_channel_only
from hub.inventory.units import LevelKey, Units
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Principal, Scope
from hub.kernel.quantity import MAX_QUANTITY, QuantityError, counted_quantity, positive_quantity

MAX_RECEIPT_LINES = 1_000


Report = c.Adjust | c.Receive | c.Count | c.SetSafetyStock | c.Move | c.ChangeBucket | c.WriteOff


async def adjust_stock(database: Database, principal: Principal, command: c.Adjust, *, idempotency_key: str) -> Answer:
    """Change onHand by a delta with a reason. `expected_quantity` makes it compare-and-set (STALE_QUANTITY)."""
    if command.delta == 0 or abs(command.delta) > MAX_QUANTITY:
        raise QuantityError(f"delta {command.delta} must be within ±{MAX_QUANTITY} and not 0", path=("delta",))
    return await _report(database, principal, "stockAdjust", command, [command.key], idempotency_key=idempotency_key)


async def receive_stock(
    database: Database, principal: Principal, command: c.Receive, *, idempotency_key: str
) -> Answer:
    """Units arrived and are sellable."""
    if not 1 <= len(command.units) <= MAX_RECEIPT_LINES:
        raise TooManyLinesError(f"a receipt has 1 to {MAX_RECEIPT_LINES} lines", path=("lines",))
    for index, (_, quantity) in enumerate(command.units):
        positive_quantity(quantity, path=("lines", str(index), "quantity"))
    keys = [item.key for item in command.units]
    return await _report(database, principal, "stockReceive", command, keys, idempotency_key=idempotency_key)


async def count_stock(database: Database, principal: Principal, command: c.Count, *, idempotency_key: str) -> Answer:
    """onHand was counted; a fact, so it is never refused for what was promised before."""
    counted_quantity(command.counted, path=("counted",))
    return await _report(database, principal, "stockCount", command, [command.key], idempotency_key=idempotency_key)


async def inspect_stock(
    database: Database, principal: Principal, command: c.ChangeBucket, *, idempotency_key: str
) -> Answer:
    """Units change between sellable, inspection and damaged, with a reason."""
    positive_quantity(command.quantity)
    if command.source is command.target:
        raise InvalidInputError("the units are there already", path=("to",))
    return await _report(database, principal, "stockInspect", command, [command.key], idempotency_key=idempotency_key)


async def write_off_stock(
    database: Database, principal: Principal, command: c.WriteOff, *, idempotency_key: str
) -> Answer:
    """Units under inspection or damaged are given up, with a reason. Sellable ones are adjusted instead."""
    positive_quantity(command.quantity)
    if command.source is c.Bucket.ON_HAND:
        raise InvalidInputError("write off damaged or inspected units; adjust sellable ones", path=("from",))
    return await _report(database, principal, "stockWriteOff", command, [command.key], idempotency_key=idempotency_key)


async def set_safety_stock(
    database: Database, principal: Principal, command: c.SetSafetyStock, *, idempotency_key: str
) -> Answer:
    counted_quantity(command.safety_stock, path=("safetyStock",))
    return await _report(database, principal, "safetyStockSet", command, [command.key], idempotency_key=idempotency_key)


async def transfer_stock(database: Database, principal: Principal, command: c.Move, *, idempotency_key: str) -> Answer:
    """Move free units between two locations in one step."""
    positive_quantity(command.quantity)
    if command.from_location_id == command.to_location_id:
        raise InvalidInputError("a transfer needs two different locations", path=("toLocationId",))
    keys = [
        LevelKey(command.variant_id, command.from_location_id),
        LevelKey(command.variant_id, command.to_location_id),
    ]
    return await _report(database, principal, "stockTransfer", command, keys, idempotency_key=idempotency_key)


async def book_opening_stock(
    session: WriteSession, principal: Principal, units: Sequence[Units], *, reference_id: UUID
) -> None:
    """Bring levels to counted quantities inside the caller's transaction (imports): one COUNT where it differs."""
    found = await levels(session, [key.variant_id for key, _ in units], [key.location_id for key, _ in units])
    on_hand = {LevelKey(level.variant_id, level.location_id): level.on_hand for level in found}
    await apply(
        session,
        [
            c.StockRequest(c.Actor(principal.id), c.Count(key, quantity, reference_id=reference_id))
            for key, quantity in units
            if on_hand.get(key) != quantity
        ],
    )


@dataclass(frozen=True, slots=True)
class _ReportAsk:
    principal: Principal
    item: KeyedInput
    command: Report
    keys: Sequence[LevelKey]

    @property
    def path(self) -> Path:
        return ()

    def may_choose_again(self) -> bool:
        return False

    def want(self, wanted: Wanted) -> None:
        wanted.variants.update(key.variant_id for key in self.keys)
        wanted.locations.update(key.location_id for key in self.keys)
        if reaches_its_channel_only(self.principal) and self.principal.channel_id is not None:
            wanted.reach.add(self.principal.channel_id)

    def request(self, known: Known) -> c.StockRequest:
        for key in self.keys:
            known.variant(key.variant_id, ("variantId",))
            known.require_locations([key.location_id])
        known.require_in_reach(self.principal, [key.location_id for key in self.keys])
        return c.StockRequest(c.Actor(self.principal.id, self.principal.channel_id), self.command)

    def answer(self, _done: c.Done) -> dict[str, Any]:
        return {
            "levels": [[str(key.variant_id), str(key.location_id)] for key in self.keys],
            "ids": sorted({str(key.variant_id) for key in self.keys}),
        }


async def _report(
    database: Database,
    principal: Principal,
    operation: str,
    command: Report,
    keys: Sequence[LevelKey],
    *,
    idempotency_key: str,
) -> Answer:
    principal.require(Scope.STOCK_WRITE)
    for key in keys:
        principal.require_location(key.location_id)
    item = keyed(principal.id, idempotency_key, operation, command)
    return await batcher_of(database).submit(_ReportAsk(principal, item, command, keys))


async def require_known_location(session: WriteSession, location_id: UUID) -> None:
    """Raises UnknownLocationError."""
    if location_id not in await _known(session, "locations", {location_id}):
        raise UnknownLocationError(f"there is no location {location_id}", path=("locationId",))


async def require_open_in_pool(session: WriteSession, channel_id: UUID, location_ids: AbstractSet[UUID]) -> None:
    """Raises UnknownLocationError unless the channel may promise stock of every one of these locations."""
    rows = await session.execute(
        text(
            "SELECT l.id FROM channel_locations AS c JOIN locations AS l ON l.id = c.location_id"
            " WHERE c.channel_id = :channel AND l.id = ANY(:ids) AND l.active AND l.kind <> 'EXTERNAL'"
        ),
        {"channel": channel_id, "ids": sorted(location_ids)},
    )
    for location_id in sorted(location_ids - set(rows.scalars())):
        raise UnknownLocationError(f"the channel sells nothing at a location {location_id}", path=("locationId",))


async def _known(session: WriteSession, table: str, ids: set[UUID]) -> set[UUID]:
    rows = await session.execute(text(f"SELECT id FROM {table} WHERE id = ANY(:ids)"), {"ids": sorted(ids)})
    return set(rows.scalars())
