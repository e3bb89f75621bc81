"""A retailer with two stores, a web shop, a marketplace and tills; documents run in process on a real Postgres."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from hub.customers import IdentityEvidence, IdentityKind, Person
from hub.fulfillment import FulfillmentOrder, fulfillment_orders_by_order_ids, pickup_code, route_order
from hub.infra import relay
from hub.infra.database import Database
from hub.infra.events import EventHub
from hub.infra.sealing import Sealer, SecretKey
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.loyalty import CreateProgramme, create_programme
from hub.orders import OrderMethod, PlaceOrder, PlaceOrderLine, place_order
from hub_graphql.context import RequestContext
from hub_graphql.execution import Engine
from hub_graphql.ids import global_id
from hub_graphql.schema import schema
from hub_graphql.strict_json import GraphQLRequest
from tests.factories import make_channel, make_location, make_principal, make_terminal, make_variant, set_stock

OPERATIONS = Path(__file__).resolve().parents[3] / "graphql" / "operations"
SEALER = Sealer(SecretKey(b"7" * 32))
ENGINE = Engine(schema)

SHOP_SCOPES = frozenset(
    {
        Scope.CATALOG_READ,
        Scope.ORDERS_READ,
        Scope.ORDERS_WRITE,
        Scope.RESERVATIONS_WRITE,
        Scope.FULFILLMENT_READ,
        Scope.CUSTOMERS_READ,
        Scope.LOYALTY_READ,
    }
)
ASSOCIATE_SCOPES = frozenset(
    {
        Scope.CATALOG_READ,
        Scope.ORDERS_READ,
        Scope.FULFILLMENT_READ,
        Scope.FULFILLMENT_WRITE,
        Scope.CUSTOMERS_READ,
        Scope.LOYALTY_READ,
    }
)
TILL_SCOPES = ASSOCIATE_SCOPES | {Scope.ORDERS_WRITE}
CUSTOMER_SCOPES = frozenset({Scope.CATALOG_READ, Scope.ORDERS_READ, Scope.CUSTOMERS_READ, Scope.LOYALTY_READ})


def document(name: str) -> str:
    """The published document `<client>/<name>`."""
    return (OPERATIONS / f"{name}.graphql").read_text()


@dataclass
class Retailer:
    database: Database
    berlin: UUID
    hamburg: UUID
    shop: UUID
    market: UUID
    counter: UUID
    shirt: UUID
    shoe: UUID
    till_id: UUID
    services: dict[type[Any], Any] = field(default_factory=dict)

    # who asks
    def staff(self, *locations: UUID, scopes: frozenset[Scope] = frozenset(Scope)) -> Principal:
        bound = frozenset(locations) if locations else None
        return make_principal(kind=PrincipalKind.STAFF, location_ids=bound, scopes=scopes)

    def associate(self, location: UUID) -> Principal:
        return self.staff(location, scopes=ASSOCIATE_SCOPES)

    def shop_key(self, channel: UUID | None = None, scopes: frozenset[Scope] = SHOP_SCOPES) -> Principal:
        return make_principal(channel_id=channel or self.shop, scopes=scopes)

    def till(self, location: UUID) -> Principal:
        return make_principal(
            channel_id=self.counter,
            terminal_id=self.till_id,
            location_ids=frozenset({location}),
            scopes=TILL_SCOPES,
        )

    def person(self, customer_id: UUID) -> Principal:
        return Principal(
            id=new_id(),
            kind=PrincipalKind.CUSTOMER,
            name="customer",
            scopes=CUSTOMER_SCOPES,
            channel_id=self.shop,
            customer_id=customer_id,
        )

    # what is asked
    def context(self, principal: Principal, *, hold_session: bool = True) -> RequestContext:
        return RequestContext(principal, self.database, "test", self.services, hold_session=hold_session)

    async def ask(self, principal: Principal, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        operation = ENGINE.prepare(GraphQLRequest(query, None, variables, None), principal)
        return await ENGINE.run(operation, self.context(principal))

    async def data(self, principal: Principal, query: str, **variables: Any) -> Any:
        answer = await self.ask(principal, query, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    async def change(self, principal: Principal, query: str, **given: Any) -> Any:
        """The payload of the mutation's one root field."""
        given.setdefault("idempotencyKey", str(new_id()))
        [payload] = (await self.data(principal, query, input=given)).values()
        return payload

    async def statements(self, principal: Principal, query: str, **variables: Any) -> int:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            await self.data(principal, query, **variables)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    @asynccontextmanager
    async def watch(
        self, principal: Principal, query: str, **variables: Any
    ) -> AsyncIterator[AsyncGenerator[Any, None]]:
        operation = ENGINE.prepare(GraphQLRequest(query, None, variables, None), principal)
        async with aclosing(ENGINE.stream(operation, self.context(principal, hold_session=False))) as stream:
            yield stream

    # what happens
    async def place(self, **changes: Any) -> UUID:
        """An order of one shirt, routed."""
        given: dict[str, Any] = {
            "channel_id": self.shop,
            "lines": (PlaceOrderLine(self.shirt, 1),),
            "method": OrderMethod.SHIP,
            "currency": "EUR",
        }
        command = PlaceOrder(**(given | changes))
        answer = await place_order(self.database, self.staff(), command, SEALER, idempotency_key=str(new_id()))
        order_id = UUID(answer.unwrap()["order_id"])
        await route_order(self.database, order_id)
        return order_id

    async def pickup(self, location: UUID, **changes: Any) -> UUID:
        return await self.place(method=OrderMethod.PICKUP, pickup_location_id=location, **changes)

    async def sale(self, location: UUID, **changes: Any) -> UUID:
        return await self.place(
            channel_id=self.counter, method=OrderMethod.HANDED_OVER, handed_over_at=location, **changes
        )

    async def parts(self, order_id: UUID) -> list[FulfillmentOrder]:
        async with self.database.read() as session:
            return (await fulfillment_orders_by_order_ids(session, [order_id])).get(order_id, [])

    async def part(self, order_id: UUID) -> FulfillmentOrder:
        return (await self.parts(order_id))[-1]

    async def customer_of(self, order_id: UUID) -> UUID:
        query = "query($id: ID!) { order(id: $id) { customer { id } } }"
        found = await self.data(self.staff(), query, id=global_id("Order", order_id))
        from hub_graphql.ids import expect_id

        return expect_id("Customer", found["order"]["customer"]["id"])

    async def relay(self) -> None:
        """Bring what was recorded to those who watch."""
        while await relay.lag_seconds(self.database):
            await relay.drain(self.database)
        self.services[EventHub].wake()

    def code_of(self, item: FulfillmentOrder) -> str:
        return pickup_code(SEALER, item.id)


ADA = {
    "evidence": (
        IdentityEvidence(IdentityKind.EMAIL, "ada@example.org", verified=True),
        IdentityEvidence(IdentityKind.LOYALTY_CARD, "CARD-1", verified=True),
    ),
    "person": Person("Ada", "Lovelace", "ada@example.org", ""),
    "contact": {"ship_to": {"name": "Ada", "line1": "Secret Street 1"}},
}


@pytest.fixture
def ada() -> dict[str, Any]:
    """Who orders: changes for `place`."""
    return dict(ADA)


@pytest.fixture
async def retailer(database: Database) -> AsyncIterator[Retailer]:
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
        shop = await make_channel(session, "shop", locations=[berlin, hamburg])
        market = await make_channel(session, "market", kind="MARKETPLACE", locations=[berlin, hamburg])
        counter = await make_channel(session, "counter", kind="POS", locations=[berlin, hamburg])
        till = await make_terminal(session, counter, berlin)
        shirt = await make_variant(session, "SHIRT")
        shoe = await make_variant(session, "SHOE", price_minor=7000)
        await create_programme(session, CreateProgramme("Club", "EUR"))
    for variant in (shirt, shoe):
        for place in (berlin, hamburg):
            await set_stock(database, variant, place, 50)
    async with EventHub(database, None) as events:
        yield Retailer(
            database,
            berlin,
            hamburg,
            shop,
            market,
            counter,
            shirt,
            shoe,
            till,
            services={Sealer: SEALER, EventHub: events, Database: database},
        )
