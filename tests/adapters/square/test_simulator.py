"""The simulated account as the demo uses it: its webhooks, its checks, its program."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from adapters.sdk.types import EventTopic, RawWebhook
from adapters.square.simulator.counts import Tally
from hub.kernel.clock import utc_now
from tests.adapters.square.running import CATALOG, RunningSquare, connect, settings_for


@asynccontextmanager
async def receiver(statuses: list[int]) -> AsyncIterator[tuple[str, list[RawWebhook]]]:
    """A bare HTTP server that keeps what is posted and answers with the statuses, then 200."""
    received: list[RawWebhook] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        received.append(RawWebhook(headers, body, url))
        status = statuses.pop(0) if statuses else 200
        writer.write(f"HTTP/1.1 {status} Answer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    async with server:
        yield url, received


class TestWebhooks:
    async def test_a_sale_posts_signed_hints_that_the_adapter_accepts(self, square: RunningSquare) -> None:
        async with receiver([]) as (url, received):
            await square.control("hook", {"url": url, "signature_key": "s3cret"})
            sold = await square.sell("MUG", fulfillment="PICKUP")
        connection = connect(settings_for(square.url, notification_url=url))
        events = [connection.verify(one, now=utc_now()) for one in received]
        await connection.close()
        assert [(one.topic, one.external_id) for one in events] == [
            (EventTopic.ORDER, sold["id"]),
            (EventTopic.STOCK, None),
        ]

    async def test_what_is_not_taken_is_posted_again_as_the_same_event(self, square: RunningSquare) -> None:
        async with receiver([500, 503]) as (url, received):
            await square.control("hook", {"url": url, "signature_key": "s3cret"})
            await square.sell("MUG")
            again = await square.control("deliver")
        assert len(again["deliveries"]) == 2
        assert sorted(one.body for one in received[:2]) == sorted(one.body for one in received[2:])

    async def test_a_taken_event_can_be_delivered_again(self, square: RunningSquare) -> None:
        async with receiver([]) as (url, received):
            await square.control("hook", {"url": url, "signature_key": "s3cret"})
            await square.sell("MUG")
            answer = await square.control(
                "redeliver", {"event_id": json.loads(received[0].body)["event_id"], "times": 3}
            )
        assert answer["statuses"] == [200, 200, 200]
        assert [one.body for one in received[2:]] == [received[0].body] * 3

    async def test_a_hub_that_is_down_is_told_later(self, square: RunningSquare) -> None:
        async with receiver([]) as (url, _):
            pass
        await square.control("hook", {"url": url, "signature_key": "s3cret"})
        await square.sell("MUG")
        assert len(square.seller.pending) == 2


class TestChecks:
    async def post(self, square: RunningSquare, path: str, body: object, method: str = "POST") -> httpx.Response:
        headers = {"authorization": f"Bearer {square.seller.access_token}"}
        async with httpx.AsyncClient(base_url=square.url, headers=headers) as client:
            return await client.request(method, path, json=body)

    @pytest.mark.parametrize("hours", [-1, 25])
    async def test_a_count_from_the_future_or_of_yesterday_is_refused(self, square: RunningSquare, hours: int) -> None:
        at = (utc_now() - timedelta(hours=hours)).isoformat()
        count = {
            "catalog_object_id": "MUG",
            "location_id": "LBER",
            "state": "IN_STOCK",
            "quantity": "1",
            "occurred_at": at,
        }
        body = {"idempotency_key": "k", "changes": [{"type": "PHYSICAL_COUNT", "physical_count": count}]}
        answer = await self.post(square, "/v2/inventory/changes/batch-create", body)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_TIME")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"idempotency_key": "k", "changes": []},
            {"idempotency_key": "k", "changes": [{}] * 101},
            {"idempotency_key": "k", "changes": [{}]},
            [],
            7,
        ],
    )
    async def test_a_batch_that_is_none_is_refused(self, square: RunningSquare, body: object) -> None:
        assert (await self.post(square, "/v2/inventory/changes/batch-create", body)).status_code == 400

    async def test_a_search_must_sort_by_what_it_filters_and_keep_its_question(self, square: RunningSquare) -> None:
        times = {"query": {"filter": {"date_time_filter": {"updated_at": {"start_at": "2026-01-01T00:00:00Z"}}}}}
        questions: list[dict[str, object]] = [
            {"location_ids": ["LBER"], **times},
            {"location_ids": ["LBER"], "cursor": "x.1"},
            {"location_ids": []},
        ]
        for body in questions:
            assert (await self.post(square, "/v2/orders/search", body)).status_code == 400

    async def test_the_whole_catalog_can_be_listed(self, square: RunningSquare) -> None:
        answer = await self.post(square, "/v2/catalog/list", None, "GET")
        assert [one["id"] for one in answer.json()["objects"]] == ["ITEM-TEE", "ITEM-MUG"]


class TestTally:
    AT = datetime(2026, 11, 22, tzinfo=UTC)

    def test_sales_after_the_count_are_subtracted_whatever_order_they_arrive_in(self) -> None:
        tally = Tally()
        tally.move(-1, self.AT + timedelta(minutes=2))
        tally.count(5, self.AT + timedelta(minutes=1))
        tally.move(-3, self.AT)
        tally.count(9, self.AT)
        assert tally.quantity == 4


async def test_the_program_serves_a_catalog_and_says_where(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(CATALOG), encoding="utf-8")
    arguments = ["--catalog", str(catalog), "--location", "LBER=Berlin", "--access-token", "T", "--currency", "EUR"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.square.simulator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    started = json.loads(await program.stdout.readline())
    connection = connect(settings_for(started["url"], access_token="T"))
    health = await connection.check()
    await connection.close()
    async with httpx.AsyncClient(base_url=started["url"]) as client:
        state = (await client.get("/_simulator/state")).json()
    program.terminate()
    await program.wait()
    assert health.ok
    assert state["stock"] == {"TEE-S": {"LBER": 5}, "TEE-M": {"LBER": 2}, "MUG": {"LBER": 7}}
