"""Signatures of webhook deliveries: over the raw bytes, compared in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from adapters.sdk.errors import AuthFailed

REPLAY_WINDOW = timedelta(minutes=5)


class Encoding(StrEnum):
    BASE64 = "BASE64"
    HEX = "HEX"


def sign_sha256(secret: str, message: bytes, *, encoding: Encoding = Encoding.BASE64) -> str:
    """HMAC-SHA256 of `message`, as base64 with padding or as lower-case hex."""
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return digest.hex() if encoding is Encoding.HEX else base64.b64encode(digest).decode()


def check_sha256(
    message: bytes, signature: str | None, *, secrets: Sequence[str], encoding: Encoding = Encoding.BASE64
) -> None:
    """Raises AuthFailed unless `signature` is the HMAC-SHA256 of `message` under one of `secrets`.

    Several secrets are accepted while one is being replaced. An empty secret never matches: anybody could
    sign with it.
    """
    if not signature:
        raise AuthFailed("the delivery is not signed")
    given = signature.strip().encode()
    matches = [
        hmac.compare_digest(sign_sha256(secret, message, encoding=encoding).encode(), given)
        for secret in secrets
        if secret
    ]
    if not any(matches):
        raise AuthFailed("the signature does not match the body")


def check_fresh(sent_at: datetime, *, now: datetime, window: timedelta = REPLAY_WINDOW) -> None:
    """Raises AuthFailed when a signed delivery is older than `window`, or further than that in the future."""
    if abs(now - sent_at) > window:
        raise AuthFailed(f"the delivery was sent at {sent_at.isoformat()}, outside the replay window")


def digest_id(*parts: bytes) -> str:
    """A stable id for an event to which its system gives none: SHA-256 over length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
