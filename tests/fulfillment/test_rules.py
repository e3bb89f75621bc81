"""The way of a fulfillment order through a store, as a table; and who may see it."""

import itertools
from typing import Any

import pytest

from hub.fulfillment import (
    FulfillmentOrder,
    FulfillmentStatus,
    TransitionError,
    may_see_pickup_code,
    sees_fulfillment_order,
)
from hub.fulfillment.rules import OPEN_STATES, TRANSITIONS, Step, after
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.orders import Order

S = FulfillmentStatus
METHODS = ("SHIP", "PICKUP", "LOCAL_DELIVERY")
HAPPY = [
    ("PICKUP", (Step.ACCEPT, Step.READY, Step.COLLECT)),
    ("SHIP", (Step.ACCEPT, Step.SHIP)),
    ("SHIP", (Step.ACCEPT, Step.READY, Step.SHIP)),
    ("LOCAL_DELIVERY", (Step.ACCEPT, Step.READY, Step.SHIP)),
]


@pytest.mark.parametrize(("method", "steps"), HAPPY)
def test_work_that_is_done_is_closed(method: str, steps: tuple[Step, ...]):
    status: str = S.OPEN
    for step in steps:
        status = after(status, step, method)
    assert status is S.CLOSED


@pytest.mark.parametrize(("status", "step", "method"), list(itertools.product(S, Step, METHODS)))
def test_only_what_the_table_lists_is_possible(status: FulfillmentStatus, step: Step, method: str):
    wrong_way = (step is Step.COLLECT and method != "PICKUP") or (step is Step.SHIP and method == "PICKUP")
    if (status, step) in TRANSITIONS and not wrong_way:
        assert after(status, step, method) is TRANSITIONS[status, step]
    else:
        with pytest.raises(TransitionError) as refused:
            after(status, step, method)
        assert status in refused.value.message


@pytest.mark.parametrize("status", list(S))
def test_what_is_open_can_be_cancelled_and_what_is_over_cannot_move(status: FulfillmentStatus):
    moves = [step for (source, step) in TRANSITIONS if source is status]
    assert (Step.CANCEL in moves) == (status in OPEN_STATES)
    assert bool(moves) == (status in OPEN_STATES)


def test_a_status_of_a_newer_version_can_do_nothing():
    with pytest.raises(TransitionError, match="possible: nothing"):
        after("TELEPORTED", Step.ACCEPT, "SHIP")


def who(kind: PrincipalKind = PrincipalKind.MACHINE, **bound: Any) -> Principal:
    return Principal(id=new_id(), kind=kind, name="x", scopes=frozenset({Scope.CUSTOMERS_READ}), **bound)


def order_of(**known: Any) -> Order:
    return Order(**known)


def test_the_pickup_code_is_never_told_to_those_who_hand_over():
    channel, customer, here = new_id(), new_id(), frozenset({new_id()})
    order = order_of(channel_id=channel, customer_id=customer)
    told = [
        who(PrincipalKind.CUSTOMER, customer_id=customer),
        who(PrincipalKind.STAFF),
        who(channel_id=channel),
    ]
    silent = [
        who(PrincipalKind.CUSTOMER, customer_id=new_id()),
        who(PrincipalKind.CUSTOMER),
        who(PrincipalKind.STAFF, location_ids=here),
        who(channel_id=channel, terminal_id=new_id(), location_ids=here),
        who(channel_id=channel, location_ids=here),
        who(channel_id=new_id()),
        who(),
        who(PrincipalKind.SYSTEM),
    ]
    assert all(may_see_pickup_code(principal, order) for principal in told)
    assert not any(may_see_pickup_code(principal, order) for principal in silent)


def test_work_is_seen_by_its_store_its_channel_and_its_customer():
    channel, customer, place = new_id(), new_id(), new_id()
    order = order_of(channel_id=channel, customer_id=customer)
    at_place: dict[str, Any] = {"location_id": place}
    item = FulfillmentOrder(**at_place)
    seeing = [
        who(),
        who(channel_id=channel),
        who(PrincipalKind.STAFF, location_ids=frozenset({place})),
        who(channel_id=new_id(), location_ids=frozenset({place})),
        who(PrincipalKind.CUSTOMER, customer_id=customer),
    ]
    blind = [
        who(channel_id=new_id()),
        who(channel_id=channel, location_ids=frozenset({new_id()})),
        who(PrincipalKind.STAFF, location_ids=frozenset()),
        who(PrincipalKind.CUSTOMER, customer_id=new_id()),
        who(PrincipalKind.CUSTOMER),
    ]
    assert all(sees_fulfillment_order(principal, item, order) for principal in seeing)
    assert not any(sees_fulfillment_order(principal, item, order) for principal in blind)
