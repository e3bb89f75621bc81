"""Subscriptions as server-sent events."""

import asyncio
import json
from typing import Any

from hub.kernel.principal import Principal
from hub_graphql.limits import MAX_COST

EVENTS = {"accept": "text/event-stream"}


def events_of(text: str) -> list[tuple[str, dict[str, Any] | None]]:
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.partition(":")[::2] for line in block.splitlines() if not line.startswith(":"))
        if "event" in lines:
            data = lines["data"].strip()
            found.append((lines["event"].strip(), json.loads(data) if data else None))
    return found


async def test_events_arrive_one_by_one_and_the_stream_completes(running, journal):
    response = await running.post("subscription { ticks(count: 2) }", headers=EVENTS)
    cost = {"cost": {"requested": 0, "limit": MAX_COST}}
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert events_of(response.text) == [
        ("next", {"data": {"ticks": 0}, "extensions": cost}),
        ("next", {"data": {"ticks": 1}, "extensions": cost}),
        ("complete", None),
    ]
    assert journal.open_streams == 0


async def test_the_same_guard_stands_before_the_stream(running):
    query = await running.post("{ __typename }", headers=EVENTS)
    invalid = await running.post("subscription { nonsense }", headers=EVENTS)
    stranger = await running.post("subscription { ticks(count: 1) }", caller="stranger", headers=EVENTS)
    foreign = await running.post("subscription { quiet }", headers=EVENTS | {"origin": "https://evil.test"})
    assert [one.status_code for one in (query, invalid, stranger, foreign)] == [400, 400, 401, 403]
    assert invalid.headers["content-type"].startswith("application/json")


async def test_a_quiet_stream_beats_and_leaving_closes_its_source(serve, edge, journal):
    async with serve(edge, heartbeat_seconds=0.02) as running:
        request = {"json": {"query": "subscription { quiet }"}, "headers": running.headers("reader") | EVENTS}
        async with running.client.stream("POST", "/graphql", **request) as response:
            lines = []
            async for line in response.aiter_lines():
                lines.append(line)
                if lines.count(":") >= 2:
                    break
        assert 'data: {"data":{"quiet":1}' in "\n".join(lines)
        await asyncio.wait_for(journal.event("closed").wait(), 20)
    assert journal.open_streams == 0


async def test_a_revoked_credential_loses_its_stream(serve, edge, journal):
    async def still_valid(_principal: Principal) -> bool:
        return False

    async with serve(edge, still_valid=still_valid, reauthorise_seconds=0.02) as running:
        response = await running.post("subscription { quiet }", headers=EVENTS)
    *_, told, end = events_of(response.text)
    assert told[1] is not None
    assert told[1]["errors"][0]["extensions"]["code"] == "DENIED"
    assert end == ("complete", None)
    assert journal.open_streams == 0


async def test_a_client_that_does_not_read_is_cut_off(serve, edge, journal):
    async with serve(edge, max_queued_events=20) as running:
        request = {"json": {"query": "subscription { flood }"}, "headers": running.headers("reader") | EVENTS}
        async with running.client.stream("POST", "/graphql", **request):
            await asyncio.wait_for(journal.event("closed").wait(), 20)
    assert journal.open_streams == 0
