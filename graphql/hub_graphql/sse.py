"""GraphQL over server-sent events, distinct connections mode: one POST, one subscription, one stream."""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import msgspec

from hub_graphql.context import RequestContext
from hub_graphql.edge import Edge, Receive, Send
from hub_graphql.execution import Operation, Payload
from hub_graphql.faults import refused
from hub_graphql.limits import CLOSING_SECONDS
from hub_graphql.refusals import RefusalError
from hub_graphql.watch import revoked

EVENT_STREAM = "text/event-stream"
_COMPLETE = b"event: complete\ndata:\n\n"
_HEARTBEAT = b":\n\n"
_encode = msgspec.json.Encoder().encode


async def stream_events(
    edge: Edge, operation: Operation, context: RequestContext, receive: Receive, send: Send
) -> None:
    """Send every event until the source ends, the client leaves or lags, or the credential is revoked."""
    await send({"type": "http.response.start", "status": 200, "headers": _headers(context)})
    stream = _EventStream(edge, operation, context, send)
    collecting = asyncio.create_task(stream.collect())
    revoking = asyncio.create_task(revoked(edge, context.principal))
    lagging = asyncio.create_task(stream.overflowed.wait())
    endings: list[asyncio.Task[Any]] = [
        asyncio.create_task(stream.deliver()),
        asyncio.create_task(_left(receive)),
        revoking,
        lagging,
    ]
    farewell = b""
    try:
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        if revoking.done():
            farewell = stream.last_word("the credential was revoked", "DENIED")
        elif lagging.done():
            farewell = stream.last_word("the client reads too slowly; subscribe again", "SLOW_CONSUMER")
    finally:
        await _stop(collecting, *endings)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await send({"type": "http.response.body", "body": farewell})


class _EventStream:
    """A bounded queue between the source and a client that may read slowly."""

    def __init__(self, edge: Edge, operation: Operation, context: RequestContext, send: Send) -> None:
        self._edge = edge
        self._operation = operation
        self._context = context
        self._send = send
        self._queue: asyncio.Queue[Payload] = asyncio.Queue(edge.max_queued_events)
        self._ended = asyncio.Event()
        self.overflowed = asyncio.Event()

    async def collect(self) -> None:
        """Read the source. A client that fell behind by a whole queue is cut off, not waited for."""
        async with aclosing(self._edge.engine.stream(self._operation, self._context)) as payloads:
            async for payload in payloads:
                if self._queue.full():
                    self.overflowed.set()
                    return
                self._queue.put_nowait(payload)
                # A source that has much to say at once must not outrun the writer of a willing client.
                await asyncio.sleep(0)
        self._ended.set()

    async def deliver(self) -> None:
        while True:
            payload = await self._next()
            if payload is not None:
                await self._write(_event(payload))
            elif self._ended.is_set() and self._queue.empty():
                await self._write(_COMPLETE)
                return
            else:
                await self._write(_HEARTBEAT)

    def last_word(self, message: str, code: str) -> bytes:
        error = RefusalError(message, code=code)
        return _event({"errors": refused(error, self._context.request_id)}) + _COMPLETE

    async def _next(self) -> Payload | None:
        """The next payload; None when the source ended or nothing came for a heartbeat's time."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        waiting = asyncio.create_task(self._queue.get())
        ending = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait(
                (waiting, ending), timeout=self._edge.heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            return waiting.result() if waiting.done() else None
        finally:
            waiting.cancel()
            ending.cancel()

    async def _write(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


def _event(payload: Payload) -> bytes:
    return b"event: next\ndata: " + _encode(payload) + b"\n\n"


def _headers(context: RequestContext) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", context.request_id.encode()),
    ]


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
