"""Documents of units on their way to a location: stock transfers and purchase orders, their lines, and their SQL.

A consignment's row lock is taken before any level's, so two receipts of the same line follow one another.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, and_, or_, text
from sqlmodel import Field, SQLModel, col, select

from hub.infra.database import AnySession, WriteSession
from hub.inventory.receiving import ExpectedLine
from hub.inventory.units import LevelKey, Units


class ConsignmentKind(StrEnum):
    TRANSFER = "TRANSFER"
    PURCHASE = "PURCHASE"


class ConsignmentStatus(StrEnum):
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    IN_TRANSIT = "IN_TRANSIT"
    PARTIALLY_RECEIVED = "PARTIALLY_RECEIVED"
    RECEIVED = "RECEIVED"
    CANCELLED = "CANCELLED"


UNDER_WAY = frozenset({ConsignmentStatus.OPEN, ConsignmentStatus.IN_TRANSIT, ConsignmentStatus.PARTIALLY_RECEIVED})
"""What is outstanding on these counts as incoming."""

OUTSTANDING = """
    SELECT l.variant_id, d.to_location_id AS location_id, d.expected_at, l.quantity - l.received - l.missing AS quantity
    FROM consignment_lines AS l JOIN consignments AS d ON d.id = l.consignment_id
    WHERE l.received + l.missing < l.quantity AND d.status IN ('OPEN', 'IN_TRANSIT', 'PARTIALLY_RECEIVED')
"""

_EXPECTED = text(
    f"""
    SELECT variant_id, location_id, expected_at, sum(quantity)::bigint
    FROM ({OUTSTANDING}) AS o
    WHERE variant_id = ANY(:variants) AND location_id = ANY(:locations)
    GROUP BY 1, 2, 3 ORDER BY expected_at NULLS LAST
    """
)

Position = tuple[datetime, UUID]


def _instant() -> datetime | None:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))  # type: ignore[no-any-return]


def _units() -> int:
    return Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))  # type: ignore[no-any-return]


class Consignment(SQLModel, table=True):
    """`number` and `supplier` are a purchase order's, `from_location_id` is a transfer's."""

    __tablename__ = "consignments"

    id: UUID = Field(primary_key=True)
    kind: str
    status: str
    from_location_id: UUID | None = Field(default=None, foreign_key="locations.id")
    to_location_id: UUID = Field(foreign_key="locations.id")
    number: str | None = None
    supplier: str = ""
    expected_at: datetime | None = _instant()
    version: int = Field(default=1, sa_column=Column(BigInteger, nullable=False, server_default="1"))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    dispatched_at: datetime | None = _instant()
    closed_at: datetime | None = _instant()

    @property
    def places(self) -> list[UUID]:
        return [place for place in (self.from_location_id, self.to_location_id) if place is not None]


class ConsignmentLine(SQLModel, table=True):
    """`quantity` units are expected; `received` of them came, `missing` never will; `extra` came beyond them."""

    __tablename__ = "consignment_lines"

    consignment_id: UUID = Field(primary_key=True, foreign_key="consignments.id")
    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    quantity: int = _units()
    received: int = _units()
    extra: int = _units()
    missing: int = _units()

    @property
    def expected(self) -> ExpectedLine:
        return ExpectedLine(self.quantity, self.received, self.extra, self.missing)


class Expected(NamedTuple):
    """Units that are expected at a level; `at` None: nobody said when."""

    at: datetime | None
    quantity: int


async def lock(session: WriteSession, kind: ConsignmentKind, consignment_id: UUID) -> Consignment | None:
    found = await session.execute(
        select(Consignment)
        .where(col(Consignment.id) == consignment_id, col(Consignment.kind) == kind)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return found.scalar_one_or_none()


async def lines_of(session: AnySession, consignment_id: UUID) -> dict[UUID, ConsignmentLine]:
    return {line.variant_id: line for line in (await lines_by_ids(session, [consignment_id])).get(consignment_id, [])}


async def add(session: WriteSession, item: Consignment, units: Mapping[UUID, int]) -> None:
    """Write a new document with a line for each variant."""
    session.add(item)
    await session.flush()
    session.add_all(
        ConsignmentLine(consignment_id=item.id, variant_id=variant_id, quantity=quantity)
        for variant_id, quantity in sorted(units.items())
    )
    await session.flush()


async def write_lines(
    session: WriteSession, item: Consignment, known: Mapping[UUID, ConsignmentLine], lines: Mapping[UUID, ExpectedLine]
) -> None:
    """Bring the document's lines to `lines`."""
    for variant_id, now in sorted(lines.items()):
        line = known.get(variant_id)
        if line is None:
            line = ConsignmentLine(consignment_id=item.id, variant_id=variant_id, quantity=now.quantity)
            session.add(line)
        line.received, line.extra, line.missing = now.received, now.extra, now.missing
    await session.flush()


async def database_now(session: AnySession) -> datetime:
    now: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
    return now


def outstanding(item: Consignment, lines: Iterable[ConsignmentLine]) -> tuple[Units, ...]:
    """What the document still announces at its destination."""
    return tuple(
        Units(LevelKey(line.variant_id, item.to_location_id), line.expected.outstanding)
        for line in lines
        if line.expected.outstanding
    )


async def consignments_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, Consignment]:
    found = await session.execute(select(Consignment).where(col(Consignment.id).in_(list(ids))))
    return {item.id: item for item in found.scalars()}


async def lines_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[ConsignmentLine]]:
    """The lines of each document, by variant."""
    found = await session.execute(
        select(ConsignmentLine)
        .where(col(ConsignmentLine.consignment_id).in_(list(ids)))
        .order_by(col(ConsignmentLine.consignment_id), col(ConsignmentLine.variant_id))
    )
    grouped: dict[UUID, list[ConsignmentLine]] = {}
    for line in found.scalars():
        grouped.setdefault(line.consignment_id, []).append(line)
    return grouped


async def consignments_page(
    session: AnySession,
    kind: ConsignmentKind,
    *,
    limit: int,
    after: Position | None = None,
    location_ids: Sequence[UUID] | None = None,
    statuses: Sequence[str] | None = None,
) -> list[Consignment]:
    """Newest first; `after` is the (created_at, id) of the last of the page before. A document is at a location when
    it leaves it or goes to it."""
    conditions: list[Any] = [col(Consignment.kind) == kind]
    if after is not None:
        created, item_id = after
        conditions.append(
            or_(
                col(Consignment.created_at) < created,
                and_(col(Consignment.created_at) == created, col(Consignment.id) < item_id),
            )
        )
    if location_ids is not None:
        places = list(location_ids)
        conditions.append(
            or_(col(Consignment.from_location_id).in_(places), col(Consignment.to_location_id).in_(places))
        )
    if statuses is not None:
        conditions.append(col(Consignment.status).in_(statuses))
    found = await session.execute(
        select(Consignment)
        .where(*conditions)
        .order_by(col(Consignment.created_at).desc(), col(Consignment.id).desc())
        .limit(limit)
    )
    return list(found.scalars())


async def expected_by_levels(session: AnySession, keys: Iterable[LevelKey]) -> dict[LevelKey, list[Expected]]:
    """What is expected at each level and when, earliest first, undated last."""
    wanted = list(keys)
    rows = await session.execute(
        _EXPECTED,
        {
            "variants": sorted({key.variant_id for key in wanted}),
            "locations": sorted({key.location_id for key in wanted}),
        },
    )
    found: dict[LevelKey, list[Expected]] = {}
    for variant_id, location_id, at, quantity in rows:
        found.setdefault(LevelKey(variant_id, location_id), []).append(Expected(at, quantity))
    return found
