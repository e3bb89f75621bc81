"""What bundles are made of: set by staff and catalog systems, read by everyone who promises or hands out stock."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession, Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.infra.outbox import Event, record
from hub.inventory.engine import STOCK_CHANGED
from hub.inventory.errors import (
    BundleHoldsStockError,
    BundleNestedError,
    StockNotTrackedError,
    TooManyLinesError,
    UnknownVariantError,
)
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Principal, Scope
from hub.kernel.quantity import QuantityError, positive_quantity
from routing import Part

MAX_COMPONENTS = 50
MAX_UNITS_OF_A_COMPONENT = 1_000

_LOCK = text("SELECT id, sku, stock_policy FROM variants WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_MADE_OF = text(
    """
    SELECT bundle_id, component_id, quantity FROM bundle_components
    WHERE bundle_id = ANY(:ids) ORDER BY bundle_id, position
    """
)
_WITH = text("SELECT DISTINCT bundle_id FROM bundle_components WHERE component_id = ANY(:ids)")
_HOLDS_STOCK = text(
    """
    SELECT EXISTS (
        SELECT FROM stock_levels WHERE variant_id = :id
        AND (on_hand, reserved, allocated, incoming, damaged, quality_control) <> (0, 0, 0, 0, 0, 0)
    ) OR EXISTS (SELECT FROM unfilled_demand WHERE variant_id = :id)
    """
)
_FORGET = text("DELETE FROM bundle_components WHERE bundle_id = :id")
_WRITE = text(
    "INSERT INTO bundle_components (bundle_id, component_id, quantity, position)"
    " VALUES (:bundle, :part, :quantity, :at)"
)
_TOUCH = text("UPDATE variants SET version = version + 1 WHERE id = :id RETURNING version")


@dataclass(frozen=True, slots=True)
class SetComponents:
    """`parts` replace what the bundle was made of; none: it is no bundle any more."""

    bundle_id: UUID
    parts: tuple[Part, ...]


async def set_components(
    database: Database, principal: Principal, command: SetComponents, *, idempotency_key: str
) -> Answer:
    """Say what a bundle is made of. Orders keep what it was made of when they came. Outcome: bundle_id.

    Refuses with UnknownVariantError, BundleNestedError, StockNotTrackedError and BundleHoldsStockError.
    """
    principal.require(Scope.CATALOG_WRITE)
    _check(command)

    async def work(session: WriteSession) -> Mapping[str, Any]:
        await _require_fitting(session, command)
        await session.execute(_FORGET, {"id": command.bundle_id})
        rows = [
            {"bundle": command.bundle_id, "part": part.variant_id, "quantity": part.quantity, "at": position}
            for position, part in enumerate(command.parts)
        ]
        if rows:
            await session.execute(_WRITE, rows)
        touched = await session.execute(_TOUCH, {"id": command.bundle_id})
        # What may be promised of it has changed, as if its stock had moved.
        await record(session, Event(STOCK_CHANGED, command.bundle_id, touched.scalar_one()))
        return {"bundle_id": str(command.bundle_id), "ids": [str(command.bundle_id)]}

    return await mutate(
        database,
        principal,
        operation="bundleComponentsSet",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=work,
    )


def _check(command: SetComponents) -> None:
    named = [part.variant_id for part in command.parts]
    if len(named) > MAX_COMPONENTS:
        raise TooManyLinesError(f"a bundle has up to {MAX_COMPONENTS} components", path=("components",))
    if len(set(named)) < len(named):
        raise InvalidInputError("name each component once, with its quantity", path=("components",))
    for index, part in enumerate(command.parts):
        if positive_quantity(part.quantity) > MAX_UNITS_OF_A_COMPONENT:
            raise QuantityError(
                f"a bundle takes up to {MAX_UNITS_OF_A_COMPONENT} units of a component",
                path=("components", str(index), "quantity"),
            )


async def _require_fitting(session: WriteSession, command: SetComponents) -> None:
    """Locks the variants, so that two calls cannot nest bundles in each other."""
    ids = [part.variant_id for part in command.parts]
    known = {row.id: row for row in await session.execute(_LOCK, {"ids": sorted({command.bundle_id, *ids})})}
    for variant_id in (command.bundle_id, *ids):
        if variant_id not in known:
            raise UnknownVariantError(f"there is no variant {variant_id}", path=("variantId",))
    if command.bundle_id in ids or await bundle_parts(session, ids):
        raise BundleNestedError("a bundle is made of variants that are no bundles", path=("components",))
    if ids and await bundles_with(session, [command.bundle_id]):
        raise BundleNestedError("this variant is a component of a bundle", path=("variantId",))
    for variant_id in ids:
        if known[variant_id].stock_policy == "UNTRACKED":
            sku = known[variant_id].sku
            raise StockNotTrackedError(f"sku {sku!r} is not stock-tracked; leave it out", path=("components",))
    if (await session.execute(_HOLDS_STOCK, {"id": command.bundle_id})).scalar_one():
        raise BundleHoldsStockError(
            "this variant has stock or orders that wait for it; bring them to zero first", path=("variantId",)
        )


async def bundle_parts(session: AnySession, variant_ids: Iterable[UUID]) -> dict[UUID, tuple[Part, ...]]:
    """What those of the variants that are bundles are made of, in display order."""
    found: dict[UUID, tuple[Part, ...]] = {}
    for row in await session.execute(_MADE_OF, {"ids": sorted(set(variant_ids))}):
        found[row.bundle_id] = (*found.get(row.bundle_id, ()), Part(row.component_id, row.quantity))
    return found


async def bundles_with(session: AnySession, variant_ids: Iterable[UUID]) -> set[UUID]:
    """The bundles that have any of the variants as a component."""
    return set((await session.execute(_WITH, {"ids": sorted(set(variant_ids))})).scalars())
