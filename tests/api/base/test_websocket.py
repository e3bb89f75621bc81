"""The WebSocket edge, attacked with a real client."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hub.kernel.principal import Principal

PROTOCOL = Subprotocol("graphql-transport-ws")


@asynccontextmanager
async def opened(running, **options: Any) -> AsyncIterator[ClientConnection]:
    options.setdefault("subprotocols", [PROTOCOL])
    async with connect(running.ws_url, **options) as socket:
        yield socket


async def tell(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 20))
    return message


async def initialise(socket: ClientConnection) -> None:
    await tell(socket, type="connection_init", payload={"Authorization": "Bearer reader"})
    assert await hear(socket) == {"type": "connection_ack"}


async def subscribe(socket: ClientConnection, query: str, key: str = "1") -> None:
    await tell(socket, type="subscribe", id=key, payload={"query": query})


async def closed_with(socket: ClientConnection) -> int | None:
    """The code with which the hub closed; what it still said before is read and dropped."""
    await asyncio.wait_for(_drained(socket), 20)
    return socket.close_code


async def _drained(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()


async def test_a_subscription_delivers_its_events_and_completes(running, journal):
    async with opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { ticks(count: 3) }")
        messages = [await hear(socket) for _ in range(4)]
    assert [one["payload"]["data"]["ticks"] for one in messages[:3]] == [0, 1, 2]
    assert messages[3] == {"id": "1", "type": "complete"}
    assert journal.open_streams == 0


async def test_the_token_may_come_in_a_header(running):
    async with opened(running, additional_headers={"Authorization": "Bearer reader"}) as socket:
        await tell(socket, type="connection_init")
        assert await hear(socket) == {"type": "connection_ack"}


async def test_subscribing_without_init_closes_4401(running, journal):
    async with opened(running, additional_headers={"Authorization": "Bearer reader"}) as socket:
        await subscribe(socket, "subscription { ticks(count: 1) }")
        assert await closed_with(socket) == 4401
    assert journal.open_streams == 0


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["soap"], None])
async def test_the_legacy_protocol_is_refused(running, protocols):
    wanted = [Subprotocol(name) for name in protocols] if protocols else None
    async with opened(running, subprotocols=wanted) as socket:
        assert socket.subprotocol is None
        assert await closed_with(socket) == 4406


async def test_a_foreign_origin_is_refused_in_the_handshake(running):
    with pytest.raises(InvalidStatus) as caught:
        async with opened(running, origin="https://evil.test"):
            pass
    assert caught.value.response.status_code == 403


async def test_our_own_origin_may_connect(running):
    async with opened(running, origin="https://shop.example") as socket:
        await initialise(socket)


async def test_silence_after_connecting_closes_4408(serve, edge):
    async with serve(edge, init_seconds=0.05) as running, opened(running) as socket:
        assert await closed_with(socket) == 4408


async def test_pings_do_not_prolong_the_time_to_initialise(serve, edge):
    async with serve(edge, init_seconds=0.2) as running, opened(running) as socket:
        await tell(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}
        assert await closed_with(socket) == 4408


async def test_an_unknown_credential_closes_4403(running):
    async with opened(running) as socket:
        await tell(socket, type="connection_init", payload={"Authorization": "Bearer stranger"})
        assert await closed_with(socket) == 4403


async def test_a_second_init_closes_4429(running):
    async with opened(running) as socket:
        await initialise(socket)
        await tell(socket, type="connection_init")
        assert await closed_with(socket) == 4429


async def test_the_same_id_twice_closes_4409(running):
    async with opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { quiet }")
        assert (await hear(socket))["type"] == "next"
        await subscribe(socket, "subscription { quiet }")
        assert await closed_with(socket) == 4409


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "null",
        '{"id": "1"}',
        '{"type": 3}',
        '{"type": "hello"}',
        '{"type": "start", "id": "1"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": ""}',
        '{"type": "subscribe", "id": 1}',
        '{"type": "ping", "payload": NaN}',
        '{"type": "ping", "type": "ping"}',
        '{"type": "ping", "payload": ' + "[" * 10_000,
        b"\x00\x01",
    ],
)
async def test_a_malformed_message_closes_4400(running, frame):
    async with opened(running) as socket:
        await initialise(socket)
        await socket.send(frame)
        assert await closed_with(socket) == 4400


async def test_a_frame_beyond_64_kb_closes_1009(running):
    async with opened(running) as socket:
        await initialise(socket)
        await socket.send(json.dumps({"type": "ping", "payload": {"x": "y" * 70_000}}))
        assert await closed_with(socket) == 1009


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{ item(sku: "a") { sku } }', "OPERATION_NOT_SUPPORTED"),
        ('mutation { itemRename(input: {sku: "a", name: "b"}) { item { sku } } }', "OPERATION_NOT_SUPPORTED"),
        ("subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { ticks(count: 1) quiet }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {" + " ".join(f"a{n}: ticks(count: 1)" for n in range(60)) + "}", "DOCUMENT_TOO_COMPLEX"),
        ("{ __schema { types { name } } }", "INTROSPECTION_DISABLED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_the_same_guard_stands_here_and_the_connection_survives(running, journal, query, code):
    async with opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, query)
        message = await hear(socket)
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == code
        await tell(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}
    assert not journal.calls


async def test_the_twenty_first_subscription_is_refused(running, journal):
    async with opened(running) as socket:
        await initialise(socket)
        for number in range(21):
            await subscribe(socket, "subscription { quiet }", key=str(number))
        messages = [await hear(socket) for _ in range(21)]
        (error,) = [one for one in messages if one["type"] == "error"]
        assert error["id"] == "20"
        assert error["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        assert journal.open_streams == 20


async def test_completing_frees_the_place_and_closes_the_source(running, journal):
    async with opened(running) as socket:
        await initialise(socket)
        for number in range(25):
            journal.event("closed").clear()
            await subscribe(socket, "subscription { quiet }", key=str(number))
            assert (await hear(socket))["type"] == "next"
            await tell(socket, type="complete", id=str(number))
            await asyncio.wait_for(journal.event("closed").wait(), 20)
    assert journal.open_streams == 0


async def test_leaving_closes_every_source(running, journal):
    async with opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { quiet }")
        assert (await hear(socket))["type"] == "next"
    await asyncio.wait_for(journal.event("closed").wait(), 20)
    assert journal.open_streams == 0


async def test_a_revoked_credential_loses_its_connection(serve, edge, journal):
    asked = []

    async def still_valid(principal: Principal) -> bool:
        asked.append(principal)
        return len(asked) < 2

    async with serve(edge, still_valid=still_valid, reauthorise_seconds=0.05) as running:
        async with opened(running) as socket:
            await initialise(socket)
            await subscribe(socket, "subscription { quiet }")
            assert await closed_with(socket) == 4403
        await asyncio.wait_for(journal.event("closed").wait(), 20)
    assert len(asked) == 2


async def test_a_client_that_does_not_read_is_cut_off(serve, edge, journal):
    async with serve(edge, max_queued_events=50) as running, opened(running, compression=None) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { flood }")
        await asyncio.wait_for(journal.event("closed").wait(), 20)
        assert await closed_with(socket) == 4413
    assert journal.open_streams == 0


async def test_a_burst_larger_than_the_queue_reaches_a_client_that_reads(serve, edge):
    async with serve(edge, max_queued_events=10) as running, opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { ticks(count: 500) }")
        messages = [await hear(socket) for _ in range(501)]
    assert messages[-1]["type"] == "complete"


async def test_a_fault_in_the_source_is_masked_and_ends_the_subscription(running):
    async with opened(running) as socket:
        await initialise(socket)
        await subscribe(socket, "subscription { breaking }")
        first, fault, end = [await hear(socket) for _ in range(3)]
    assert first["payload"]["data"] == {"breaking": 1}
    assert fault["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in str(fault)
    assert end["type"] == "complete"
