"""What adds up, what earns points, when an order is done, and who sees it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.orders import Order, OrderLine, OrderMethod, OrderStatus, StaleVersionError, may_take_back, sees_order
from hub.orders.messages import NewOrder, NewOrderLine
from hub.orders.rules import expect_version, grant_lines, line_total_minor, status_after, totals_match


def line(**changes: Any) -> OrderLine:
    given: dict[str, Any] = {
        "id": new_id(),
        "kind": "GOODS",
        "fulfilled_by": "HUB",
        "quantity": 2,
        "unit_price_minor": 1000,
    }
    zero = dict.fromkeys(("cancelled", "fulfilled", "returned", "discount_minor", "tax_minor"), 0)
    return OrderLine(**(given | zero | changes))


def order(*lines: NewOrderLine, total_minor: int, prices_include_tax: bool = True, shipping_minor: int = 0) -> NewOrder:
    return NewOrder(
        channel_id=new_id(),
        external_id="1",
        number="1",
        status=OrderStatus.OPEN,
        method=OrderMethod.SHIP,
        currency="EUR",
        prices_include_tax=prices_include_tax,
        total_minor=total_minor,
        placed_at=datetime(2026, 1, 1, tzinfo=UTC),
        source_version="",
        content_hash="",
        lines=lines,
        shipping_minor=shipping_minor,
    )


def stored(**known: Any) -> Order:
    return Order(**known)


@pytest.mark.parametrize(("included", "total"), [(True, 1700), (False, 2000)])
def test_tax_is_added_only_where_prices_leave_it_out(included: bool, total: int):
    one = line(discount_minor=300, tax_minor=300)
    assert line_total_minor(one, prices_include_tax=included) == total


def test_totals_that_do_not_add_up_are_recognised():
    new = NewOrderLine("1", "Shirt", "GOODS", 2, 1000, discount_minor=100, tax_minor=300)
    assert totals_match(order(new, total_minor=2400, shipping_minor=500))
    assert totals_match(order(new, total_minor=2200, prices_include_tax=False))
    assert not totals_match(order(new, total_minor=2401, shipping_minor=500))


def test_points_are_granted_for_goods_net_of_discount_and_tax():
    goods = line(discount_minor=100, tax_minor=300)
    lines = [goods, line(kind="FEE"), line(kind="CUSTOM"), line(kind="BUNDLE")]
    granted = grant_lines(lines, prices_include_tax=True)
    assert [(one.base_minor, one.tax_minor) for one in granted] == [(1600, 300), (2000, 0)]
    assert granted[0].line_id == goods.id
    assert grant_lines([goods], prices_include_tax=False)[0].base_minor == 1900


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([line()], OrderStatus.OPEN),
        ([line(fulfilled=1)], OrderStatus.OPEN),
        ([line(fulfilled=2)], OrderStatus.COMPLETED),
        ([line(fulfilled=1, cancelled=1)], OrderStatus.COMPLETED),
        ([line(cancelled=2)], OrderStatus.CANCELLED),
        ([line(fulfilled=2), line(cancelled=2)], OrderStatus.COMPLETED),
        ([line(fulfilled=2), line(kind="FEE")], OrderStatus.COMPLETED),
        ([line(cancelled=2), line(fulfilled_by="CHANNEL", fulfilled=2)], OrderStatus.COMPLETED),
        ([line(fulfilled_by="CHANNEL")], OrderStatus.COMPLETED),
    ],
)
def test_an_order_is_done_when_nothing_is_left_for_the_hub(lines: list[OrderLine], status: OrderStatus):
    assert status_after(lines) is status


def test_a_version_that_moved_on_is_refused():
    seen = stored(version=3)
    expect_version(seen, 3)
    expect_version(seen, None)
    with pytest.raises(StaleVersionError, match="version 3, not 2"):
        expect_version(seen, 2)


def who(kind: PrincipalKind = PrincipalKind.MACHINE, **bound: Any) -> Principal:
    return Principal(id=new_id(), kind=kind, name="x", scopes=frozenset({Scope.CUSTOMERS_READ}), **bound)


def test_an_order_is_seen_by_its_channel_its_places_and_its_customer():
    channel, customer, place = new_id(), new_id(), new_id()
    sold = stored(channel_id=channel, customer_id=customer)
    here, there = frozenset({place}), frozenset({new_id()})
    seeing = [
        who(),
        who(channel_id=channel),
        who(channel_id=channel, terminal_id=new_id(), location_ids=there),
        who(channel_id=new_id(), terminal_id=new_id(), location_ids=here),
        who(PrincipalKind.STAFF, location_ids=here),
        who(PrincipalKind.CUSTOMER, customer_id=customer, channel_id=new_id()),
    ]
    blind = [
        who(channel_id=new_id()),
        who(PrincipalKind.STAFF, location_ids=there),
        who(PrincipalKind.STAFF, location_ids=frozenset()),
        who(PrincipalKind.CUSTOMER, customer_id=new_id(), channel_id=channel),
        who(PrincipalKind.CUSTOMER, channel_id=channel),
    ]
    assert all(sees_order(principal, sold, {place}) for principal in seeing)
    assert not any(sees_order(principal, sold, {place}) for principal in blind)


def test_tills_take_back_what_a_known_customer_bought_elsewhere():
    till = who(channel_id=new_id(), terminal_id=new_id(), location_ids=frozenset({new_id()}))
    shop = who(channel_id=new_id())
    bought = stored(channel_id=new_id(), customer_id=new_id())
    anonymous = stored(channel_id=new_id())
    assert may_take_back(till, bought, ())
    assert not may_take_back(till, anonymous, ())
    assert not may_take_back(shop, bought, ())
