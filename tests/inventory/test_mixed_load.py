"""Four processes with 32 clients each do everything at once to 1, 10 and 10,000 variants; afterwards the books agree."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from tests.inventory.mixed_clients import MixedTask, Told
from tests.inventory.stage import make_stage

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

PROCESSES = 4
CLIENTS = 32
LOCATIONS = 4
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("variants", "operations"), [(1, 15), (10, 20), (10_000, 20)])
async def test_everything_at_once_leaves_true_books(database: Database, variants: int, operations: int) -> None:
    stage = await make_stage(database, locations=LOCATIONS)
    await _add_variants(database, variants - 1)
    ids = [str(row) for row in await _column(database, "SELECT id FROM variants ORDER BY id")]
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO stock_levels (variant_id, location_id)  SELECT v.id, l.id FROM variants AS v CROSS JOIN locations AS l"
            )
        )
    places = [str(place) for place in stage.locations]
    tasks = [
        MixedTask(database.url, str(stage.channel_id), ids, places, CLIENTS, operations, seed)
        for seed in range(PROCESSES)
    ]
    told = await asyncio.gather(*(_run(task) for task in tasks))
    await stage.assert_sound()
    sums = await stage.row(
        """
        SELECT coalesce(sum(reserved_delta) FILTER (WHERE kind = 'RESERVE'), 0)::bigint AS reserved,
               coalesce(-sum(on_hand_delta) FILTER (WHERE kind = 'SELL'), 0)::bigint AS sold,
               coalesce(sum(on_hand_delta) FILTER (WHERE kind = 'RECEIVE'), 0)::bigint AS received,
               coalesce(sum(on_hand_delta) FILTER (WHERE kind = 'ADJUST'), 0)::bigint AS adjusted
        FROM stock_movements
        """
    )
    assert sums["sold"] == sum(one.sold for one in told)
    assert sums["received"] == sum(one.received for one in told)
    assert sums["adjusted"] == sum(one.adjusted for one in told)
    held = await stage.row(
        "SELECT coalesce(sum(l.quantity), 0)::bigint FROM reservation_lines AS l JOIN reservations AS r ON r.id = l.reservation_id WHERE r.status = 'ACTIVE'"
    )
    assert held[0] == sum(one.reserved - one.released - one.sold for one in told)
    deadlocks = await stage.row("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks[0] == 0
    done = sum(one.codes.get("done", 0) for one in told)
    assert done > PROCESSES * CLIENTS, told


async def _run(task: MixedTask) -> Told:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.inventory.mixed_clients",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, err = await child.communicate(f"{json.dumps(asdict(task))}\n".encode())
    assert child.returncode == 0, err.decode()[-4_000:]
    return Told(**json.loads(out))


async def _add_variants(database: Database, count: int) -> None:
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO variants (id, product_id, sku, kind, stock_policy)"
                " SELECT uuidv7(), (SELECT min(id::text)::uuid FROM products), 'MORE-' || n, 'GOODS', 'DENY'"
                " FROM generate_series(1, :count) AS n"
            ),
            {"count": count},
        )


async def _column(database: Database, query: str) -> list[object]:
    async with database.read() as session:
        return list((await session.execute(text(query))).scalars())
