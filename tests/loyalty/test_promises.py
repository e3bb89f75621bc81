"""What no code of ours can break, and what the checker says when somebody broke a cache by hand."""

import asyncpg
import pytest

from hub.infra.database import Database
from tests.loyalty.shop import Shop, open_shop


class TestPromisesInTheDatabase:
    async def earned(self, database: Database) -> Shop:
        shop = await open_shop(database)
        (line,) = await shop.order((2, 1000))
        await shop.earn(line, 1)
        return shop

    @pytest.mark.parametrize(
        ("promise", "statement"),
        [
            ("append-only", "UPDATE loyalty_entries SET points = points + 1"),
            ("append-only", "DELETE FROM loyalty_transactions"),
            ("lot_adds_up", "UPDATE loyalty_lots SET available = available + 1"),
            ("lot_earns_at_most_what_was_granted", "UPDATE loyalty_lots SET earned = 11, available = 11"),
            ("lot_units_stay_within_the_line", "UPDATE loyalty_lots SET returned_units = quantity + 1"),
            ("member_never_overdraws", "UPDATE loyalty_balances SET points = -1 WHERE book = 'MEMBER_AVAILABLE'"),
            (
                "do not sum to zero",
                """
                INSERT INTO loyalty_entries
                SELECT transaction_id, 99, account_id, book, lot_id, 5 FROM loyalty_entries LIMIT 1
                """,
            ),
            (
                "points_move_once_per_source",
                """
                INSERT INTO loyalty_transactions SELECT gen_random_uuid(), programme_id, kind, source, source_id,
                    account_id, lot_id, units, asked, reason, recorded_at FROM loyalty_transactions
                """,
            ),
        ],
    )
    async def test_are_kept(self, database, database_url, promise, statement):
        await self.earned(database)
        connection = await asyncpg.connect(database_url)
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=promise):
            await connection.execute(statement)
        await connection.close()

    @pytest.mark.parametrize(
        ("invariants", "statement"),
        [
            (
                {"balance_is_the_sum_of_entries"},
                "UPDATE loyalty_balances SET points = points + 1 WHERE book = 'MEMBER_AVAILABLE'",
            ),
            (
                {"lot_is_the_sum_of_entries", "pending_points_have_a_date"},
                "UPDATE loyalty_lots SET available = available - 2, pending = 2",
            ),
            (
                {"lot_is_the_sum_of_entries", "points_follow_the_units"},
                "UPDATE loyalty_lots SET earned = earned + 1, available = available + 1",
            ),
            ({"units_earn_and_reverse_once", "points_follow_the_units"}, "UPDATE loyalty_lots SET fulfilled_units = 2"),
            (
                {"balance_is_the_sum_of_entries", "debt_is_paid_first"},
                "UPDATE loyalty_balances SET points = -1 WHERE book = 'MEMBER_OWED'",
            ),
        ],
    )
    async def test_are_reported_when_the_caches_lie(self, database, database_url, invariants, statement):
        shop = await self.earned(database)
        connection = await asyncpg.connect(database_url)
        await connection.execute(statement)
        await connection.close()
        assert {found.invariant for found in await shop.violations()} == invariants
