"""Was anybody told something that is not so? The clients' journals against the hub's own rows."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from hub.entrypoints.demo import cast
from hub.entrypoints.demo.journal import TOLD, Entry
from hub.infra.checks import Violation
from hub.infra.database import Database, ReadSession

CHANNEL_CODES: Final = {"woocommerce": cast.WOOCOMMERCE, "square": cast.SQUARE}

Rows = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What must be true of each entry that was told about `kinds`: `query` finds rows by the ids of the entries."""

    kinds: frozenset[str]
    fact: str
    query: str
    holds: Callable[[Entry, Any], bool]
    promise: str
    message: str


def _present(_entry: Entry, row: Any) -> bool:
    return row is not None


def _is(*states: str) -> Callable[[Entry, Any], bool]:
    return lambda _entry, row: row is not None and bool(row.status in states)


def _committed(_entry: Entry, row: Any) -> bool:
    return row is not None and row.status == "COMMITTED" and bool(row.sold)


def _handed_out(_entry: Entry, row: Any) -> bool:
    return row is not None and row.status == "CLOSED" and row.unfulfilled == 0 and row.points_missing == 0


def _order_stands(entry: Entry, row: Any) -> bool:
    wanted = sorted(int(quantity) for quantity in entry.facts["lines"].values())
    if row is None or row.external_id != entry.facts["external_id"] or sorted(row.quantities) != wanted:
        return False
    return bool(entry.facts["method"] != "HANDED_OVER" or (row.unfulfilled == 0 and row.points_missing == 0))


_RESERVATIONS: Final = """
    SELECT r.id, r.status,
           EXISTS (SELECT FROM stock_movements AS m WHERE m.kind = 'SELL' AND m.reference_id = r.outcome_id) AS sold
    FROM reservations AS r WHERE r.id = ANY(:ids)
"""
_POINTS_MISSING: Final = """
    (SELECT count(*) FROM loyalty_lots AS g WHERE g.order_id = o.id AND g.fulfilled_units < (
        SELECT l.fulfilled FROM order_lines AS l WHERE l.id = g.order_line_id))
"""
_ORDERS: Final = f"""
    SELECT o.id, o.external_id, array_agg(l.quantity) AS quantities, {_POINTS_MISSING} AS points_missing,
           sum(l.quantity - l.fulfilled - l.cancelled) AS unfulfilled
    FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id WHERE o.id = ANY(:ids) GROUP BY o.id
"""
_FULFILLMENT_ORDERS: Final = f"""
    SELECT f.id, f.status, {_POINTS_MISSING} AS points_missing,
           (SELECT count(*) FROM fulfillment_order_lines AS i JOIN order_lines AS l ON l.id = i.order_line_id
            WHERE i.fulfillment_order_id = f.id AND l.fulfilled < i.quantity) AS unfulfilled
    FROM fulfillment_orders AS f JOIN orders AS o ON o.id = f.order_id WHERE f.id = ANY(:ids)
"""
_RETURNS: Final = "SELECT id FROM order_returns WHERE id = ANY(:ids)"

_RULES: Final = (
    _Rule(
        frozenset({"reservationCreate"}), "reservation", _RESERVATIONS, _present,
        "told_reservation_exists", "a client was told of this reservation and it is not there",
    ),
    _Rule(
        frozenset({"reservationRelease"}), "reservation", _RESERVATIONS, _is("RELEASED", "EXPIRED"),
        "told_release_happened", "a client was told that it was released",
    ),
    _Rule(
        frozenset({"reservationCommit"}), "reservation", _RESERVATIONS, _committed,
        "told_commit_happened", "a client was told that it was sold under a receipt",
    ),
    _Rule(
        frozenset({"orderPlace"}), "order", _ORDERS, _order_stands,
        "told_order_exists", "a client was told of this order, and it is missing or another one",
    ),
    _Rule(
        frozenset({"orderReturn"}), "order_return", _RETURNS, _present,
        "told_return_exists", "a client was told of this return and it is not there",
    ),
    _Rule(
        frozenset({"fulfillmentOrderAccept", "fulfillmentOrderReady"}), "fulfillment_order", _FULFILLMENT_ORDERS,
        # A store may still turn down what it took on: REJECTED is then what it was told last.
        _is("IN_PROGRESS", "READY", "CLOSED", "CANCELLED", "REJECTED"),
        "told_step_happened", "staff were told that it was taken on",
    ),
    _Rule(
        frozenset({"fulfillmentOrderReject"}), "fulfillment_order", _FULFILLMENT_ORDERS, _is("REJECTED"),
        "told_step_happened", "staff were told that it was turned down",
    ),
    _Rule(
        frozenset({"fulfillmentOrderCollect", "fulfillmentOrderShip"}), "fulfillment_order", _FULFILLMENT_ORDERS,
        _handed_out, "told_hand_over_happened", "staff were told that it was handed out, with its points",
    ),
)  # fmt: skip


async def audit(database: Database, journals: Iterable[Entry]) -> list[Violation]:
    """Everything that a client was told and that the hub does not hold, and whatever exists twice.

    Call it when the hub is at rest: an order that a channel handed over may still be on its way from the inbox.
    """
    told = [entry for entry in journals if entry.phase == TOLD]
    found: list[Violation] = []
    async with database.read() as session:
        for rule in _RULES:
            found += await _check(session, rule, [entry for entry in told if entry.kind in rule.kinds])
        found += await _check_channel_orders(session, [entry for entry in told if entry.kind == "channelOrder"])
        found += await _check_points(session, [entry for entry in told if entry.kind == "points"])
    return [*found, *_answered_twice(told)]


async def _check(session: ReadSession, rule: _Rule, entries: Sequence[Entry]) -> list[Violation]:
    ids = {key_of(entry.facts[rule.fact]) for entry in entries}
    rows = await _by_id(session, rule.query, ids)
    return [
        Violation(rule.promise, f"{rule.fact} {key_of(entry.facts[rule.fact])}", f"{entry.client}: {rule.message}")
        for entry in entries
        if not rule.holds(entry, rows.get(str(key_of(entry.facts[rule.fact]))))
    ]


async def _by_id(session: ReadSession, query: str, ids: Iterable[UUID]) -> Rows:
    return {str(row.id): row for row in await session.execute(text(query), {"ids": sorted(ids)})}


async def _check_channel_orders(session: ReadSession, entries: Sequence[Entry]) -> list[Violation]:
    """An order whose webhook was acknowledged is captured, exactly once."""
    rows = await session.execute(
        text("SELECT c.code, o.external_id FROM orders AS o JOIN channels AS c ON c.id = o.channel_id")
    )
    captured = {(row.code, row.external_id) for row in rows}
    return [
        Violation("acknowledged_order_is_captured", f"{code} order {external_id}", "its webhook was acknowledged")
        for code, external_id in _acknowledged(entries)
        if (code, external_id) not in captured
    ]


def _acknowledged(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    return [
        (CHANNEL_CODES[entry.facts["channel"]], entry.facts["external_id"])
        for entry in entries
        if entry.facts["acknowledged"]
    ]


async def _check_points(session: ReadSession, entries: Sequence[Entry]) -> list[Violation]:
    """A movement of points that a customer saw is there for ever."""
    shown = {key_of(movement) for entry in entries for movement in entry.facts["movements"]}
    query = "SELECT id FROM loyalty_transactions WHERE id = ANY(:ids)"
    known = await _by_id(session, query, shown)
    return [
        Violation("told_points_exist", f"loyalty_transaction {movement}", "a customer saw this movement of points")
        for movement in sorted(shown)
        if str(movement) not in known
    ]


def _answered_twice(told: Iterable[Entry]) -> list[Violation]:
    """One key gave one answer: two of them would be a thing done twice."""
    answers: dict[str, Mapping[str, Any]] = {}
    return [
        Violation("one_key_one_answer", f"{entry.kind} {entry.key}", f"{entry.client} got two answers")
        for entry in told
        if entry.key and answers.setdefault(entry.key, entry.facts) != entry.facts
    ]


def key_of(global_id: str) -> UUID:
    """The row's key within an id of the API."""
    raw = base64.urlsafe_b64decode(global_id + "=" * (-len(global_id) % 4)).decode()
    return UUID(raw.partition(":")[2])
