"""Two tills of two stores, and short ways to report and to look at what came of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.customers import IdentityEvidence, IdentityKind
from hub.inventory import LevelView, levels
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.orders import ErrorPolicy, Order, OrderLine, lines_by_order_ids, orders_by_ids
from hub.pos import (
    Batch,
    GoodsReturn,
    Original,
    ReturnedLine,
    Sale,
    SaleLine,
    Unreadable,
    record_returns,
    record_sales,
)
from tests.factories import make_terminal
from tests.orders.stage import SEALER, World, make_world

ADA = (IdentityEvidence(IdentityKind.EMAIL, "ada@example.org", verified=True),)
Row = dict[str, Any]


@dataclass
class Counter:
    world: World
    berlin: Principal
    hamburg: Principal
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def sale(self, receipt: str = "R1", *units: tuple[str, int], minutes_ago: float = 1, **changes: Any) -> Sale:
        """By default one shirt for 19.90."""
        lines = tuple(SaleLine(quantity, 1990, sku) for sku, quantity in units or (("SHIRT", 1),))
        occurred_at = self.now - timedelta(minutes=minutes_ago)
        return replace(Sale(receipt, occurred_at, "EUR", lines), **changes)

    def goods(
        self,
        receipt: str,
        original: str | None,
        *units: tuple[str, int],
        terminal: str | None = None,
        minutes_ago: float = 0,
        **changes: Any,
    ) -> GoodsReturn:
        lines = tuple(ReturnedLine(quantity, sku) for sku, quantity in units or (("SHIRT", 1),))
        known = None if original is None else Original(original, terminal)
        return replace(GoodsReturn(receipt, self.now - timedelta(minutes=minutes_ago), lines, known), **changes)

    async def report(
        self,
        *facts: Sale | GoodsReturn | Unreadable,
        till: Principal | None = None,
        key: str | None = None,
        policy: ErrorPolicy = ErrorPolicy.REJECT_FAILED_ROWS,
        sent_at: datetime | None = None,
    ) -> list[Row]:
        """The rows of one batch, all sales or all returns."""
        who, batch, key = till or self.berlin, Batch(facts, policy, sent_at), key or str(new_id())
        if any(isinstance(fact, GoodsReturn) for fact in facts):
            answer = await record_returns(self.world.database, who, batch, idempotency_key=key)
        else:
            answer = await record_sales(self.world.database, who, batch, SEALER, idempotency_key=key)
        rows: list[Row] = list(answer.unwrap()["rows"])
        return rows

    async def level(self, variant_id: UUID | None = None, location_id: UUID | None = None) -> LevelView:
        async with self.world.database.read() as session:
            found = await levels(session, [variant_id or self.world.shirt])
        return next(each for each in found if each.location_id == (location_id or self.world.berlin))

    async def order(self, row: Row) -> tuple[Order, list[OrderLine]]:
        order_id = UUID(row["order_id"])
        async with self.world.database.read() as session:
            order = (await orders_by_ids(session, [order_id]))[order_id]
            return order, (await lines_by_order_ids(session, [order_id]))[order_id]

    async def one(self, query: str, **values: Any) -> Any:
        async with self.world.database.read() as session:
            return (await session.execute(text(query), values)).scalar_one()


async def make_counter(database: Any) -> Counter:
    world = await make_world(database)
    tills = []
    async with database.write() as session:
        for code, place in (("till-1", world.berlin), ("till-2", world.hamburg)):
            terminal = await make_terminal(session, world.channel.id, place, code)
            # As its keys have it: a terminal's principal is the terminal.
            tills.append(
                replace(
                    world.staff,
                    id=terminal,
                    channel_id=world.channel.id,
                    terminal_id=terminal,
                    location_ids=frozenset({place}),
                )
            )
    berlin, hamburg = tills
    return Counter(world, berlin, hamburg)
