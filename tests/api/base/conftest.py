"""A small schema behind a real uvicorn server on a free port, for attacks on the GraphQL edge."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import UUID, uuid5

import httpx
import pytest
import strawberry
import uvicorn

from hub.infra.database import ReadSession, WriteSession
from hub.kernel.errors import ConflictError, DeniedError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub_graphql import pagination
from hub_graphql.asgi import GraphQLApp
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.documents import TrustedDocument, TrustedDocuments, sha256
from hub_graphql.edge import Edge, Handshake
from hub_graphql.errors import ERROR_TYPES, Error, attempt
from hub_graphql.execution import Engine
from hub_graphql.fields import field as described
from hub_graphql.fields import mutation, subscription
from hub_graphql.ids import global_id
from hub_graphql.nodes import Node, NodeQuery, register_node
from hub_graphql.permissions import require_scope

NAMESPACE = UUID("018f0000-0000-7000-8000-000000000000")
TRUSTED_TEXT = 'query Tills { item(sku: "S1") { sku } }\n'

Sku = Annotated[str, strawberry.argument(description="A sku.")]
First = Annotated[int | None, strawberry.argument(description="Items wanted, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="A cursor.")]


@dataclass
class Journal:
    """What resolvers really did."""

    calls: Counter[str] = field(default_factory=Counter)
    open_streams: int = 0
    events: dict[str, asyncio.Event] = field(default_factory=dict)

    def event(self, name: str) -> asyncio.Event:
        return self.events.setdefault(name, asyncio.Event())


class NoDatabase:
    """The edge alone: a test that reads or writes by mistake fails."""

    def read(self) -> AbstractAsyncContextManager[ReadSession]:
        raise AssertionError("no session was expected")

    def write(self) -> AbstractAsyncContextManager[WriteSession]:
        raise AssertionError("no session was expected")


@strawberry.type(description="A thing.")
class Item(Node):
    sku: str = strawberry.field(description="Its sku.")

    @described("Others like it.")
    def related(self, first: First = None, after: After = None) -> pagination.Connection["Item"]:
        return page_of_items(first, after)

    @described("What it is made of.")
    def parts(self) -> list["Item"]:
        return [make_item("part")]

    @described("What it costs to make.", require_scope(Scope.ORDERS_PRICE))
    def making(self) -> int:
        return 7


@strawberry.input(description="What to rename.")
class RenameInput:
    sku: str = strawberry.field(description="The sku.")
    name: str = strawberry.field(description="The new name.")


@strawberry.type(description="The outcome of a rename.")
class RenamePayload:
    item: Item | None = strawberry.field(description="The item, when it was renamed.")
    errors: list[Error] = strawberry.field(description="Why it was not.")


Input = Annotated[RenameInput, strawberry.argument(description="What to do.")]


def journal_of(info: Info) -> Journal:
    return info.context.service(Journal)


def make_item(sku: str) -> Item:
    return Item(id=global_id("Item", uuid5(NAMESPACE, sku)), sku=sku)


def page_of_items(first: int | None, after: str | None) -> pagination.Connection[Item]:
    scope = pagination.cursor_scope("items")
    wanted = pagination.page(scope, tuple[str], first=first, after=after)
    start = wanted.position[0] if wanted.position else ""
    rows = [sku for sku in (f"S{number}" for number in range(1, 10)) if sku > str(start)]
    return pagination.connect(rows[: wanted.fetch], wanted, node=make_item, key=lambda sku: (sku,))


@strawberry.type(description="Questions.")
class Query(NodeQuery):
    @described("Everything, page by page.", require_scope(Scope.CATALOG_READ))
    def items(self, info: Info, first: First = None, after: After = None) -> pagination.Connection[Item]:
        journal_of(info).calls["items"] += 1
        return page_of_items(first, after)

    @described("One thing.", require_scope(Scope.CATALOG_READ))
    def item(self, info: Info, sku: Sku) -> Item:
        journal_of(info).calls["item"] += 1
        return make_item(sku)

    @described("Things by sku.", require_scope(Scope.CATALOG_READ), cost(size_argument="skus"))
    def levels(self, skus: Annotated[list[str], strawberry.argument(description="Skus.")]) -> list[Item]:
        return [make_item(sku) for sku in skus]

    @described("Breaks.", require_scope(Scope.CATALOG_READ))
    def fault(self) -> str | None:
        raise RuntimeError("password=hunter2")

    @described("Never answers.", require_scope(Scope.CATALOG_READ))
    async def stuck(self, info: Info) -> str:
        await journal_of(info).event("never").wait()
        return "done"

    @described("Refuses.", require_scope(Scope.CATALOG_READ))
    def forbidden(self) -> str | None:
        raise DeniedError("not your store", code="LOCATION_NOT_ALLOWED", path=("locationId",))

    @described("Forgot to say who may ask.")
    def unscoped(self) -> str:
        return "open"

    @described("For administrators.", require_scope(Scope.ACCESS_WRITE))
    def secret(self) -> str:
        return "secret"


@strawberry.type(description="Changes.")
class Mutation:
    @mutation("Renames a thing.", require_scope(Scope.CATALOG_WRITE))
    async def item_rename(self, info: Info, input: Input) -> RenamePayload:  # noqa: A002
        async def work() -> Item:
            journal_of(info).calls["rename"] += 1
            if input.name == "taken":
                raise ConflictError("the name is taken", path=("input", "name"))
            if input.name == "forbidden":
                raise DeniedError("not yours")
            return make_item(input.sku)

        item, errors = await attempt(info.context, work)
        return RenamePayload(item=item, errors=errors)


@strawberry.type(description="Events.")
class Subscription:
    @subscription("Counts.", require_scope(Scope.CATALOG_READ))
    async def ticks(
        self, info: Info, count: Annotated[int, strawberry.argument(description="How far.")]
    ) -> AsyncIterator[int]:
        journal = journal_of(info)
        journal.open_streams += 1
        try:
            for number in range(count):
                yield number
        finally:
            journal.open_streams -= 1

    @subscription("Says one thing and then waits.", require_scope(Scope.CATALOG_READ))
    async def quiet(self, info: Info) -> AsyncIterator[int]:
        journal = journal_of(info)
        journal.open_streams += 1
        try:
            yield 1
            await journal.event("never").wait()
        finally:
            journal.open_streams -= 1
            journal.event("closed").set()

    @subscription("Never stops talking.", require_scope(Scope.CATALOG_READ))
    async def flood(self, info: Info) -> AsyncIterator[str]:
        journal = journal_of(info)
        journal.open_streams += 1
        try:
            while True:
                yield "x" * 50_000
        finally:
            journal.open_streams -= 1
            journal.event("closed").set()

    @subscription("Breaks after one event.", require_scope(Scope.CATALOG_READ))
    async def breaking(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("password=hunter2")


async def load_item(_context: RequestContext, _key: UUID) -> Item | None:
    return make_item("node")


def build_schema() -> strawberry.Schema:
    return strawberry.Schema(Query, Mutation, Subscription, types=ERROR_TYPES)


def caller(*scopes: Scope, trusted_documents_only: bool = False) -> Principal:
    return Principal(
        id=NAMESPACE,
        kind=PrincipalKind.MACHINE,
        name="test",
        scopes=frozenset(scopes),
        trusted_documents_only=trusted_documents_only,
    )


CALLERS = {
    "reader": caller(Scope.CATALOG_READ, Scope.CATALOG_WRITE),
    "admin": caller(Scope.CATALOG_READ, Scope.ACCESS_WRITE, Scope.ORDERS_PRICE, Scope.INTROSPECTION),
    "till": caller(Scope.CATALOG_READ, trusted_documents_only=True),
    "nobody": caller(),
}


async def authenticate(shown: Handshake) -> Principal:
    try:
        return CALLERS[shown.token or ""]
    except KeyError:
        raise DeniedError("send a bearer token that the hub issued", code="CREDENTIAL_UNKNOWN") from None


@pytest.fixture(scope="session")
def schema() -> strawberry.Schema:
    register_node("Item", load_item, Scope.CATALOG_READ)
    return build_schema()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def callers() -> dict[str, Principal]:
    return CALLERS


@pytest.fixture
def edge(schema: strawberry.Schema, journal: Journal) -> Edge:
    trusted = TrustedDocuments({sha256(TRUSTED_TEXT): TrustedDocument("pos", "tills", TRUSTED_TEXT)})
    return Edge(
        engine=Engine(schema, trusted),
        database=NoDatabase(),
        authenticate=authenticate,
        services={Journal: journal},
        origin_allowed=lambda origin, _shown: origin == "https://shop.example",
    )


class _QuietServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Running:
    """A served edge. `post` sends a document as the caller named."""

    edge: Edge
    port: int
    client: httpx.AsyncClient

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    async def post(
        self,
        query: str | None,
        *,
        caller: str = "reader",
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> httpx.Response:
        body = {"query": query, **members} if query is not None else members
        return await self.client.post("/graphql", json=body, headers=self.headers(caller) | (headers or {}))

    async def send(self, body: bytes, **headers: str) -> httpx.Response:
        shown = {"content-type": "application/json"} | self.headers("reader") | headers
        return await self.client.post("/graphql", content=body, headers=shown)

    def headers(self, caller: str) -> dict[str, str]:
        return {"authorization": f"Bearer {caller}", "accept": "application/graphql-response+json"}


@asynccontextmanager
async def serving(edge: Edge) -> AsyncIterator[Running]:
    config = uvicorn.Config(GraphQLApp(edge), port=0, lifespan="off", log_level="warning", ws="websockets-sansio")
    server = _QuietServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn sets a plain flag)
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Running(edge, port, client)
    server.should_exit = True
    await task


@pytest.fixture
async def running(edge: Edge) -> AsyncIterator[Running]:
    async with serving(edge) as served:
        yield served


@pytest.fixture
def serve() -> Callable[..., AbstractAsyncContextManager[Running]]:
    """Serve an edge with other settings: `async with serve(edge, init_seconds=0.1) as running`."""

    def start(edge: Edge, **changes: Any) -> AbstractAsyncContextManager[Running]:
        return serving(replace(edge, **changes))

    return start


@pytest.fixture
def request_context(journal: Journal) -> Callable[..., RequestContext]:
    def make(caller: str = "reader", **options: Any) -> RequestContext:
        services = {Journal: journal}
        database = options.pop("database", NoDatabase())
        return RequestContext(CALLERS[caller], database, new_id().hex, services, **options)

    return make
