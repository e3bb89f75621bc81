"""A shop with two stores, a loyalty programme, and short ways to capture and to look at orders."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.types import (
    ChannelCustomer,
    ChannelOrder,
    ChannelOrderLine,
    OrderState,
    PostalAddress,
)
from hub.channels import Channel
from hub.fulfillment import (
    FulfillmentOrder,
    QueueStep,
    cancel_open_units,
    check_orders,
    fulfillment_orders_by_order_ids,
)
from hub.infra.database import Database
from hub.infra.sealing import Sealer, SecretKey
from hub.inventory import check_stock, levels
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.money import Money
from hub.kernel.principal import Principal
from hub.loyalty import CreateProgramme, balances, check_loyalty, create_programme
from hub.orders import (
    CaptureResult,
    Order,
    OrderMethod,
    PlaceOrder,
    PlaceOrderLine,
    StockMovedError,
    capture_order,
    order_by_external_id,
    place_order,
)
from tests.factories import make_channel, make_location, make_principal, make_variant

SEALER = Sealer(SecretKey(b"0" * 32))


@dataclass(frozen=True)
class World:
    database: Database
    staff: Principal
    channel: Channel
    berlin: UUID
    hamburg: UUID
    shirt: UUID
    shoe: UUID

    def channel_order(self, external_id: str = "1001", **changes: object) -> ChannelOrder:
        order = ChannelOrder(
            external_id=external_id,
            number=external_id,
            state=OrderState.OPEN,
            external_state="processing",
            currency="EUR",
            placed_at=datetime(2026, 11, 1, tzinfo=UTC),
            source_version="2026-11-01T10:00:00",
            content_hash="a",
            prices_include_tax=True,
            lines=(
                ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT"),
                ChannelOrderLine("l2", "Shoe", 1, Money(7000, "EUR"), sku="SHOE"),
            ),
            total=Money(10980, "EUR"),
            customer=ChannelCustomer(external_id="77", email="ada@example.org", email_verified=True, first_name="Ada"),
            ship_to=PostalAddress(line1="Secret Street 1", geo=GeoPoint(52.5, 13.4)),
        )
        return replace(order, **changes)  # type: ignore[arg-type]

    async def capture(self, order: ChannelOrder) -> CaptureResult:
        for _ in range(5):
            try:
                async with self.database.write() as session:
                    return await capture_order(session, self.channel, order, SEALER, cancel=cancel_open_units)
            except StockMovedError:
                continue
        raise AssertionError

    async def order(self, external_id: str = "1001") -> Order:
        async with self.database.read() as session:
            found = await order_by_external_id(session, self.channel.id, external_id)
        assert found is not None
        return found

    async def queue(self, order_id: UUID) -> list[FulfillmentOrder]:
        async with self.database.read() as session:
            return (await fulfillment_orders_by_order_ids(session, [order_id])).get(order_id, [])

    async def points(self, order: Order) -> int:
        assert order.customer_id is not None
        async with self.database.read() as session:
            found = (await balances(session, [order.customer_id])).get(order.customer_id, ())
        return sum(item.available for item in found)

    async def on_hand(self, variant_id: UUID) -> int:
        async with self.database.read() as session:
            return sum(level.on_hand for level in await levels(session, [variant_id]))

    async def assert_sound(self) -> None:
        async with self.database.read() as session:
            found = [*await check_stock(session), *await check_orders(session), *await check_loyalty(session)]
        assert found == []


async def make_world(database: Database) -> World:
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
        channel_id = await make_channel(session, locations=[berlin, hamburg])
        shirt = await make_variant(session, "SHIRT")
        shoe = await make_variant(session, "SHOE", price_minor=7000)
        await create_programme(session, CreateProgramme("Club", "EUR"))
        channel = await session.get(Channel, channel_id)
    assert channel is not None
    return World(database, make_principal(), channel, berlin, hamburg, shirt, shoe)


def step(item: FulfillmentOrder) -> QueueStep:
    return QueueStep(item.id, str(new_id()))


async def place(world: World, *, method: OrderMethod, pickup_location_id: UUID | None = None) -> UUID:
    command = PlaceOrder(
        world.channel.id,
        (PlaceOrderLine(world.shirt, 1),),
        method,
        "EUR",
        pickup_location_id=pickup_location_id,
    )
    answer = await place_order(world.database, world.staff, command, SEALER, idempotency_key=str(new_id()))
    return UUID(answer.unwrap()["order_id"])


async def until_somebody_waits_for_a_lock(database: Database) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while True:
            async with database.connection() as connection:
                if (await connection.execute(waiting)).scalar_one():
                    return
