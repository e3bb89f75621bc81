"""Loyalty programmes: the rules by which points are earned."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from hub.infra.database import AnySession, WriteSession
from hub.kernel.errors import ConflictError, InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.money import currency_exponent
from hub.loyalty.messages import CreateProgramme
from hub.loyalty.models import LoyaltyProgramme

MAX_POINTS_PER = 1_000
MAX_MINOR_UNITS = 10**9
MAX_PENDING_DAYS = 366
MAX_NAME_LENGTH = 100


class ProgrammeExistsError(ConflictError):
    code = "PROGRAMME_EXISTS"


async def create_programme(session: WriteSession, command: CreateProgramme) -> LoyaltyProgramme:
    """A new, active programme. Raises InvalidInputError, CurrencyError or ProgrammeExistsError (name taken)."""
    _require_sane(command)
    programme = LoyaltyProgramme(
        id=new_id(),
        name=command.name.strip(),
        currency=command.currency,
        points_per=command.points_per,
        minor_units=command.minor_units,
        base_includes_tax=command.base_includes_tax,
        pending_days=command.pending_days,
    )
    if await find_programme(session, programme.name) is not None:
        raise ProgrammeExistsError(f"there is a programme named {programme.name!r} already", path=("name",))
    await session.execute(insert(LoyaltyProgramme), [programme.model_dump(exclude={"created_at"})])
    return programme


async def find_programme(session: AnySession, name: str) -> LoyaltyProgramme | None:
    rows = await session.execute(select(LoyaltyProgramme).where(col(LoyaltyProgramme.name) == name))
    return rows.scalar_one_or_none()


async def programmes_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, LoyaltyProgramme]:
    rows = await session.execute(select(LoyaltyProgramme).where(col(LoyaltyProgramme.id).in_(list(ids))))
    return {programme.id: programme for programme in rows.scalars()}


async def programmes(session: AnySession) -> Sequence[LoyaltyProgramme]:
    """All programmes, by name."""
    rows = await session.execute(select(LoyaltyProgramme).order_by(col(LoyaltyProgramme.name)))
    return rows.scalars().all()


def _require_sane(command: CreateProgramme) -> None:
    currency_exponent(command.currency)
    _require_between("points_per", command.points_per, 1, MAX_POINTS_PER)
    _require_between("minor_units", command.minor_units, 1, MAX_MINOR_UNITS)
    _require_between("pending_days", command.pending_days, 0, MAX_PENDING_DAYS)
    _require_between("length of name", len(command.name.strip()), 1, MAX_NAME_LENGTH)


def _require_between(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidInputError(f"{what} is {value}, but must be between {lowest} and {highest}")
