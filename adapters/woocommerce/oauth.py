"""One-legged OAuth 1.0a (RFC 5849, HMAC-SHA256), which WooCommerce demands over plain http.

The parameters travel in the query: many PHP hosts drop an Authorization header before it reaches the store.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Generator, Iterable
from urllib.parse import quote

import httpx


class OneLeggedOAuth(httpx.Auth):
    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str,
        *,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._key = consumer_key
        self._secret = consumer_secret
        self._clock = clock
        self._nonce = nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        extra = {
            "oauth_consumer_key": self._key,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self._clock())),
            "oauth_version": "1.0",
        }
        parameters = [*request.url.params.multi_items(), *extra.items()]
        address = str(request.url.copy_with(query=None))
        extra["oauth_signature"] = signature(request.method, address, parameters, self._secret)
        request.url = request.url.copy_merge_params(extra)
        yield request


def signature(method: str, address: str, parameters: Iterable[tuple[str, str]], consumer_secret: str) -> str:
    """The signature of a request without a token (RFC 5849, 3.4): base64 HMAC-SHA256 of the base string."""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parameters)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    base_string = "&".join((method.upper(), _encoded(address), _encoded(query)))
    key = f"{_encoded(consumer_secret)}&".encode()
    return base64.b64encode(hmac.new(key, base_string.encode(), hashlib.sha256).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="~")
