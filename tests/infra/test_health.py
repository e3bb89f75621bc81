"""Health as data: what is down, what is merely slower."""

from pathlib import Path

from sqlalchemy import text

from hub.infra import health, outbox
from hub.infra.database import Database
from hub.infra.health import Health, Status
from hub.infra.outbox import Event
from hub.kernel.ids import new_id


def statuses(found: Health) -> dict[str, Status]:
    return {dependency.name: dependency.status for dependency in found.dependencies}


async def test_all_is_well(database: Database, redis_url: str) -> None:
    found = await health.examine(database, redis_url)
    assert found.ready
    assert set(statuses(found).values()) == {Status.OK}
    assert found.dependencies[0].detail.startswith("PostgreSQL 18")


async def test_without_redis_the_hub_is_slower_but_ready(database: Database, tmp_path: Path) -> None:
    for url in (None, f"unix://{tmp_path}/nobody.sock"):
        found = await health.examine(database, url)
        assert found.ready
        assert statuses(found)["redis"] is Status.DEGRADED


async def test_an_old_schema_is_not_ready_and_says_what_to_do(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'old'"))
    found = await health.examine(database, None)
    assert not found.ready
    (schema,) = [dependency for dependency in found.dependencies if dependency.name == "schema"]
    assert "hub migrate" in schema.detail


async def test_without_postgres_nothing_is_ready(tmp_path: Path) -> None:
    away = Database(f"postgresql://postgres@/hub?host={tmp_path}")
    found = await health.examine(away, None)
    await away.close()
    assert not found.ready
    assert statuses(found)["database"] is Status.DOWN


async def test_a_lagging_relay_is_seen(database: Database) -> None:
    async with database.write() as session:
        await outbox.record(session, Event("stock.changed", new_id(), 1))
        await session.execute(text("UPDATE outbox SET recorded_at = recorded_at - interval '1 minute'"))
    found = await health.examine(database, None)
    assert found.ready
    assert statuses(found)["relay"] is Status.DEGRADED
