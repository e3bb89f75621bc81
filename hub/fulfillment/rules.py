"""The state machine of a fulfillment order as a table, and what a rejection says about stock."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.fulfillment.errors import TransitionError
from hub.fulfillment.models import FulfillmentStatus, RejectReason


class Step(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    READY = "ready"
    COLLECT = "collect"
    SHIP = "ship"
    CANCEL = "cancel"


_S = FulfillmentStatus
TRANSITIONS: Mapping[tuple[FulfillmentStatus, Step], FulfillmentStatus] = MappingProxyType(
    {
        (_S.OPEN, Step.ACCEPT): _S.IN_PROGRESS,
        (_S.OPEN, Step.REJECT): _S.REJECTED,
        (_S.IN_PROGRESS, Step.REJECT): _S.REJECTED,
        (_S.IN_PROGRESS, Step.READY): _S.READY,
        (_S.READY, Step.REJECT): _S.REJECTED,
        (_S.READY, Step.COLLECT): _S.CLOSED,
        (_S.IN_PROGRESS, Step.SHIP): _S.CLOSED,
        (_S.READY, Step.SHIP): _S.CLOSED,
        (_S.OPEN, Step.CANCEL): _S.CANCELLED,
        (_S.IN_PROGRESS, Step.CANCEL): _S.CANCELLED,
        (_S.READY, Step.CANCEL): _S.CANCELLED,
        (_S.ON_HOLD, Step.CANCEL): _S.CANCELLED,
    }
)

OPEN_STATES = frozenset({_S.OPEN, _S.IN_PROGRESS, _S.READY, _S.ON_HOLD})

DAMAGES_STOCK = frozenset({RejectReason.DAMAGED})
"""Rejections that say the units are damaged: they leave onHand."""

ASKS_FOR_COUNT = frozenset({RejectReason.NOT_FOUND})
"""Rejections that say the ledger is wrong: somebody has to count."""


def after(status: str, step: Step, method: str) -> FulfillmentStatus:
    """The state that `step` leads to. Raises TransitionError, naming what is possible instead."""
    possible = {
        candidate: target
        for (source, candidate), target in TRANSITIONS.items()
        if source == status and _fits(candidate, method)
    }
    if step not in possible:
        names = ", ".join(sorted(candidate.value for candidate in possible)) or "nothing"
        raise TransitionError(f"a {method} order that is {status} cannot {step.value}; possible: {names}")
    return possible[step]


def _fits(step: Step, method: str) -> bool:
    if step is Step.COLLECT:
        return method == "PICKUP"
    if step is Step.SHIP:
        return method != "PICKUP"
    return True
