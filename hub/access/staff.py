"""People who work here: accounts, passwords, roles, logging in and out."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog

from hub.access import repository, sessions
from hub.access.authentication import staff_principal
from hub.access.errors import (
    LocationNotFoundError,
    LoginRefusedError,
    UsernameInvalidError,
    UsernameTakenError,
    UserNotFoundError,
)
from hub.access.passwords import PasswordVault
from hub.access.rules import (
    MAX_PASSWORD_LENGTH,
    RoleGrant,
    authority_of,
    lockout_seconds,
    require_fit_password,
    require_sound_grants,
    require_within,
)
from hub.infra import audit
from hub.infra.database import Database, WriteSession
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope

_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}", re.ASCII)
_REFUSED: Final = (
    "the user name or the password is wrong, or there were too many attempts; check both, wait a little and try again"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CreateUser:
    username: str
    password: str = field(repr=False)
    roles: tuple[RoleGrant, ...] = ()


async def create_user(
    session: WriteSession, command: CreateUser, *, principal: Principal, vault: PasswordVault
) -> UUID:
    """A new account.

    Raises UsernameInvalidError, UsernameTakenError, PasswordUnfitError, UnknownRoleError,
    LocationNotFoundError or AuthorityExceededError.
    """
    principal.require(Scope.ACCESS_WRITE)
    _require_username(command.username)
    require_fit_password(command.username, command.password)
    await _require_grantable(session, principal, command.roles)
    user_id = new_id()
    if not await repository.insert_user(session, user_id, command.username, await vault.hash(command.password)):
        raise UsernameTakenError("this user name is taken", path=("username",))
    await repository.replace_grants(session, user_id, command.roles)
    # The password stays out of the hash: a hash of a guessable input is a way to test guesses.
    await _audit(session, principal, "userCreate", user_id, username=command.username, roles=command.roles)
    return user_id


async def set_password(
    session: WriteSession, user_id: UUID, password: str, *, principal: Principal, vault: PasswordVault
) -> None:
    """A new password: ends every session of the user and any lock-out.

    Raises UserNotFoundError, PasswordUnfitError or AuthorityExceededError.
    """
    username = await _administered(session, user_id, principal)
    require_fit_password(username, password)
    encoded = await vault.hash(password)
    await repository.lock_user(session, user_id)
    await repository.store_password(session, user_id, encoded)
    await sessions.end_sessions_of(session, user_id)
    await _audit(session, principal, "userSetPassword", user_id)


async def change_roles(
    session: WriteSession, user_id: UUID, roles: Collection[RoleGrant], *, principal: Principal
) -> None:
    """Replace all roles; open sessions follow within the cache's five seconds.

    Raises UserNotFoundError, UnknownRoleError, LocationNotFoundError or AuthorityExceededError.
    """
    await _administered(session, user_id, principal)
    await _require_grantable(session, principal, roles)
    await repository.lock_user(session, user_id)
    await repository.replace_grants(session, user_id, roles)
    await _audit(session, principal, "userChangeRoles", user_id, roles=roles)


async def close_user(session: WriteSession, user_id: UUID, *, principal: Principal) -> None:
    """Close an account for good and end its sessions. Raises UserNotFoundError or AuthorityExceededError."""
    await _administered(session, user_id, principal)
    await repository.close_user(session, user_id)
    await sessions.end_sessions_of(session, user_id)
    await _audit(session, principal, "userClose", user_id)


async def log_in(
    database: Database, username: str, password: str, *, vault: PasswordVault, request_id: str | None = None
) -> sessions.IssuedSession:
    """A new session for the right password.

    The attempt is counted and committed before the password is looked at, and after five failures the account
    closes for half a minute, doubling up to a quarter of an hour. Raises LoginRefusedError (the same for every
    reason, after the same work) or LoginBusyError.
    """
    username = username.strip().lower()
    attempt = await _count_attempt(database, username)
    fits = len(password) <= MAX_PASSWORD_LENGTH
    encoded = attempt.password_hash if attempt is not None and fits else None
    right = await vault.verify(encoded, password if fits else "")
    if attempt is None or not right:
        log.info("login.refused", user_id=str(attempt.user_id) if attempt is not None else None)
        raise LoginRefusedError(_REFUSED)
    fresh_hash = await vault.hash(password) if vault.is_outdated(attempt.password_hash) else None
    async with database.write() as session:
        if not await repository.forgive(session, attempt.user_id):
            raise LoginRefusedError(_REFUSED)
        if fresh_hash is not None:
            await repository.store_password(session, attempt.user_id, fresh_hash)
        issued = await sessions.open_session(session, attempt.user_id)
        user = Principal(id=attempt.user_id, kind=PrincipalKind.STAFF, name=username, request_id=request_id)
        await _audit(session, user, "staffLogIn", attempt.user_id)
    return issued


async def log_out(session: WriteSession, active: sessions.ActiveSession) -> None:
    """End the session. Repeating it is harmless."""
    await sessions.end_session(session, active.id)
    await _audit(session, active.principal, "staffLogOut", active.principal.id)


async def _count_attempt(database: Database, username: str) -> repository.LoginAttempt | None:
    if _USERNAME.fullmatch(username) is None:
        return None
    async with database.write() as session:
        attempt = await repository.count_login_attempt(session, username)
        seconds = lockout_seconds(attempt.failed_logins) if attempt is not None else 0
        if attempt is not None and seconds:
            await repository.lock_out(session, attempt.user_id, seconds)
    return attempt


async def _administered(session: WriteSession, user_id: UUID, principal: Principal) -> str:
    """The user's name, when `principal` holds all that the user holds: taking over must gain nothing."""
    principal.require(Scope.ACCESS_WRITE)
    username = await repository.username_of(session, user_id)
    if username is None:
        raise UserNotFoundError("there is no such user", path=("id",))
    theirs = await staff_principal(session, user_id, username)
    require_within(principal, theirs.scopes, location_ids=theirs.location_ids)
    return username


async def _require_grantable(session: WriteSession, principal: Principal, roles: Collection[RoleGrant]) -> None:
    require_sound_grants(roles)
    locations = {grant.location_id for grant in roles if grant.location_id is not None}
    unknown = await repository.unknown_locations(session, locations)
    if unknown:
        raise LocationNotFoundError(f"there is no location {unknown[0]}", path=("locationId",))
    for grant in roles:
        authority = authority_of([grant])
        require_within(principal, authority.scopes, location_ids=authority.location_ids)


def _require_username(username: str) -> None:
    if _USERNAME.fullmatch(username) is None:
        raise UsernameInvalidError(
            "a user name is 2 to 63 of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit; "
            "it is not an e-mail address",
            path=("username",),
        )


async def _audit(session: WriteSession, principal: Principal, operation: str, user_id: UUID, **fields: object) -> None:
    hashed = audit.hash_input({"id": user_id, **fields})
    await audit.record(session, principal, operation, hashed, [user_id])
