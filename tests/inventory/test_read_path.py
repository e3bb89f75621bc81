"""What a hundred skus of a channel cost to read: one statement, by index, however large the assortment."""

import asyncpg
import pytest

from hub.infra.database import Database, raw_connection
from hub.inventory import availability, available_to_sell
from tests.inventory.stage import Stage, make_stage

VARIANTS = 3_000
LOCATIONS = 20
ASKED = availability.MAX_VARIANTS


@pytest.fixture
async def stage(database: Database) -> Stage:
    stage = await make_stage(database, locations=LOCATIONS)
    connection = await asyncpg.connect(database.url)
    await connection.execute(
        f"""
        INSERT INTO products (id, handle, title)
        SELECT uuidv7(), 'product-' || n, 'Product ' || n FROM generate_series(1, {VARIANTS}) AS n;
        INSERT INTO variants (id, product_id, sku, kind, stock_policy)
        SELECT uuidv7(), id, 'SKU-' || handle, 'GOODS', 'DENY' FROM products WHERE handle LIKE 'product-%';
        INSERT INTO stock_levels (variant_id, location_id, on_hand)
        SELECT v.id, l.id, 3 FROM variants AS v CROSS JOIN locations AS l;
        ANALYZE
        """
    )
    await connection.close()
    return stage


async def test_a_hundred_skus_of_a_channel_are_one_statement_that_reads_levels_by_index(stage: Stage):
    seen: list[str] = []
    async with stage.database.read() as session:
        driver = await raw_connection(session)
        wanted = [row[0] for row in await driver.fetch("SELECT id FROM variants ORDER BY id DESC LIMIT $1", ASKED)]
        # The first one also asks for the types it meets.
        await available_to_sell(session, [(wanted[0], stage.channel_id)])
        with driver.query_logger(lambda query: seen.append(query.query)):
            found = await available_to_sell(session, [(variant, stage.channel_id) for variant in wanted])
        plan = await driver.fetch(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {availability._TO_SELL}",
            wanted,
            [stage.channel_id] * ASKED,
            None,
        )
    lines = [row[0].strip() for row in plan]
    assert len(seen) == 1
    assert {promise.quantity for promise in found.values()} == {3 * LOCATIONS}
    assert len(found) == ASKED
    assert any("stock_levels" in line and "Index" in line for line in lines), "\n".join(lines)
    assert not [line for line in lines if "Seq Scan on stock_levels" in line or "Seq Scan on variants" in line], lines
