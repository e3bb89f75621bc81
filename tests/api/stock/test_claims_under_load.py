"""Sixty-four clients over HTTP want the same units: nobody is promised what is not there."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import strawberry
import uvicorn

from hub.infra.database import Database
from hub.inventory import check_stock
from hub.kernel.principal import Principal
from hub_graphql.asgi import GraphQLApp
from hub_graphql.edge import Edge, Handshake
from hub_graphql.execution import Engine
from tests.api.base.conftest import _QuietServer

CLIENTS = 64
ATTEMPTS = 2_000
CLAIM = """
mutation Claim($input: ReservationCreateInput!) {
  reservationCreate(input: $input) { reservation { id } errors { code } }
}
"""


@asynccontextmanager
async def served(schema: strawberry.Schema, database: Database, who: Principal) -> AsyncIterator[str]:
    async def authenticate(_shown: Handshake) -> Principal:
        return who

    edge = Edge(engine=Engine(schema), database=database, authenticate=authenticate, request_seconds=60)
    config = uvicorn.Config(GraphQLApp(edge), port=0, lifespan="off", log_level="warning", ws="none")
    server = _QuietServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn sets a plain flag)
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/graphql"
    server.should_exit = True
    await task


async def attempt_all(url: str) -> Counter[str]:
    """Each client sends its share of the attempts one after another, each under its own key."""
    outcomes: Counter[str] = Counter()
    numbers = iter(range(ATTEMPTS))

    async def client() -> None:
        async with httpx.AsyncClient(timeout=60) as http:
            for number in numbers:
                given = {"lines": [{"sku": "LAST", "quantity": 1}], "idempotencyKey": f"attempt-{number}"}
                body = json.dumps({"query": CLAIM, "variables": {"input": given}})
                answer = await http.post(url, content=body, headers={"content-type": "application/json"})
                payload = answer.json()["data"]["reservationCreate"]
                outcomes["granted" if payload["reservation"] else payload["errors"][0]["code"]] += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcomes


@pytest.mark.parametrize("units", [1, 500])
@pytest.mark.full
@pytest.mark.timeout(600)
async def test_exactly_the_units_there_are_granted(stock_schema, retailer, database_url: str, units: int):
    [last] = await retailer.product("LAST")
    await retailer.stock(last, retailer.berlin, units)
    database = Database(database_url, pool_size=8)
    async with served(stock_schema, database, retailer.a) as url:
        outcomes = await attempt_all(url)
    await database.close()
    assert outcomes == {"granted": units, "INSUFFICIENT_STOCK": ATTEMPTS - units}
    async with retailer.database.read() as session:
        assert await check_stock(session) == []
