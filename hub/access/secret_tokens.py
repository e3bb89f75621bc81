"""The shape of the hub's own bearer secrets: how they are made, recognised, hashed and compared."""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Final

PREFIX_LENGTH: Final = 12
SECRET_BYTES: Final = 32
MAX_TOKEN_LENGTH: Final = 4_096

_ALPHABET: Final = string.ascii_lowercase + string.digits
_API_KEY: Final = re.compile(r"hub_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_SECRET: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """`hub_<prefix>_<secret>`: the prefix is public and finds the row, the secret has 256 random bits."""

    prefix: str
    secret: str = field(repr=False)

    def reveal(self) -> str:
        return f"hub_{self.prefix}_{self.secret}"


def new_api_token(prefix: str | None = None) -> ApiToken:
    """A fresh secret, under a fresh prefix or a given one."""
    fresh = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_LENGTH))
    return ApiToken(prefix or fresh, secrets.token_urlsafe(SECRET_BYTES))


def parse_api_token(text: str) -> ApiToken | None:
    """None when it does not have the shape of an API key."""
    match = _API_KEY.fullmatch(text)
    return None if match is None else ApiToken(match[1], match[2])


def new_secret() -> str:
    """256 random bits, for cookies and CSRF tokens."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """SHA-256. Enough for random secrets of 256 bits; passwords need Argon2id instead."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, *digests: bytes | None) -> bool:
    """Whether the secret has one of these digests, in the same time wherever they differ."""
    given = digest(secret)
    found = False
    for expected in digests:
        found |= hmac.compare_digest(given, expected if expected is not None else _NO_SECRET)
    return found
