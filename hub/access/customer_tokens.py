"""Customers: a short JWT signed by the shop they are logged in to (RFC 7519, hardened as in RFC 8725).

The algorithm comes from the registered key and never from the token; only asymmetric ones exist here, so a
public key can never be used as a shared secret. All times are judged against the database's clock.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import jwt

from hub.access.errors import CredentialExpiredError, TokenInvalidError
from hub.access.secret_tokens import MAX_TOKEN_LENGTH

ALGORITHMS: Final = ("ES256", "RS256", "EdDSA")
JWT_DOTS: Final = 2
MAX_LIFETIME_SECONDS: Final = 900
LEEWAY_SECONDS: Final = 30
MAX_SUBJECT_LENGTH: Final = 255
REQUIRED_CLAIMS: Final = ("iss", "aud", "sub", "exp", "nbf", "iat")

KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_FORBIDDEN_HEADERS: Final = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "zip", "b64"})


@dataclass(frozen=True, slots=True)
class ShopKey:
    """A registered shop's verification key."""

    channel_id: UUID
    kid: str
    algorithm: str
    public_key_pem: str
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Which key a token claims to be signed with; not to be trusted before the signature is checked."""

    issuer: str
    kid: str


@dataclass(frozen=True, slots=True)
class CustomerClaims:
    """What a verified token says: `subject` is the customer's id in the shop."""

    channel_id: UUID
    subject: str
    expires_in_seconds: float


def looks_like_jwt(token: str) -> bool:
    return token.count(".") == JWT_DOTS


def key_reference(token: str) -> KeyReference:
    """The issuer and key id in the token. Raises TokenInvalidError."""
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenInvalidError(f"a token has at most {MAX_TOKEN_LENGTH} characters")
    header, claims, _ = token.split(".")
    fields = _object(header)
    kid = fields.get("kid")
    if not isinstance(kid, str) or KID.fullmatch(kid) is None:
        raise TokenInvalidError("the token's header needs a 'kid' of letters, digits, '-' and '_'")
    if fields.get("alg") not in ALGORITHMS:
        raise TokenInvalidError(f"the token's 'alg' must be one of {', '.join(ALGORITHMS)}")
    if not _FORBIDDEN_HEADERS.isdisjoint(fields):
        raise TokenInvalidError("the token's header may not bring keys or extensions of its own")
    issuer = _object(claims).get("iss")
    if not isinstance(issuer, str) or not issuer or "\0" in issuer:
        raise TokenInvalidError("the token needs an 'iss'")
    return KeyReference(issuer, kid)


def verify(token: str, key: ShopKey, *, now: float) -> CustomerClaims:
    """The token's claims. `now` is `hub_now()` in seconds since 1970.

    Raises TokenInvalidError, or CredentialExpiredError when only its time has passed.
    """
    claims = _signed_claims(token, key)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_LENGTH or "\0" in subject:
        raise TokenInvalidError("the token's 'sub' is the customer's id in the shop, as text")
    expires, not_before, issued = (_seconds(claims, name) for name in ("exp", "nbf", "iat"))
    if expires - issued > MAX_LIFETIME_SECONDS or expires - not_before > MAX_LIFETIME_SECONDS:
        raise TokenInvalidError(f"the token may live for at most {MAX_LIFETIME_SECONDS} seconds")
    if max(not_before, issued) > now + LEEWAY_SECONDS or issued > expires:
        raise TokenInvalidError("the token is not valid yet; check the shop's clock")
    if expires + LEEWAY_SECONDS <= now:
        raise CredentialExpiredError("the token has expired; get a new one from the shop")
    return CustomerClaims(key.channel_id, subject, expires + LEEWAY_SECONDS - now)


def _signed_claims(token: str, key: ShopKey) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.public_key_pem,
            algorithms=[key.algorithm],
            audience=key.audience,
            issuer=key.issuer,
            options={
                "require": list(REQUIRED_CLAIMS),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenInvalidError(
            "the token is not signed by a registered key of the shop, or is not meant for this hub"
        ) from None
    return claims


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenInvalidError(f"the token's {name!r} is a number of seconds since 1970")
    if (isinstance(value, float) and not math.isfinite(value)) or not 0 <= value < 2**53:
        raise TokenInvalidError(f"the token's {name!r} is out of range")
    return float(value)


def _object(part: str) -> Mapping[str, Any]:
    try:
        decoded = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise TokenInvalidError("this is not a JSON Web Token") from None
    if not isinstance(decoded, dict):
        raise TokenInvalidError("this is not a JSON Web Token")
    return decoded
