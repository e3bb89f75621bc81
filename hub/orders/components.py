"""Ordered bundles as parts: kept as they were when the order came, claimed, handed out and taken back whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession, WriteSession
from hub.orders.models import OrderLine
from routing import Part

BUNDLE: Final = "BUNDLE"

Components = Mapping[UUID, tuple[Part, ...]]
"""Order line → what one unit of it is made of; lines that are no bundles are absent."""

_FREEZE = text(
    """
    INSERT INTO order_line_components (order_line_id, variant_id, quantity, position)
    SELECT l.id, b.component_id, b.quantity, b.position
    FROM order_lines AS l JOIN bundle_components AS b ON b.bundle_id = l.variant_id
    WHERE l.id = ANY(:ids) AND NOT EXISTS (SELECT FROM order_line_components AS k WHERE k.order_line_id = l.id)
    RETURNING order_line_id
    """
)
_READ = text(
    """
    SELECT order_line_id, variant_id, quantity FROM order_line_components
    WHERE order_line_id = ANY(:ids) ORDER BY order_line_id, position
    """
)


async def keep_components(session: WriteSession, lines: Sequence[OrderLine]) -> None:
    """Note what the bundles among the lines are made of now, if that was not noted before. The lines are written."""
    made = set((await session.execute(_FREEZE, {"ids": [line.id for line in lines]})).scalars())
    for line in lines:
        if line.id in made:
            line.kind = BUNDLE
    if made:
        await session.flush()


async def components_of(session: AnySession, lines: Iterable[OrderLine]) -> dict[UUID, tuple[Part, ...]]:
    """What the bundles among the lines are made of; no statement when there is none."""
    ids = [line.id for line in lines if line.kind == BUNDLE]
    return await components_by_line_ids(session, ids) if ids else {}


async def components_by_line_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, tuple[Part, ...]]:
    found: dict[UUID, tuple[Part, ...]] = {}
    for row in await session.execute(_READ, {"ids": list(ids)}):
        found[row.order_line_id] = (*found.get(row.order_line_id, ()), Part(row.variant_id, row.quantity))
    return found


def parts_of_line(line_id: UUID, variant_id: UUID, components: Components) -> tuple[Part, ...]:
    """A line that is no bundle is its own only part."""
    return components.get(line_id) or (Part(variant_id, 1),)


def by_variant(lines: Iterable[OrderLine], components: Components) -> dict[UUID, tuple[Part, ...]]:
    """What the bundles that the lines name are made of."""
    return {line.variant_id: components[line.id] for line in lines if line.variant_id and line.id in components}
