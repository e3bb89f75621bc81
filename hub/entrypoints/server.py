"""The hub's web server: GraphQL, webhooks, sign-in, the console, health and metrics in one ASGI application."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import structlog
from litestar import Litestar, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hub.access import Authenticator
from hub.channels import Connections
from hub.console import ConsoleController, static_files
from hub.customers import IdentityEvidence, IdentityKind, find_customer
from hub.entrypoints.servers import Servers
from hub.entrypoints.web.auth_routes import AuthController
from hub.entrypoints.web.authentication import (
    AccessEdge,
    RequestKind,
    cookies_of,
    make_access_edge,
    principal_from_headers,
)
from hub.entrypoints.web.contract import NOT_READY, Alive, Readiness
from hub.entrypoints.web.errors import EXCEPTION_HANDLERS
from hub.entrypoints.web.rfid_routes import RfidController
from hub.entrypoints.web.webhooks import WebhookController, WebhookEdge
from hub.infra import metrics
from hub.infra.database import Database, ReadSession
from hub.infra.events import EventHub
from hub.infra.health import examine
from hub.infra.published import operations_folder
from hub.infra.schema import require_newest
from hub.infra.sealing import Sealer, load_sealer
from hub.infra.settings import Settings
from hub.infra.wakeups import WakeUps
from hub.inventory import AvailabilityFeed
from hub.kernel.errors import DeniedError
from hub.kernel.principal import Principal
from hub_graphql.asgi import GraphQLApp
from hub_graphql.documents import TrustedDocuments
from hub_graphql.edge import Edge, Handshake
from hub_graphql.execution import Engine
from hub_graphql.schema import schema

VERSION = "0.1.0"
GRAPHQL_PATH = "/graphql"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one server process holds while it serves."""

    settings: Settings
    servers: Servers
    database: Database
    sealer: Sealer
    events: EventHub
    access: AccessEdge
    graphql: GraphQLApp
    webhooks: WebhookEdge


class MetricsDeniedError(DeniedError):
    code = "METRICS_DENIED"


class HubServer:
    """The ASGI application. GraphQL, the hot path, is dispatched before the web framework sees the request."""

    def __init__(self, settings: Settings, servers: Servers, *, public_url: str) -> None:
        self._settings = settings
        self._servers = servers
        self._public_url = public_url
        self.runtime: Runtime | None = None
        self._web: ASGIApp = self._make_web()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "lifespan" or self.runtime is None:
            await self._web(scope, receive, send)
        elif scope["path"].rstrip("/") == GRAPHQL_PATH:
            await _measured(self.runtime.graphql, "graphql", scope, receive, send)
        else:
            await _measured(self._web, "web", scope, receive, send)

    def _make_web(self) -> Litestar:
        return Litestar(
            route_handlers=[
                AuthController,
                WebhookController,
                RfidController,
                ConsoleController,
                live,
                ready,
                prometheus,
                static_files(),
            ],
            lifespan=[self._lifespan],
            exception_handlers=EXCEPTION_HANDLERS,
            dependencies={
                "runtime": Provide(self._require_runtime, sync_to_thread=False),
                "access_edge": Provide(lambda: self._require_runtime().access, sync_to_thread=False),
                "database": Provide(lambda: self._require_runtime().database, sync_to_thread=False),
                "webhook_edge": Provide(lambda: self._require_runtime().webhooks, sync_to_thread=False),
                "sealer": Provide(lambda: self._require_runtime().sealer, sync_to_thread=False),
            },
            openapi_config=OpenAPIConfig(
                title="Unified commerce hub",
                version=VERSION,
                path="/openapi",
                components=Components(
                    security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")},
                ),
            ),
            request_max_body_size=1_048_576,
            debug=False,
            logging_config=None,
        )

    def _require_runtime(self) -> Runtime:
        if self.runtime is None:
            raise RuntimeError("the server is not started")
        return self.runtime

    @asynccontextmanager
    async def _lifespan(self, _app: Litestar) -> AsyncIterator[None]:
        async with opened_runtime(self._settings, self._servers, public_url=self._public_url) as runtime:
            self.runtime = runtime
            log.info("server.started", public_url=self._public_url)
            yield
            self.runtime = None
            log.info("server.stopped")


@asynccontextmanager
async def opened_runtime(settings: Settings, servers: Servers, *, public_url: str) -> AsyncIterator[Runtime]:
    """Open everything a server process needs and close it again. Raises when the database is too old or behind."""
    await require_newest(servers.database_url)
    async with AsyncExitStack() as stack:
        database = Database(
            servers.database_url,
            pool_size=settings.database_pool_size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
            lock_timeout_seconds=settings.lock_timeout_seconds,
            application_name="hub serve",
        )
        stack.push_async_callback(database.close)
        await database.check_version()
        waker = WakeUps(servers.redis_url)
        stack.push_async_callback(waker.close)
        waker.watch(database)
        sealer = load_sealer(settings)
        events = await stack.enter_async_context(EventHub(database, servers.redis_url))
        access = make_access_edge(
            database,
            Authenticator(database, resolve_customer=_customer_resolver(sealer)),
            public_url=public_url,
            allowed_origins=settings.allowed_origins,
        )
        graphql = GraphQLApp(_graphql_edge(database, sealer, events, access))
        connections = Connections(lambda: sealer)
        stack.push_async_callback(connections.close)
        webhooks = WebhookEdge(database, connections, public_url)
        yield Runtime(settings, servers, database, sealer, events, access, graphql, webhooks)


def _graphql_edge(database: Database, sealer: Sealer, events: EventHub, access: AccessEdge) -> Edge:
    async def authenticate(shown: Handshake) -> Principal:
        return await principal_from_headers(
            shown.headers,
            cookies_of(shown.headers),
            edge=access,
            kind=RequestKind.SOCKET if shown.transport == "websocket" else RequestKind.WRITE,
            bearer=shown.token,
        )

    def origin_allowed(origin: str, _shown: Handshake) -> bool:
        return origin in access.origins

    return Edge(
        Engine(schema, TrustedDocuments.load(operations_folder())),
        database,
        authenticate,
        services={Sealer: sealer, EventHub: events, AvailabilityFeed: AvailabilityFeed(database, events)},
        origin_allowed=origin_allowed,
        still_valid=access.authenticator.still_valid,
    )


def _customer_resolver(sealer: Sealer) -> Callable[[ReadSession, UUID, str], Any]:
    async def resolve(session: ReadSession, channel_id: UUID, subject: str) -> UUID | None:
        evidence = IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, subject, channel_id=channel_id)
        return await find_customer(session, evidence, sealer)

    return resolve


@get("/health/live", tags=["Operations"])
async def live() -> Alive:
    """The process runs and its event loop turns."""
    return Alive("OK")


@get("/health/ready", tags=["Operations"], responses={503: NOT_READY})
async def ready(runtime: NamedDependency[Any]) -> Response[Readiness]:
    """Whether requests may be sent here, with every dependency. 503 when Postgres or its schema is not there."""
    health = await examine(runtime.database, runtime.servers.redis_url)
    content = Readiness(health.ready, list(health.dependencies))
    return Response(content, status_code=200 if health.ready else 503)


@get("/metrics", tags=["Operations"], include_in_schema=False)
async def prometheus(request: Request[Any, Any, Any], runtime: NamedDependency[Any]) -> Response[bytes]:
    """Prometheus metrics of this process: with the bearer token of HUB_METRICS_TOKEN, or from loopback without."""
    _check_metrics_access(request, runtime.settings)
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _check_metrics_access(request: Request[Any, Any, Any], settings: Settings) -> None:
    token = settings.metrics_token
    if token is not None:
        if request.headers.get("authorization") != f"Bearer {token.get_secret_value()}":
            raise MetricsDeniedError("send the metrics token as 'Authorization: Bearer …'")
        return
    if request.client is None or not ip_address(request.client.host).is_loopback:
        raise MetricsDeniedError("set HUB_METRICS_TOKEN to read metrics from another machine")


async def _measured(app: Any, road: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Count the request and its time by road and status; a WebSocket counts when it ends."""
    began = time.perf_counter()
    status = "101"

    async def noting(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = str(message["status"])
        await send(message)

    try:
        await app(scope, receive, noting)
    except asyncio.CancelledError:
        status = "499"
        raise
    finally:
        metrics.request_seconds.labels(road, status).observe(time.perf_counter() - began)


def public_url_of(settings: Settings, port: int) -> str:
    """The URL that browsers and channels use."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = settings.host if settings.host not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 (compared, not bound)
    return f"http://{host}:{port}"
