"""Count sessions and their lines: tables, the rule of recounting, and their SQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, and_, or_
from sqlmodel import Field, SQLModel, col, select

from hub.infra.database import AnySession, WriteSession


class CountStatus(StrEnum):
    OPEN = "OPEN"
    APPLIED = "APPLIED"
    CANCELLED = "CANCELLED"


class CountLineStatus(StrEnum):
    TO_COUNT = "TO_COUNT"
    RECOUNT = "RECOUNT"
    COUNTED = "COUNTED"
    APPLIED = "APPLIED"


Position = tuple[datetime, UUID]


def _big(*, default: int | None = None) -> Any:
    return Field(default=default, sa_column=Column(BigInteger, nullable=default is None))


def _instant() -> datetime | None:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))  # type: ignore[no-any-return]


class CountSession(SQLModel, table=True):
    """`blind`: counters are not told what is expected. A variance beyond `recount_above` units is counted again."""

    __tablename__ = "count_sessions"

    id: UUID = Field(primary_key=True)
    location_id: UUID = Field(foreign_key="locations.id")
    status: str
    blind: bool
    recount_above: int | None = _big()
    version: int = _big(default=1)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    closed_at: datetime | None = _instant()


class CountLine(SQLModel, table=True):
    """`counted` units were found when onHand was `expected`, at the `attempts`-th time of counting."""

    __tablename__ = "count_lines"

    session_id: UUID = Field(primary_key=True, foreign_key="count_sessions.id")
    variant_id: UUID = Field(primary_key=True, foreign_key="variants.id")
    status: str = CountLineStatus.TO_COUNT
    expected: int | None = _big()
    counted: int | None = _big()
    counted_at: datetime | None = _instant()
    attempts: int = 0
    reason: str | None = None

    @property
    def variance(self) -> int | None:
        return None if self.counted is None or self.expected is None else self.counted - self.expected

    def record(self, counted: int, on_hand: int, at: datetime, recount_above: int | None) -> None:
        """Take a count down. A large variance is believed when the count before it found the same."""
        found = counted - on_hand
        small = recount_above is None or abs(found) <= recount_above
        believed = small or (self.attempts > 0 and self.variance == found)
        self.counted, self.expected, self.counted_at = counted, on_hand, at
        self.attempts += 1
        self.status = CountLineStatus.COUNTED if believed else CountLineStatus.RECOUNT


async def lock(session: WriteSession, session_id: UUID) -> CountSession | None:
    found = await session.execute(
        select(CountSession)
        .where(col(CountSession.id) == session_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return found.scalar_one_or_none()


async def count_sessions_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, CountSession]:
    found = await session.execute(select(CountSession).where(col(CountSession.id).in_(list(ids))))
    return {item.id: item for item in found.scalars()}


async def count_lines_by_session_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, list[CountLine]]:
    """The lines of each session, by variant."""
    found = await session.execute(
        select(CountLine)
        .where(col(CountLine.session_id).in_(list(ids)))
        .order_by(col(CountLine.session_id), col(CountLine.variant_id))
    )
    grouped: dict[UUID, list[CountLine]] = {}
    for line in found.scalars():
        grouped.setdefault(line.session_id, []).append(line)
    return grouped


async def count_sessions_page(
    session: AnySession,
    *,
    limit: int,
    after: Position | None = None,
    location_ids: Sequence[UUID] | None = None,
    statuses: Sequence[str] | None = None,
) -> list[CountSession]:
    """Newest first; `after` is the (created_at, id) of the last of the page before."""
    conditions: list[Any] = []
    if after is not None:
        created, item_id = after
        conditions.append(
            or_(
                col(CountSession.created_at) < created,
                and_(col(CountSession.created_at) == created, col(CountSession.id) < item_id),
            )
        )
    if location_ids is not None:
        conditions.append(col(CountSession.location_id).in_(list(location_ids)))
    if statuses is not None:
        conditions.append(col(CountSession.status).in_(statuses))
    found = await session.execute(
        select(CountSession)
        .where(*conditions)
        .order_by(col(CountSession.created_at).desc(), col(CountSession.id).desc())
        .limit(limit)
    )
    return list(found.scalars())
