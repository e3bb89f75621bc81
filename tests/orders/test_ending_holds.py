"""Orders that wait for a person: what the person decides, and what follows from it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelOrder, ChannelOrderLine, OrderState
from hub.fulfillment import route_order
from hub.infra.idempotency import Answer, IdempotencyKeyReusedError
from hub.inventory import levels
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.money import Money
from hub.kernel.principal import Principal, Scope, ScopeMissingError
from hub.orders import (
    CaptureResult,
    ErrorPolicy,
    HeldOrder,
    HoldDecision,
    HoldNotDecidableError,
    OrderHold,
    ReleaseHolds,
    events_by_order_ids,
    release_holds,
)
from tests.factories import make_principal, make_variant, set_stock
from tests.orders.stage import World

BEFORE = datetime(2019, 1, 1, tzinfo=UTC)
SHIRT = ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT")
LATER: dict[str, Any] = {"source_version": "2026-11-02", "content_hash": "b"}
CONFIRM, DECLINE = HoldDecision.CONFIRM, HoldDecision.DECLINE


async def decide(
    world: World,
    *ids: UUID,
    reason: OrderHold = OrderHold.GO_LIVE_REVIEW,
    decision: HoldDecision = CONFIRM,
    policy: ErrorPolicy = ErrorPolicy.REJECT_EVERYTHING,
    key: str | None = None,
    by: Principal | None = None,
    version: int | None = None,
) -> Answer:
    command = ReleaseHolds(tuple(HeldOrder(order_id, version) for order_id in ids), reason, decision, policy)
    return await release_holds(world.database, by or world.staff, command, idempotency_key=key or str(new_id()))


def codes(answer: Answer) -> list[str | None]:
    return [row["refused"] and row["refused"]["code"] for row in answer.unwrap()["rows"]]


def old_order(world: World, external_id: str = "1001", **changes: object) -> ChannelOrder:
    given = {"lines": (SHIRT,), "total": Money(3980, "EUR"), "placed_at": BEFORE}
    return world.channel_order(external_id, **(given | changes))


async def held_since_before(world: World, external_id: str = "1001", **changes: object) -> UUID:
    await world.capture(old_order(world, external_id, **changes))
    order = await world.order(external_id)
    assert (order.hold, order.is_history) == ("GO_LIVE_REVIEW", True)
    return order.id


async def in_conflict(world: World) -> UUID:
    """An order of two shirts that the channel says is one, held before it was routed."""
    order = world.channel_order(lines=(SHIRT,), total=Money(3980, "EUR"))
    await world.capture(order)
    await world.capture(replace(order, lines=(replace(SHIRT, quantity=1),), **LATER))
    held = await world.order()
    assert held.hold == "CHANNEL_CONFLICT"
    return held.id


async def claimed(world: World, variant_id: UUID) -> int:
    async with world.database.read() as session:
        return sum(level.reserved + level.allocated for level in await levels(session, [variant_id]))


async def asked_to_route(world: World, order_id: UUID) -> bool:
    async with world.database.read() as session:
        rows = await session.execute(
            text("SELECT 1 FROM work_items WHERE kind = 'order.route' AND subject = :id AND state = 'READY'"),
            {"id": str(order_id)},
        )
        return rows.first() is not None


async def forget_asked_routes(world: World) -> None:
    async with world.database.write() as session:
        await session.execute(text("UPDATE work_items SET state = 'DONE' WHERE kind = 'order.route'"))


async def timeline(world: World, order_id: UUID) -> list[str]:
    async with world.database.read() as session:
        return [item.kind for item in (await events_by_order_ids(session, [order_id]))[order_id]]


async def test_a_confirmed_order_from_before_going_live_claims_its_stock_is_routed_and_earns(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await held_since_before(world)
    assert await claimed(world, world.shirt) == 0
    assert codes(await decide(world, order_id)) == [None]
    order = await world.order()
    assert (order.status, order.hold, order.is_history) == ("OPEN", None, False)
    assert await claimed(world, world.shirt) == 2
    assert await asked_to_route(world, order_id)
    await world.assert_sound()
    assert (await route_order(world.database, order_id)).complete
    assert await claimed(world, world.shirt) == 2
    async with world.database.read() as session:
        granted = await session.execute(text("SELECT sum(granted)::bigint FROM loyalty_lots"))
    assert granted.scalar_one() == 39
    assert await timeline(world, order_id) == ["CAPTURED", "HOLD_CONFIRMED", "ROUTED"]
    await world.assert_sound()


async def test_a_declined_order_from_before_going_live_stays_history(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await held_since_before(world)
    assert codes(await decide(world, order_id, decision=DECLINE)) == [None]
    order = await world.order()
    assert (order.status, order.hold, order.is_history) == ("OPEN", None, True)
    assert await claimed(world, world.shirt) == 0
    assert not await asked_to_route(world, order_id)
    assert await timeline(world, order_id) == ["CAPTURED", "HOLD_DECLINED"]
    await world.assert_sound()


async def test_a_declined_order_is_not_asked_about_again(world: World) -> None:
    order_id = await held_since_before(world)
    await decide(world, order_id, decision=DECLINE)
    assert await world.capture(old_order(world, **LATER)) is CaptureResult.UPDATED
    assert (await world.order()).hold is None
    done = old_order(world, state=OrderState.COMPLETED, source_version="2026-11-03", content_hash="c")
    await world.capture(done)
    assert ((await world.order()).status, (await world.order()).hold) == ("COMPLETED", None)
    await world.assert_sound()


async def test_a_confirmed_order_stays_the_hubs_when_the_channel_tells_it_again(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await held_since_before(world)
    await decide(world, order_id)
    await world.capture(old_order(world, **LATER))
    order = await world.order()
    assert (order.hold, order.is_history) == (None, False)
    assert await claimed(world, world.shirt) == 2
    await world.assert_sound()


async def test_confirmed_orders_that_want_the_same_last_units_share_them(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 3)
    ids = [await held_since_before(world, name) for name in ("1", "2", "3")]
    assert codes(await decide(world, *ids)) == [None, None, None]
    await world.assert_sound()
    for order_id in ids:
        await route_order(world.database, order_id)
    assert await claimed(world, world.shirt) == 3
    await world.assert_sound()


async def test_a_confirmed_order_with_an_unknown_article_goes_on_waiting_for_it(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    hat = ChannelOrderLine("l9", "Hat", 1, Money(500, "EUR"), sku="HAT")
    order_id = await held_since_before(world, lines=(SHIRT, hat))
    await decide(world, order_id)
    assert (await world.order()).hold == "UNMAPPED_LINE"
    assert await claimed(world, world.shirt) == 2
    async with world.database.write() as session:
        variant = await make_variant(session, "HAT", price_minor=500)
    await set_stock(world.database, variant, world.berlin, 1)
    assert await world.capture(old_order(world, lines=(SHIRT, hat))) is CaptureResult.UPDATED
    assert (await route_order(world.database, order_id)).complete
    assert await claimed(world, variant) == 1
    await world.assert_sound()


async def test_an_order_of_what_the_channel_delivers_is_done_and_earns_when_it_is_confirmed(world: World) -> None:
    async with world.database.write() as session:
        await make_variant(session, "TICKET", stock_policy="UNTRACKED", price_minor=1000)
    ticket = ChannelOrderLine("t", "Ticket", 1, Money(1000, "EUR"), sku="TICKET")
    order_id = await held_since_before(world, lines=(ticket,), total=Money(1000, "EUR"))
    await decide(world, order_id)
    order = await world.order()
    assert (order.status, order.hold) == ("COMPLETED", None)
    assert await world.points(order) == 10
    await world.assert_sound()


async def test_a_released_conflict_goes_on_to_be_routed(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await in_conflict(world)
    assert not (await route_order(world.database, order_id)).fulfillment_order_ids
    await forget_asked_routes(world)
    before = (await world.order()).version
    assert codes(await decide(world, order_id, reason=OrderHold.CHANNEL_CONFLICT)) == [None]
    order = await world.order()
    assert (order.status, order.hold, order.version) == ("OPEN", None, before + 1)
    assert await asked_to_route(world, order_id)
    await world.assert_sound()
    assert (await route_order(world.database, order_id)).complete
    assert await claimed(world, world.shirt) == 2
    await world.assert_sound()


async def test_a_released_conflict_of_a_routed_order_leaves_its_parts_alone(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT,))
    await world.capture(order)
    order_id = (await world.order()).id
    await route_order(world.database, order_id)
    await world.capture(replace(order, state=OrderState.COMPLETED, **LATER))
    await decide(world, order_id, reason=OrderHold.CHANNEL_CONFLICT)
    assert (await route_order(world.database, order_id)).decision_id is None
    assert len(await world.queue(order_id)) == 1
    assert await claimed(world, world.shirt) == 2
    await world.assert_sound()


async def test_a_payment_told_together_with_a_conflict_is_not_lost(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order = world.channel_order(lines=(SHIRT,), state=OrderState.PENDING_PAYMENT)
    await world.capture(order)
    await world.capture(replace(order, state=OrderState.OPEN, lines=(replace(SHIRT, quantity=1),), **LATER))
    held = await world.order()
    assert (held.status, held.hold) == ("OPEN", "CHANNEL_CONFLICT")
    assert await claimed(world, world.shirt) == 2
    await decide(world, held.id, reason=OrderHold.CHANNEL_CONFLICT)
    assert (await route_order(world.database, held.id)).complete
    await world.assert_sound()


async def test_an_order_in_an_unknown_state_can_be_taken_as_paid(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    await world.capture(world.channel_order(lines=(SHIRT,), state=OrderState.UNKNOWN))
    order_id = (await world.order()).id
    assert codes(await decide(world, order_id, reason=OrderHold.UNKNOWN_STATE)) == [None]
    order = await world.order()
    assert (order.status, order.hold) == ("OPEN", None)
    assert await claimed(world, world.shirt) == 2
    assert (await route_order(world.database, order_id)).complete
    await world.assert_sound()


async def test_the_same_key_releases_once_and_answers_again(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 5)
    order_id = await held_since_before(world)
    first = await decide(world, order_id, key="k")
    again = await decide(world, order_id, key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.outcome == first.outcome
    assert await claimed(world, world.shirt) == 2
    with pytest.raises(IdempotencyKeyReusedError):
        await decide(world, order_id, key="k", decision=DECLINE)


async def test_one_wrong_row_changes_nothing_unless_the_rest_may_go_on(world: World) -> None:
    good, unknown = await held_since_before(world), new_id()
    answer = await decide(world, good, unknown)
    assert codes(answer) == [None, "ORDER_NOT_FOUND"]
    assert [row["released"] for row in answer.unwrap()["rows"]] == [False, False]
    assert (await world.order()).hold == "GO_LIVE_REVIEW"
    answer = await decide(world, good, unknown, policy=ErrorPolicy.REJECT_FAILED_ROWS)
    assert [row["released"] for row in answer.unwrap()["rows"]] == [True, False]
    assert (await world.order()).hold is None


async def test_an_order_that_is_held_for_another_reason_or_changed_meanwhile_is_refused(world: World) -> None:
    order_id = await held_since_before(world)
    assert codes(await decide(world, order_id, reason=OrderHold.CHANNEL_CONFLICT)) == ["ORDER_NOT_HELD"]
    assert codes(await decide(world, order_id, version=7)) == ["STALE_VERSION"]
    await decide(world, order_id)
    assert codes(await decide(world, order_id)) == ["ORDER_NOT_HELD"]


async def test_two_people_who_decide_at_once_decide_once(world: World) -> None:
    await set_stock(world.database, world.shirt, world.berlin, 9)
    ids = [await held_since_before(world, name) for name in ("1", "2", "3")]
    one, other = await asyncio.gather(decide(world, *ids), decide(world, *reversed(ids)))
    assert sorted(map(str, codes(one) + codes(other))) == ["None"] * 3 + ["ORDER_NOT_HELD"] * 3
    assert await claimed(world, world.shirt) == 6
    await world.assert_sound()


@pytest.mark.parametrize(
    ("reason", "decision"),
    [
        (OrderHold.UNMAPPED_LINE, CONFIRM),
        (OrderHold.UNKNOWN_LOCATION, CONFIRM),
        (OrderHold.CHANNEL_CONFLICT, DECLINE),
        (OrderHold.UNKNOWN_STATE, DECLINE),
    ],
)
async def test_what_nobody_can_decide_is_refused(world: World, reason: OrderHold, decision: HoldDecision) -> None:
    with pytest.raises(HoldNotDecidableError):
        await decide(world, new_id(), reason=reason, decision=decision)


async def test_a_list_has_one_to_a_hundred_orders_each_once(world: World) -> None:
    one = new_id()
    for ids in ([], [one, one], [new_id() for _ in range(101)]):
        with pytest.raises(InvalidInputError):
            await decide(world, *ids)


async def test_who_may_change_orders_may_not_yet_end_their_holds(world: World) -> None:
    order_id = await held_since_before(world)
    with pytest.raises(ScopeMissingError):
        await decide(world, order_id, by=make_principal(scopes=frozenset({Scope.ORDERS_WRITE})))


async def test_an_order_of_another_channel_does_not_exist_for_a_bound_credential(world: World) -> None:
    order_id = await held_since_before(world)
    assert codes(await decide(world, order_id, by=make_principal(channel_id=new_id()))) == ["ORDER_NOT_FOUND"]


async def test_a_released_hold_is_audited_with_its_orders(world: World) -> None:
    order_id = await held_since_before(world)
    await decide(world, order_id, decision=DECLINE)
    async with world.database.read() as session:
        rows = await session.execute(text("SELECT entity_ids FROM audit_log WHERE operation = 'orderHoldRelease'"))
        assert [row.entity_ids for row in rows] == [[order_id]]
