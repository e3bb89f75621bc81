"""Channels that refuse, time out, lock us out or talk nonsense: each costs what it must, and never an order."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Rejected, Retryable
from hub.channel_sync import (
    CATALOG_WORK,
    POLL_WORK,
    PUBLISH_WORK,
    READ_BACK_WORK,
    catalog_pull,
    poll_orders,
    polling,
    replay,
)
from hub.channel_sync.catalog_pull import pull_catalog
from hub.channel_sync.tasks import AUTH_RETRY_SECONDS, LONGEST_RETRY_SECONDS, retry_seconds
from hub.channels import Channel, channel_by_id
from hub.fulfillment import QueueStep, Tracking, accept, fulfillment_orders_by_order_ids, ship
from hub.infra.database import Database
from hub.kernel.ids import new_id
from tests.channel_sync.stage import Stage, make_stage
from tests.factories import make_principal

CURSORS = {
    POLL_WORK: "ORDERS",
    PUBLISH_WORK: "STOCK_PUBLISH",
    READ_BACK_WORK: "STOCK_READ",
    CATALOG_WORK: "CATALOG",
}
NOT_JSON = httpx.Response(200, content=b"<html>down for maintenance</html>")


def refusals() -> dict[str, httpx.Response]:
    """One answer of each kind, by the code under which its error is kept."""
    return {
        "RETRYABLE": httpx.Response(503),
        "REJECTED": httpx.Response(422, json={"reason": "no"}),
        "AUTH_FAILED": httpx.Response(401, json={"reason": "unknown token"}),
        "CONTRACT_BROKEN:$": NOT_JSON,
    }


async def channel_of(stage: Stage) -> Channel:
    async with stage.database.read() as session:
        return await channel_by_id(session, stage.channel_id)


async def poll_once(stage: Stage) -> bool:
    channel = await channel_of(stage)
    return await poll_orders(stage.database, channel, stage.connections.of(channel), stage.connections.sealer)


async def pull_once(stage: Stage) -> bool:
    channel = await channel_of(stage)
    return await pull_catalog(stage.database, channel, stage.connections.of(channel), stage.connections.sealer)


async def cursor(stage: Stage, kind: str) -> Any:
    [row] = await stage.rows(f"SELECT * FROM channel_cursors WHERE kind = '{kind}'")
    return row


async def waits(stage: Stage, kind: str) -> Any:
    """The row of work and how long from now it is left alone."""
    [row] = await stage.rows(
        f"SELECT state, last_error, due_at - hub_now() AS wait FROM work_items WHERE kind = '{kind}'"
    )
    return row


class TestErrorKinds:
    @pytest.mark.parametrize("kind", [POLL_WORK, PUBLISH_WORK, READ_BACK_WORK, CATALOG_WORK])
    @pytest.mark.parametrize("code", ["RETRYABLE", "REJECTED", "AUTH_FAILED", "CONTRACT_BROKEN:$"])
    async def test_each_is_kept_with_its_code_and_tried_again_until_it_works(
        self, database: Database, kind: str, code: str
    ) -> None:
        async with make_stage(database, settings={"compares_stock": False}) as stage:
            await stage.stock("SHIRT", 5)
            await stage.settle()
            await stage.stock("SHIRT", 4)
            stage.shop.faults += [refusals()[code]] * 3
            await stage.ask(kind)
            await stage.run_queue("channels")
            failed = await cursor(stage, CURSORS[kind])
            assert (failed.last_error, failed.failures) == (code, 1)
            row = await waits(stage, kind)
            assert (row.state, row.last_error) == ("READY", None)
            assert row.wait > timedelta(0)
            stage.shop.faults.clear()
            await stage.hurry()
            repaired = await cursor(stage, CURSORS[kind])
            assert (repaired.last_error, repaired.failures) == (None, 0)
            await stage.hurry()
            assert stage.shop.stock["shirt", ""] == 4
            await stage.assert_sound()

    @pytest.mark.parametrize(
        ("error", "failures", "seconds"),
        [
            (Retryable("busy", after_seconds=200.0), 1, 200.0),
            (Retryable("busy"), 1, 1.0),
            (Rejected("no"), 4, 8.0),
            (ContractBroken("odd", path="$"), 9, 256.0),
            (Rejected("no"), 1_000, LONGEST_RETRY_SECONDS),
            (AuthFailed("who?"), 1, AUTH_RETRY_SECONDS),
        ],
    )
    def test_the_channels_own_word_counts_else_the_pause_doubles(
        self, error: AdapterError, failures: int, seconds: float
    ) -> None:
        assert retry_seconds(error, failures) == seconds

    async def test_work_on_a_whole_channel_is_never_set_aside_for_good(self, stage: Stage) -> None:
        assert stage.registry.recurring_kinds == set(CURSORS)

    async def test_a_channel_that_is_switched_off_is_left_alone(self, stage: Stage) -> None:
        async with stage.database.write() as session:
            await session.execute(text("UPDATE channels SET active = false, version = version + 1"))
        await stage.stock("SHIRT", 5)
        for kind in CURSORS:
            await stage.ask(kind)
        await stage.settle()
        assert stage.shop.requests == []

    async def test_a_channel_that_is_not_to_be_told_stock_is_still_asked_for_orders(self, stage: Stage) -> None:
        async with stage.database.write() as session:
            await session.execute(text("UPDATE channels SET publishes_stock = false, version = version + 1"))
        await stage.stock("SHIRT", 5)
        order_id = stage.shop.place_order([("shirt", 1)])
        for kind in CURSORS:
            await stage.ask(kind)
        await stage.settle()
        assert (await stage.order(order_id)).status == "OPEN"
        assert {one.url.path for one in stage.shop.requests} == {"/orders", "/account", "/products"}

    async def test_what_a_channel_cannot_do_is_done_with_at_once(self, stage: Stage) -> None:
        class Deaf:
            """A connection without any capability."""

        channel, sealer = await channel_of(stage), stage.connections.sealer
        assert await poll_orders(stage.database, channel, Deaf(), sealer)  # type: ignore[arg-type]
        assert await pull_catalog(stage.database, channel, Deaf(), sealer)  # type: ignore[arg-type]
        assert await stage.count("channel_cursors") == 0


class TestPagesOfOrders:
    async def test_a_long_pass_goes_on_where_it_stopped(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(polling, "MAX_PAGES", 1)
        await stage.stock("SHIRT", 500)
        placed = [stage.shop.place_order([("shirt", 1)]) for _ in range(120)]
        assert not await poll_once(stage)
        began = await cursor(stage, "ORDERS")
        assert (began.page is not None, began.watermark) == (True, None)
        assert not await poll_once(stage)
        assert await poll_once(stage)
        ended = await cursor(stage, "ORDERS")
        assert (ended.page, ended.watermark) == (None, began.pass_started_at)
        assert await stage.count("orders") == len(placed)

    async def test_work_asks_for_its_next_part_by_itself(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(polling, "MAX_PAGES", 1)
        await stage.stock("SHIRT", 500)
        for _ in range(120):
            stage.shop.place_order([("shirt", 1)])
        await stage.poll()
        assert await stage.count("orders") == 120

    @pytest.mark.parametrize("fault", [httpx.Response(422, json={"reason": "stale cursor"}), NOT_JSON])
    async def test_a_page_the_channel_no_longer_knows_begins_the_pass_again(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: httpx.Response
    ) -> None:
        monkeypatch.setattr(polling, "MAX_PAGES", 1)
        await stage.stock("SHIRT", 500)
        for _ in range(60):
            stage.shop.place_order([("shirt", 1)])
        assert not await poll_once(stage)
        stage.shop.faults.append(fault)
        with pytest.raises((Rejected, ContractBroken)):
            await poll_once(stage)
        dropped = await cursor(stage, "ORDERS")
        assert (dropped.page, dropped.pass_started_at, dropped.watermark) == (None, None, None)
        assert not await poll_once(stage)
        assert await poll_once(stage)
        assert await stage.count("orders") == 60
        await stage.settle()
        await stage.assert_sound()

    async def test_a_page_that_times_out_is_asked_for_again(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(polling, "MAX_PAGES", 1)
        for _ in range(60):
            stage.shop.place_order([("shirt", 1)])
        await poll_once(stage)
        page = (await cursor(stage, "ORDERS")).page
        stage.shop.faults += [httpx.ReadTimeout("lost")] * 5
        with pytest.raises(Retryable):
            await poll_once(stage)
        assert (await cursor(stage, "ORDERS")).page == page


async def disputed(stage: Stage) -> str:
    """An order that the next poll meets at the version we know, with other content: it is asked for by its id."""
    order_id = stage.shop.place_order([("shirt", 1)])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    stage.shop.orders[order_id] |= {"note": "other words", "state": "CANCELLED"}
    return order_id


class TestDisputedOrders:
    @pytest.mark.parametrize("code", ["REJECTED", "CONTRACT_BROKEN"])
    async def test_one_that_cannot_be_settled_is_parked_and_the_others_arrive(self, stage: Stage, code: str) -> None:
        await stage.stock("SHIRT", 5)
        order_id = await disputed(stage)
        later = stage.shop.place_order([("shirt", 1)])
        page = {"items": [stage.shop.orders[order_id], stage.shop.orders[later]], "next": None}
        fault = refusals()[code] if code == "REJECTED" else NOT_JSON
        stage.shop.faults += [httpx.Response(200, json=page), fault]
        await stage.poll()
        assert (await stage.order(later)).status == "OPEN"
        [parked] = [row for row in await stage.inbox() if row.state == "PARKED"]
        assert (parked.external_id, parked.error_code) == (order_id, code)
        assert (await cursor(stage, "ORDERS")).last_error is None
        async with stage.database.write() as session:
            await replay(session, parked.id)
        await stage.poll()
        assert (await stage.order(order_id)).status == "CANCELLED"

    async def test_one_that_is_gone_stays_as_it_was(self, stage: Stage) -> None:
        await stage.stock("SHIRT", 5)
        order_id = await disputed(stage)
        page = {"items": [stage.shop.orders.pop(order_id)], "next": None}
        stage.shop.faults.append(httpx.Response(200, json=page))
        assert await poll_once(stage)
        assert (await stage.order(order_id)).status == "OPEN"

    async def test_a_channel_that_is_away_meanwhile_is_asked_again(self, stage: Stage) -> None:
        await stage.stock("SHIRT", 5)
        order_id = await disputed(stage)
        page = {"items": [stage.shop.orders[order_id]], "next": None}
        stage.shop.faults += [httpx.Response(200, json=page), *[httpx.Response(503)] * 5]
        with pytest.raises(Retryable):
            await poll_once(stage)
        stage.shop.faults.clear()
        assert await poll_once(stage)
        assert (await stage.order(order_id)).status == "CANCELLED"


class TestPagesOfProducts:
    async def test_a_long_catalog_is_read_in_parts_and_what_cannot_be_read_is_parked(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalog_pull, "MAX_PAGES", 1)
        for number in range(70):
            variant = {"id": f"v{number}", "sku": f"SKU-{number}", "price": "much" if number == 5 else "1.00"}
            stage.shop.add_product(f"p{number}", f"Product {number}", variant)
        assert not await pull_once(stage)
        assert await pull_once(stage)
        assert await stage.count("listings") == 70
        [parked] = await stage.inbox()
        assert (parked.state, parked.topic, parked.external_id) == ("PARKED", "PRODUCT", "p5")

    @pytest.mark.parametrize("fault", [httpx.Response(422, json={"reason": "stale cursor"}), NOT_JSON])
    async def test_a_page_the_channel_no_longer_knows_begins_the_pass_again(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: httpx.Response
    ) -> None:
        monkeypatch.setattr(catalog_pull, "MAX_PAGES", 1)
        for number in range(60):
            stage.shop.add_product(f"p{number}", "Product", {"id": f"v{number}", "sku": f"S-{number}", "price": "1.00"})
        assert not await pull_once(stage)
        account = httpx.Response(200, json={"name": "memory", "currency": "EUR"})
        stage.shop.faults += [account, fault]
        with pytest.raises((Rejected, ContractBroken)):
            await pull_once(stage)
        assert (await cursor(stage, "CATALOG")).page is None
        assert not await pull_once(stage)
        assert await pull_once(stage)
        assert await stage.count("listings") == 61


async def unreadable(stage: Stage) -> tuple[str, Any]:
    """An order that a poll could not read and parked; the channel has mended it since."""
    order_id = stage.shop.place_order([("shirt", 1)])
    total = stage.shop.orders[order_id]["total"]
    stage.shop.change_order(order_id, total="much")
    await stage.poll()
    stage.shop.change_order(order_id, total=total)
    [row] = await stage.inbox()
    assert row.state == "PARKED"
    return order_id, row.id


class TestParkedEvents:
    @pytest.mark.parametrize(("code", "pause"), [("RETRYABLE", timedelta(0)), ("AUTH_FAILED", timedelta(seconds=250))])
    async def test_a_replay_waits_for_a_channel_that_does_not_answer(
        self, stage: Stage, code: str, pause: timedelta
    ) -> None:
        await stage.stock("SHIRT", 5)
        order_id, row_id = await unreadable(stage)
        async with stage.database.write() as session:
            await replay(session, row_id)
        stage.shop.faults += [refusals()[code]] * 3
        await stage.run_queue("inbox")
        row = await waits(stage, "inbox.process")
        assert row.state == "READY"
        assert row.wait > pause
        assert [one.state for one in await stage.inbox()] == ["RECEIVED"]
        stage.shop.faults.clear()
        await stage.hurry()
        assert (await stage.order(order_id)).status == "OPEN"
        assert [one.state for one in await stage.inbox()] == ["DONE"]

    @pytest.mark.parametrize("code", ["REJECTED", "CONTRACT_BROKEN"])
    async def test_a_replay_that_is_refused_again_is_parked_with_the_new_reason(self, stage: Stage, code: str) -> None:
        _, row_id = await unreadable(stage)
        async with stage.database.write() as session:
            await replay(session, row_id)
        stage.shop.faults.append(refusals()["REJECTED"] if code == "REJECTED" else NOT_JSON)
        await stage.run_queue("inbox")
        assert [(one.state, one.error_code) for one in await stage.inbox()] == [("PARKED", code)]

    async def test_a_replay_of_an_order_that_is_gone_says_so(self, stage: Stage) -> None:
        order_id, row_id = await unreadable(stage)
        del stage.shop.orders[order_id]
        async with stage.database.write() as session:
            await replay(session, row_id)
        await stage.run_queue("inbox")
        assert [one.error_code for one in await stage.inbox()] == ["ORDER_GONE"]

    async def test_a_hint_that_names_no_order_and_a_topic_nobody_knows_stay_parked(self, stage: Stage) -> None:
        await stage.deliver(stage.shop.webhook({"id": "e1", "topic": "order.changed"}))
        await stage.deliver(stage.shop.webhook({"id": "e2", "topic": "weather.changed"}))
        await stage.settle()
        for row in await stage.inbox():
            async with stage.database.write() as session:
                await replay(session, row.id)
        await stage.settle()
        assert sorted(one.error_code or "" for one in await stage.inbox()) == ["NAMES_NO_ORDER", "UNKNOWN_TOPIC"]

    async def test_a_hint_about_a_product_asks_for_one_look_at_the_catalog(self, stage: Stage) -> None:
        for number in range(3):
            await stage.deliver(stage.shop.webhook({"id": f"e{number}", "topic": "product.changed"}))
        await stage.settle()
        assert {one.state for one in await stage.inbox()} == {"DONE"}
        [looks] = await stage.rows("SELECT count(*) FROM work_items WHERE kind = 'catalog.pull' AND state = 'READY'")
        assert looks[0] == 1

    async def test_work_on_an_event_that_is_forgotten_ends(self, stage: Stage) -> None:
        await stage.deliver(stage.shop.order_webhook(stage.shop.place_order([("shirt", 1)])))
        async with stage.database.write() as session:
            await session.execute(text("DELETE FROM inbox"))
        await stage.settle()
        assert (await waits(stage, "inbox.process")).state == "DONE"


async def shipped(stage: Stage) -> str:
    """An order whose parcel has left; the channel was not told yet."""
    await stage.stock("SHIRT", 5)
    order_id = stage.shop.place_order([("shirt", 1)])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    order, staff = await stage.order(order_id), make_principal()
    async with stage.database.read() as session:
        [item] = (await fulfillment_orders_by_order_ids(session, [order.id]))[order.id]
    (await accept(stage.database, staff, QueueStep(item.id, str(new_id())))).unwrap()
    (await ship(stage.database, staff, QueueStep(item.id, str(new_id())), tracking=Tracking("DHL", "123"))).unwrap()
    return order_id


PUSHES = "SELECT kind, outcome, error_code FROM channel_pushes ORDER BY kind"


class TestPushes:
    @pytest.mark.parametrize("code", ["RETRYABLE", "AUTH_FAILED", "CONTRACT_BROKEN:$"])
    async def test_one_that_was_not_taken_is_tried_until_it_is(self, stage: Stage, code: str) -> None:
        order_id = await shipped(stage)
        stage.shop.faults += [refusals()[code]] * 3
        await stage.run_queue("channels")
        row = await waits(stage, "fulfillment.push")
        assert (row.state, await stage.rows(PUSHES)) == ("READY", [])
        assert row.wait > timedelta(0)
        stage.shop.faults.clear()
        await stage.hurry()
        assert [tuple(one) for one in await stage.rows(PUSHES)] == [
            ("ACKNOWLEDGE", "SENT", None), ("SHIPMENT", "SENT", None),
        ]  # fmt: skip
        assert len(stage.shop.orders[order_id]["shipments"]) == 1

    async def test_a_refusal_is_kept_and_never_sent_again(self, stage: Stage) -> None:
        order_id = await shipped(stage)
        stage.shop.orders[order_id] |= {"state": "CANCELLED"}
        await stage.settle()
        assert [tuple(one) for one in await stage.rows(PUSHES)] == [
            ("ACKNOWLEDGE", "SENT", None), ("SHIPMENT", "REFUSED", "REJECTED"),
        ]  # fmt: skip
        stage.shop.requests.clear()
        async with stage.database.write() as session:
            await session.execute(text("UPDATE work_items SET state = 'READY' WHERE kind = 'fulfillment.push'"))
        await stage.hurry()
        assert [one for one in stage.shop.requests if one.method == "PUT"] == []
        assert stage.shop.orders[order_id]["shipments"] == {}

    async def test_a_channel_that_is_switched_off_is_not_told(self, stage: Stage) -> None:
        await shipped(stage)
        async with stage.database.write() as session:
            await session.execute(text("UPDATE channels SET active = false, version = version + 1"))
        stage.shop.requests.clear()
        await stage.settle()
        assert stage.shop.requests == []

    async def test_work_without_its_fulfillment_order_is_set_aside_with_its_reason(self, stage: Stage) -> None:
        await shipped(stage)
        async with stage.database.write() as session:
            await session.execute(
                text("UPDATE work_items SET subject = :id WHERE kind = 'fulfillment.push'"), {"id": str(new_id())}
            )
        await stage.settle()
        row = await waits(stage, "fulfillment.push")
        assert (row.state, row.last_error) == ("QUARANTINED", "FULFILLMENT_ORDER_NOT_FOUND")
