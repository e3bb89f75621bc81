"""A hub with one connected channel, its webhook route in this process, and its work done on request."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
from litestar import Litestar
from sqlalchemy import text

from adapters.sdk.memory import MemoryChannel
from adapters.sdk.types import ChannelKind, RawWebhook
from hub.channel_sync import (
    CATALOG_WORK,
    CHANNEL_QUEUE,
    INBOX_QUEUE,
    POLL_WORK,
    PUBLISH_WORK,
    READ_BACK_WORK,
    InboxRow,
    PublishingStatus,
    check_channels,
    mark_missing,
    on_events,
    publishing_status,
    register_channel_work,
)
from hub.channels import Connections, CreateChannel, create_channel
from hub.entrypoints.web.errors import EXCEPTION_HANDLERS
from hub.entrypoints.web.webhooks import WebhookController, WebhookEdge, provide_webhook_edge
from hub.fulfillment import check_orders
from hub.infra import events, relay, runner, work
from hub.infra.database import Database
from hub.infra.runner import WorkRegistry
from hub.infra.sealing import Sealer, SecretKey
from hub.inventory import check_stock, levels
from hub.kernel.principal import SYSTEM
from hub.loyalty import CreateProgramme, check_loyalty, create_programme
from hub.orders import Order, order_by_external_id
from tests.factories import make_location, make_variant, set_stock

SEALER = Sealer(SecretKey(b"7" * 32))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PUBLIC_URL = "https://hub.test"
MAX_TURNS = 50


@dataclass
class Stage:
    """`shop` is the channel's own side, `client` what posts to the hub."""

    database: Database
    connections: Connections
    registry: WorkRegistry
    client: httpx.AsyncClient
    channel_id: UUID
    code: str
    locations: tuple[UUID, ...]
    variants: dict[str, UUID]
    shop: MemoryChannel = field(default_factory=MemoryChannel)

    async def deliver(self, webhook: RawWebhook, *, code: str | None = None) -> httpx.Response:
        return await self.client.post(
            f"/webhooks/{code or self.code}", content=webhook.body, headers=dict(webhook.headers)
        )

    async def ask(self, kind: str) -> None:
        async with self.database.write() as session:
            await work.enqueue(session, kind, str(self.channel_id), queue=CHANNEL_QUEUE)

    async def poll(self) -> None:
        await self.ask(POLL_WORK)
        await self.settle()

    async def publish(self) -> None:
        await self.ask(PUBLISH_WORK)
        await self.settle()

    async def read_back(self) -> None:
        await self.ask(READ_BACK_WORK)
        await self.settle()

    async def pull_catalog(self) -> None:
        await self.ask(CATALOG_WORK)
        await self.settle()

    async def settle(self) -> None:
        """Relay, consume and work until nothing is due; delays are skipped, but not those of a failure."""
        for _ in range(MAX_TURNS):
            moved = await relay.drain(self.database)
            moved += await events.consume(self.database, "channel stock", on_events)
            await self.make_due()
            ran = [await self.run_queue(queue) for queue in (INBOX_QUEUE, work.DEFAULT_QUEUE, CHANNEL_QUEUE)]
            if not moved and not any(ran):
                return
        raise AssertionError("the hub does not come to rest")

    async def run_queue(self, queue: str) -> bool:
        ran = False
        while await runner.run_one(self.database, self.registry, queue):
            ran = True
        return ran

    async def make_due(self) -> None:
        """Coalescing delays end now; retries of what failed, and looks that are due later, keep their time."""
        async with self.database.write() as session:
            await session.execute(
                text(
                    "UPDATE work_items SET due_at = hub_now() WHERE state = 'READY' AND attempts = 0"
                    " AND due_at < hub_now() + interval '1 second'"
                )
            )

    async def hurry(self) -> None:
        """Everything that waits is due, whatever for; publishing too."""
        async with self.database.write() as session:
            await session.execute(text("UPDATE work_items SET due_at = hub_now() WHERE state = 'READY'"))
            await session.execute(text("UPDATE listing_stock SET next_attempt_at = NULL"))
        await self.settle()

    async def order(self, external_id: str) -> Order:
        async with self.database.read() as session:
            found = await order_by_external_id(session, self.channel_id, external_id)
        assert found is not None
        return found

    async def count(self, table: str) -> int:
        async with self.database.read() as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())

    async def rows(self, statement: str) -> list[Any]:
        async with self.database.read() as session:
            return list(await session.execute(text(statement)))

    async def inbox(self) -> list[InboxRow]:
        return await self.rows("SELECT * FROM inbox ORDER BY received_at, id")

    async def allocated(self, sku: str) -> int:
        async with self.database.read() as session:
            return sum(level.allocated for level in await levels(session, [self.variants[sku]]))

    async def status(self) -> PublishingStatus:
        async with self.database.read() as session:
            return await publishing_status(session, self.channel_id)

    async def stock(self, sku: str, quantity: int, place: int = 0) -> None:
        await set_stock(self.database, self.variants[sku], self.locations[place], quantity)

    async def assert_sound(self) -> None:
        async with self.database.read() as session:
            found = [
                *await check_stock(session),
                *await check_orders(session),
                *await check_loyalty(session),
                *await check_channels(session),
            ]
        assert found == []


@asynccontextmanager
async def make_stage(
    database: Database,
    *,
    system: str = "memory",
    kind: ChannelKind = ChannelKind.STOREFRONT,
    settings: Mapping[str, Any] | None = None,
    skus: tuple[str, ...] = ("SHIRT",),
    external_locations: tuple[str | None, ...] = (None, None),
    code: str = "shop",
) -> AsyncIterator[Stage]:
    """Two locations and the variants; the in-memory shop lists each variant under its sku, in lower case."""
    name = secrets.token_hex(8)
    connections = Connections(lambda: SEALER)
    registry = WorkRegistry()
    register_channel_work(registry, connections)
    command = CreateChannel(
        code=code,
        name=code,
        kind=kind,
        currency="EUR",
        prices_include_tax=True,
        system=system,
        settings=({"channel": name} if system == "memory" else {}) | dict(settings or {}),
        go_live_at=LONG_AGO,
    )
    async with database.write() as session:
        places = (await make_location(session, "berlin"), await make_location(session, "hamburg", latitude=53.55))
        channel_id = await create_channel(session, command, principal=SYSTEM, sealer=SEALER)
        for place, external in zip(places, external_locations, strict=True):
            await session.execute(
                text("INSERT INTO channel_locations VALUES (:channel, :location, :external)"),
                {"channel": channel_id, "location": place, "external": external},
            )
        variants = {sku: await make_variant(session, sku) for sku in skus}
        await create_programme(session, CreateProgramme("Club", "EUR"))
    async with (
        aclosing_connections(connections),
        client_of(webhook_app(database, connections)) as client,
    ):
        stage = Stage(database, connections, registry, client, channel_id, code, places, variants)
        if system == "memory":
            stage.shop = MemoryChannel.named(name)
            await list_in_memory(stage)
        yield stage


def webhook_app(database: Database, connections: Connections) -> Litestar:
    """The hub's webhook route, and nothing else of its web server."""
    return Litestar(
        [WebhookController],
        exception_handlers=EXCEPTION_HANDLERS,
        dependencies=provide_webhook_edge(WebhookEdge(database, connections, PUBLIC_URL)),
        openapi_config=None,
        logging_config=None,
    )


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL)


@asynccontextmanager
async def aclosing_connections(connections: Connections) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await connections.close()


async def list_in_memory(stage: Stage) -> None:
    async with stage.database.write() as session:
        for sku, variant_id in stage.variants.items():
            external = sku.lower()
            stage.shop.add_product(f"p-{external}", sku, {"id": external, "sku": sku, "price": "19.90", "stock": 0})
            await session.execute(
                text(
                    "INSERT INTO listings (id, variant_id, channel_id, row_key, external_product_id, external_variant_id,"
                    " status, price_minor, currency)"
                    " VALUES (uuidv7(), :variant, :channel, :key, :product, :external, 'ACTIVE', 1990, 'EUR')"
                ),
                {
                    "variant": variant_id,
                    "channel": stage.channel_id,
                    "key": f"id:{external}",
                    "product": f"p-{external}",
                    "external": external,
                },
            )
        await mark_missing(session, stage.channel_id)


async def all_of(*work: Any) -> list[Any]:
    return list(await asyncio.gather(*work))
