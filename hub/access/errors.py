"""Why a caller is turned away.

`UnauthenticatedError` and its children mean "prove who you are"; every other denial means "we know who you are,
and the answer is no". Which of a credential's faults it is, is told only to callers that hold its secret.
"""

from typing import Final

from hub.kernel.errors import ConflictError, DeniedError, InvalidInputError, NotFoundError, UnavailableError


class UnauthenticatedError(DeniedError):
    code = "UNAUTHENTICATED"


class CredentialMissingError(UnauthenticatedError):
    code = "CREDENTIAL_MISSING"


class CredentialUnknownError(UnauthenticatedError):
    code = "CREDENTIAL_UNKNOWN"


class CredentialExpiredError(UnauthenticatedError):
    code = "CREDENTIAL_EXPIRED"


class CredentialRevokedError(UnauthenticatedError):
    code = "CREDENTIAL_REVOKED"


class TokenInvalidError(UnauthenticatedError):
    """A customer token that is not well-formed, not signed by a registered shop, or not meant for us."""

    code = "TOKEN_INVALID"


class CustomerUnknownError(UnauthenticatedError):
    """The token is good, but the hub knows no such customer of that shop (yet)."""

    code = "CUSTOMER_UNKNOWN"


class LoginRefusedError(UnauthenticatedError):
    """Unknown name, wrong password, closed account or too many attempts: never says which."""

    code = "LOGIN_REFUSED"


UNAUTHENTICATED_CODES: Final = frozenset(
    kind.code
    for kind in (
        UnauthenticatedError,
        CredentialMissingError,
        CredentialUnknownError,
        CredentialExpiredError,
        CredentialRevokedError,
        TokenInvalidError,
        CustomerUnknownError,
        LoginRefusedError,
    )
)
"""What HTTP answers with 401 and GraphQL with an error that asks for a credential."""


class LoginBusyError(UnavailableError):
    code = "LOGIN_BUSY"


class OriginNotAllowedError(DeniedError):
    code = "ORIGIN_NOT_ALLOWED"


class CsrfTokenInvalidError(DeniedError):
    code = "CSRF_TOKEN_INVALID"


class AuthorityExceededError(DeniedError):
    """Nobody hands out more authority than they hold."""

    code = "AUTHORITY_EXCEEDED"


class UnknownScopeError(InvalidInputError):
    code = "UNKNOWN_SCOPE"


class UnknownRoleError(InvalidInputError):
    code = "UNKNOWN_ROLE"


class KeyLifetimeInvalidError(InvalidInputError):
    code = "KEY_LIFETIME_INVALID"


class KeyBindingInvalidError(InvalidInputError):
    code = "KEY_BINDING_INVALID"


class KeyNotFoundError(NotFoundError):
    code = "KEY_NOT_FOUND"


class TerminalNotFoundError(NotFoundError):
    code = "TERMINAL_NOT_FOUND"


class ChannelNotFoundError(NotFoundError):
    code = "CHANNEL_NOT_FOUND"


class LocationNotFoundError(NotFoundError):
    code = "LOCATION_NOT_FOUND"


class PrincipalHasKeyError(ConflictError):
    code = "PRINCIPAL_HAS_KEY"


class UserNotFoundError(NotFoundError):
    code = "USER_NOT_FOUND"


class UsernameInvalidError(InvalidInputError):
    code = "USERNAME_INVALID"


class UsernameTakenError(ConflictError):
    code = "USERNAME_TAKEN"


class PasswordUnfitError(InvalidInputError):
    code = "PASSWORD_UNFIT"


class SigningKeyInvalidError(InvalidInputError):
    code = "SIGNING_KEY_INVALID"


class SigningKeyExistsError(ConflictError):
    code = "SIGNING_KEY_EXISTS"
