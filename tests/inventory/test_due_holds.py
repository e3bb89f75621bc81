"""Finding due holds must not get slower as reservations pile up: sold-out claims ask for them every time."""

import asyncpg
import pytest

from hub.infra.database import Database
from hub.inventory import Units, locking, sweep_due_reservations
from hub.inventory.engine import expire_due_reservations
from tests.factories import move_clock
from tests.inventory.stage import make_stage

HISTORY = """
INSERT INTO reservations (id, owner, status, principal_id, expires_at, created_at, resolved_at)
SELECT uuidv7(), 'CART', CASE WHEN n % 10 = 0 THEN 'ACTIVE' ELSE 'RELEASED' END, uuidv7(),
       hub_now() + CASE WHEN n % 10 = 0 THEN interval '1 hour' ELSE interval '-1 day' END, hub_now(),
       CASE WHEN n % 10 = 0 THEN NULL ELSE hub_now() END
FROM generate_series(1, 20000) AS n
"""
LINES = """
INSERT INTO reservation_lines (reservation_id, variant_id, location_id, quantity)
SELECT id, $1, $2, 1 FROM reservations
"""


@pytest.mark.parametrize("statement", ["_LOCK_DUE", "_LOCK_DUE_ON_LEVELS", "_LOCK_DUE_ON_VARIANTS", "_DUE_ON_VARIANTS"])
async def test_due_holds_are_found_by_index(database: Database, statement: str) -> None:
    stage = await make_stage(database)
    key = stage.key()
    connection = await asyncpg.connect(database.url)
    await connection.execute(HISTORY)
    await connection.execute(LINES, *key)
    await connection.execute("ANALYZE reservations, reservation_lines")
    arguments: dict[str, list[object]] = {
        "_LOCK_DUE": [100, None, None],
        "_LOCK_DUE_ON_LEVELS": [[key.variant_id], [key.location_id], 100],
        "_LOCK_DUE_ON_VARIANTS": [[key.variant_id], 100],
        "_DUE_ON_VARIANTS": [[key.variant_id]],
    }
    plan = await connection.fetch(
        "EXPLAIN (ANALYZE, BUFFERS OFF) " + getattr(locking, statement), *arguments[statement]
    )
    await connection.close()
    text = "\n".join(row[0] for row in plan)
    assert "Index Cond: (expires_at <=" in text, text
    assert "Seq Scan on reservation" not in text, text


async def test_a_reservation_without_lines_lapses_like_any_other(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    await connection.execute(
        "INSERT INTO reservations (id, owner, status, principal_id, expires_at, created_at)"
        " VALUES (uuidv7(), 'CART', 'ACTIVE', uuidv7(), hub_now(), hub_now())"
    )
    async with database.write() as session:
        assert await expire_due_reservations(session, limit=10) == 1
    assert await connection.fetchval("SELECT status FROM reservations") == "EXPIRED"
    await connection.close()


async def test_a_hold_that_contradicts_its_level_does_not_keep_others_from_lapsing(database: Database) -> None:
    stage = await make_stage(database, variants=2)
    for variant in (0, 1):
        await stage.reserve([Units(await stage.stock(1, variant=variant), 1)], ttl_seconds=1)
    connection = await asyncpg.connect(database.url)
    await connection.execute("UPDATE stock_levels SET reserved = 0 WHERE variant_id = $1", stage.variants[0])
    await move_clock(database, 5)
    async with database.write() as session:
        assert await expire_due_reservations(session, limit=10) == 1
    rows = await connection.fetch("SELECT status FROM reservations ORDER BY id")
    assert [row[0] for row in rows] == ["ACTIVE", "EXPIRED"]
    await stage.reserve([Units(stage.key(0), 1)])
    await connection.close()


async def test_a_sweep_gets_past_more_contradictions_than_one_batch_takes(database: Database) -> None:
    stage = await make_stage(database, variants=2)
    broken, sound = await stage.stock(5, variant=0), await stage.stock(5, variant=1)
    for _ in range(5):
        await stage.reserve([Units(broken, 1)], ttl_seconds=1)
    for _ in range(3):
        await stage.reserve([Units(sound, 1)], ttl_seconds=2)
    connection = await asyncpg.connect(database.url)
    await connection.execute("UPDATE stock_levels SET reserved = 0 WHERE variant_id = $1", stage.variants[0])
    await move_clock(database, 5)
    assert await sweep_due_reservations(database, batch=2, max_batches=2) == 0
    assert await sweep_due_reservations(database, batch=2) == 3
    assert await sweep_due_reservations(database, batch=2) == 0
    rows = await connection.fetch("SELECT status FROM reservations ORDER BY id")
    assert [row[0] for row in rows] == ["ACTIVE"] * 5 + ["EXPIRED"] * 3
    assert (await stage.level(sound))["reserved"] == 0
    await connection.close()


async def test_a_sweep_takes_holds_that_end_at_the_same_instant_in_any_number_of_batches(database: Database) -> None:
    stage = await make_stage(database)
    key = await stage.stock(7)
    for _ in range(7):
        await stage.reserve([Units(key, 1)], ttl_seconds=1)
    connection = await asyncpg.connect(database.url)
    await connection.execute("UPDATE reservations SET expires_at = (SELECT min(expires_at) FROM reservations)")
    await connection.close()
    await move_clock(database, 5)
    assert await sweep_due_reservations(database, batch=3) == 7
    await stage.assert_sound()
