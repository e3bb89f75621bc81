"""What the three transports share: who connects, what the composition root provides, and how to answer."""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from hub.infra.database import Database
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub_graphql import limits
from hub_graphql.context import RequestContext, SessionSource
from hub_graphql.execution import Engine
from hub_graphql.refusals import OriginRefusedError
from hub_graphql.shared_reads import SharedReads

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client shows when it asks to be let in.

    `token` is the bearer token of the Authorization header, or of a WebSocket's connection_init payload.
    """

    headers: Mapping[str, str]
    client_host: str | None
    token: str | None
    transport: str


Authenticate = Callable[[Handshake], Awaitable[Principal]]
"""Raises DeniedError when nobody can be made out: 401 with a challenge. A credential that is good but may not be used
like this (another Origin, no CSRF token) is 403, as on the REST parts. A WebSocket is closed with 4403."""

OriginAllowed = Callable[[str, Handshake], bool]
"""Whether a browser page of this origin may call. Asked only when an Origin header is present."""

Charge = Callable[[Principal, int], Awaitable[None]]
"""Take the cost of an operation from the credential's budget. Raises UnavailableError when it is used up."""

StillValid = Callable[[Principal], Awaitable[bool]]
"""Whether an open connection's credential still stands; asked at least every REAUTHORISE_SECONDS."""


async def _free(_principal: Principal, _cost: int) -> None:
    """No budget."""


async def _always(_principal: Principal) -> bool:
    return True


def _no_origin(_origin: str, _handshake: Handshake) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Edge:
    """What the composition root gives to the GraphQL app."""

    engine: Engine
    database: SessionSource
    authenticate: Authenticate
    services: Mapping[type[Any], Any] = field(default_factory=dict)
    origin_allowed: OriginAllowed = _no_origin
    charge: Charge = _free
    still_valid: StillValid = _always
    request_seconds: float = limits.REQUEST_SECONDS
    init_seconds: float = limits.CONNECTION_INIT_SECONDS
    reauthorise_seconds: float = limits.REAUTHORISE_SECONDS
    heartbeat_seconds: float = limits.SSE_HEARTBEAT_SECONDS
    max_queued_events: int = limits.MAX_QUEUED_EVENTS

    def context(self, principal: Principal, request_id: str, *, hold_session: bool = True) -> RequestContext:
        return RequestContext(principal, self.database, request_id, self.services, hold_session=hold_session)

    def mutation_context(self, principal: Principal, request_id: str) -> RequestContext:
        """Holds no connection while it waits for look-ups that others make too: a pool of one must be enough."""
        if not isinstance(self.database, Database):
            return self.context(principal, request_id)
        shared = self.database.companion(SharedReads)
        return RequestContext(principal, self.database, request_id, self.services, hold_session=False, shared=shared)

    def check_origin(self, handshake: Handshake) -> None:
        """Raises OriginRefusedError for a page of a foreign origin. No Origin header: not a browser page."""
        origin = handshake.headers.get("origin")
        if origin is not None and not self.origin_allowed(origin, handshake):
            raise OriginRefusedError("pages of this origin may not call the hub; list it in HUB_ALLOWED_ORIGINS")


def handshake(scope: Scope) -> Handshake:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    client = scope.get("client")
    return Handshake(headers, client[0] if client else None, bearer(headers.get("authorization")), scope["type"])


def bearer(value: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` value."""
    kind, _, token = (value or "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def request_id(headers: Mapping[str, str]) -> str:
    """The caller's X-Request-Id when it is plain enough to be logged, else a fresh id."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else new_id().hex
