"""Any sequence of commands on the real ledger, against a model that knows only totals."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from hub.infra.database import Database
from hub.kernel.ids import new_id
from hub.loyalty import InsufficientPointsError
from hub.loyalty.rules import Ratio, points_of_lines, share_of_units
from tests.loyalty.shop import Shop, open_shop

Replay = Callable[[], Coroutine[Any, Any, Any]]


@dataclass
class Line:
    id: UUID
    quantity: int
    granted: int
    fulfilled: int = 0
    returned: int = 0

    def net(self) -> int:
        earned = share_of_units(self.granted, self.quantity, self.fulfilled)
        return earned - share_of_units(self.granted, self.quantity, min(self.fulfilled, self.returned))


class Ledger(RuleBasedStateMachine):
    """A new customer each run; every command is committed on its own."""

    run: asyncio.Runner
    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self.extra = 0
        self.past: list[Replay] = []
        self.customer = Shop(self.shop.database, self.shop.programme, new_id())
        self.run.run(self._register())

    async def _register(self) -> None:
        async with self.customer.database.write() as session:
            await session.execute(text("INSERT INTO customers (id) VALUES (:id)"), {"id": self.customer.customer_id})

    def net(self) -> int:
        return sum(line.net() for line in self.lines) + self.extra

    @rule(lines=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2000)), min_size=1, max_size=3))
    def capture(self, lines: list[tuple[int, int]]) -> None:
        ids = self.run.run(self.customer.order(*lines))
        granted = points_of_lines(Ratio(1, 100), [base for _quantity, base in lines])
        self.lines += [
            Line(line_id, quantity, points)
            for line_id, (quantity, _base), points in zip(ids, lines, granted, strict=True)
        ]

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), units=st.integers(1, 5))
    def hand_over(self, data: st.DataObject, units: int) -> None:
        line, source = data.draw(st.sampled_from(self.lines)), new_id()
        self.run.run(self.customer.earn(line.id, units, source))
        line.fulfilled = min(line.quantity, line.fulfilled + units)
        self.past.append(lambda: self.customer.earn(line.id, units, source))

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), units=st.integers(1, 5))
    def bring_back(self, data: st.DataObject, units: int) -> None:
        line, source = data.draw(st.sampled_from(self.lines)), new_id()
        self.run.run(self.customer.reverse(line.id, units, source))
        line.returned = min(line.quantity, line.returned + units)
        self.past.append(lambda: self.customer.reverse(line.id, units, source))

    @precondition(lambda self: self.net() > 0)
    @rule(data=st.data())
    def spend(self, data: st.DataObject) -> None:
        points, source = data.draw(st.integers(1, self.net())), new_id()
        self.run.run(self.customer.spend(points, source))
        self.extra -= points
        self.past.append(lambda: self.customer.spend(points, source))

    @precondition(lambda self: self.lines)
    @rule(beyond=st.integers(1, 10))
    def spend_too_much(self, beyond: int) -> None:
        self.run.run(self.customer.adjust(1))
        self.extra += 1
        with pytest.raises(InsufficientPointsError):
            self.run.run(self.customer.spend(max(0, self.net()) + beyond))

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        self.run.run(data.draw(st.sampled_from(self.past))())

    @invariant()
    def the_balance_is_what_the_totals_say(self) -> None:
        net = self.net()
        assert self.run.run(self.customer.points()) == (max(0, net), 0, max(0, -net))


def test_every_sequence_conserves_points(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)
        shop = runner.run(open_shop(database))
        run_state_machine_as_test(
            type("LedgerOfThisTest", (Ledger,), {"run": runner, "shop": shop}),
            settings=settings(
                max_examples=30,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
        violations = runner.run(shop.violations())
        runner.run(database.close())
    assert violations == []
