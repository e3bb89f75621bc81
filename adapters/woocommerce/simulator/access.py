"""Who may call the simulated store: Basic over https, one-legged OAuth 1.0a over http, as the real one.

Written from what the store checks, apart from the adapter's own signing, so that the two test each other.
"""

import base64
import hashlib
import hmac
import time
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from adapters.woocommerce.simulator.shop import Shop

MAX_AGE_SECONDS: Final = 15 * 60

Refusal = tuple[str, str]
"""Error code and message."""


class Gate:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._nonces: set[str] = set()

    def refusal(self, scope: Any, method: str, url: str, authorization: str) -> Refusal | None:
        """Why the request is not let in; None when it is."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if scope["scheme"] == "https" and authorization.startswith("Basic "):
            return self._basic(authorization.removeprefix("Basic "))
        if "oauth_consumer_key" in query:
            return self._one_legged(method, url.partition("?")[0], query)
        return ("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")

    def _basic(self, credentials: str) -> Refusal | None:
        expected = base64.b64encode(f"{self._shop.consumer_key}:{self._shop.consumer_secret}".encode())
        if hmac.compare_digest(expected, credentials.encode()):
            return None
        return ("woocommerce_rest_authentication_error", "Consumer secret is invalid.")

    def _one_legged(self, method: str, address: str, query: dict[str, str]) -> Refusal | None:
        code = "woocommerce_rest_authentication_error"
        given = query.pop("oauth_signature", "")
        if query["oauth_consumer_key"] != self._shop.consumer_key:
            return (code, "Consumer key is invalid.")
        if query.get("oauth_signature_method") != "HMAC-SHA256":
            return (code, "Invalid signature - signature method is invalid.")
        if not hmac.compare_digest(self._signature(method, address, query).encode(), given.encode()):
            return (code, "Invalid signature - provided signature does not match.")
        if abs(time.time() - int(query.get("oauth_timestamp", "0"))) > MAX_AGE_SECONDS:
            return (code, "Invalid timestamp.")
        if query.get("oauth_nonce", "") in self._nonces:
            return (code, "Invalid nonce - nonce has already been used.")
        self._nonces.add(query.get("oauth_nonce", ""))
        return None

    def _signature(self, method: str, address: str, query: dict[str, str]) -> str:
        parts = [f"{_twice(name)}%3D{_twice(query[name])}" for name in sorted(query)]
        message = f"{method}&{quote(address, safe='')}&{'%26'.join(parts)}"
        key = f"{self._shop.consumer_secret}&".encode()
        return base64.b64encode(hmac.new(key, message.encode(), hashlib.sha256).digest()).decode()


def _twice(text: str) -> str:
    return quote(text, safe="").replace("%", "%25")
