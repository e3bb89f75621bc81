"""Whatever way receipts are sent again (whole, in part, in another order, among others'), it is as if sent once."""

import asyncio
import random
from collections import Counter as Tally
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.infra.database import Database
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from hub.pos import GoodsReturn, Sale
from tests.databases import fresh_database
from tests.pos.counter import ADA, Counter, Row, make_counter

Sent = tuple[Principal, Sale | GoodsReturn]
SKUS = ("SHIRT", "SHOE", "GHOST")

units = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 3)), min_size=1, max_size=2)
day = st.lists(
    st.tuples(st.sampled_from(["SALE", "RETURN"]), st.integers(0, 1), units, st.integers(0, 3), st.booleans()),
    min_size=1,
    max_size=8,
)


def receipts(counter: Counter, happened: list[tuple[str, int, list[tuple[str, int]], int, bool]]) -> list[Sent]:
    """What the two tills have in their books; returns name a receipt of either, which may not exist."""
    tills, prefix, sent = (counter.berlin, counter.hamburg), str(new_id())[-6:], []
    for number, (kind, till, wanted, original, known) in enumerate(happened):
        fact: Sale | GoodsReturn
        if kind == "SALE":
            fact = counter.sale(f"{prefix}-{number}", *wanted, evidence=ADA if known else ())
        else:
            terminal = f"till-{1 + original % 2}"
            fact = counter.goods(f"{prefix}-{number}", f"{prefix}-{original}", *wanted, terminal=terminal)
        sent.append((tills[till], fact))
    return sent


async def send(counter: Counter, sent: list[Sent]) -> dict[tuple[Any, ...], Row]:
    """One batch after the other, as each till and kind comes in; the answers by receipt."""
    answers: dict[tuple[Any, ...], Row] = {}
    while sent:
        till, first = sent[0]
        batch = []
        while sent and (sent[0][0], type(sent[0][1])) == (till, type(first)):
            batch.append(sent.pop(0)[1])
        for fact, row in zip(batch, await counter.report(*batch, till=till), strict=True):
            answers[till.id, type(fact), fact.receipt] = row
    return answers


async def state(counter: Counter) -> Tally[tuple[Any, ...]]:
    """Everything that a receipt may change, without the ids that are made up on the way."""
    questions = (
        "SELECT 'level', variant_id, location_id, on_hand, reserved, damaged, shortage FROM stock_levels",
        "SELECT 'order', o.external_id, o.hold, l.sku, l.quantity, l.fulfilled, l.returned FROM orders AS o"
        " JOIN order_lines AS l ON l.order_id = o.id",
        "SELECT 'fact', terminal_id, kind, receipt, order_id IS NULL FROM pos_facts",
        "SELECT 'linked', f.receipt, f.original_receipt, l.sku, sum(l.linked) FROM pos_facts AS f"
        " JOIN pos_return_lines AS l ON l.fact_id = f.id GROUP BY 1, 2, 3, 4",
        "SELECT 'points', sum(amount) FROM loyalty_entries WHERE book LIKE 'MEMBER%'",
    )
    return Tally([row for question in questions[:3] for row in await counter.rows(question)])


def final(seen: Tally[tuple[Any, ...]]) -> list[str]:
    return sorted(f"{row}×{times}" for row, times in seen.items())
