"""Who asks, and what they may do: machine keys, staff, customers of a shop."""

from hub.access.authentication import Authenticator, CustomerResolver
from hub.access.errors import UNAUTHENTICATED_CODES, CredentialMissingError, LoginRefusedError, UnauthenticatedError
from hub.access.keys import CreateKey, IssuedKey, KeySummary, create_key, list_keys, revoke_key, rotate_key
from hub.access.passwords import PasswordVault
from hub.access.repository import user_id_by_name
from hub.access.rules import CUSTOMER_SCOPES, TERMINAL_SCOPES, Role, RoleGrant, parse_role, parse_scopes
from hub.access.sessions import (
    ABSOLUTE_SECONDS,
    ActiveSession,
    IssuedSession,
    origin_of,
    purge_ended_sessions,
    require_csrf,
    require_origin,
    rotate_session,
)
from hub.access.signing_keys import RegisterSigningKey, register_signing_key, revoke_signing_key
from hub.access.staff import (
    CreateUser,
    change_roles,
    close_user,
    create_user,
    log_in,
    log_out,
    set_password,
)

__all__ = [
    "ABSOLUTE_SECONDS",
    "CUSTOMER_SCOPES",
    "TERMINAL_SCOPES",
    "UNAUTHENTICATED_CODES",
    "ActiveSession",
    "Authenticator",
    "CreateKey",
    "CreateUser",
    "CredentialMissingError",
    "CustomerResolver",
    "IssuedKey",
    "IssuedSession",
    "KeySummary",
    "LoginRefusedError",
    "PasswordVault",
    "RegisterSigningKey",
    "Role",
    "RoleGrant",
    "UnauthenticatedError",
    "change_roles",
    "close_user",
    "create_key",
    "create_user",
    "list_keys",
    "log_in",
    "log_out",
    "origin_of",
    "parse_role",
    "parse_scopes",
    "purge_ended_sessions",
    "register_signing_key",
    "require_csrf",
    "require_origin",
    "revoke_key",
    "revoke_signing_key",
    "rotate_key",
    "rotate_session",
    "set_password",
    "user_id_by_name",
]
