"""Cookie sessions of staff: opened at log-in, rotated, ended; and the CSRF and Origin checks they need.

A session ends after an hour without use, after twelve hours in any case, when its user is closed or gets a
new password. Both of its tokens are random and stored hashed.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from hub.access import session_repository as repository
from hub.access.errors import CredentialExpiredError, CsrfTokenInvalidError, OriginNotAllowedError
from hub.access.secret_tokens import digest, matches, new_secret
from hub.infra.database import WriteSession
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal

IDLE_SECONDS: Final = 3_600
ABSOLUTE_SECONDS: Final = 12 * 3_600
ROTATION_GRACE_SECONDS: Final = 30
MAX_SESSIONS_PER_USER: Final = 20
PURGE_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """`token` goes into an HttpOnly cookie, `csrf_token` into one that the page's scripts may read."""

    id: UUID
    user_id: UUID
    token: str = field(repr=False)
    csrf_token: str = field(repr=False)
    expires_in_seconds: int


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session that has just been recognised by its token."""

    id: UUID
    principal: Principal
    csrf_hash: bytes = field(repr=False)
    expires_in_seconds: float


async def open_session(session: WriteSession, user_id: UUID) -> IssuedSession:
    """A new session; the user's oldest one ends when there would be more than twenty."""
    issued = _fresh(user_id, ABSOLUTE_SECONDS)
    await repository.insert_session(session, issued.id, user_id, _digests(issued), ABSOLUTE_SECONDS)
    await repository.end_oldest(session, user_id, keep=MAX_SESSIONS_PER_USER)
    return issued


async def rotate_session(session: WriteSession, session_id: UUID) -> IssuedSession:
    """New tokens with the same absolute end; requests already on their way may use the old ones for 30 s.

    Raises CredentialExpiredError when the session has ended.
    """
    ended = await repository.shorten(session, session_id, ROTATION_GRACE_SECONDS)
    if ended is None:
        raise CredentialExpiredError("the session has ended; log in again")
    remaining = max(1, int(ended.remaining_seconds))
    issued = _fresh(ended.user_id, remaining)
    await repository.insert_session(session, issued.id, ended.user_id, _digests(issued), remaining)
    return issued


async def end_session(session: WriteSession, session_id: UUID) -> None:
    """End one session for good. Repeating it is harmless."""
    await repository.end_session(session, session_id)


async def end_sessions_of(session: WriteSession, user_id: UUID) -> None:
    """End every session of a user: after a new password, or when the account is closed."""
    await repository.end_sessions_of(session, user_id)


async def purge_ended_sessions(session: WriteSession) -> int:
    """Delete up to a thousand sessions that ended a day ago; how many there were."""
    return await repository.purge(session, PURGE_BATCH)


def require_csrf(active: ActiveSession, header: str | None, cookie: str | None) -> None:
    """Double submit, bound to the session. Raises CsrfTokenInvalidError.

    The header must repeat the cookie, and both must be the token this very session was given: a cookie planted
    by a sibling domain does not help an attacker.
    """
    if not header or not cookie or not matches(header, digest(cookie)):
        raise CsrfTokenInvalidError("send the CSRF cookie's value in the header X-CSRF-Token")
    if not matches(header, active.csrf_hash):
        raise CsrfTokenInvalidError("the CSRF token belongs to another session; reload the page")


def require_origin(origin: str | None, allowed: Collection[str]) -> None:
    """Raises OriginNotAllowedError unless the browser says that the page is one of ours.

    Compared as a whole, never by prefix or pattern; a missing Origin is no reason to trust.
    """
    if origin is None or origin not in allowed:
        raise OriginNotAllowedError("requests with a session cookie are accepted from the hub's own pages only")


def origin_of(url: str) -> str:
    """The origin of a URL as browsers write it: scheme and host in lower case, default port left out."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _fresh(user_id: UUID, seconds: int) -> IssuedSession:
    return IssuedSession(new_id(), user_id, new_secret(), new_secret(), seconds)


def _digests(issued: IssuedSession) -> repository.Digests:
    return repository.Digests(digest(issued.token), digest(issued.csrf_token))
