"""Whatever way receipts are sent again (whole, in part, in another order, among others'), it is as if sent once."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres
from hub.kernel.principal import Principal
from hub.pos import GoodsReturn, Sale
from tests.databases import fresh_database
from tests.factories import set_stock
from tests.pos.counter import ADA, Counter, Row, make_counter

Sent = tuple[Principal, Sale | GoodsReturn]
Happened = tuple[str, int, list[tuple[str, int]], int, bool]
Key = tuple[Any, ...]
EXAMPLES = 8

days = st.lists(
    st.tuples(
        st.sampled_from(["SALE", "RETURN"]),
        st.integers(0, 1),
        st.lists(st.tuples(st.sampled_from(["SHIRT", "SHOE", "GHOST"]), st.integers(1, 3)), min_size=1, max_size=2),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def receipts(counter: Counter, happened: list[Happened]) -> list[Sent]:
    """What two tills have in their books; returns name a receipt of either, which may not exist."""
    tills = (counter.berlin, counter.hamburg)
    sent: list[Sent] = []
    for number, (kind, till, units, original, flag) in enumerate(happened):
        before = -4.0 if flag else 60.0
        fact: Sale | GoodsReturn
        if kind == "SALE":
            evidence = ADA if number % 3 else ()
            fact = counter.sale(str(number), *units, minutes_ago=before, evidence=evidence)
        else:
            code = f"till-{1 + original % 2}"
            fact = counter.goods(str(number), str(original), *units, terminal=code, minutes_ago=before)
        sent.append((tills[till], fact))
    return sent


async def send(counter: Counter, sent: list[Sent]) -> dict[Key, Row]:
    """One batch after the other, as each till and kind comes in; the answers by receipt."""
    answers: dict[Key, Row] = {}
    while sent:
        till, first = sent[0]
        batch = []
        while sent and (sent[0][0], type(sent[0][1])) == (till, type(first)):
            batch.append(sent.pop(0)[1])
        for fact, row in zip(batch, await counter.report(*batch, till=till), strict=True):
            answers[till.id, type(fact), fact.receipt] = row
    return answers


STATE = """
SELECT v.sku, p.code, s.on_hand, s.reserved, s.damaged, s.shortage FROM stock_levels AS s
JOIN variants AS v ON v.id = s.variant_id JOIN locations AS p ON p.id = s.location_id;

SELECT o.external_id, o.status, o.hold, o.total_minor, l.sku, l.quantity, l.fulfilled, l.returned
FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id;

SELECT t.code, f.kind, f.receipt, f.kind = 'SALE' AND f.order_id IS NULL
FROM pos_facts AS f JOIN terminals AS t ON t.id = f.terminal_id;

SELECT t.code, f.original_receipt, l.sku, sum(l.linked) FROM pos_facts AS f
JOIN pos_return_lines AS l ON l.fact_id = f.id JOIN terminals AS t ON t.id = f.original_terminal_id GROUP BY 1, 2, 3;

SELECT book, sum(points) FROM loyalty_entries GROUP BY 1 HAVING sum(points) <> 0;

SELECT v.sku, m.kind, sum(m.on_hand_delta) FROM stock_movements AS m JOIN variants AS v ON v.id = m.variant_id
GROUP BY 1, 2
"""
"""Everything that a receipt may change, without the ids that are made up on the way."""


async def state(counter: Counter) -> list[list[str]]:
    async with counter.world.database.read() as session:
        return [
            sorted(str(tuple(row)) for row in await session.execute(text(question))) for question in STATE.split(";")
        ]


@asynccontextmanager
async def opened(postgres: EmbeddedPostgres, now: datetime) -> AsyncIterator[Counter]:
    """A retailer of its own, whose shirts were counted a moment ago."""
    async with fresh_database(postgres) as url:
        database = Database(url)
        try:
            counter = await make_counter(database)
            await set_stock(database, counter.world.shirt, counter.world.berlin, 3)
            yield replace(counter, now=now)
        finally:
            await database.close()


async def compare(postgres: EmbeddedPostgres, happened: list[Happened], chance: random.Random) -> None:
    now = datetime.now(UTC)
    async with opened(postgres, now) as once:
        await send(once, receipts(once, happened))
        await once.world.assert_sound()
        expected = await state(once)
    async with opened(postgres, now) as often:
        sent = receipts(often, happened)
        first: dict[Key, Row] = {}
        for _ in range(3):
            again = [*sent, *chance.sample(sent, chance.randrange(len(sent) + 1))]
            chance.shuffle(again)
            halves = [again[: len(again) // 2], again[len(again) // 2 :]]
            for answers in await asyncio.gather(*(send(often, half) for half in halves)):
                for key, row in answers.items():
                    told = row | {"known": None}
                    assert first.setdefault(key, told) == told
        assert await state(often) == expected
        await often.world.assert_sound()


def test_sending_receipts_again_changes_nothing_and_answers_the_same(postgres: EmbeddedPostgres) -> None:
    with asyncio.Runner() as run:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(happened=days, seed=st.integers(0, 2**32))
        def attempt(happened: list[Happened], seed: int) -> None:
            run.run(compare(postgres, happened, random.Random(seed)))

        attempt()
