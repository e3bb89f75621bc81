"""The points ledger on the real database."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from hub.infra.database import Database
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.money import CurrencyError
from hub.kernel.quantity import QuantityError
from hub.loyalty import (
    GrantLine,
    GrantPoints,
    InsufficientPointsError,
    LoyaltyProgramme,
    PointsError,
    PointsSourceReusedError,
    ProgrammeExistsError,
    UnknownAccountError,
    UnknownProgrammeError,
    balance,
    balances,
    create_programme,
    grant_for_order,
    history,
)
from tests.loyalty.shop import EUROS, Shop, open_shop


class TestGranting:
    async def test_makes_nothing_spendable(self, shop):
        await shop.order((2, 2000))
        assert await shop.points() == (0, 0, 0)
        with pytest.raises(InsufficientPointsError):
            await shop.spend(1)

    async def test_an_order_is_computed_once_whatever_is_said_later(self, shop):
        line = GrantLine(new_id(), 1, 1000)
        command = GrantPoints(new_id(), shop.customer_id, "EUR", (line,))
        for again in (command, command, replace(command, lines=(replace(line, base_minor=99_000),))):
            async with shop.database.write() as session:
                (outcome,) = await grant_for_order(session, again)
        assert outcome.replayed
        await shop.earn(line.line_id, 1)
        assert await shop.points() == (10, 0, 0)

    async def test_sixteen_at_once_of_one_order_open_one_account_with_its_lots_once(self, shop, database_url):
        crowd = Database(database_url, pool_size=16)
        line = GrantLine(new_id(), 1, 1000)
        command = GrantPoints(new_id(), shop.customer_id, "EUR", (line,))

        async def grant() -> bool:
            async with crowd.write() as session:
                (outcome,) = await grant_for_order(session, command)
            return outcome.replayed

        replayed = await asyncio.gather(*(grant() for _ in range(16)))
        await crowd.close()
        assert sorted(replayed) == [False] + [True] * 15
        await shop.earn(line.line_id, 1)
        assert await shop.points() == (10, 0, 0)

    async def test_tax_counts_only_when_the_programme_says_so(self, shop):
        async with shop.database.write() as session:
            gross = await create_programme(session, replace(EUROS, name="Gross", base_includes_tax=True))
            line = GrantLine(new_id(), 1, 1000, tax_minor=190)
            await grant_for_order(session, GrantPoints(new_id(), shop.customer_id, "EUR", (line,)))
        await shop.earn(line.line_id, 1)
        async with shop.database.read() as session:
            assert (await balance(session, shop.customer_id, shop.programme.id)).available == 10
            assert (await balance(session, shop.customer_id, gross.id)).available == 11

    async def test_another_currency_earns_nothing(self, shop):
        (line,) = await shop.order((1, 5000), currency="USD")
        assert await shop.earn(line, 1) == ()

    async def test_a_negative_base_is_refused_and_changes_nothing(self, shop):
        with pytest.raises(PointsError):
            await shop.order((1, -5))
        assert (await shop.balance()).account_id is None


class TestEarning:
    async def test_each_unit_brings_its_share(self, shop):
        (line,) = await shop.order((3, 1000))
        assert [(await shop.earn(line, 1))[0].points for _ in range(3)] == [4, 3, 3]
        assert await shop.points() == (10, 0, 0)

    async def test_a_replay_changes_nothing_and_answers_the_same(self, shop):
        (line,) = await shop.order((3, 1000))
        source = new_id()
        (first,) = await shop.earn(line, 2, source)
        (second,) = await shop.earn(line, 2, source)
        assert second == replace(first, replayed=True)
        assert await shop.points() == (7, 0, 0)

    async def test_the_same_source_with_another_quantity_is_refused(self, shop):
        (line,) = await shop.order((3, 1000))
        source = new_id()
        await shop.earn(line, 2, source)
        with pytest.raises(PointsSourceReusedError):
            await shop.earn(line, 1, source)

    async def test_more_units_than_the_line_has_earn_nothing_more(self, shop):
        (line,) = await shop.order((2, 1000))
        await shop.earn(line, 5)
        await shop.earn(line, 5)
        assert await shop.points() == (10, 0, 0)

    async def test_zero_units_are_refused(self, shop):
        with pytest.raises(QuantityError):
            await shop.earn(new_id(), 0)

    async def test_sixteen_at_once_of_one_source_earn_once(self, shop, database_url):
        (line,) = await shop.order((2, 1000))
        crowd = Shop(Database(database_url, pool_size=16), shop.programme, shop.customer_id)
        source = new_id()
        outcomes = [outcome for (outcome,) in await asyncio.gather(*(crowd.earn(line, 2, source) for _ in range(16)))]
        await crowd.database.close()
        assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 15
        assert await shop.points() == (10, 0, 0)


class TestReturning:
    async def test_takes_back_the_share_of_the_same_line(self, shop):
        cheap, dear = await shop.order((2, 200), (2, 1800))
        await shop.earn(cheap, 2)
        await shop.earn(dear, 2)
        await shop.reverse(dear, 1)
        assert await shop.points() == (11, 0, 0)

    async def test_a_replay_takes_back_nothing_more(self, shop):
        (line,) = await shop.order((2, 1000))
        await shop.earn(line, 2)
        source = new_id()
        await asyncio.gather(*(shop.reverse(line, 1, source) for _ in range(8)))
        assert await shop.points() == (5, 0, 0)

    async def test_more_units_than_were_bought_take_back_no_more_than_was_earned(self, shop):
        (line,) = await shop.order((2, 1000))
        await shop.earn(line, 2)
        await shop.reverse(line, 2)
        await shop.reverse(line, 2)
        assert await shop.points() == (0, 0, 0)

    async def test_before_the_hand_over_is_netted_when_that_is_reported(self, shop):
        (line,) = await shop.order((3, 1000))
        await shop.reverse(line, 1)
        assert await shop.points() == (0, 0, 0)
        await shop.earn(line, 3)
        assert await shop.points() == (6, 0, 0)

    async def test_of_spent_points_is_owed_and_paid_by_the_next_points(self, shop):
        first, second = await shop.order((1, 1000), (1, 1500))
        await shop.earn(first, 1)
        await shop.spend(10)
        await shop.reverse(first, 1)
        assert await shop.points() == (0, 0, 10)
        await shop.earn(second, 1)
        assert await shop.points() == (5, 0, 0)

    async def test_of_a_line_that_never_had_points_changes_nothing(self, shop):
        assert await shop.reverse(new_id(), 1) == ()


class TestSpending:
    async def test_by_sixteen_tills_at_once_never_overdraws(self, shop, database_url):
        await shop.adjust(50)
        crowd = Shop(Database(database_url, pool_size=16), shop.programme, shop.customer_id)
        results = await asyncio.gather(*(crowd.spend(10) for _ in range(16)), return_exceptions=True)
        await crowd.database.close()
        refused = [result for result in results if isinstance(result, InsufficientPointsError)]
        assert (len(refused), await shop.points()) == (11, (0, 0, 0))

    async def test_once_per_checkout(self, shop):
        await shop.adjust(50)
        checkout = new_id()
        await shop.spend(30, checkout)
        assert (await shop.spend(30, checkout)).replayed
        assert await shop.points() == (20, 0, 0)

    @pytest.mark.parametrize("points", [0, -5, 10**30])
    async def test_of_an_absurd_number_is_refused(self, shop, points):
        with pytest.raises(PointsError):
            await shop.spend(points)

    async def test_without_an_account_is_refused(self, shop):
        with pytest.raises(UnknownAccountError):
            await shop.spend(1)


class TestAdjusting:
    async def test_gives_and_takes_and_never_below_zero(self, shop):
        await shop.adjust(30)
        await shop.adjust(-20)
        with pytest.raises(InsufficientPointsError):
            await shop.adjust(-11)
        assert await shop.points() == (10, 0, 0)

    async def test_once_per_decision(self, shop):
        decision = new_id()
        await shop.adjust(30, decision)
        assert (await shop.adjust(30, decision)).replayed
        with pytest.raises(PointsSourceReusedError):
            await shop.adjust(31, decision)

    async def test_in_an_unknown_programme_is_refused(self, shop):
        shop = Shop(shop.database, LoyaltyProgramme(name="?", currency="EUR", base_includes_tax=True), shop.customer_id)
        with pytest.raises(UnknownProgrammeError):
            await shop.adjust(1)


class TestWaiting:
    async def test_points_become_available_when_the_return_window_closes(self, database, database_url):
        shop = await open_shop(database, replace(EUROS, pending_days=14))
        (line,) = await shop.order((2, 1000))
        await shop.earn(line, 2)
        await shop.reverse(line, 1)
        assert await shop.activate() == 0
        assert await shop.points() == (0, 5, 0)
        later = Database(database_url)
        await self._pass_days(database_url, 15)
        shop = Shop(later, shop.programme, shop.customer_id)
        assert [await shop.activate(), await shop.activate()] == [1, 0]
        assert await shop.points() == (5, 0, 0)
        assert await shop.violations() == []
        await later.close()

    async def _pass_days(self, database_url: str, days: int) -> None:
        connection = await asyncpg.connect(database_url)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{days} days'")
        await connection.close()


class TestReading:
    async def test_history_pages_newest_first_without_gaps(self, shop):
        (line,) = await shop.order((3, 1000))
        for _ in range(3):
            await shop.earn(line, 1)
        await shop.spend(2)
        async with shop.database.read() as session:
            newest = await history(session, shop.customer_id, first=2)
            older = await history(session, shop.customer_id, first=2, before=newest[-1].id)
        assert [(one.kind, one.available) for one in newest + older] == [
            ("SPEND", -2), ("EARN", 3), ("EARN", 3), ("EARN", 4),
        ]  # fmt: skip
        assert older[0].order_id is not None

    @pytest.mark.parametrize("first", [0, 101])
    async def test_a_page_has_a_bound(self, shop, first):
        async with shop.database.read() as session:
            with pytest.raises(InvalidInputError):
                await history(session, shop.customer_id, first=first)

    async def test_many_customers_are_read_at_once(self, shop):
        await shop.adjust(7)
        async with shop.database.read() as session:
            found = await balances(session, [shop.customer_id, new_id()])
        assert [held.available for held in found[shop.customer_id]] == [7]
        assert len(found) == 1

    async def test_every_change_is_told_with_the_next_version(self, shop, database_url):
        (line,) = await shop.order((1, 1000))
        await shop.earn(line, 1)
        await shop.reverse(line, 1)
        connection = await asyncpg.connect(database_url)
        told = await connection.fetch("SELECT entity_version, payload->>'kind' AS kind FROM outbox ORDER BY id")
        await connection.close()
        assert [tuple(row) for row in told] == [(1, "GRANT"), (2, "EARN"), (3, "REVERSE")]
        assert (await shop.balance()).version == 3


class TestProgrammes:
    async def test_have_a_name_of_their_own(self, shop):
        with pytest.raises(ProgrammeExistsError):
            await open_shop(shop.database)

    @pytest.mark.parametrize(
        "change", [{"points_per": 0}, {"minor_units": 0}, {"pending_days": -1}, {"name": "  "}, {"points_per": 10**9}]
    )
    async def test_with_absurd_rules_are_refused(self, shop, change):
        with pytest.raises(InvalidInputError):
            await open_shop(shop.database, replace(EUROS, **{"name": "Other", **change}))

    async def test_need_a_real_currency(self, shop):
        with pytest.raises(CurrencyError):
            await open_shop(shop.database, replace(EUROS, name="Other", currency="EURO"))
