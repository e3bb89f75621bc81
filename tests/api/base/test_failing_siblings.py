"""A resolver that fails ends its siblings, and their statement is not cut off: the connection stays good."""

import asyncio
from typing import Any

import asyncpg
import strawberry
from sqlalchemy import text

from hub.infra.database import Database, ReadSession
from hub.kernel.errors import ConflictError
from hub.kernel.ids import new_id
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.execution import Engine
from hub_graphql.fields import field as described
from hub_graphql.permissions import require_scope
from hub_graphql.strict_json import GraphQLRequest

SLOW = "SELECT 'slow' FROM pg_sleep(0.3)"


@strawberry.type(description="Questions.")
class Query:
    @described("Reads for a while.", require_scope(Scope.CATALOG_READ))
    async def slow(self, info: Info) -> str:
        async def work(session: ReadSession) -> str:
            return str((await session.execute(text(SLOW))).scalar_one())

        return await info.context.read(work)

    @described("Fails while the other one reads.", require_scope(Scope.CATALOG_READ))
    async def failing(self, info: Info) -> str:
        other: asyncpg.Connection[Any] = info.context.service(asyncpg.Connection)
        while not await other.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1", SLOW
        ):
            pass
        raise ConflictError("it fails")


async def pid(database: Database) -> int:
    async with database.read() as session:
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_a_failing_operation_keeps_its_pooled_connection(database_url: str, callers: dict[str, Any]) -> None:
    database = Database(database_url, pool_size=1)
    other = await asyncpg.connect(database_url)
    engine, before = Engine(strawberry.Schema(Query)), await pid(database)
    for hold_session in (True, False):
        context = RequestContext(
            callers["reader"], database, new_id().hex, {asyncpg.Connection: other}, hold_session=hold_session
        )
        operation = engine.prepare(GraphQLRequest("{ slow failing }", None, {}, None), callers["reader"])
        payload = await engine.run(operation, context)
        assert [error["extensions"]["code"] for error in payload["errors"]] == ["CONFLICT"]
        assert await pid(database) == before
    await other.close()
    await database.close()


async def test_a_read_that_does_not_end_is_cut_off_after_a_moment(database_url: str, callers: dict[str, Any]) -> None:
    database = Database(database_url, pool_size=1)
    context = RequestContext(callers["reader"], database, new_id().hex)
    began = asyncio.Event()

    async def stuck(_session: ReadSession) -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(context.read(stuck))
    await began.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await context.close()
    assert await pid(database)
    await database.close()
