"""`hub check stock`: finds what was changed behind the engine's back, and repairs what can be decided."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from hub.entrypoints.cli import app
from hub.inventory import LevelKey, Units
from tests.inventory.stage import Stage, make_stage

Hub: TypeAlias = Callable[..., Awaitable[Result]]


@pytest.fixture
async def stage(database: Any) -> Stage:
    return await make_stage(database)


@pytest.fixture
def hub(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)

    async def run(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, list(words))

    return run


@pytest.fixture
async def tamper(database_url: str) -> Any:
    """Write past every trigger and constraint but the CHECKs, as a bug or a bad restore would."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET session_replication_role = replica")
    yield connection.execute
    await connection.close()


async def _movements(stage: Stage, key: LevelKey) -> list[str]:
    row = await stage.row(
        "SELECT array_agg(kind || ' ' || coalesce(reason, '-') ORDER BY level_version) FROM stock_movements"
        " WHERE (variant_id, location_id) = ($1, $2)",
        *key,
    )
    return list(row[0])


async def test_sound_stock_passes(stage: Stage, hub: Hub):
    await stage.stock(5)
    assert (await hub("check", "stock")).exit_code == 0
    repaired = await hub("check", "stock", "--repair", "--json")
    assert (repaired.exit_code, json.loads(repaired.stdout)) == (0, [])


async def test_a_level_that_was_written_to_is_set_back_to_its_ledger(stage: Stage, hub: Hub, tamper: Any):
    key = await stage.stock(5)
    await stage.reserve([Units(key, 2)])
    await tamper("UPDATE stock_levels SET on_hand = 8, damaged = 1")
    found = await hub("check", "stock", "--json")
    assert found.exit_code == 1
    assert [item["invariant"] for item in json.loads(found.stdout)] == ["ledger_equals_level"]
    repaired = await hub("check", "stock", "--repair", "--json")
    assert repaired.exit_code == 0
    [report] = json.loads(repaired.stdout)
    assert (report["repaired"], report["movement"], report["after"]["on_hand"]) == (True, "ADJUST", 5)
    assert await _movements(stage, key) == ["COUNT -", "RESERVE -", "ADJUST REPAIRED"]
    assert (await stage.row("SELECT operation, principal_kind FROM audit_log"))[0] == "stockRepair"
    assert (await stage.row("SELECT reason FROM count_tasks"))[0] == "LEDGER_REPAIRED"
    await stage.assert_sound()


async def test_claims_decide_what_is_reserved_and_a_movement_makes_up_for_it(stage: Stage, hub: Hub, tamper: Any):
    key = await stage.stock(5)
    await stage.reserve([Units(key, 2)])
    await tamper("UPDATE reservation_lines SET quantity = 3")
    assert (await hub("check", "stock")).exit_code == 1
    assert (await hub("check", "stock", "--repair")).exit_code == 0
    level = await stage.level(key)
    assert (level["on_hand"], level["reserved"], level["version"]) == (5, 3, 3)
    await stage.assert_sound()


async def test_a_level_that_is_gone_is_made_again_from_its_movements(stage: Stage, hub: Hub, tamper: Any):
    key = await stage.stock(5)
    await tamper("DELETE FROM stock_levels")
    assert (await hub("check", "stock", "--repair")).exit_code == 0
    assert (await stage.level(key))["on_hand"] == 5
    await stage.assert_sound()


async def test_a_lost_movement_is_refused_until_somebody_lets_the_level_decide(stage: Stage, hub: Hub, tamper: Any):
    key = await stage.stock(5)
    kept = await stage.stock(7, location=1)
    for item in (key, kept):
        await stage.reserve([Units(item, 2)])
    await tamper("DELETE FROM stock_movements WHERE kind = 'COUNT' AND location_id = $1", key.location_id)
    await tamper("UPDATE stock_levels SET on_hand = 9 WHERE location_id = $1", kept.location_id)
    refused = await hub("check", "stock", "--repair", "--json")
    assert refused.exit_code == 1
    reports = {item["locationId"]: item for item in json.loads(refused.stdout)}
    assert "numbered without gap" in reports[str(key.location_id)]["reason"]
    assert reports[str(kept.location_id)]["repaired"]
    decided = await hub("check", "stock", "--repair", "--trust-level")
    assert decided.exit_code == 0, decided.output
    assert await _movements(stage, key) == ["RESERVE -", "OPENING REPAIRED"]
    assert (await stage.level(key))["on_hand"] == 5


async def test_what_cannot_exist_is_said_and_left(stage: Stage, hub: Hub, tamper: Any):
    await stage.stock(5)
    await tamper("UPDATE stock_movements SET location_id = uuidv7()")
    refused = await hub("check", "stock", "--repair", "--json")
    assert refused.exit_code == 1
    reasons = sorted(item["reason"] for item in json.loads(refused.stdout))
    assert [reason.split()[-1] for reason in reasons] == ["(--trust-level)", "there"]


@pytest.mark.parametrize(
    "words", [("check", "--repair"), ("check", "orders", "--repair"), ("check", "stock", "--trust-level")]
)
async def test_repair_is_for_stock_only(hub: Hub, words: tuple[str, ...]):
    assert (await hub(*words)).exit_code == 2
