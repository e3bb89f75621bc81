"""API keys of machines: create, list, rotate, revoke. The secret is shown once, when it is made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.access import repository
from hub.access.errors import (
    ChannelNotFoundError,
    CredentialRevokedError,
    KeyBindingInvalidError,
    KeyLifetimeInvalidError,
    KeyNotFoundError,
    LocationNotFoundError,
    PrincipalHasKeyError,
    TerminalNotFoundError,
)
from hub.access.models import ApiKey
from hub.access.rules import (
    MAX_ROTATION_OVERLAP_SECONDS,
    known_scopes,
    require_lifetime,
    require_within,
)
from hub.access.secret_tokens import digest, new_api_token
from hub.infra import audit
from hub.infra.database import AnySession, WriteSession
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope

MAX_PAGE: Final = 100
MAX_NAME_LENGTH: Final = 100
MAX_LOCATIONS: Final = 1_000
DEFAULT_OVERLAP_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class CreateKey:
    """A terminal's key takes its channel and location from the terminal; leave them out."""

    name: str
    scopes: frozenset[Scope]
    channel_id: UUID | None = None
    terminal_id: UUID | None = None
    location_ids: frozenset[UUID] | None = None
    trusted_documents_only: bool = False
    expires_in_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """`token` is the only copy there will ever be."""

    id: UUID
    principal_id: UUID
    prefix: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A key as lists show it; `state` is ACTIVE, EXPIRED or REVOKED by the database's clock."""

    id: UUID
    principal_id: UUID
    name: str
    prefix: str
    scopes: Sequence[str]
    channel_id: UUID | None
    terminal_id: UUID | None
    location_ids: Sequence[UUID] | None
    trusted_documents_only: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    state: str


async def create_key(session: WriteSession, command: CreateKey, *, principal: Principal) -> IssuedKey:
    """A new key; for a terminal, `principal_id` is the terminal's id and stays so for all of its keys.

    Raises TerminalNotFoundError, ChannelNotFoundError, LocationNotFoundError, KeyBindingInvalidError,
    KeyLifetimeInvalidError, AuthorityExceededError, or PrincipalHasKeyError for a terminal that has a live key.
    """
    principal.require(Scope.ACCESS_WRITE)
    _require_sound(command)
    channel_id, location_ids = await _binding(session, command)
    require_within(principal, command.scopes, channel_id=channel_id, location_ids=location_ids)
    token = new_api_token()
    key = ApiKey(
        id=new_id(),
        principal_id=command.terminal_id or new_id(),
        name=command.name.strip(),
        prefix=token.prefix,
        secret_hash=digest(token.secret),
        scopes=sorted(scope.value for scope in command.scopes),
        channel_id=channel_id,
        terminal_id=command.terminal_id,
        location_ids=None if location_ids is None else sorted(location_ids),
        trusted_documents_only=command.trusted_documents_only,
    )
    if not await repository.insert_key(session, key, command.expires_in_seconds):
        raise PrincipalHasKeyError(
            "this terminal has a key already; rotate it, or revoke it first", path=("terminalId",)
        )
    await _audit(session, principal, "keyCreate", key.id, name=key.name, scopes=key.scopes)
    return IssuedKey(key.id, key.principal_id, key.prefix, token.reveal())


async def rotate_key(
    session: WriteSession,
    key_id: UUID,
    *,
    principal: Principal,
    overlap_seconds: int = DEFAULT_OVERLAP_SECONDS,
) -> IssuedKey:
    """A new secret for the same principal; the old one works for `overlap_seconds` more (0: not at all).

    Raises KeyNotFoundError, KeyLifetimeInvalidError, or CredentialRevokedError for a revoked key.
    """
    if not 0 <= overlap_seconds <= MAX_ROTATION_OVERLAP_SECONDS:
        raise KeyLifetimeInvalidError(
            f"the old secret may live for 0 to {MAX_ROTATION_OVERLAP_SECONDS} seconds more",
            path=("overlapSeconds",),
        )
    key = await _administered(session, key_id, principal)
    _require_no_escalation(principal, key)
    token = new_api_token(key.prefix)
    if not await repository.replace_secret(session, key_id, digest(token.secret), overlap_seconds):
        raise CredentialRevokedError("this key is revoked; create a new one", path=("id",))
    await _audit(session, principal, "keyRotate", key_id, overlap_seconds=overlap_seconds)
    return IssuedKey(key.id, key.principal_id, key.prefix, token.reveal())


async def revoke_key(session: WriteSession, key_id: UUID, *, principal: Principal) -> None:
    """End a key for good, everywhere within the cache's five seconds. Repeating it is harmless.

    Raises KeyNotFoundError.
    """
    await _administered(session, key_id, principal)
    await repository.revoke_key(session, key_id)
    await _audit(session, principal, "keyRevoke", key_id)


async def list_keys(
    session: AnySession, *, principal: Principal, after: UUID | None = None, limit: int = MAX_PAGE
) -> list[KeySummary]:
    """Keys in order of creation, at most 100, never with anything secret. `after` is the last id seen."""
    principal.require(Scope.ACCESS_WRITE)
    rows = await repository.keys_page(session, principal.channel_id, after, max(1, min(limit, MAX_PAGE)))
    return [KeySummary(**row) for row in rows]


def _require_sound(command: CreateKey) -> None:
    if not 0 < len(command.name.strip()) <= MAX_NAME_LENGTH or "\0" in command.name:
        raise KeyBindingInvalidError(f"give the key a name of 1 to {MAX_NAME_LENGTH} characters", path=("name",))
    if command.location_ids is not None and not 0 < len(command.location_ids) <= MAX_LOCATIONS:
        raise KeyBindingInvalidError(
            f"name 1 to {MAX_LOCATIONS} locations, or leave them out for all", path=("locationIds",)
        )
    require_lifetime(command.expires_in_seconds)


async def _binding(session: WriteSession, command: CreateKey) -> tuple[UUID | None, frozenset[UUID] | None]:
    if command.terminal_id is not None:
        return await _terminal_binding(session, command, command.terminal_id)
    if command.channel_id is not None and not await repository.channel_exists(session, command.channel_id):
        raise ChannelNotFoundError("there is no such channel", path=("channelId",))
    if command.location_ids is not None:
        unknown = await repository.unknown_locations(session, command.location_ids)
        if unknown:
            raise LocationNotFoundError(f"there is no location {unknown[0]}", path=("locationIds",))
    return command.channel_id, command.location_ids


async def _terminal_binding(
    session: WriteSession, command: CreateKey, terminal_id: UUID
) -> tuple[UUID, frozenset[UUID]]:
    terminal = await repository.terminal_binding(session, terminal_id)
    if terminal is None:
        raise TerminalNotFoundError("there is no such active terminal", path=("terminalId",))
    locations = frozenset({terminal.location_id})
    if command.channel_id not in {None, terminal.channel_id}:
        raise KeyBindingInvalidError("the terminal belongs to another channel", path=("channelId",))
    if command.location_ids not in {None, locations}:
        raise KeyBindingInvalidError("the terminal stands at another location", path=("locationIds",))
    return terminal.channel_id, locations


async def _administered(session: WriteSession, key_id: UUID, principal: Principal) -> ApiKey:
    """The key, when `principal` may administer it; a key out of reach is not distinguished from none."""
    principal.require(Scope.ACCESS_WRITE)
    key = await repository.key_by_id(session, key_id)
    if key is None or principal.channel_id not in {None, key.channel_id}:
        raise KeyNotFoundError("there is no such key", path=("id",))
    locations = None if key.location_ids is None else frozenset(key.location_ids)
    if principal.location_ids is not None and (locations is None or not locations <= principal.location_ids):
        raise KeyNotFoundError("there is no such key", path=("id",))
    return key


def _require_no_escalation(principal: Principal, key: ApiKey) -> None:
    """Who rotates a key learns its secret, so they must hold all that it holds."""
    locations = None if key.location_ids is None else frozenset(key.location_ids)
    require_within(principal, known_scopes(key.scopes), channel_id=key.channel_id, location_ids=locations)


async def _audit(session: WriteSession, principal: Principal, operation: str, key_id: UUID, **fields: object) -> None:
    hashed = audit.hash_input({"id": key_id, **fields})
    await audit.record(session, principal, operation, hashed, [key_id])
