"""A client of the hub's public API, as a shop's or a till's programmer would write it.

Whatever gets no clear answer is asked again with the same idempotency key, until it gets one.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from hub.entrypoints.demo.journal import Journal
from hub.entrypoints.demo.roles import Role, pause

TIMEOUT_SECONDS: Final = 15.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
ASK_AGAIN: Final = frozenset(
    {"IDEMPOTENCY_CONCURRENT_REQUEST", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATABASE_UNAVAILABLE"}
)

Json = dict[str, Any]


class RefusedError(Exception):
    """The hub said no, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class StoppedError(Exception):
    """The client was stopped before an answer came."""


async def act_until_stopped(
    stop: asyncio.Event, act: Callable[[], Awaitable[None]], pause_seconds: Callable[[], float]
) -> None:
    """Act again and again with pauses between. To be refused is a part of life."""
    while not stop.is_set():
        try:
            await act()
        except RefusedError:
            pass
        except StoppedError:
            return
        await pause(stop, pause_seconds())


class _NoAnswerError(Exception):
    """Nothing is known about what became of the request."""


def nodes(connection: Json) -> list[Json]:
    """What a page of a connection holds."""
    return [edge["node"] for edge in connection["edges"]]


class HubClient:
    """Speaks for one credential. `stop` ends waiting for answers that do not come."""

    def __init__(
        self, role: Role, stop: asyncio.Event, *, token: str | None = None, journal: Journal | None = None
    ) -> None:
        self._token = token or role.token
        self._url = role.url
        self._stop = stop
        self._chance = random.Random(role.seed)  # noqa: S311 (spreads retries)
        self._http = httpx.AsyncClient(
            base_url=role.url, timeout=TIMEOUT_SECONDS, headers={"authorization": f"Bearer {self._token}"}
        )
        self.journal = journal or Journal(role.journal_path, role.name)

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, document: str, variables: Mapping[str, Any] | None = None) -> Json:
        """The data of a query. Raises RefusedError or StoppedError."""
        wait = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._once(document, variables or {})
            except _NoAnswerError:
                wait = await self._pause(wait)

    async def do(self, kind: str, document: str, given: Mapping[str, Any], *, facts: Mapping[str, Any]) -> Json:
        """The payload of the mutation `kind`, made once however often it is sent; journaled before and after.

        `facts` of the journal are ids and counts of what is meant. Raises RefusedError or StoppedError.
        """
        key = str(uuid4())
        self.journal.intend(kind, key, **facts)
        try:
            return await self._keyed(kind, document, dict(given) | {"idempotencyKey": key}, key)
        except RefusedError as error:
            self.journal.refused(kind, key, error.code)
            raise

    async def _keyed(self, kind: str, document: str, given: Json, key: str) -> Json:
        wait = FIRST_PAUSE_SECONDS
        while True:
            payload: Json = (await self.ask(document, {"input": given}))[kind]
            errors = payload["errors"]
            if not errors:
                return payload | {"idempotencyKey": key}
            if errors[0]["code"] not in ASK_AGAIN:
                raise RefusedError(errors[0]["code"], errors[0]["message"])
            wait = await self._pause(wait)

    async def watch(self, document: str, variables: Mapping[str, Any], field: str) -> AsyncIterator[Json]:
        """What a subscription tells, across broken connections: it goes on after the last cursor it saw."""
        wait, after = FIRST_PAUSE_SECONDS, None
        while not self._stop.is_set():
            try:
                async for data in self._subscribe(document, {**variables, "after": after}):
                    wait, after = FIRST_PAUSE_SECONDS, data[field].get("cursor", after)
                    yield data[field]
            except RefusedError:
                after = None
            except (OSError, WebSocketException, TimeoutError):
                pass
            wait = await self._pause_quietly(wait)

    async def _subscribe(self, document: str, variables: Json) -> AsyncIterator[Json]:
        address = self._url.replace("http", "ws", 1) + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"], max_size=2**20) as socket:  # type: ignore[list-item]
            await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": self._bearer}}))
            start = {"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}}
            async for text in socket:
                message = json.loads(text)
                match message["type"]:
                    case "connection_ack":
                        await socket.send(json.dumps(start))
                    case "ping":
                        await socket.send('{"type":"pong"}')
                    case "next" if message["payload"].get("data"):
                        yield message["payload"]["data"]
                    case "next" | "error":
                        raise _refusal(message["payload"])
                    case "complete":
                        return

    @property
    def _bearer(self) -> str:
        return f"Bearer {self._token}"

    async def _once(self, document: str, variables: Mapping[str, Any]) -> Json:
        try:
            answer = await self._http.post("/graphql", json={"query": document, "variables": variables})
        except httpx.TransportError as error:
            raise _NoAnswerError from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise _NoAnswerError
        try:
            body: Json = answer.json()
        except ValueError as error:
            raise _NoAnswerError from error
        if errors := body.get("errors"):
            refusal = _refusal(errors)
            raise (_NoAnswerError() if _passes(errors) else refusal)
        data: Json = body["data"]
        return data

    async def _pause(self, seconds: float) -> float:
        if self._stop.is_set():
            raise StoppedError
        return await self._pause_quietly(seconds)

    async def _pause_quietly(self, seconds: float) -> float:
        await pause(self._stop, seconds * self._chance.uniform(0.5, 1.5))
        return min(seconds * 2, LONGEST_PAUSE_SECONDS)


def _passes(errors: list[Json]) -> bool:
    """Whether the fault lies with the hub's present state and not with the request."""
    details = errors[0].get("extensions", {})
    return details.get("code") in ASK_AGAIN or details.get("kind") == "UNAVAILABLE"


def _refusal(errors: Any) -> RefusedError:
    first = errors[0] if isinstance(errors, list) else errors["errors"][0]
    return RefusedError(first.get("extensions", {}).get("code", "UNKNOWN"), first["message"])
