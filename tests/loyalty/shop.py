"""A programme and one customer, for tests that move points."""

from uuid import UUID

from sqlalchemy import text

from hub.infra.checks import Violation
from hub.infra.database import Database
from hub.kernel.ids import new_id
from hub.loyalty import (
    AdjustPoints,
    AdjustReason,
    Balance,
    CreateProgramme,
    EarnPoints,
    GrantLine,
    GrantPoints,
    LoyaltyProgramme,
    Outcome,
    ReversePoints,
    SpendPoints,
    activate_due,
    adjust,
    balance,
    check_loyalty,
    create_programme,
    earn,
    grant_for_order,
    reverse,
    spend,
)

EUROS = CreateProgramme("Club", "EUR", points_per=1, minor_units=100, base_includes_tax=False)


class Shop:
    """A programme and one customer, with the commands of this feature in transactions of their own."""

    def __init__(self, database: Database, programme: LoyaltyProgramme, customer_id: UUID) -> None:
        self.database, self.programme, self.customer_id = database, programme, customer_id

    async def order(self, *lines: tuple[int, int], currency: str = "EUR") -> list[UUID]:
        """Capture an order of (quantity, base) lines; answers their ids."""
        made = tuple(GrantLine(new_id(), quantity, base) for quantity, base in lines)
        async with self.database.write() as session:
            await grant_for_order(session, GrantPoints(new_id(), self.customer_id, currency, made))
        return [line.line_id for line in made]

    async def earn(self, line_id: UUID, quantity: int, source_id: UUID | None = None) -> tuple[Outcome, ...]:
        async with self.database.write() as session:
            return await earn(session, EarnPoints(source_id or new_id(), line_id, quantity))

    async def reverse(self, line_id: UUID, quantity: int, source_id: UUID | None = None) -> tuple[Outcome, ...]:
        async with self.database.write() as session:
            return await reverse(session, ReversePoints(source_id or new_id(), line_id, quantity))

    async def spend(self, points: int, checkout_id: UUID | None = None) -> Outcome:
        command = SpendPoints(checkout_id or new_id(), self.customer_id, self.programme.id, points)
        async with self.database.write() as session:
            return await spend(session, command)

    async def adjust(self, points: int, adjustment_id: UUID | None = None) -> Outcome:
        command = AdjustPoints(
            adjustment_id or new_id(), self.customer_id, self.programme.id, points, AdjustReason.GOODWILL
        )
        async with self.database.write() as session:
            return await adjust(session, command)

    async def activate(self) -> int:
        async with self.database.write() as session:
            return await activate_due(session)

    async def balance(self) -> Balance:
        async with self.database.read() as session:
            return await balance(session, self.customer_id, self.programme.id)

    async def points(self) -> tuple[int, int, int]:
        """available, pending, owed"""
        now = await self.balance()
        return now.available, now.pending, now.owed

    async def violations(self) -> list[Violation]:
        async with self.database.read() as session:
            return await check_loyalty(session)


async def open_shop(database: Database, command: CreateProgramme = EUROS) -> Shop:
    customer_id = new_id()
    async with database.write() as session:
        programme = await create_programme(session, command)
        await session.execute(text("INSERT INTO customers (id) VALUES (:id)"), {"id": customer_id})
    return Shop(database, programme, customer_id)
