"""The one HTTP client that adapters use: timeouts, bounded retry, rate and size limits, redacted logging.

What the channel answers becomes either an `Answer` or one of the errors of `adapters.sdk.errors`:

| what happened | becomes |
| --- | --- |
| 2xx with JSON, 204, or a status in `accept` | `Answer` |
| no connection, timeout, broken answer, 408, 425, 429, 5xx | `Retryable`, after the retries allowed here |
| 401, 403 | `AuthFailed` |
| any other status | `Rejected` |
| 2xx that is not JSON, or larger than the bound | `ContractBroken` |
"""

import asyncio
import json as jsonlib
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeAlias

import httpx

from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.ratelimit import MAX_LOCAL_WAIT_SECONDS, Pause, RateLimit, RateLimiter, TokenBucket
from hub.kernel.clock import utc_now

__all__ = ["Answer", "ChannelTransport", "Json", "RateLimit", "read_json"]

Json: TypeAlias = Any
"""A decoded JSON value. Whole numbers are exact `int`s of any size, others are `Decimal`."""

Params: TypeAlias = Mapping[str, str | int]
ErrorReader: TypeAlias = Callable[[int, Json], AdapterError | None]
"""Makes a channel's own error body (status, JSON or None) into an error; None leaves it to the status."""

MAX_RESPONSE_BYTES = 32 * 1024 * 1024
MAX_REASON_LENGTH = 300
BACKOFF_SECONDS = 0.5
MAX_HOLD_SECONDS = 900.0
"""A Retry-After beyond this is asked about again: one mistaken header must not silence a channel for days."""
DEFAULT_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
DEFAULT_RATE = RateLimit(per_second=10, burst=10)

_RETRIED = frozenset({408, 425, 429, 502, 503, 504})
_REFUSED_UNSEEN = frozenset({425, 429})
"""The channel says that it did not start on the request: repeating even a write is safe."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_log = logging.getLogger("hub.adapters.transport")


class _WithoutQuery(logging.Filter):
    """httpx logs whole URLs; one-legged OAuth and some tokens live in the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                argument.copy_with(query=None, username="", password="")
                if isinstance(argument, httpx.URL)
                else argument
                for argument in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())


@dataclass(frozen=True, slots=True)
class Answer:
    """What the channel said. `json` is None for an empty body."""

    status: int
    headers: httpx.Headers
    json: Json


@dataclass(frozen=True, slots=True)
class _Failure:
    """One attempt that did not work: what to raise, and whether this client may try again by itself."""

    error: AdapterError
    again: bool


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    params: Params | None
    content: bytes | None
    headers: Mapping[str, str]
    idempotent: bool
    accept: Collection[int] = field(default_factory=tuple)


class ChannelTransport:
    """One channel's HTTP client. Safe for concurrent use by tasks of one event loop; close it when done."""

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        rate_limit: RateLimit = DEFAULT_RATE,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        max_attempts: int = 3,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        transport: httpx.AsyncBaseTransport | None = None,
        limiter: RateLimiter | None = None,
        read_error: ErrorReader | None = None,
        pause: Pause = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, auth=auth, headers=headers, timeout=timeout, transport=transport
        )
        self._limiter = limiter or TokenBucket(rate_limit, pause=pause)
        self._max_attempts = max_attempts
        self._max_response_bytes = max_response_bytes
        self._read_error = read_error
        self._pause = pause
        self._jitter = jitter

    async def close(self) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Json = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        accept: Collection[int] = (),
    ) -> Answer:
        """Send and return the channel's answer; raises the errors of the table above.

        `idempotent` says whether repeating the request is harmless (by default: every method but POST and
        PATCH); one that is not is repeated only when it cannot have been seen. `accept` names statuses to
        return instead of raise (404 where "no such order" is an answer).
        """
        repeatable = method.upper() not in {"POST", "PATCH"} if idempotent is None else idempotent
        call = _Call(method, path, params, _encode(json), headers or {}, repeatable, accept)
        for attempt in range(1, self._max_attempts + 1):
            await self._limiter.acquire()
            outcome = await self._attempt(call, attempt)
            if isinstance(outcome, Answer):
                return outcome
            wait = self._wait_before(attempt + 1, outcome.error)
            if not outcome.again or attempt == self._max_attempts or wait > MAX_LOCAL_WAIT_SECONDS:
                raise outcome.error
            await self._pause(wait)
        raise AssertionError  # pragma: no cover (the loop returns or raises; max_attempts is at least 1)

    async def _attempt(self, call: _Call, attempt: int) -> Answer | _Failure:
        started = time.monotonic()
        status: int | None = None
        try:
            status, headers, body = await self._send(call)
        except httpx.TransportError as error:
            return _Failure(
                Retryable(f"{type(error).__name__} while talking to the channel"),
                again=call.idempotent or isinstance(error, _NEVER_SENT),
            )
        finally:
            _log_attempt(call, attempt, status, time.monotonic() - started)
        return self._judge(call, status, headers, body)

    async def _send(self, call: _Call) -> tuple[int, httpx.Headers, bytes]:
        headers = dict(call.headers)
        if call.content is not None:
            headers.setdefault("content-type", "application/json")
        request = self._client.build_request(
            call.method, call.path, params=call.params, content=call.content, headers=headers
        )
        response = await self._client.send(request, stream=True)
        try:
            return response.status_code, response.headers, await self._read(response)
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        chunks = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                chunks += chunk
                if len(chunks) > self._max_response_bytes:
                    raise ContractBroken(f"answer is larger than {self._max_response_bytes} bytes", path="$")
        except httpx.DecodingError as error:
            raise ContractBroken("answer is not encoded as its headers say", path="$") from error
        return bytes(chunks)

    def _judge(self, call: _Call, status: int, headers: httpx.Headers, body: bytes) -> Answer | _Failure:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or status in call.accept:
            return Answer(status, headers, read_json(body) if body.strip() else None)
        after = _retry_after(headers)
        if after is not None and status in _RETRIED:
            self._limiter.hold(min(after, MAX_HOLD_SECONDS))
        return _Failure(
            self._error(status, headers, body, after),
            again=status in _REFUSED_UNSEEN or (status in _RETRIED and call.idempotent),
        )

    def _error(self, status: int, headers: httpx.Headers, body: bytes, after: float | None) -> AdapterError:
        if status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Retryable(f"the channel answered {status}", after_seconds=after)
        if self._read_error is not None and (known := self._read_error(status, _json_or_none(body))):
            return known
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return AuthFailed(f"the channel answered {status}: it does not accept the credentials")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Rejected(f"the channel redirects ({status}) to {_place(headers)}; use that address")
        return Rejected(f"the channel answered {status}: {_excerpt(body)}")

    def _wait_before(self, attempt: int, error: AdapterError) -> float:
        """Full jitter over a doubling span, never less than what the channel asked for."""
        span = BACKOFF_SECONDS * 2.0 ** (attempt - 2)
        asked = error.after_seconds if isinstance(error, Retryable) else None
        return max(asked or 0.0, span * self._jitter())


def read_json(body: bytes) -> Json:
    """Decode strictly: exact integers, Decimal fractions, no NaN. Raises ContractBroken."""
    try:
        return jsonlib.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ContractBroken(f"body is not JSON ({type(error).__name__})", path="$") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _encode(value: Json) -> bytes | None:
    if value is None:
        return None
    return jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _json_or_none(body: bytes) -> Json:
    try:
        return read_json(body)
    except ContractBroken:
        return None


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds from now, from either form of the header (RFC 9110, 10.2.3); None when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - utc_now()).total_seconds())


def _place(headers: httpx.Headers) -> str:
    """Where a redirect points, without the query (it may repeat a token)."""
    return str(headers.get("location", "an unnamed place")).partition("?")[0][:MAX_REASON_LENGTH]


def _excerpt(body: bytes) -> str:
    text = body[:MAX_REASON_LENGTH].decode("utf-8", "replace")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _log_attempt(call: _Call, attempt: int, status: int | None, seconds: float) -> None:
    """Method, path and outcome only: headers, query and bodies hold credentials and personal data."""
    _log.log(
        logging.DEBUG if status is not None and status < HTTPStatus.BAD_REQUEST else logging.WARNING,
        "channel request",
        extra={
            "http_method": call.method,
            "http_path": call.path,
            "http_status": status,
            "attempt": attempt,
            "duration_ms": round(seconds * 1000, 1),
        },
    )
