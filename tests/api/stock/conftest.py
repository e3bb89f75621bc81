"""A small retailer behind the API: two shops, a till, their locations and a few products, on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import strawberry
from sqlalchemy import event, text

from hub.infra import relay
from hub.infra.database import Database, WriteSession
from hub.infra.events import EventHub, bounds
from hub.inventory import AvailabilityFeed
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub_graphql.catalog import CatalogQuery
from hub_graphql.context import RequestContext
from hub_graphql.count_session_steps import CountSessionMutation
from hub_graphql.count_sessions import CountSessionQuery
from hub_graphql.errors import ERROR_TYPES
from hub_graphql.execution import Engine
from hub_graphql.instants import CONFIG
from hub_graphql.inventory import AvailabilitySubscription, InventoryMutation, InventoryQuery
from hub_graphql.locations import LocationQuery
from hub_graphql.nodes import NodeQuery
from hub_graphql.purchase_orders import PurchaseOrderMutation
from hub_graphql.reservations import ReservationMutation, ReservationQuery
from hub_graphql.stock_documents import StockDocumentQuery
from hub_graphql.stock_states import StockStateMutation
from hub_graphql.stock_transfers import StockTransferMutation
from hub_graphql.strict_json import GraphQLRequest
from tests.factories import make_channel, make_location, make_principal, make_terminal, set_stock

SHOP_SCOPES = frozenset({Scope.CATALOG_READ, Scope.RESERVATIONS_WRITE})
TILL_SCOPES = frozenset({Scope.CATALOG_READ, Scope.STOCK_READ, Scope.RESERVATIONS_WRITE})


@strawberry.type(description="What can be read.")
class Query(
    CatalogQuery, LocationQuery, InventoryQuery, StockDocumentQuery, CountSessionQuery, ReservationQuery, NodeQuery
):
    pass


@strawberry.type(description="What can be changed.")
class Mutation(
    InventoryMutation,
    StockStateMutation,
    CountSessionMutation,
    StockTransferMutation,
    PurchaseOrderMutation,
    ReservationMutation,
):
    pass


@strawberry.type(description="What can be watched.")
class Subscription(AvailabilitySubscription):
    pass


@pytest.fixture(scope="session")
def stock_schema() -> strawberry.Schema:
    return strawberry.Schema(Query, Mutation, Subscription, types=ERROR_TYPES, config=CONFIG)


@dataclass
class Statements:
    """Every statement that reaches Postgres, transaction control aside."""

    seen: list[str] = field(default_factory=list)

    def add(self, query: str) -> None:
        if not query.lstrip().upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
            self.seen.append(query)


@dataclass
class Api:
    """Runs documents as the hub does, on one connection unless told otherwise."""

    engine: Engine
    database: Database
    services: dict[type[Any], Any] = field(default_factory=dict)
    statements: Statements = field(default_factory=Statements)

    async def run(self, who: Principal, query: str, **variables: Any) -> dict[str, Any]:
        operation = self.engine.prepare(GraphQLRequest(query, None, variables, None), who)
        return await self.engine.run(operation, self.context(who))

    async def data(self, who: Principal, query: str, **variables: Any) -> Any:
        answer = await self.run(who, query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def count(self, who: Principal, query: str, **variables: Any) -> int:
        """How many statements the document takes on a connection that is warm."""
        await self.data(who, query, **variables)
        before = len(self.statements.seen)
        await self.data(who, query, **variables)
        return len(self.statements.seen) - before

    def context(self, who: Principal, *, hold_session: bool = True) -> RequestContext:
        return RequestContext(who, self.database, new_id().hex, self.services, hold_session=hold_session)

    def stream(self, who: Principal, query: str, **variables: Any) -> Any:
        operation = self.engine.prepare(GraphQLRequest(query, None, variables, None), who)
        return self.engine.stream(operation, self.context(who, hold_session=False))


@pytest.fixture
async def api(stock_schema: strawberry.Schema, database_url: str) -> AsyncIterator[Api]:
    database = Database(database_url, pool_size=1)
    made = Api(Engine(stock_schema), database)

    @event.listens_for(database.engine.sync_engine, "connect")
    def log(connection: Any, _record: Any) -> None:
        connection._connection.add_query_logger(lambda record: made.statements.add(record.query))

    # Statements through SQLAlchemy are prepared, which the driver's own log leaves out.
    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def log_prepared(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        made.statements.add(statement)

    yield made
    await database.close()


@dataclass(frozen=True)
class Retailer:
    """Shop A sells from Berlin and Hamburg, shop B from Munich; a till stands in Berlin."""

    database: Database
    shop_a: UUID
    shop_b: UUID
    till_channel: UUID
    berlin: UUID
    hamburg: UUID
    munich: UUID
    a: Principal
    b: Principal
    till: Principal
    hamburg_manager: Principal
    office: Principal

    async def product(
        self, sku: str, *, variants: int = 1, channels: tuple[UUID, ...] | None = None, policy: str = "DENY"
    ) -> list[UUID]:
        """A product with variants `sku-1`, `sku-2` … (just `sku` when there is one), listed on both shops."""
        async with self.database.write() as session:
            return await make_product(
                session, sku, variants, (self.shop_a, self.shop_b) if channels is None else channels, policy
            )

    async def stock(self, variant_id: UUID, location_id: UUID, quantity: int) -> None:
        await set_stock(self.database, variant_id, location_id, quantity)

    async def cannot_ship(self, location_id: UUID) -> None:
        async with self.database.write() as session:
            await session.execute(
                text("UPDATE locations SET capabilities = array_remove(capabilities, 'SHIP') WHERE id = :id"),
                {"id": location_id},
            )


async def make_product(
    session: WriteSession, sku: str, variants: int, channels: tuple[UUID, ...], policy: str
) -> list[UUID]:
    product_id = new_id()
    await session.execute(
        text("INSERT INTO products (id, handle, title, vendor, tags) VALUES (:id, :handle, :title, 'Nord', '{x}')"),
        {"id": product_id, "handle": sku.lower(), "title": f"Title {sku}"},
    )
    skus = [sku] if variants == 1 else [f"{sku}-{number + 1}" for number in range(variants)]
    return [
        await _variant(session, product_id, name, position, (channels, policy)) for position, name in enumerate(skus)
    ]


async def _variant(
    session: WriteSession, product_id: UUID, sku: str, position: int, offer: tuple[tuple[UUID, ...], str]
) -> UUID:
    variant_id, (channels, policy) = new_id(), offer
    await session.execute(
        text(
            "INSERT INTO variants (id, product_id, sku, kind, stock_policy, options, position)"
            """ VALUES (:id, :product, :sku, 'GOODS', :policy, '[{"name": "Size", "value": "M"}]', :position)"""
        ),
        {"id": variant_id, "product": product_id, "sku": sku, "policy": policy, "position": position},
    )
    await session.execute(
        text("INSERT INTO prices (variant_id, currency, amount_minor, tax_included) VALUES (:id, 'EUR', 1990, true)"),
        {"id": variant_id},
    )
    for channel_id in channels:
        await session.execute(
            text(
                "INSERT INTO listings (id, variant_id, channel_id, row_key, status, currency)"
                " VALUES (:id, :variant, :channel, :key, 'ACTIVE', 'EUR')"
            ),
            {"id": new_id(), "variant": variant_id, "channel": channel_id, "key": sku},
        )
    return variant_id


@pytest.fixture
async def retailer(database: Database) -> Retailer:
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
        munich = await make_location(session, "munich", latitude=48.14, longitude=11.58)
        shop_a = await make_channel(session, "shop-a", locations=[berlin, hamburg])
        shop_b = await make_channel(session, "shop-b", locations=[munich])
        tills = await make_channel(session, "tills", kind="POS", locations=[berlin, hamburg, munich])
        terminal = await make_terminal(session, tills, berlin)
    return Retailer(
        database,
        shop_a,
        shop_b,
        tills,
        berlin,
        hamburg,
        munich,
        a=make_principal(scopes=SHOP_SCOPES, channel_id=shop_a),
        b=make_principal(scopes=SHOP_SCOPES, channel_id=shop_b),
        till=make_principal(
            scopes=TILL_SCOPES, channel_id=tills, terminal_id=terminal, location_ids=frozenset({berlin})
        ),
        hamburg_manager=make_principal(
            scopes=TILL_SCOPES | {Scope.STOCK_WRITE}, location_ids=frozenset({hamburg}), kind=PrincipalKind.STAFF
        ),
        office=make_principal(kind=PrincipalKind.STAFF),
    )


@pytest.fixture
async def feed(api: Api, database: Database) -> AsyncIterator[AvailabilityFeed]:
    """The live feed of a server process, woken by its tick alone."""
    async with EventHub(database, None) as events:
        made = AvailabilityFeed(database, events)
        api.services[AvailabilityFeed] = made
        yield made


@pytest.fixture
def relayed(database: Database, feed: AvailabilityFeed) -> Callable[[], Awaitable[None]]:
    """Bring everything that was recorded to the feed's event hub."""

    async def wait() -> None:
        async with asyncio.timeout(20):  # a transaction of another database may hold the guard back
            while await relay.lag_seconds(database):
                await relay.drain(database)
            async with database.read() as session:
                _, newest = await bounds(session)
            while feed.events.cursor < newest:
                feed.events.wake()
                await asyncio.sleep(0.005)

    return wait
