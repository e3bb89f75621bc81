"""What a channel says of an order that is odd, incomplete or new: kept, refused by name, never half understood."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from adapters.sdk.types import ChannelCustomer, ChannelOrderLine, ChannelPayment, OrderState, PostalAddress
from hub.customers import erase
from hub.kernel.errors import InvalidInputError
from hub.kernel.money import CurrencyError, Money
from hub.kernel.quantity import QuantityError
from hub.orders import payments_by_order_ids, read_contact
from tests.factories import make_variant
from tests.orders.stage import SEALER, World

SHIRT = ChannelOrderLine("l1", "Shirt", 2, Money(1990, "EUR"), sku="SHIRT")
LATER = {"source_version": "2026-11-02T00:00:00", "content_hash": "b"}


async def street(world: World) -> str | None:
    order = await world.order()
    async with world.database.read() as session:
        contact = await read_contact(session, order, SEALER)
    return None if contact is None else contact["ship_to"]["line1"]


async def test_the_address_of_a_buyer_whom_the_channel_does_not_name_is_kept(world: World) -> None:
    await world.capture(world.channel_order(customer=ChannelCustomer(external_id="77")))
    assert await street(world) == "Secret Street 1"


async def test_an_erased_buyers_address_is_not_kept_again(world: World) -> None:
    nameless = ChannelCustomer(external_id="77")
    await world.capture(world.channel_order("1000", customer=nameless))
    customer_id = (await world.order("1000")).customer_id
    assert customer_id is not None
    async with world.database.write() as session:
        await erase(session, customer_id)
    await world.capture(world.channel_order(customer=nameless))
    assert (await world.order()).customer_id == customer_id
    assert await street(world) is None


async def test_an_address_that_was_put_right_in_the_channel_is_the_one_that_counts(world: World) -> None:
    await world.capture(world.channel_order())
    moved = PostalAddress(line1="New Street 2")
    await world.capture(world.channel_order(ship_to=moved, **LATER))
    assert await street(world) == "New Street 2"
    await world.capture(world.channel_order(ship_to=None, source_version="2026-11-03T00:00:00", content_hash="c"))
    assert await street(world) == "New Street 2"


async def test_a_payment_that_comes_with_a_later_version_is_kept_once(world: World) -> None:
    await world.capture(world.channel_order(state=OrderState.PENDING_PAYMENT))
    paid = world.channel_order(payments=(ChannelPayment("pay-1", "card", Money(10980, "EUR"), None),), **LATER)
    await world.capture(paid)
    await world.capture(replace(paid, source_version="2026-11-03T00:00:00", content_hash="c"))
    order = await world.order()
    async with world.database.read() as session:
        kept = (await payments_by_order_ids(session, [order.id]))[order.id]
    assert [(item.reference, item.amount_minor) for item in kept] == [("pay-1", 10980)]


async def test_lines_that_cannot_be_told_apart_are_refused_by_name(world: World) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await world.capture(world.channel_order(lines=(SHIRT, SHIRT)))
    assert refused.value.code == "LINE_ID_REPEATED"


async def test_amounts_in_another_currency_are_not_taken_for_the_orders(world: World) -> None:
    dollars = replace(SHIRT, unit_price=Money(1990, "USD"))
    with pytest.raises(CurrencyError):
        await world.capture(world.channel_order(lines=(dollars,)))


async def test_an_absurd_quantity_is_refused_whoever_buys(world: World) -> None:
    with pytest.raises(QuantityError):
        await world.capture(world.channel_order(lines=(replace(SHIRT, quantity=10**13),), customer=None))


@pytest.mark.parametrize(("discount", "tax"), [(3980, 318), (5000, 0)])
async def test_a_line_given_away_earns_nothing_and_is_still_captured(world: World, discount: int, tax: int) -> None:
    async with world.database.write() as session:
        await session.execute(text("UPDATE loyalty_programmes SET base_includes_tax = false"))
    free = replace(SHIRT, discount=Money(discount, "EUR"), tax=Money(tax, "EUR"))
    await world.capture(world.channel_order(lines=(free,)))
    assert (await world.order()).status == "OPEN"
    await world.assert_sound()


async def test_a_cancelled_order_keeps_no_points_for_what_the_channel_was_to_deliver(world: World) -> None:
    async with world.database.write() as session:
        await make_variant(session, "EBOOK", stock_policy="UNTRACKED", price_minor=1000)
    book = ChannelOrderLine("l2", "Ebook", 1, Money(1000, "EUR"), sku="EBOOK")
    order = world.channel_order(lines=(SHIRT, book), total=Money(4980, "EUR"))
    await world.capture(order)
    assert await world.points(await world.order()) == 10
    cancelled = replace(order, state=OrderState.CANCELLED, source_version="2026-11-02T00:00:00", content_hash="b")
    await world.capture(cancelled)
    assert (await world.order()).status == "CANCELLED"
    assert await world.points(await world.order()) == 0
    await world.assert_sound()
