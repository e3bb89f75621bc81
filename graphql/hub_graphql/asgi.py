"""GraphQL over HTTP as a bare ASGI app: POST with JSON, nothing else."""

import asyncio
from http import HTTPStatus
from typing import Any

import msgspec
from graphql import OperationType

from hub.access import UNAUTHENTICATED_CODES
from hub.kernel.errors import DeniedError, ErrorKind, HubError, UnavailableError
from hub.kernel.principal import Principal
from hub_graphql import limits
from hub_graphql.edge import Edge, Handshake, Receive, Scope, Send, handshake, request_id
from hub_graphql.execution import Operation, Payload
from hub_graphql.faults import faulted, refused
from hub_graphql.refusals import (
    BodyTooLargeError,
    BodyTooSlowError,
    DocumentError,
    MediaTypeRefusedError,
    MethodRefusedError,
    NotAcceptableError,
    OperationTypeError,
    RefusalError,
)
from hub_graphql.sse import EVENT_STREAM, stream_events
from hub_graphql.strict_json import parse_request
from hub_graphql.websocket import serve_websocket

GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class GraphQLApp:
    """Mount it at /graphql; it serves HTTP, server-sent events and WebSockets."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await serve_websocket(self._edge, scope, receive, send)
        elif scope["type"] == "http":
            await _Exchange(self._edge, scope, receive, send).answer()


class _Exchange:
    """One HTTP request and its response."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._handshake: Handshake = handshake(scope)
        self._request_id = request_id(self._handshake.headers)
        self._media_type = PLAIN_JSON

    async def answer(self) -> None:
        try:
            await self._serve()
        except ConnectionError:
            return
        except HubError as error:
            await self._refuse(error)
        except Exception as error:  # noqa: BLE001 (the one mask for faults)
            payload = {"errors": faulted(error, self._request_id)}
            await self._respond(HTTPStatus.INTERNAL_SERVER_ERROR, payload)

    async def _serve(self) -> None:
        self._media_type = _negotiate(self._handshake.headers.get("accept"))
        self._edge.check_origin(self._handshake)
        _check_request_line(self._scope["method"], self._handshake)
        principal = await self._authenticate()
        request = parse_request(await self._body())
        operation = self._edge.engine.prepare(request, principal)
        self._check_kind(operation)
        await self._edge.charge(principal, operation.cost)
        if operation.kind is OperationType.SUBSCRIPTION:
            context = self._edge.context(principal, self._request_id, hold_session=False)
            await stream_events(self._edge, operation, context, self._receive, self._send)
        else:
            await self._respond_to(operation, principal)

    async def _respond_to(self, operation: Operation, principal: Principal) -> None:
        make = self._edge.mutation_context if operation.kind is OperationType.MUTATION else self._edge.context
        context = make(principal, self._request_id)
        payload = await self._edge.engine.run(operation, context, seconds=self._edge.request_seconds)
        await self._respond(_result_status(payload), payload)

    async def _authenticate(self) -> Principal:
        try:
            return await self._edge.authenticate(self._handshake)
        except DeniedError as error:
            if error.code not in UNAUTHENTICATED_CODES:
                raise
            raise _UnauthenticatedError(error.message, code=error.code) from error

    def _check_kind(self, operation: Operation) -> None:
        streams = operation.kind is OperationType.SUBSCRIPTION
        if streams and self._media_type != EVENT_STREAM:
            raise OperationTypeError(f"subscriptions need a WebSocket (graphql-transport-ws) or Accept: {EVENT_STREAM}")
        if not streams and self._media_type == EVENT_STREAM:
            raise OperationTypeError(f"only subscriptions are served as {EVENT_STREAM}")

    async def _body(self) -> bytes:
        length = self._handshake.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > limits.MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(limits.BODY_SECONDS):
                return await self._read_body()
        except TimeoutError:
            raise BodyTooSlowError(f"the body did not arrive within {limits.BODY_SECONDS:g} seconds") from None

    async def _read_body(self) -> bytes:
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            body += message.get("body", b"")
            if len(body) > limits.MAX_BODY_BYTES:
                raise _too_large()
            if not message.get("more_body", False):
                return bytes(body)

    async def _refuse(self, error: HubError) -> None:
        status = refusal_status(error)
        if status == HTTPStatus.BAD_REQUEST and isinstance(error, DocumentError) and self._media_type == PLAIN_JSON:
            # GraphQL over HTTP: with application/json only a malformed request is an HTTP error.
            status = HTTPStatus.OK
        await self._respond(status, {"errors": refused(error, self._request_id)}, _refusal_headers(error))

    async def _respond(self, status: int, payload: Payload, extra: list[tuple[bytes, bytes]] | None = None) -> None:
        media_type = GRAPHQL_JSON if self._media_type == GRAPHQL_JSON else PLAIN_JSON
        body = _encode(payload)
        headers = [
            (b"content-type", f"{media_type}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", self._request_id.encode()),
            (b"vary", b"Accept, Origin"),
            *(extra or ()),
        ]
        await self._send({"type": "http.response.start", "status": int(status), "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


class _UnauthenticatedError(RefusalError):
    code = "UNAUTHENTICATED"
    kind = ErrorKind.DENIED
    status = HTTPStatus.UNAUTHORIZED


def refusal_status(error: HubError) -> HTTPStatus:
    """The HTTP status of an error that stopped a request before it ran."""
    if isinstance(error, RefusalError):
        return error.status
    if isinstance(error, UnavailableError):
        return HTTPStatus.TOO_MANY_REQUESTS
    return HTTPStatus.FORBIDDEN if isinstance(error, DeniedError) else HTTPStatus.BAD_REQUEST


def _refusal_headers(error: HubError) -> list[tuple[bytes, bytes]]:
    if isinstance(error, _UnauthenticatedError):
        return [(b"www-authenticate", b"Bearer")]
    if isinstance(error, MethodRefusedError):
        return [(b"allow", b"POST")]
    if isinstance(error, UnavailableError) and error.retry_after_seconds is not None:
        return [(b"retry-after", str(max(1, round(error.retry_after_seconds))).encode())]
    if isinstance(error, BodyTooSlowError):
        return [(b"connection", b"close")]
    return []


def _result_status(payload: Payload) -> int:
    codes: list[Any] = [error["extensions"]["code"] for error in payload.get("errors", ())]
    return HTTPStatus.GATEWAY_TIMEOUT if "DEADLINE_EXCEEDED" in codes else HTTPStatus.OK


def _check_request_line(method: str, shown: Handshake) -> None:
    if method != "POST":
        raise MethodRefusedError("send GraphQL requests with POST")
    media_type, _, parameters = shown.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != PLAIN_JSON:
        raise MediaTypeRefusedError(f"send the request as {PLAIN_JSON}")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise MediaTypeRefusedError("send the request in UTF-8")
    if shown.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeRefusedError("send the request uncompressed")


def _negotiate(accept: str | None) -> str:
    """The media type of the response: the first of the client's list that we can write."""
    if not accept:
        return PLAIN_JSON
    for item in accept.split(","):
        wanted = item.partition(";")[0].strip().lower()
        if wanted in {GRAPHQL_JSON, EVENT_STREAM, PLAIN_JSON}:
            return wanted
        if wanted in {"*/*", "application/*"}:
            return PLAIN_JSON
    raise NotAcceptableError(f"responses are written as {GRAPHQL_JSON}, {PLAIN_JSON} or {EVENT_STREAM}")


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(f"the body has more than {limits.MAX_BODY_BYTES} bytes")
