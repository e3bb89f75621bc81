"""Channels show what the hub can sell: absolute numbers, right again after lost answers, crashes and meddling."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from hub.channel_sync import check_channels, drifts, mark_all_dirty, publish_stock, publishing
from hub.channels import Channel, channel_by_id
from hub.infra.database import Database, WriteSession
from hub.inventory import SetComponents, set_components
from routing import Part
from tests.channel_sync.stage import Stage, make_stage
from tests.factories import make_principal, make_variant, set_stock

BLIND = {"compares_stock": False}


class DiedError(Exception):
    """The process ends here."""


async def channel_of(stage: Stage) -> Channel:
    async with stage.database.read() as session:
        return await channel_by_id(session, stage.channel_id)


def published(stage: Stage) -> list[dict[str, Any]]:
    """The stock rows that were sent, in order."""
    sent = [json.loads(one.content)["rows"] for one in stage.shop.requests if one.url.path == "/stock"]
    return [row for rows in sent for row in rows]


async def test_stock_that_moves_is_published_and_both_agree(stage: Stage) -> None:
    await stage.stock("SHIRT", 4)
    await stage.stock("SHIRT", 3, place=1)
    await stage.settle()
    assert stage.shop.stock["shirt", ""] == 7
    status = await stage.status()
    assert (status.listings, status.in_agreement, status.dirty, status.open_drifts) == (1, 1, 0, 0)
    await stage.assert_sound()


async def test_many_movements_are_one_number(stage: Stage) -> None:
    for quantity in range(1, 9):
        await stage.stock("SHIRT", quantity)
    await stage.settle()
    assert [row["quantity"] for row in published(stage)] == [8]


@pytest.mark.parametrize("compares", [True, False])
async def test_a_sale_of_the_channel_ends_in_agreement(database: Database, *, compares: bool) -> None:
    async with make_stage(database, settings={"compares_stock": compares}) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        order_id = stage.shop.place_order([("shirt", 4)])
        await stage.deliver(stage.shop.order_webhook(order_id))
        await stage.settle()
        assert stage.shop.stock["shirt", ""] == 6
        status = await stage.status()
        assert (status.in_agreement, status.dirty) == (1, 0)
        await stage.assert_sound()


@pytest.mark.parametrize("compares", [True, False])
async def test_a_sale_whose_webhook_was_lost_is_not_overwritten(database: Database, *, compares: bool) -> None:
    async with make_stage(database, settings={"compares_stock": compares}) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        order_id = stage.shop.place_order([("shirt", 4)])
        await stage.stock("SHIRT", 12)
        await stage.settle()
        assert (await stage.order(order_id)).status == "OPEN"
        assert stage.shop.stock["shirt", ""] == 8
        await stage.assert_sound()


async def test_what_was_sold_unseen_is_held_back_until_its_order_arrives(database: Database) -> None:
    async with make_stage(database, settings=BLIND) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        stage.shop.stock["shirt", ""] -= 3
        await stage.stock("SHIRT", 20)
        await stage.settle()
        assert stage.shop.stock["shirt", ""] == 17
        assert (await stage.status()).dirty == 1
        await stage.hurry()
        assert stage.shop.stock["shirt", ""] == 20
        assert (await stage.status()).dirty == 0


async def test_decreases_go_first_and_the_smallest_remaining_before_others(database: Database) -> None:
    skus = tuple(f"SKU-{number}" for number in range(6))
    async with make_stage(database, skus=skus) as stage:
        for sku in skus:
            await stage.stock(sku, 10)
        await stage.settle()
        for sku, quantity in zip(skus, (30, 9, 0, 20, 2, 10), strict=True):
            await stage.stock(sku, quantity)
        stage.shop.requests.clear()
        await stage.settle()
        assert [row["quantity"] for row in published(stage)] == [0, 2, 9, 20, 30]


async def test_a_write_whose_answer_is_lost_is_repeated_until_both_agree(database: Database) -> None:
    async with make_stage(database, settings=BLIND) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        stage.shop.faults += [httpx.ReadTimeout("lost")] * 9
        await stage.stock("SHIRT", 7)
        await stage.settle()
        assert (await stage.status()).last_error == "RETRYABLE"
        stage.shop.faults.clear()
        await stage.hurry()
        assert stage.shop.stock["shirt", ""] == 7
        status = await stage.status()
        assert (status.in_agreement, status.dirty, status.last_error) == (1, 0, None)


async def test_a_crash_between_write_and_record_is_repaired_by_the_next_run(stage: Stage) -> None:
    await stage.stock("SHIRT", 10)
    await stage.settle()
    channel = await channel_of(stage)
    connection = stage.connections.of(channel)
    await stage.stock("SHIRT", 6)

    async def die(_session: WriteSession) -> None:
        if stage.shop.stock["shirt", ""] == 6:
            raise DiedError

    async with stage.database.write() as session:
        await mark_all_dirty(session, stage.channel_id)
    with pytest.raises(DiedError):
        await publish_stock(stage.database, channel, connection, stage.connections.sealer, guard=die)
    [row] = await stage.rows("SELECT published, dirty_seq > clean_seq AS dirty FROM listing_stock")
    assert (row.published, row.dirty) == (10, True)
    await stage.settle()
    [row] = await stage.rows("SELECT published, dirty_seq > clean_seq AS dirty FROM listing_stock")
    assert (row.published, row.dirty) == (6, False)
    await stage.assert_sound()


async def test_a_mark_that_comes_during_a_publish_is_not_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.stock("SHIRT", 10)
    await stage.settle()
    channel = await channel_of(stage)
    moved = False

    async def move(_session: WriteSession) -> None:
        nonlocal moved
        if not moved:
            moved = True
            await stage.stock("SHIRT", 2)

    await stage.stock("SHIRT", 5)
    async with stage.database.write() as session:
        await mark_all_dirty(session, stage.channel_id)
    await publish_stock(stage.database, channel, stage.connections.of(channel), stage.connections.sealer, guard=move)
    await stage.settle()
    assert stage.shop.stock["shirt", ""] == 2
    assert (await stage.status()).dirty == 0


async def test_a_refused_listing_does_not_hold_up_the_others_and_waits(database: Database) -> None:
    async with make_stage(database, skus=("A", "B")) as stage:
        stage.shop.refused_variants.add("a")
        await stage.stock("A", 3)
        await stage.stock("B", 4)
        await stage.settle()
        assert stage.shop.stock["b", ""] == 4
        status = await stage.status()
        assert (status.in_agreement, status.dirty, status.failing) == (1, 1, 1)
        stage.shop.refused_variants.clear()
        await stage.hurry()
        assert stage.shop.stock["a", ""] == 3
        assert (await stage.status()).failing == 0


@pytest.mark.parametrize(("shown", "cause"), [(4, "CHANNEL_SHOWS_LESS"), (15, "CHANNEL_SHOWS_MORE")])
async def test_a_difference_seen_twice_is_drift_and_is_repaired(database: Database, shown: int, cause: str) -> None:
    async with make_stage(database, settings=BLIND) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        stage.shop.stock["shirt", ""] = shown
        await stage.read_back()
        assert await stage.count("channel_drifts") == 0
        await stage.read_back()
        async with stage.database.read() as session:
            [drift] = await drifts(session, stage.channel_id)
        assert (drift.cause, drift.published, drift.observed, drift.status) == (cause, 10, shown, "REPAIRED")
        assert stage.shop.stock["shirt", ""] == 10
        await stage.assert_sound()


async def test_a_difference_seen_once_is_no_drift(stage: Stage) -> None:
    await stage.stock("SHIRT", 10)
    await stage.settle()
    for shown in (9, 10, 9, 10):
        stage.shop.stock["shirt", ""] = shown
        await stage.read_back()
    assert await stage.count("channel_drifts") == 0


async def test_the_channels_own_sales_are_no_drift(database: Database) -> None:
    async with make_stage(database, settings=BLIND) as stage:
        await stage.stock("SHIRT", 10)
        await stage.settle()
        stage.shop.place_order([("shirt", 4)])
        for _ in range(3):
            await stage.read_back()
        assert await stage.count("channel_drifts") == 0
        assert stage.shop.stock["shirt", ""] == 6


async def test_stock_is_counted_per_place_where_the_channel_does(database: Database) -> None:
    async with make_stage(
        database, settings={"per_location": True, "compares_stock": False}, external_locations=("B", "H")
    ) as stage:
        await stage.stock("SHIRT", 4)
        await stage.stock("SHIRT", 3, place=1)
        await stage.settle()
        assert (stage.shop.stock["shirt", "B"], stage.shop.stock["shirt", "H"]) == (4, 3)
        await stage.stock("SHIRT", 1, place=1)
        stage.shop.requests.clear()
        await stage.settle()
        assert [(row["location"], row["quantity"]) for row in published(stage)] == [("H", 1)]
        status = await stage.status()
        assert (status.listings, status.in_agreement, status.dirty) == (2, 2, 0)
        await stage.assert_sound()


async def make_bundle(stage: Stage) -> UUID:
    """The shirt becomes a bundle of two cloths: their variant."""
    async with stage.database.write() as session:
        cloth = await make_variant(session, "CLOTH")
        shirt = (await session.execute(text("SELECT id FROM variants WHERE sku = 'SHIRT'"))).scalar_one()
    command = SetComponents(shirt, (Part(cloth, 2),))
    (await set_components(stage.database, make_principal(), command, idempotency_key="bundle")).unwrap()
    return cloth


async def test_a_bundle_is_published_when_its_component_moves(stage: Stage) -> None:
    cloth = await make_bundle(stage)
    await set_stock(stage.database, cloth, stage.locations[0], 9)
    await stage.settle()
    assert stage.shop.stock["shirt", ""] == 4
    await set_stock(stage.database, cloth, stage.locations[0], 3)
    await stage.settle()
    assert stage.shop.stock["shirt", ""] == 1
    await stage.assert_sound()


async def test_a_bundle_is_published_when_it_is_made_of_something_else(stage: Stage) -> None:
    cloth = await make_bundle(stage)
    await set_stock(stage.database, cloth, stage.locations[0], 8)
    await stage.settle()
    async with stage.database.read() as session:
        shirt = (await session.execute(text("SELECT id FROM variants WHERE sku = 'SHIRT'"))).scalar_one()
    command = SetComponents(shirt, (Part(cloth, 4),))
    (await set_components(stage.database, make_principal(), command, idempotency_key="again")).unwrap()
    await stage.settle()
    assert stage.shop.stock["shirt", ""] == 2


async def test_a_bundle_is_counted_per_place_where_the_channel_does(database: Database) -> None:
    async with make_stage(
        database, settings={"per_location": True, "compares_stock": False}, external_locations=("B", "H")
    ) as stage:
        cloth = await make_bundle(stage)
        await set_stock(stage.database, cloth, stage.locations[0], 5)
        await set_stock(stage.database, cloth, stage.locations[1], 2)
        await stage.settle()
        assert (stage.shop.stock["shirt", "B"], stage.shop.stock["shirt", "H"]) == (2, 1)
        await stage.assert_sound()


async def test_untracked_variants_are_not_published(stage: Stage) -> None:
    async with stage.database.write() as session:
        await session.execute(text("UPDATE variants SET stock_policy = 'UNTRACKED'"))
        await mark_all_dirty(session, stage.channel_id, resend=True)
    await stage.settle()
    assert published(stage) == []
    assert (await stage.status()).dirty == 0


async def test_resending_tells_even_what_the_channel_should_know(stage: Stage) -> None:
    await stage.stock("SHIRT", 10)
    await stage.settle()
    stage.shop.requests.clear()
    async with stage.database.write() as session:
        await mark_all_dirty(session, stage.channel_id)
    await stage.settle()
    assert published(stage) == []
    async with stage.database.write() as session:
        await mark_all_dirty(session, stage.channel_id, resend=True)
    await stage.settle()
    assert [row["quantity"] for row in published(stage)] == [10]


async def test_a_receipt_routes_the_orders_that_wait_for_it(stage: Stage) -> None:
    order_id = stage.shop.place_order([("shirt", 2)])
    await stage.deliver(stage.shop.order_webhook(order_id))
    await stage.settle()
    assert await stage.count("fulfillment_orders") == 0
    await stage.stock("SHIRT", 5)
    await stage.settle()
    assert await stage.count("fulfillment_orders") == 1
    await stage.assert_sound()


async def test_a_long_run_stops_and_goes_on_in_the_next(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MAX_SECONDS", -1.0)
    skus = tuple(f"SKU-{number:03d}" for number in range(120))
    async with make_stage(database, skus=skus) as stage:
        await stage.settle()
        assert (await stage.status()).in_agreement == 120
        assert len([one for one in stage.shop.requests if one.url.path == "/stock"]) >= 3


async def test_the_checker_finds_lost_events_and_untold_listings(stage: Stage) -> None:
    await stage.deliver(stage.shop.order_webhook(stage.shop.place_order([("shirt", 1)])))
    await stage.settle()
    async with stage.database.write() as session:
        await session.execute(
            text(
                "UPDATE inbox SET state = 'RECEIVED', processed_at = NULL, received_at = hub_now() - interval '6 minutes'"
            )
        )
        await session.execute(
            text("UPDATE listing_stock SET published = 77, published_at = hub_now(), clean_seq = dirty_seq")
        )
    async with stage.database.read() as session:
        found = [violation.invariant for violation in await check_channels(session)]
    assert found == ["acknowledged_event_is_processed", "clean_listing_was_told"]
