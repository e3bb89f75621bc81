"""What channels tell the hub: once, whatever the road, however often, and never without a genuine signature."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import text

from adapters.sdk.types import RawWebhook
from hub.channel_sync import InboxRowNotParkedError, forget_old, on_events, poll_orders, replay
from hub.channels import channel_by_id
from hub.infra import events, relay
from hub.infra.database import Database
from hub.inventory import levels
from hub.loyalty import balances
from tests.channel_sync.stage import Stage, all_of, client_of, webhook_app
from tests.factories import move_clock

ADA = {"id": "c1", "email": "ada.canary@example.org", "first_name": "Adacanary", "email_verified": True}


async def points(stage: Stage, external_id: str) -> int:
    order = await stage.order(external_id)
    assert order.customer_id is not None
    async with stage.database.read() as session:
        found = (await balances(session, [order.customer_id])).get(order.customer_id, ())
    return sum(item.available for item in found)


async def test_one_order_by_five_webhooks_polls_and_replays_at_once_is_one_order_with_points_once(stage: Stage) -> None:
    await stage.stock("SHIRT", 10)
    await stage.settle()
    order_id = stage.shop.place_order([("shirt", 2)], customer=ADA, method="HANDED_OVER", location=None)
    shipped = stage.shop.place_order([("shirt", 3)], customer=ADA)
    hooks = [stage.shop.order_webhook(one) for one in (order_id, shipped)]
    answers = await all_of(*(stage.deliver(hook) for hook in hooks * 5))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["receipt"] for answer in answers).count("STORED") == 2
    await stage.ask("orders.poll")
    await all_of(*(stage.run_queue(queue) for queue in ("inbox", "channels", "inbox", "default", "channels")))
    await stage.settle()
    for hook in hooks:
        assert (await stage.deliver(hook)).json() == {"receipt": "DUPLICATE"}
    async with stage.database.write() as session:
        await session.execute(text("UPDATE inbox SET state = 'PARKED', error_code = 'TEST'"))
        for row in await session.execute(text("SELECT id FROM inbox")):
            await replay(session, row.id)
    await stage.poll()
    assert await stage.count("orders") == 2
    assert await stage.count("fulfillment_orders") == 1
    assert await stage.allocated("SHIRT") == 3
    assert {row.state for row in await stage.inbox()} == {"DONE"}
    await stage.assert_sound()


async def test_points_of_a_counter_sale_are_earned_once(stage: Stage) -> None:
    await stage.stock("SHIRT", 10)
    async with stage.database.write() as session:
        await session.execute(
            text("UPDATE channel_locations SET external_location_id = 'till' WHERE location_id = :id"),
            {"id": stage.locations[0]},
        )
    order_id = stage.shop.place_order(
        [("shirt", 2)], customer=ADA, method="HANDED_OVER", location="till", state="COMPLETED"
    )
    await all_of(*(stage.deliver(stage.shop.order_webhook(order_id)) for _ in range(3)))
    await stage.poll()
    await stage.poll()
    assert await points(stage, order_id) == 39
    async with stage.database.read() as session:
        assert [level.on_hand for level in await levels(session, [stage.variants["SHIRT"]])] == [8]
    await stage.assert_sound()


async def test_the_poll_finds_an_order_whose_webhook_was_lost_within_the_overlap(stage: Stage) -> None:
    await stage.stock("SHIRT", 5)
    await stage.poll()
    late = stage.shop.place_order([("shirt", 1)])
    modified = stage.shop.orders[late]["modified"]
    await stage.poll()
    [cursor] = await stage.rows("SELECT watermark FROM channel_cursors WHERE kind = 'ORDERS'")
    assert cursor.watermark.isoformat() > modified
    stage.shop.orders["hidden"] = stage.shop.orders[late] | {"id": "hidden", "revision": 10_000}
    await stage.poll()
    assert (await stage.order(late)).status == "OPEN"
    assert (await stage.order("hidden")).status == "OPEN"


async def test_orders_from_before_go_live_are_history(stage: Stage) -> None:
    async with stage.database.write() as session:
        await session.execute(
            text("UPDATE channels SET go_live_at = hub_now() - interval '1 day', version = version + 1")
        )
    await stage.stock("SHIRT", 5)
    old = stage.shop.place_order([("shirt", 1)], state="COMPLETED", placed_at="2021-01-01T00:00:00+00:00")
    await stage.poll()
    assert (await stage.order(old)).is_history
    assert await stage.allocated("SHIRT") == 0


def tampered(webhook: RawWebhook) -> list[RawWebhook]:
    body = webhook.body
    signature = webhook.headers["memory-signature"]
    return [
        replace(webhook, body=body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]),
        replace(webhook, body=json.dumps(json.loads(body), indent=1).encode()),
        replace(webhook, headers={"memory-sent-at": webhook.headers["memory-sent-at"]}),
        replace(webhook, headers={**webhook.headers, "memory-signature": ""}),
        replace(webhook, headers={**webhook.headers, "memory-signature": signature[::-1]}),
        replace(webhook, headers={**webhook.headers, "memory-sent-at": "2020-01-01T00:00:00+00:00"}),
        RawWebhook({}, b"", ""),
    ]


async def test_a_delivery_that_is_not_genuine_leaves_no_trace(stage: Stage) -> None:
    webhook = stage.shop.order_webhook(stage.shop.place_order([("shirt", 1)]))
    for forged in tampered(webhook):
        answer = await stage.deliver(forged)
        assert answer.status_code == 401
        assert answer.json()["code"] == "WEBHOOK_SIGNATURE_INVALID"
    assert await stage.count("inbox") == 0
    assert await stage.count("work_items WHERE kind = 'inbox.process'") == 0


async def test_an_unknown_channel_and_a_body_too_large_are_told_apart(stage: Stage) -> None:
    webhook = stage.shop.order_webhook(stage.shop.place_order([("shirt", 1)]))
    missing = await stage.deliver(webhook, code="nobody")
    assert (missing.status_code, missing.json()["code"]) == (404, "CHANNEL_NOT_FOUND")
    large = await stage.deliver(replace(webhook, body=b"x" * 1_100_000))
    assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_without_a_database_the_sender_is_asked_to_come_back(stage: Stage) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    webhook = stage.shop.order_webhook(stage.shop.place_order([("shirt", 1)]))
    async with client_of(webhook_app(away, stage.connections)) as client:
        answer = await client.post("/webhooks/shop", content=webhook.body, headers=dict(webhook.headers))
    assert answer.status_code == 503
    assert answer.json()["code"] == "DATABASE_UNAVAILABLE"
    await away.close()


async def test_an_unknown_topic_is_parked_and_a_ping_is_dropped(stage: Stage) -> None:
    parked = await stage.deliver(stage.shop.webhook({"id": "e1", "topic": "weather.changed"}))
    dropped = await stage.deliver(stage.shop.webhook({"id": "e2", "topic": "ping"}))
    assert (parked.json(), dropped.json()) == ({"receipt": "PARKED"}, {"receipt": "DROPPED"})
    await stage.settle()
    [row] = await stage.inbox()
    assert (row.state, row.error_code, row.external_topic) == ("PARKED", "UNKNOWN_TOPIC", "weather.changed")


async def test_a_genuine_body_that_is_no_event_is_kept_for_a_person(stage: Stage) -> None:
    assert (await stage.deliver(stage.shop.webhook({"what": "ever"}))).json() == {"receipt": "PARKED"}
    [row] = await stage.inbox()
    assert row.error_code == "CONTRACT_BROKEN"
    assert (row.error_detail or "").startswith("$")


async def test_an_order_that_breaks_its_contract_is_parked_with_its_path_and_can_be_replayed(stage: Stage) -> None:
    order_id = stage.shop.place_order([("shirt", 1)], customer=ADA)
    good = stage.shop.orders[order_id]
    broken = {**good, "lines": [{**good["lines"][0], "quantity": "many"}]}
    await stage.deliver(stage.shop.webhook({"id": "e1", "topic": "order.changed", "order": broken}))
    await stage.settle()
    [row] = await stage.inbox()
    assert (row.state, row.error_code) == ("PARKED", "CONTRACT_BROKEN")
    assert (row.error_detail or "").endswith(".quantity")
    assert await stage.count("orders") == 0
    async with stage.database.write() as session:
        await replay(session, row.id)
    with pytest.raises(InboxRowNotParkedError):
        async with stage.database.write() as session:
            await replay(session, row.id)
    await stage.settle()
    assert [row.state for row in await stage.inbox()] == ["PARKED"]


async def test_an_unreadable_order_of_a_page_is_parked_once_and_the_others_arrive(stage: Stage) -> None:
    await stage.stock("SHIRT", 5)
    bad, good = (stage.shop.place_order([("shirt", 1)]) for _ in range(2))
    fine = dict(stage.shop.orders[bad])
    stage.shop.change_order(bad, total="much")
    await stage.poll()
    await stage.poll()
    [row] = await stage.inbox()
    assert (row.state, row.external_id, row.body) == ("PARKED", bad, None)
    assert (await stage.order(good)).status == "OPEN"
    stage.shop.change_order(bad, total=fine["total"])
    async with stage.database.write() as session:
        await replay(session, row.id)
    await stage.settle()
    assert (await stage.order(bad)).status == "OPEN"
    assert [row.state for row in await stage.inbox()] == ["DONE"]


async def test_an_order_with_an_unknown_sku_is_captured_and_held(stage: Stage) -> None:
    order_id = stage.shop.place_order([("shirt", 1)])
    line = stage.shop.orders[order_id]["lines"][0] | {"variant": "other", "product": "p-other", "sku": "NO-SUCH"}
    stage.shop.change_order(order_id, lines=[line])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    assert (await stage.order(order_id)).hold == "UNMAPPED_LINE"


async def test_deliveries_out_of_order_end_at_the_newest_state(stage: Stage) -> None:
    await stage.stock("SHIRT", 5)
    order_id = stage.shop.place_order([("shirt", 1)])
    first = stage.shop.order_webhook(order_id)
    stage.shop.change_order(order_id, state="CANCELLED")
    second = stage.shop.order_webhook(order_id)
    await stage.deliver(second)
    await stage.settle()
    await stage.deliver(first)
    await stage.settle()
    assert (await stage.order(order_id)).status == "CANCELLED"
    assert await stage.allocated("SHIRT") == 0
    assert [row.state for row in await stage.inbox()] == ["DONE", "DONE"]


async def test_equal_versions_with_different_content_are_settled_by_asking_the_channel(stage: Stage) -> None:
    await stage.stock("SHIRT", 5)
    order_id = stage.shop.place_order([("shirt", 1)])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    stage.shop.orders[order_id] |= {"state": "CANCELLED"}
    await stage.poll()
    assert (await stage.order(order_id)).status == "CANCELLED"


async def test_a_channel_that_does_not_answer_is_asked_again_later(stage: Stage) -> None:
    await stage.stock("SHIRT", 5)
    order_id = stage.shop.place_order([("shirt", 1)])
    stage.shop.faults += [httpx.Response(503)] * 20
    await stage.poll()
    [cursor] = await stage.rows("SELECT last_error, failures FROM channel_cursors WHERE kind = 'ORDERS'")
    assert cursor.last_error == "RETRYABLE"
    stage.shop.faults.clear()
    await stage.hurry()
    assert (await stage.order(order_id)).status == "OPEN"
    [cursor] = await stage.rows("SELECT last_error, failures FROM channel_cursors WHERE kind = 'ORDERS'")
    assert (cursor.last_error, cursor.failures) == (None, 0)


async def test_bodies_are_sealed_and_nothing_else_of_a_person_is_kept(stage: Stage) -> None:
    order_id = stage.shop.place_order([("shirt", 1)], customer=ADA, note="canary note")
    await stage.deliver(stage.shop.order_webhook(order_id))
    [received] = await stage.inbox()
    assert received.body is not None
    await stage.settle()
    for table in ("inbox", "work_items", "outbox", "events", "channel_cursors", "order_events", "listing_stock"):
        shown = str([tuple(row) for row in await stage.rows(f"SELECT * FROM {table}")])
        assert "canary" not in shown.lower(), table
    assert b"canary" not in bytes(received.body).lower()


async def test_the_inbox_is_forgotten_after_thirty_days(stage: Stage) -> None:
    order_id = stage.shop.place_order([("shirt", 1)])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    assert await forget_old(stage.database) == 0
    await move_clock(stage.database, 31 * 86_400)
    assert await forget_old(stage.database) == 1
    assert await stage.count("orders") == 1


async def test_two_polls_at_once_capture_each_order_once(stage: Stage) -> None:
    await stage.stock("SHIRT", 500)
    for _ in range(20):
        stage.shop.place_order([("shirt", 1)])
    async with stage.database.read() as session:
        channel = await channel_by_id(session, stage.channel_id)
    connection = stage.connections.of(channel)
    await asyncio.gather(
        *(poll_orders(stage.database, channel, connection, stage.connections.sealer) for _ in range(3))
    )
    assert await stage.count("orders") == 20
    await stage.settle()
    assert await stage.allocated("SHIRT") == 20
    await stage.assert_sound()


async def test_a_topic_with_nul_is_parked_like_any_other_unknown_one(stage: Stage) -> None:
    answer = await stage.deliver(stage.shop.webhook({"id": "e\x001", "topic": "weather\x00.changed"}))
    assert answer.status_code == 200
    [row] = await stage.inbox()
    assert row.state == "PARKED"


async def test_marking_publishing_and_selling_at_once_ends_in_agreement(stage: Stage) -> None:
    await stage.stock("SHIRT", 200)
    await stage.settle()

    async def trade() -> None:
        for _ in range(10):
            order_id = stage.shop.place_order([("shirt", 1)])
            await stage.deliver(stage.shop.order_webhook(order_id))

    async def receive_goods() -> None:
        for quantity in range(10):
            await stage.stock("SHIRT", 5 + quantity, place=1)

    async def work_on() -> None:
        for _ in range(15):
            await relay.drain(stage.database)
            await events.consume(stage.database, "channel stock", on_events)
            await stage.make_due()
            for queue in ("inbox", "default", "channels"):
                await stage.run_queue(queue)

    await asyncio.gather(trade(), receive_goods(), work_on(), work_on())
    await stage.hurry()
    assert await stage.count("orders") == 10
    assert stage.shop.stock["shirt", ""] == 200 + 14 - 10
    status = await stage.status()
    assert (status.in_agreement, status.dirty) == (1, 0)
    assert await stage.rows("SELECT kind, last_error FROM work_items WHERE state = 'QUARANTINED'") == []
    await stage.assert_sound()
