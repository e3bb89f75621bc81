"""GraphQL over WebSocket: the protocol `graphql-transport-ws`, subscriptions only.

The legacy protocol `graphql-ws` is refused. Nothing is read from the database for a connection that has not
shown who it is, and no session is held between events.
"""

import asyncio
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import replace
from enum import IntEnum
from typing import Any

import msgspec
from graphql import OperationType

from hub.kernel.errors import DeniedError, HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub_graphql import limits
from hub_graphql.edge import Edge, Message, Receive, Scope, Send, bearer, handshake
from hub_graphql.execution import Operation
from hub_graphql.faults import refused
from hub_graphql.refusals import BodyTooLargeError, MalformedBodyError, OperationTypeError, OriginRefusedError
from hub_graphql.strict_json import as_request, parse_object
from hub_graphql.watch import revoked

PROTOCOL = "graphql-transport-ws"
_MAX_REASON = 120
_encode = msgspec.json.Encoder().encode


class CloseCode(IntEnum):
    """Why the hub closed a connection; most are the protocol's own."""

    NORMAL = 1000
    TOO_BIG = 1009
    FAULT = 1011
    MALFORMED = 4400
    NOT_INITIALISED = 4401
    FORBIDDEN = 4403
    WRONG_PROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    SLOW_CONSUMER = 4413
    TOO_MANY_INITS = 4429


class _CloseError(Exception):
    """Ends the connection with a code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _ClientLeftError(Exception):
    """The client closed the connection, or it broke."""


async def serve_websocket(edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection from its handshake to its end."""
    shown = handshake(scope)
    await receive()
    try:
        edge.check_origin(shown)
    except OriginRefusedError:
        await send({"type": "websocket.close", "code": CloseCode.FORBIDDEN})
        return
    speaks = PROTOCOL in scope.get("subprotocols", ())
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL if speaks else None})
    closing: _CloseError | None = None
    if not speaks:
        await _close(send, _CloseError(CloseCode.WRONG_PROTOCOL, f"Subprotocol not acceptable: use {PROTOCOL}"))
        return
    try:
        await _Connection(edge, scope, receive, send).serve()
    except _ClientLeftError:
        return
    except _CloseError as error:
        closing = error
    if closing is not None:
        await _close(send, closing)


async def _close(send: Send, why: _CloseError) -> None:
    reason = why.reason.encode()[:_MAX_REASON].decode(errors="ignore")
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(limits.CLOSING_SECONDS):
            await send({"type": "websocket.close", "code": int(why.code), "reason": reason})


class _Connection:
    """One accepted connection: a reader, one writer, a watch on the credential, and its subscriptions."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge = edge
        self._shown = handshake(scope)
        self._receive = receive
        self._send = send
        self._outbox: asyncio.Queue[tuple[str | None, bytes]] = asyncio.Queue()
        self._queued: Counter[str | None] = Counter()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Raises _CloseError or _ClientLeftError, always."""
        principal = await self._initialise()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                tasks.create_task(self._watch(principal))
                tasks.create_task(self._read(tasks, principal))
        except* (_CloseError, _ClientLeftError) as group:
            reason: BaseException = group
            while isinstance(reason, BaseExceptionGroup):
                reason = reason.exceptions[0]
            raise reason from None

    async def _initialise(self) -> Principal:
        try:
            async with asyncio.timeout(self._edge.init_seconds):
                return await self._authenticated(await self._first_message())
        except TimeoutError:
            raise _CloseError(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None

    async def _first_message(self) -> Message:
        while True:
            message = await self._next_message()
            if message["type"] == "connection_init":
                return message
            if message["type"] == "subscribe":
                raise _CloseError(CloseCode.NOT_INITIALISED, "Unauthorized: send connection_init first")
            if message["type"] == "ping":
                await self._transmit(_encode({"type": "pong"}))

    async def _authenticated(self, message: Message) -> Principal:
        token = _payload_token(message)
        shown = replace(self._shown, token=token) if token else self._shown
        try:
            principal = await self._edge.authenticate(shown)
        except HubError as error:
            code = CloseCode.FORBIDDEN if isinstance(error, DeniedError) else CloseCode.FAULT
            raise _CloseError(code, f"Forbidden: {error.message}") from None
        await self._transmit(_encode({"type": "connection_ack"}))
        return principal

    async def _read(self, tasks: asyncio.TaskGroup, principal: Principal) -> None:
        while True:
            message = await self._next_message()
            match message["type"]:
                case "subscribe":
                    self._start(tasks, principal, message)
                case "complete":
                    self._stop(_operation_id(message))
                case "ping":
                    self._enqueue(None, {"type": "pong"})
                case "pong":
                    continue
                case "connection_init":
                    raise _CloseError(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
                case _:
                    raise _CloseError(CloseCode.MALFORMED, "Unknown message type")

    def _start(self, tasks: asyncio.TaskGroup, principal: Principal, message: Message) -> None:
        key = _operation_id(message)
        if key in self._running:
            raise _CloseError(CloseCode.DUPLICATE_ID, f"Subscriber for {key} already exists")
        if len(self._running) >= limits.MAX_SUBSCRIPTIONS:
            error = OperationTypeError(
                f"this connection has {limits.MAX_SUBSCRIPTIONS} subscriptions; complete one first",
                code="TOO_MANY_SUBSCRIPTIONS",
            )
            self._enqueue(key, {"id": key, "type": "error", "payload": refused(error, new_id().hex)})
            return
        self._running[key] = tasks.create_task(self._subscription(principal, key, message))

    def _stop(self, key: str) -> None:
        task = self._running.pop(key, None)
        if task:
            task.cancel()

    async def _subscription(self, principal: Principal, key: str, message: Message) -> None:
        request_id = new_id().hex
        try:
            operation = await self._prepare(principal, message)
            context = self._edge.context(principal, request_id, hold_session=False)
            async with aclosing(self._edge.engine.stream(operation, context)) as payloads:
                async for payload in payloads:
                    self._enqueue(key, {"id": key, "type": "next", "payload": payload})
                    # A source that has much to say at once must not outrun the writer of a willing client.
                    await asyncio.sleep(0)
            self._enqueue(key, {"id": key, "type": "complete"})
        except HubError as error:
            self._enqueue(key, {"id": key, "type": "error", "payload": refused(error, request_id)})
        finally:
            if self._running.get(key) is asyncio.current_task():
                del self._running[key]

    async def _prepare(self, principal: Principal, message: Message) -> Operation:
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise MalformedBodyError("a subscribe message needs a payload with a query")
        operation = self._edge.engine.prepare(as_request(payload), principal)
        if operation.kind is not OperationType.SUBSCRIPTION:
            raise OperationTypeError("the WebSocket serves subscriptions only; send queries and mutations by POST")
        await self._edge.charge(principal, operation.cost)
        return operation

    async def _watch(self, principal: Principal) -> None:
        await revoked(self._edge, principal)
        raise _CloseError(CloseCode.FORBIDDEN, "Forbidden: the credential was revoked")

    def _enqueue(self, key: str | None, message: dict[str, Any]) -> None:
        """Queue a message. A client that reads too slowly is cut off before the queue grows without end."""
        if self._queued[key] >= self._edge.max_queued_events:
            raise _CloseError(CloseCode.SLOW_CONSUMER, "The client reads too slowly; connect again")
        self._queued[key] += 1
        self._outbox.put_nowait((key, _encode(message)))

    async def _write(self) -> None:
        while True:
            key, text = await self._outbox.get()
            await self._transmit(text)
            self._queued[key] -= 1
            if not self._queued[key]:
                del self._queued[key]

    async def _transmit(self, text: bytes) -> None:
        try:
            await self._send({"type": "websocket.send", "text": text.decode()})
        except OSError:
            raise _ClientLeftError from None

    async def _next_message(self) -> Message:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise _ClientLeftError
        text = event.get("text")
        if text is None:
            raise _CloseError(CloseCode.MALFORMED, "Binary frames are not accepted")
        try:
            message = parse_object(text.encode("utf-8", "surrogatepass"), limit=limits.MAX_FRAME_BYTES)
        except BodyTooLargeError as error:
            raise _CloseError(CloseCode.TOO_BIG, error.message) from None
        except HubError as error:
            raise _CloseError(CloseCode.MALFORMED, f"Invalid message: {error.message}") from None
        if not isinstance(message.get("type"), str):
            raise _CloseError(CloseCode.MALFORMED, "Invalid message: it has no type")
        return message


def _operation_id(message: Message) -> str:
    key = message.get("id")
    if not isinstance(key, str) or not 1 <= len(key) <= limits.MAX_OPERATION_ID_LENGTH:
        raise _CloseError(
            CloseCode.MALFORMED, f"id must be a string of 1 to {limits.MAX_OPERATION_ID_LENGTH} characters"
        )
    return key


def _payload_token(message: Message) -> str | None:
    """The bearer token of a connection_init payload: `{"authorization": "Bearer …"}`, any case."""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        return None
    for name, value in payload.items():
        if name.lower() == "authorization" and isinstance(value, str):
            return bearer(value)
    return None
