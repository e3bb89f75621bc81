"""From a request's headers and cookies to its principal, the same for GraphQL, WebSockets and REST.

A bearer token is shown on purpose and needs no more. A cookie is sent by the browser whoever wrote the page, so
it counts only together with our own Origin and, where something may change, the session's CSRF token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from litestar.datastructures import Cookie

from hub.access import (
    ActiveSession,
    Authenticator,
    CredentialMissingError,
    IssuedSession,
    PasswordVault,
    origin_of,
    require_csrf,
    require_origin,
)
from hub.infra.database import Database
from hub.kernel.principal import Principal

CSRF_HEADER: Final = "x-csrf-token"
MAX_COOKIE_HEADER: Final = 16_384

_SESSION_COOKIE: Final = "hub_session"
_CSRF_COOKIE: Final = "hub_csrf"
_HOST_ONLY: Final = "__Host-"


class RequestKind(Enum):
    """READ changes nothing (GET); WRITE may (every other method, all of GraphQL over HTTP); SOCKET upgrades."""

    READ = "READ"
    WRITE = "WRITE"
    SOCKET = "SOCKET"


@dataclass(frozen=True, slots=True)
class AccessEdge:
    """What the composition root gives to everything that authenticates. One per process."""

    database: Database
    authenticator: Authenticator
    origins: frozenset[str]
    secure: bool
    """Whether the public URL is https: cookies are then Secure and `__Host-`."""
    vault: PasswordVault = field(default_factory=PasswordVault)

    @property
    def session_cookie(self) -> str:
        return f"{_HOST_ONLY if self.secure else ''}{_SESSION_COOKIE}"

    @property
    def csrf_cookie(self) -> str:
        return f"{_HOST_ONLY if self.secure else ''}{_CSRF_COOKIE}"


def make_access_edge(
    database: Database,
    authenticator: Authenticator,
    *,
    public_url: str,
    allowed_origins: tuple[str, ...] = (),
) -> AccessEdge:
    """The edge for this public URL; its origin and `allowed_origins` may use session cookies."""
    origins = frozenset(origin_of(url) for url in (public_url, *allowed_origins))
    return AccessEdge(database, authenticator, origins, public_url.lower().startswith("https://"))


async def principal_from_headers(
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    *,
    edge: AccessEdge,
    kind: RequestKind = RequestKind.WRITE,
    bearer: str | None = None,
    request_id: str | None = None,
) -> Principal:
    """Who asks. Header names are lower case; `bearer` is a token that came another way (connection_init).

    Raises an UnauthenticatedError, OriginNotAllowedError or CsrfTokenInvalidError. Without any credential the
    answer is CredentialMissingError: there is no anonymous principal.
    """
    token = bearer if bearer is not None else bearer_token(headers)
    if token is not None:
        principal = await edge.authenticator.authenticate_bearer(token)
    else:
        principal = (await session_from_headers(headers, cookies, edge=edge, kind=kind)).principal
    return replace(principal, request_id=request_id)


async def session_from_headers(
    headers: Mapping[str, str], cookies: Mapping[str, str], *, edge: AccessEdge, kind: RequestKind
) -> ActiveSession:
    """The staff session of the request's cookie, after the checks its kind needs. Raises as above."""
    token = cookies.get(edge.session_cookie)
    if not token:
        raise CredentialMissingError("send an API key or token as 'Authorization: Bearer …', or log in")
    origin = headers.get("origin")
    if kind is not RequestKind.READ or origin is not None:
        require_origin(origin, edge.origins)
    active = await edge.authenticator.authenticate_session(token)
    if kind is RequestKind.WRITE:
        require_csrf(active, headers.get(CSRF_HEADER), cookies.get(edge.csrf_cookie))
    return active


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header; None when there is none. Another scheme is a missing credential."""
    value = headers.get("authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialMissingError("the Authorization header must read 'Bearer <key or token>'")
    return token.strip()


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a raw Cookie header. A name sent twice counts as not sent: somebody may have planted one."""
    found: dict[str, str] = {}
    twice = set()
    for part in headers.get("cookie", "")[:MAX_COOKIE_HEADER].split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name in found:
            twice.add(name)
        elif equals:
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def cookies_for(edge: AccessEdge, issued: IssuedSession) -> list[Cookie]:
    """The cookies of a new session: the token for the browser only, the CSRF token for our pages' scripts."""
    return [
        _cookie(edge, edge.session_cookie, issued.token, issued.expires_in_seconds, http_only=True),
        _cookie(edge, edge.csrf_cookie, issued.csrf_token, issued.expires_in_seconds, http_only=False),
    ]


def expired_cookies(edge: AccessEdge) -> list[Cookie]:
    """What makes a browser drop both cookies."""
    return [
        _cookie(edge, edge.session_cookie, "", 0, http_only=True),
        _cookie(edge, edge.csrf_cookie, "", 0, http_only=False),
    ]


def _cookie(edge: AccessEdge, name: str, value: str, seconds: int, *, http_only: bool) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        path="/",
        max_age=seconds,
        secure=edge.secure,
        httponly=http_only,
        samesite="lax",
    )
