"""One whole hub, as `hub serve` runs it, on a free port, with a small retailer and a credential of every kind."""

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
import jwt
import uvicorn
from argon2 import PasswordHasher, Type
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from adapters.sdk.memory import MemoryChannel
from adapters.sdk.types import ChannelKind
from hub.access import (
    CreateKey,
    CreateUser,
    PasswordVault,
    RegisterSigningKey,
    Role,
    RoleGrant,
    create_key,
    create_user,
    register_signing_key,
    revoke_key,
)
from hub.channels import CreateChannel, create_channel
from hub.customers import IdentityEvidence, IdentityKind, resolve_customer
from hub.entrypoints.server import HubServer
from hub.entrypoints.servers import Servers
from hub.infra.database import Database, WriteSession
from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from hub.infra.sealing import Sealer, load_sealer
from hub.infra.settings import Settings
from hub.kernel.principal import SYSTEM, Scope
from hub.loyalty import CreateProgramme, create_programme
from tests.databases import fresh_database
from tests.factories import make_channel, make_location, make_terminal, make_variant, set_stock

PASSWORD = "correct horse battery"
ISSUER, AUDIENCE, SUBJECT = "https://shop.example", "hub", "shop-customer-7"
MEMORY_CHANNEL, WOOCOMMERCE, WOOCOMMERCE_SECRET = "market", "woo", "whsec-contract"
SKUS = ("SHIRT", "BOOT", "LAMP")
SHOP_SCOPES = frozenset({Scope.CATALOG_READ, Scope.RESERVATIONS_WRITE, Scope.ORDERS_READ, Scope.ORDERS_WRITE})
TILL_SCOPES = SHOP_SCOPES | {
    Scope.STOCK_READ,
    Scope.STOCK_WRITE,
    Scope.CUSTOMERS_READ,
    Scope.LOYALTY_READ,
    Scope.FULFILLMENT_READ,
    Scope.FULFILLMENT_WRITE,
}
_VAULT = PasswordVault(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID))
_CUSTOMER_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass(slots=True)
class RunningHub:
    """`credentials` holds the headers of each role; `refused` those that no longer stand, by their code."""

    url: str
    database_url: str
    market: str = field(default_factory=lambda: secrets.token_hex(8))
    """The name of the in-memory channel behind MEMORY_CHANNEL."""
    locations: dict[str, UUID] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def shop(self) -> MemoryChannel:
        """The connected channel's own side."""
        return MemoryChannel.named(self.market)

    async def contents(self, *, besides: frozenset[str] = frozenset()) -> dict[str, str]:
        """A digest of every table's rows, by table; equal digests mean that nothing changed."""
        connection = await asyncpg.connect(self.database_url)
        try:
            tables = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND NOT relispartition ORDER BY 1"
            )
            names = [name for (name,) in tables if name not in besides]
            parts = [
                f"SELECT '{name}', md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) FROM {name} AS r"
                for name in names
            ]
            rows = await connection.fetch(" UNION ALL ".join(parts))
            return {row[0]: row[1] for row in rows}
        finally:
            await connection.close()


@contextmanager
def running_hub(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, directory: Path) -> Iterator[RunningHub]:
    """Serve in a thread of its own until the block ends; callers may block theirs."""
    started: Future[tuple[RunningHub, uvicorn.Server]] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_run(postgres, Servers("", valkey.url()), directory, started)), daemon=True
    )
    thread.start()
    hub, server = started.result(timeout=60)
    try:
        yield hub
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()


async def _run(
    postgres: EmbeddedPostgres,
    servers: Servers,
    directory: Path,
    started: "Future[tuple[RunningHub, uvicorn.Server]]",
) -> None:
    try:
        async with fresh_database(postgres) as database_url:
            settings = Settings(data_dir=directory)
            with socket.create_server(("127.0.0.1", 0)) as listening:
                hub = RunningHub(f"http://127.0.0.1:{listening.getsockname()[1]}", database_url)
                await _open_retailer(hub, load_sealer(settings))
                app = HubServer(settings, Servers(database_url, servers.redis_url), public_url=hub.url)
                config = uvicorn.Config(cast("Any", app), lifespan="on", log_level="critical", ws="websockets-sansio")
                await _serve(uvicorn.Server(config), listening, hub, started)
    except BaseException as error:
        if not started.done():
            started.set_exception(error)
        raise


async def _serve(
    server: uvicorn.Server,
    listening: socket.socket,
    hub: RunningHub,
    started: "Future[tuple[RunningHub, uvicorn.Server]]",
) -> None:
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110 (uvicorn sets a plain flag)
        await asyncio.sleep(0.01)
    hub.credentials["staff"] = await _staff_session(hub)
    started.set_result((hub, server))
    await task


async def _open_retailer(hub: RunningHub, sealer: Sealer) -> None:
    """Two stores, three variants in stock, a storefront, a till, two connected channels, a customer, Ada of staff."""
    database = Database(hub.database_url, pool_size=2)
    try:
        async with database.write() as session:
            berlin = await make_location(session, "berlin")
            hamburg = await make_location(session, "hamburg", latitude=53.55, longitude=9.99)
            hub.locations = {"berlin": berlin, "hamburg": hamburg}
            variants = [await make_variant(session, sku) for sku in SKUS]
            storefront = await make_channel(session, "shop", locations=[berlin, hamburg])
            tills = await make_channel(session, "tills", kind="POS", locations=[berlin, hamburg])
            terminal = await make_terminal(session, tills, berlin)
            await _connect_channels(session, hub, sealer)
            await create_programme(session, CreateProgramme("Club", "EUR"))
            await create_user(
                session, CreateUser("ada", PASSWORD, (RoleGrant(Role.ADMIN),)), principal=SYSTEM, vault=_VAULT
            )
            await _issue_credentials(session, hub, storefront, terminal)
            await _welcome_customer(session, hub, storefront, sealer)
        for variant_id in variants:
            for location_id in (berlin, hamburg):
                await set_stock(database, variant_id, location_id, 100)
    finally:
        await database.close()


async def _connect_channels(session: WriteSession, hub: RunningHub, sealer: Sealer) -> None:
    woocommerce = {
        "base_url": "https://store.invalid",
        "consumer_key": "ck_contract",
        "consumer_secret": "cs_contract",
        "webhook_secret": WOOCOMMERCE_SECRET,
        "currency": "EUR",
    }
    for code, system, settings in (
        (MEMORY_CHANNEL, "memory", {"channel": hub.market}),
        (WOOCOMMERCE, "woocommerce", woocommerce),
    ):
        command = CreateChannel(
            code, code.title(), ChannelKind.STOREFRONT, "EUR", prices_include_tax=True, system=system, settings=settings,
            go_live_at=datetime(2020, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        await create_channel(session, command, principal=SYSTEM, sealer=sealer)


async def _issue_credentials(session: WriteSession, hub: RunningHub, storefront: UUID, terminal: UUID) -> None:
    async def issue(command: CreateKey) -> tuple[UUID, dict[str, str]]:
        key = await create_key(session, command, principal=SYSTEM)
        return key.id, _bearer(key.token)

    _, hub.credentials["storefront"] = await issue(CreateKey("shop", SHOP_SCOPES, channel_id=storefront))
    _, hub.credentials["terminal"] = await issue(CreateKey("till", TILL_SCOPES, terminal_id=terminal))
    revoked, hub.refused["CREDENTIAL_REVOKED"] = await issue(CreateKey("old", SHOP_SCOPES, channel_id=storefront))
    await revoke_key(session, revoked, principal=SYSTEM)
    expired, hub.refused["CREDENTIAL_EXPIRED"] = await issue(
        CreateKey("late", SHOP_SCOPES, channel_id=storefront, expires_in_seconds=3_600)
    )
    await _end_key(session, expired)


async def _end_key(session: WriteSession, key_id: UUID) -> None:
    await session.flush()
    await session.execute(
        text(
            "UPDATE api_keys SET created_at = hub_now() - interval '2 hours',"
            " expires_at = hub_now() - interval '1 hour' WHERE id = :id"
        ),
        {"id": key_id},
    )


async def _welcome_customer(session: WriteSession, hub: RunningHub, storefront: UUID, sealer: Sealer) -> None:
    public = _CUSTOMER_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    registration = RegisterSigningKey(
        channel_id=storefront, algorithm="ES256", kid="k1", public_key_pem=public, issuer=ISSUER, audience=AUDIENCE
    )
    await register_signing_key(session, registration, principal=SYSTEM)
    account = IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, SUBJECT, verified=True, channel_id=storefront)
    await resolve_customer(session, [account], None, sealer)
    hub.credentials["customer"] = _bearer(customer_token())


def customer_token(*, issued_seconds_ago: int = 0) -> str:
    """A ten-minute token of the shop's customer."""
    issued = int(time.time()) - issued_seconds_ago
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": issued, "nbf": issued, "exp": issued + 600,
    }  # fmt: skip
    return jwt.encode(claims, _CUSTOMER_KEY, algorithm="ES256", headers={"kid": "k1"})


async def _staff_session(hub: RunningHub) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=hub.url) as client:
        answer = await client.post(
            "/auth/login", json={"username": "ada", "password": PASSWORD}, headers={"Origin": hub.url}
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        return {"Cookie": cookies, "Origin": hub.url, "X-CSRF-Token": answer.json()["csrfToken"]}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
