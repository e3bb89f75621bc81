"""The pages in front of a real database: in process, and behind a real server on a free port for a browser."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher, Type
from litestar import Litestar

from hub.access import Authenticator, CreateUser, PasswordVault, Role, RoleGrant, create_user
from hub.console import ConsoleController, static_files
from hub.entrypoints.server import HubServer
from hub.entrypoints.servers import Servers
from hub.entrypoints.web.auth_routes import AuthController, provide_access_edge
from hub.entrypoints.web.authentication import AccessEdge, make_access_edge
from hub.entrypoints.web.errors import EXCEPTION_HANDLERS
from hub.infra.database import Database
from hub.infra.settings import Settings
from hub.kernel.principal import SYSTEM

ORIGIN = "https://hub.example"
PASSWORD = "correct horse battery"
VAULT = PasswordVault(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID))


@dataclass
class Site:
    client: httpx.AsyncClient

    async def log_in(self) -> None:
        form = {"username": "ada", "password": PASSWORD, "next": "/console"}
        answer = await self.client.post("/auth/login", data=form, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def create_operator(database: Database) -> None:
    """Ada, who may see everything."""
    async with database.write() as session:
        user = CreateUser("ada", PASSWORD, (RoleGrant(Role.ADMIN),))
        await create_user(session, user, principal=SYSTEM, vault=VAULT)


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    """The pages without a server, and an operator who may sign in."""
    made = make_access_edge(database, Authenticator(database), public_url=ORIGIN)
    edge = AccessEdge(database, made.authenticator, made.origins, made.secure, VAULT)
    await create_operator(database)
    app = Litestar(
        [AuthController, ConsoleController, static_files()],
        dependencies=provide_access_edge(edge),
        exception_handlers=EXCEPTION_HANDLERS,
        debug=False,
        logging_config=None,
        openapi_config=None,
    )
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Site(client)


class _QuietServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(settings: Settings, servers: Servers) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = HubServer(settings, servers, public_url=url)
        config = uvicorn.Config(cast("Any", app), lifespan="on", log_level="warning", ws="websockets-sansio")
        server = _QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn sets a plain flag)
            await asyncio.sleep(0.01)
        yield url
        server.should_exit = True
        await task


@pytest.fixture
def served(database_url: str, redis_url: str, tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[str]]:
    """`async with served() as url`: the whole hub, as `hub serve` runs it, on a free port."""
    return lambda: _serving(Settings(data_dir=tmp_path), Servers(database_url, redis_url))
