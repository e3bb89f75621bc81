"""From a secret to a principal: API keys, shop-signed customer tokens and staff sessions.

A good answer is remembered for four seconds per process, so that a revocation takes effect everywhere within
five. Bad answers are never remembered, and nothing here keeps or logs the secret itself.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from hub.access import customer_tokens, repository, session_repository
from hub.access.errors import (
    CredentialExpiredError,
    CredentialRevokedError,
    CredentialUnknownError,
    CustomerUnknownError,
    TokenInvalidError,
)
from hub.access.recent import RecentlySeen
from hub.access.rules import CUSTOMER_SCOPES, Role, RoleGrant, authority_of, known_scopes
from hub.access.secret_tokens import MAX_TOKEN_LENGTH, ApiToken, digest, matches, parse_api_token
from hub.access.sessions import IDLE_SECONDS, ActiveSession
from hub.infra.database import AnySession, Database, ReadSession
from hub.kernel.principal import Principal, PrincipalKind

REMEMBERED_SECONDS: Final = 4.0
MAX_REMEMBERED: Final = 10_000

CustomerResolver = Callable[[ReadSession, UUID, str], Awaitable[UUID | None]]
"""(session, channel id, the customer's id in that shop) → the hub's customer id, or None when unknown."""


class Authenticator:
    """One per process. `resolve_customer` is given by the composition root; without it no customer is known."""

    def __init__(
        self,
        database: Database,
        *,
        resolve_customer: CustomerResolver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._resolve_customer = resolve_customer
        self._clock = clock
        self._principals: RecentlySeen[Principal] = RecentlySeen(capacity=MAX_REMEMBERED, clock=clock)
        self._sessions: RecentlySeen[ActiveSession] = RecentlySeen(capacity=MAX_REMEMBERED, clock=clock)

    async def authenticate_bearer(self, token: str) -> Principal:
        """The principal of an API key or a customer token.

        Raises CredentialUnknownError, CredentialExpiredError, CredentialRevokedError, TokenInvalidError or
        CustomerUnknownError: all of them UnauthenticatedError.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise CredentialUnknownError("the credential is not one of ours")
        key = digest(token)
        remembered = self._principals.get(key)
        if remembered is not None:
            return remembered
        since = self._clock()
        principal, seconds = await self._look_up(token)
        self._principals.put(key, principal, min(REMEMBERED_SECONDS, seconds), since=since)
        return principal

    async def authenticate_session(self, token: str) -> ActiveSession:
        """The staff session of a cookie. Raises as `authenticate_bearer`."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise CredentialUnknownError("the session is unknown; log in again")
        key = digest(token)
        remembered = self._sessions.get(key)
        if remembered is not None:
            return remembered
        since = self._clock()
        active = await self._staff_session(key)
        self._sessions.put(key, active, min(REMEMBERED_SECONDS, active.expires_in_seconds), since=since)
        return active

    async def still_valid(self, principal: Principal) -> bool:
        """Whether a connection opened by `principal` may stay open: same credential alive, same authority.

        A customer's token has no row to ask; their connection is re-authenticated with the token itself.
        """
        async with self._database.read() as session:
            if principal.kind is PrincipalKind.MACHINE:
                return await repository.has_live_key(session, principal.id)
            if principal.kind is PrincipalKind.STAFF:
                name = await session_repository.username_with_session(session, principal.id, IDLE_SECONDS)
                return name is not None and await staff_principal(session, principal.id, name) == principal
        return True

    def forget(self, token: str | None = None) -> None:
        """Ask the database again for this credential, or for everybody: after a revocation made here."""
        if token is None:
            self._principals.clear()
            self._sessions.clear()
        else:
            self._principals.drop(digest(token))
            self._sessions.drop(digest(token))

    async def _look_up(self, token: str) -> tuple[Principal, float]:
        api_token = parse_api_token(token)
        if api_token is not None:
            return await self._machine(api_token)
        if customer_tokens.looks_like_jwt(token):
            return await self._customer(token)
        raise CredentialUnknownError("the credential is not one of ours")

    async def _machine(self, token: ApiToken) -> tuple[Principal, float]:
        async with self._database.read() as session:
            found = await repository.find_key(session, token.prefix)
        if found is None:
            matches(token.secret, None)
            raise CredentialUnknownError("the credential is not one of ours")
        if not matches(token.secret, found.secret_hash, found.previous_secret_hash):
            raise CredentialUnknownError("the credential is not one of ours")
        if found.revoked:
            raise CredentialRevokedError("this key was revoked; ask for a new one")
        seconds = REMEMBERED_SECONDS if found.expires_in_seconds is None else found.expires_in_seconds
        if seconds <= 0:
            raise CredentialExpiredError("this key has expired; ask for a new one")
        if found.use_is_stale:
            async with self._database.write() as writing:
                await repository.touch_key(writing, found.id)
        return _machine_principal(found), seconds

    async def _customer(self, token: str) -> tuple[Principal, float]:
        reference = customer_tokens.key_reference(token)
        async with self._database.read() as session:
            found = await repository.find_shop_key(session, reference)
            if found is None:
                raise TokenInvalidError("the token is not signed by a registered key of a shop")
            claims = customer_tokens.verify(token, found.key, now=found.now)
            customer_id = await self._customer_id(session, claims)
        if customer_id is None:
            raise CustomerUnknownError("the hub knows no such customer of this shop")
        return _customer_principal(customer_id, claims.channel_id), claims.expires_in_seconds

    async def _customer_id(self, session: ReadSession, claims: customer_tokens.CustomerClaims) -> UUID | None:
        if self._resolve_customer is None:
            return None
        return await self._resolve_customer(session, claims.channel_id, claims.subject)

    async def _staff_session(self, token_hash: bytes) -> ActiveSession:
        async with self._database.read() as session:
            found = await session_repository.find_session(session, token_hash, IDLE_SECONDS)
            if found is None:
                raise CredentialUnknownError("the session is unknown; log in again")
            if found.revoked:
                raise CredentialRevokedError("the session was ended; log in again")
            if found.remaining_seconds <= 0:
                raise CredentialExpiredError("the session has expired; log in again")
            principal = await staff_principal(session, found.user_id, found.username)
        if found.seen_is_stale:
            async with self._database.write() as writing:
                await session_repository.touch_session(writing, found.id)
        return ActiveSession(found.id, principal, found.csrf_hash, found.remaining_seconds)


async def staff_principal(session: AnySession, user_id: UUID, username: str) -> Principal:
    """A member of staff with the authority their roles give at this moment."""
    grants = [
        RoleGrant(Role(role), location_id)
        for role, location_id in await repository.grants_of(session, user_id)
        if role in set(Role)
    ]
    authority = authority_of(grants)
    return Principal(
        id=user_id,
        kind=PrincipalKind.STAFF,
        name=username,
        scopes=authority.scopes,
        location_ids=authority.location_ids,
    )


def _machine_principal(found: repository.FoundKey) -> Principal:
    return Principal(
        id=found.principal_id,
        kind=PrincipalKind.MACHINE,
        name=found.name,
        scopes=known_scopes(found.scopes),
        channel_id=found.channel_id,
        terminal_id=found.terminal_id,
        location_ids=None if found.location_ids is None else frozenset(found.location_ids),
        trusted_documents_only=found.trusted_documents_only,
    )


def _customer_principal(customer_id: UUID, channel_id: UUID) -> Principal:
    return Principal(
        id=customer_id,
        kind=PrincipalKind.CUSTOMER,
        name="customer",
        scopes=CUSTOMER_SCOPES,
        channel_id=channel_id,
        customer_id=customer_id,
    )
