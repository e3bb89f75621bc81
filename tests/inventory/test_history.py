"""The ledger by months: made ahead, filled by the clock, read newest first, detached once every level is opened anew."""

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra import pruning
from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres
from hub.infra.schema import downgrade, upgrade
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    MonthStillNeededError,
    Release,
    Units,
    check_stock,
    detach_months,
    months,
    open_months,
    reading,
)
from hub.inventory.checking import broken_levels
from hub.inventory.units import LevelKey
from tests.databases import fresh_database
from tests.inventory.stage import Stage, make_stage


@pytest.fixture
async def stage(database: Database) -> Stage:
    return await make_stage(database)


async def _set_clock(database: Database, offset: str) -> None:
    """For every connection that is made from now on."""
    connection = await asyncpg.connect(database.url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{offset}'")
    await connection.close()
    await database.close()


async def _adjust(stage: Stage, key: LevelKey, times: int = 1) -> None:
    for _ in range(times):
        await stage.apply(Adjust(key, 1, AdjustmentReason.FOUND))


async def _tables(stage: Stage) -> dict[str, int]:
    row = await stage.row(
        "SELECT json_object_agg(t, n) FROM (SELECT tableoid::regclass::text AS t, count(*) AS n"
        " FROM stock_movements GROUP BY 1) AS rows"
    )
    return dict(json.loads(row[0]))


async def _first_of_month(stage: Stage, months_on: int) -> datetime:
    row = await stage.row("SELECT date_trunc('month', hub_now(), 'UTC') + make_interval(months => $1)", months_on)
    found: datetime = row[0]
    return found


async def _sound(database: Database) -> None:
    async with database.read() as session:
        assert await check_stock(session) == []


class TestMonths:
    async def test_the_coming_months_are_there_and_making_them_again_does_nothing(self, database: Database):
        assert await open_months(database) == 0
        async with database.read() as session:
            found = await months(session)
        assert found[0].table == "stock_movements_first"
        assert found[-1].ends is None
        assert len(found) == 2 + 3

    async def test_time_moves_on_and_a_month_is_made_ahead(self, database: Database):
        await _set_clock(database, "40 days")
        assert await open_months(database) in {1, 2}
        assert await open_months(database) == 0

    async def test_a_movement_lies_in_its_month_and_none_is_refused_beyond_them(self, stage: Stage):
        key = await stage.stock(5)
        await _set_clock(stage.database, "70 days")
        await _adjust(stage, key)
        await _set_clock(stage.database, "900 days")
        await _adjust(stage, key)
        tables = await _tables(stage)
        assert tables.pop("stock_movements_first") == 1
        assert tables.pop("stock_movements_default") == 1
        assert list(tables.values()) == [1]
        await stage.assert_sound()

    async def test_no_month_can_be_rewritten(self, stage: Stage):
        key = await stage.stock(5)
        await _set_clock(stage.database, "70 days")
        await _adjust(stage, key)
        for table in await _tables(stage):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET on_hand_delta = 0"):
                with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
                    await stage.row(change)

    async def test_a_number_that_two_months_share_is_found(self, stage: Stage):
        key = await stage.stock(5)
        connection = await asyncpg.connect(stage.database.url)
        await connection.execute(
            "INSERT INTO stock_movements SELECT variant_id, location_id, level_version, kind, 0, 0, 0, 0, 0, 0, reason,"
            " reference_id, principal_id, channel_id, occurred_at, recorded_at + interval '70 days' FROM stock_movements"
        )
        await connection.close()
        async with stage.database.read() as session:
            assert await broken_levels(session, limit=10) == {key}


class TestReading:
    async def test_the_newest_page_of_a_level_reads_no_older_month(self, stage: Stage):
        key = await stage.stock(5)
        await _set_clock(stage.database, "75 days")
        await _adjust(stage, key, 3)
        async with stage.database.read() as session:
            plan = await session.execute(
                text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT TEXT) {reading.RECENT_MOVEMENTS.text}"),
                {"variant": key.variant_id, "location": key.location_id, "days": reading.RECENT_DAYS, "limit": 3},
            )
            lines = [str(row[0]) for row in plan]
            page = await reading.movements_page(session, *key, limit=3)
        read = [line for line in lines if " on stock_movements_" in line and "never executed" not in line]
        assert [movement.level_version for movement in page] == [4, 3, 2]
        assert not any("stock_movements_first" in line for line in read), "\n".join(lines)
        assert all("Index Scan" in line for line in read), "\n".join(lines)

    async def test_a_page_goes_on_into_the_months_before(self, stage: Stage):
        key = await stage.stock(5)
        await _set_clock(stage.database, "75 days")
        await _adjust(stage, key, 2)
        async with stage.database.read() as session:
            whole = await reading.movements_page(session, *key, limit=10)
            older = await reading.movements_page(session, *key, limit=10, after=2)
        assert [movement.level_version for movement in whole] == [3, 2, 1]
        assert [movement.level_version for movement in older] == [1]

    async def test_a_clock_that_was_set_back_hides_no_movement(self, stage: Stage):
        key = await stage.stock(5)
        await _set_clock(stage.database, "80 days")
        await _adjust(stage, key)
        await _set_clock(stage.database, "0")
        await _adjust(stage, key)
        await _set_clock(stage.database, "81 days")
        await _adjust(stage, key)
        async with stage.database.read() as session:
            page = await reading.movements_page(session, *key, limit=2)
        assert [movement.level_version for movement in page] == [4, 3]


class TestDetaching:
    async def test_every_level_is_opened_anew_before_its_month_goes(self, stage: Stage):
        key, still = await stage.stock(5), await stage.stock(3, location=1)
        await stage.reserve([Units(key, 2)], ttl_seconds=14_400)
        await _set_clock(stage.database, "70 days")
        await _adjust(stage, key)
        table, *empty = await detach_months(stage.database, await _first_of_month(stage, 0))
        assert table == "stock_movements_first"
        assert all(name.startswith("stock_movements_2") for name in empty)
        for level, on_hand, version in ((key, 6, 4), (still, 3, 2)):
            row = await stage.level(level)
            assert (row["on_hand"], row["version"]) == (on_hand, version)
        opening = await stage.row(
            "SELECT on_hand_delta, reserved_delta, reason FROM stock_movements WHERE kind = 'OPENING' AND variant_id = $1"
            " AND location_id = $2", *key,
        )  # fmt: skip
        assert tuple(opening) == (6, 2, "CARRIED_FORWARD")
        await _sound(stage.database)
        await _adjust(stage, key)
        await _sound(stage.database)
        assert (await stage.row(f"SELECT count(*) FROM {table}"))[0] == 3
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await stage.row(f"DELETE FROM {table}")

    async def test_detaching_tells_nobody_of_a_change(self, stage: Stage):
        await stage.stock(5)
        before = (await stage.row("SELECT count(*) FROM outbox"))[0]
        await _set_clock(stage.database, "70 days")
        await detach_months(stage.database, await _first_of_month(stage, 0))
        assert (await stage.row("SELECT count(*) FROM outbox"))[0] == before

    async def test_a_month_that_is_not_over_stays(self, stage: Stage):
        await stage.stock(5)
        with pytest.raises(MonthStillNeededError):
            await detach_months(stage.database, await _first_of_month(stage, 1))
        assert await detach_months(stage.database, datetime(2020, 1, 1, tzinfo=UTC)) == []


async def test_a_database_with_history_is_brought_along(postgres: EmbeddedPostgres):
    async with fresh_database(postgres) as url:
        database = Database(url, pool_size=2)
        stage = await make_stage(database)
        key = await stage.stock(5)
        await stage.reserve([Units(key, 2)])
        await database.close()
        await downgrade(url, "2026_11_22_15")
        assert (await stage.row("SELECT relkind FROM pg_class WHERE relname = 'stock_movements'"))[0] == b"r"
        await database.close()
        await upgrade(url)
        await _adjust(stage, key)
        await stage.assert_sound()
        assert await _tables(stage) == {"stock_movements_first": 3}
        await database.close()


class TestForgetting:
    async def test_reservations_that_were_given_back_go_after_thirty_days_in_batches(self, stage: Stage):
        key = await stage.stock(50)
        given_back = [await stage.reserve([Units(key, 1)]) for _ in range(5)]
        kept = await stage.reserve([Units(key, 1)])
        await stage.apply(*(Release(item) for item in given_back))
        retention = next(item for item in pruning.RETENTIONS if item.table == "reservations")
        await _set_clock(stage.database, "29 days")
        assert await pruning.prune(stage.database, retention, batch=2) == 0
        await _set_clock(stage.database, "31 days")
        assert await pruning.prune(stage.database, retention, batch=2) == 5
        left = await stage.row("SELECT array_agg(id), (SELECT count(*) FROM reservation_lines) FROM reservations")
        assert (left[0], left[1]) == ([kept], 1)
        await stage.assert_sound()


class TestHotRows:
    async def test_claims_change_levels_in_place_without_a_new_index_entry(self, stage: Stage):
        keys = [await stage.stock(1_000, location=number) for number in range(2)]
        for _ in range(60):
            await stage.reserve([Units(key, 1) for key in keys])
        await stage.database.close()
        row = await self._settled(stage, 60 * 2)
        assert row["n_tup_hot_upd"] >= 0.95 * row["n_tup_upd"]

    async def _settled(self, stage: Stage, updates: int) -> Any:
        """The counters are told when a connection ends: ask again until they are in."""
        for _ in range(200):
            row = await stage.row(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'stock_levels'"
            )
            if row["n_tup_upd"] >= updates:
                break
        assert row["n_tup_upd"] >= updates
        return row
