"""Who may do what: roles and their scopes, and the rule that nobody gives more than they have. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from hub.access.errors import (
    AuthorityExceededError,
    KeyLifetimeInvalidError,
    PasswordUnfitError,
    UnknownRoleError,
    UnknownScopeError,
)
from hub.kernel.principal import Principal, PrincipalKind, Scope

MAX_KEY_LIFETIME_SECONDS: Final = 10 * 366 * 86_400
MAX_ROTATION_OVERLAP_SECONDS: Final = 7 * 86_400
MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 128
FREE_LOGIN_ATTEMPTS: Final = 5
FIRST_LOCKOUT_SECONDS: Final = 30
MAX_LOCKOUT_SECONDS: Final = 900


class Role(StrEnum):
    ASSOCIATE = "ASSOCIATE"
    STORE_MANAGER = "STORE_MANAGER"
    OPERATIONS = "OPERATIONS"
    ADMIN = "ADMIN"


CENTRAL_ROLES: Final = frozenset({Role.OPERATIONS, Role.ADMIN})
"""Roles that make sense for the whole company only."""

_ASSOCIATE: Final = frozenset(
    {
        Scope.CATALOG_READ,
        Scope.STOCK_READ,
        Scope.RESERVATIONS_WRITE,
        Scope.ORDERS_READ,
        Scope.FULFILLMENT_READ,
        Scope.FULFILLMENT_WRITE,
        Scope.CUSTOMERS_READ,
        Scope.LOYALTY_READ,
    }
)
_STORE_MANAGER: Final = _ASSOCIATE | {
    Scope.STOCK_WRITE,
    Scope.ORDERS_WRITE,
    Scope.CUSTOMERS_WRITE,
    Scope.LOYALTY_WRITE,
    Scope.ROUTING_READ,
}
ROLE_SCOPES: Final[dict[Role, frozenset[Scope]]] = {
    Role.ASSOCIATE: _ASSOCIATE,
    Role.STORE_MANAGER: _STORE_MANAGER,
    Role.OPERATIONS: frozenset(Scope) - {Scope.ACCESS_WRITE},
    Role.ADMIN: frozenset(Scope),
}

CUSTOMER_SCOPES: Final = frozenset({Scope.CATALOG_READ, Scope.ORDERS_READ, Scope.CUSTOMERS_READ, Scope.LOYALTY_READ})
"""A customer reads the catalog and what is their own; features narrow the rest by `customer_id`."""

TERMINAL_SCOPES: Final = frozenset(
    {
        Scope.CATALOG_READ,
        Scope.STOCK_READ,
        Scope.RESERVATIONS_WRITE,
        Scope.ORDERS_READ,
        Scope.ORDERS_WRITE,
        Scope.FULFILLMENT_READ,
        Scope.FULFILLMENT_WRITE,
        Scope.CUSTOMERS_READ,
        Scope.LOYALTY_READ,
        Scope.LOYALTY_WRITE,
    }
)
"""What a till needs, for those who create its key without naming scopes."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role at one location; None: everywhere."""

    role: Role
    location_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """What a person may do, and where; `location_ids` None means everywhere."""

    scopes: frozenset[Scope]
    location_ids: frozenset[UUID] | None


def authority_of(grants: Collection[RoleGrant]) -> Authority:
    """The authority that never exceeds any single grant.

    A principal has one set of scopes for all of its locations. A company-wide role therefore decides alone;
    without one, the scopes are those held at every one of the locations, so that being the manager of one
    store gives no manager's power in another.
    """
    everywhere = [grant for grant in grants if grant.location_id is None]
    if everywhere:
        return Authority(_scopes_of(everywhere), None)
    at: dict[UUID, list[RoleGrant]] = {}
    for grant in grants:
        if grant.location_id is not None:
            at.setdefault(grant.location_id, []).append(grant)
    if not at:
        return Authority(frozenset(), frozenset())
    common = frozenset.intersection(*(_scopes_of(group) for group in at.values()))
    return Authority(common, frozenset(at))


def _scopes_of(grants: Iterable[RoleGrant]) -> frozenset[Scope]:
    return frozenset().union(*(ROLE_SCOPES[grant.role] for grant in grants))


def require_within(
    principal: Principal,
    scopes: frozenset[Scope],
    *,
    channel_id: UUID | None = None,
    location_ids: frozenset[UUID] | None = None,
) -> None:
    """Raises AuthorityExceededError when `principal` would give more than it has. The hub itself may give all."""
    if principal.kind is PrincipalKind.SYSTEM:
        return
    missing = sorted(scope.value for scope in scopes - principal.scopes)
    if missing:
        raise AuthorityExceededError(f"you do not hold {', '.join(missing)} yourself", path=("scopes",))
    if principal.channel_id is not None and channel_id != principal.channel_id:
        raise AuthorityExceededError("you may act for your own channel only", path=("channelId",))
    if principal.location_ids is not None and (location_ids is None or not location_ids <= principal.location_ids):
        raise AuthorityExceededError("you may act for your own locations only", path=("locationIds",))


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes named. Raises UnknownScopeError, listing those that exist."""
    known = {scope.value: scope for scope in Scope}
    found = set()
    for name in names:
        if name not in known:
            raise UnknownScopeError(f"there is no scope {name!r}; choose from {', '.join(known)}", path=("scopes",))
        found.add(known[name])
    return frozenset(found)


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """As stored: a scope that this version does not know grants nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)


def parse_role(name: str) -> Role:
    """Raises UnknownRoleError, listing those that exist."""
    try:
        return Role(name.upper())
    except ValueError:
        raise UnknownRoleError(f"there is no role {name!r}; choose from {', '.join(Role)}", path=("role",)) from None


def require_sound_grants(grants: Collection[RoleGrant]) -> None:
    """Raises UnknownRoleError when a central role is tied to a location."""
    for grant in grants:
        if grant.role in CENTRAL_ROLES and grant.location_id is not None:
            raise UnknownRoleError(
                f"{grant.role} is a role for the whole company; leave the location out", path=("locationId",)
            )


def require_lifetime(seconds: int | None) -> None:
    """Raises KeyLifetimeInvalidError for a lifetime that is not positive or beyond ten years."""
    if seconds is not None and not 0 < seconds <= MAX_KEY_LIFETIME_SECONDS:
        raise KeyLifetimeInvalidError(
            f"a key lives between 1 and {MAX_KEY_LIFETIME_SECONDS} seconds, or without end when none are given",
            path=("expiresInSeconds",),
        )


def require_fit_password(username: str, password: str) -> None:
    """Raises PasswordUnfitError, naming the rule and never the password."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise PasswordUnfitError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters", path=("password",)
        )
    if username in password.lower() or len(set(password)) < MIN_PASSWORD_LENGTH // 3:
        raise PasswordUnfitError(
            "a password does not contain the user name and does not repeat a few characters",
            path=("password",),
        )


def lockout_seconds(failed_logins: int) -> int:
    """How long the account is closed after this many failures in a row: doubling, up to a quarter of an hour."""
    beyond = failed_logins - FREE_LOGIN_ATTEMPTS
    if beyond < 0:
        return 0
    return min(MAX_LOCKOUT_SECONDS, FIRST_LOCKOUT_SECONDS << min(beyond, 10))
