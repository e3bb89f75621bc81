"""Group commit: many mutations share a transaction, and each is answered as if it were alone."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest

from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, ConcurrentRequestError
from hub.infra.mutations import mutate
from hub.inventory import (
    Allocate,
    CreateReservation,
    Fulfill,
    LevelKey,
    OverloadedError,
    Receive,
    Release,
    ReservationLineInput,
    ReservationOwner,
    Reserve,
    Sell,
    StockBatcher,
    StockRequest,
    Units,
    apply,
    create_reservation,
)
from hub.inventory.batcher import batcher_of
from hub.kernel.errors import HubError, UnavailableError
from hub.kernel.ids import new_id
from tests.factories import make_principal
from tests.inventory.asks import (
    PATIENCE_SECONDS,
    CommandAsk,
    claim,
    connected,
    cut_waiting,
    deadlocks,
    held,
    queued,
    transactions_that_claimed,
)
from tests.inventory.stage import ACTOR, Stage, make_stage

POISON = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.variant_id = '%s' THEN RAISE EXCEPTION 'poison'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poison BEFORE INSERT ON reservation_lines FOR EACH ROW EXECUTE FUNCTION poison();
"""
SLOW_COMMIT = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON reservation_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture
async def stage(database: Database) -> Stage:
    """Two locations, four variants, a hundred units of each in the first."""
    made = await make_stage(database, variants=4)
    for variant in range(4):
        await made.stock(100, variant=variant)
    return made


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    opened = Database(database_url, pool_size=4)
    yield opened
    await opened.close()


async def gathered(batcher: StockBatcher, asks: Sequence[CommandAsk]) -> list[Answer | BaseException]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.gather(*(batcher.submit(ask) for ask in asks), return_exceptions=True)


async def one_batch(stage: Stage, batcher: StockBatcher, asks: Sequence[CommandAsk]) -> list[Answer | BaseException]:
    """Let the asks arrive while the batcher's only lane waits for a row, so that one transaction takes them all."""
    key = stage.key(3)
    async with held(stage.database, key):
        first = asyncio.create_task(batcher.submit(claim(key)))
        await queued(stage.database, 1)
        rest = asyncio.gather(*(batcher.submit(ask) for ask in asks), return_exceptions=True)
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await first
        return await rest


async def reserved(stage: Stage, variant: int = 0) -> int:
    return int((await stage.level(stage.key(variant)))["reserved"])


def batches() -> tuple[float, float]:
    """(how many batches there were, how many mutations they held)."""
    count = metrics.REGISTRY.get_sample_value("hub_stock_batch_size_count")
    total = metrics.REGISTRY.get_sample_value("hub_stock_batch_size_sum")
    return count or 0, total or 0


async def test_what_arrives_while_another_commits_shares_one_transaction(stage: Stage) -> None:
    before = batches()
    answers = await one_batch(stage, StockBatcher(stage.database, lanes=1), [claim(stage.key()) for _ in range(50)])
    assert all(isinstance(answer, Answer) and not answer.replayed for answer in answers)
    assert await transactions_that_claimed(stage.database) == 2
    after = batches()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 51)
    await stage.assert_sound()


async def test_a_batch_takes_no_more_than_its_bound(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1, max_batch=20)
    await one_batch(stage, batcher, [claim(stage.key()) for _ in range(50)])
    assert await transactions_that_claimed(stage.database) == 4
    assert await reserved(stage) == 50


async def test_a_lone_mutation_does_not_wait_for_company(stage: Stage) -> None:
    batcher = StockBatcher(stage.database)
    before = batches()
    async with held(stage.database, stage.key(3)):
        stuck = asyncio.create_task(batcher.submit(claim(stage.key(3))))
        await queued(stage.database, 1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await batcher.submit(claim(stage.key()))
        assert not stuck.done()
    await stuck
    after = batches()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 2)


@pytest.mark.parametrize("lanes", [1, 2])
async def test_who_asks_again_as_soon_as_answered_is_answered_again(stage: Stage, lanes: int) -> None:
    batcher = StockBatcher(stage.database, lanes=lanes)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(10):
            await batcher.submit(claim(stage.key()))
    assert await reserved(stage) == 10


async def test_a_poisoned_mutation_fails_alone(stage: Stage) -> None:
    async with connected(stage.database) as connection:
        await connection.execute(POISON % stage.variants[1])
    asks = [claim(stage.key(1 if number == 7 else 0)) for number in range(20)]
    answers = await one_batch(stage, StockBatcher(stage.database, lanes=1), asks)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, BaseException)] == [7]
    assert all(not answer.replayed for answer in answers if isinstance(answer, Answer))
    assert (await reserved(stage), await reserved(stage, 1)) == (19, 0)
    await stage.assert_sound()


async def test_a_row_that_stays_locked_is_the_business_of_who_wants_it(stage: Stage, database_url: str) -> None:
    hasty = Database(database_url, pool_size=2, lock_timeout_seconds=0.3)
    async with held(stage.database, stage.key(1)):
        asks = [claim(stage.key(1 if number in {0, 3} else 0)) for number in range(6)]
        answers = await gathered(StockBatcher(hasty, lanes=1), asks)
    await hasty.close()
    assert [getattr(answer, "code", None) for answer in answers] == ["OVERLOADED", None, None, "OVERLOADED", None, None]
    assert (await reserved(stage), await reserved(stage, 1)) == (4, 0)


async def test_a_mutation_cancelled_while_it_waits_is_not_done(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1)
    ask = claim(stage.key())
    async with held(stage.database, stage.key(3)):
        first = asyncio.create_task(batcher.submit(claim(stage.key(3))))
        await queued(stage.database, 1)
        given_up = asyncio.create_task(batcher.submit(ask))
        stays = asyncio.create_task(batcher.submit(claim(stage.key())))
        await asyncio.sleep(0)
        given_up.cancel()
    await asyncio.gather(first, stays)
    assert given_up.cancelled()
    assert await reserved(stage) == 1
    assert not (await batcher.submit(ask)).replayed
    assert await reserved(stage) == 2


async def test_what_became_of_a_mutation_cancelled_in_flight_is_told_by_its_key(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1)
    ask = claim(stage.key())
    async with held(stage.database, stage.key()):
        given_up = asyncio.create_task(batcher.submit(ask))
        await queued(stage.database, 1)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        mate = asyncio.create_task(batcher.submit(claim(stage.key())))
        await asyncio.sleep(0)
    assert not (await mate).replayed
    assert (await batcher.submit(ask)).replayed
    assert await reserved(stage) == 2
    await stage.assert_sound()


async def test_a_key_that_one_batch_names_twice_is_done_once(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1)
    ask = claim(stage.key(), "same")
    first, second, mate = await one_batch(stage, batcher, [ask, ask, claim(stage.key())])
    assert isinstance(first, Answer)
    assert isinstance(second, ConcurrentRequestError)
    assert isinstance(mate, Answer)
    again = await batcher.submit(ask)
    assert (again.replayed, again.outcome) == (True, first.outcome)
    assert await reserved(stage) == 2


async def test_a_key_in_flight_in_another_process_is_refused_at_once_and_stalls_nobody(
    stage: Stage, other: Database
) -> None:
    here, there = StockBatcher(stage.database), StockBatcher(other)
    ask = claim(stage.key(), "same")
    async with held(stage.database, stage.key()):
        first = asyncio.create_task(here.submit(ask))
        await queued(stage.database, 1)
        second, mate = await gathered(there, [ask, claim(stage.key(1))])
        assert isinstance(second, ConcurrentRequestError)
        assert isinstance(mate, Answer)
        assert not first.done()
    made = await first
    again = await there.submit(ask)
    assert (again.replayed, again.outcome) == (True, made.outcome)
    assert await reserved(stage) == 1


async def test_overload_refuses_and_does_nothing(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1, max_waiting=3)
    asks = [claim(stage.key()) for _ in range(8)]
    async with held(stage.database, stage.key(3)):
        first = asyncio.create_task(batcher.submit(claim(stage.key(3))))
        await queued(stage.database, 1)
        tasks = [asyncio.create_task(batcher.submit(ask)) for ask in asks]
        done, _ = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        refused = [task for task in tasks if task in done]
        assert refused == tasks[3:]
        for task in refused:
            error = task.exception()
            assert isinstance(error, OverloadedError)
            assert error.code == "OVERLOADED"
            assert error.retry_after_seconds == 1
    await asyncio.gather(first, *tasks[:3])
    assert await reserved(stage) == 3
    again = await gathered(batcher, asks[:3])
    assert all(isinstance(answer, Answer) and answer.replayed for answer in again)
    assert not (await batcher.submit(asks[5])).replayed
    assert await reserved(stage) == 4


@pytest.mark.parametrize("moment", ["row", "commit"])
async def test_a_batch_whose_connection_is_cut_comes_to_one_effect_a_key(stage: Stage, moment: str) -> None:
    batcher = StockBatcher(stage.database, lanes=1)
    asks = [claim(stage.key(), f"k{number}") for number in range(10)]
    async with connected(stage.database) as holder:
        if moment == "commit":
            await holder.execute(SLOW_COMMIT)
        await holder.execute("BEGIN")
        await holder.execute(
            "SELECT pg_advisory_xact_lock(4711)" if moment == "commit" else "SELECT FROM stock_levels FOR UPDATE"
        )
        answers = asyncio.create_task(gathered(batcher, asks))
        await queued(stage.database, 1)
        assert await cut_waiting(stage.database) == 1
        failed = await answers
        await holder.execute("ROLLBACK")
    assert all(isinstance(error, UnavailableError) for error in failed), failed
    assert await reserved(stage) == 0
    again = await gathered(batcher, asks)
    assert all(isinstance(answer, Answer) and not answer.replayed for answer in again), again
    assert await reserved(stage) == 10
    await stage.assert_sound()


async def test_an_answer_lost_after_the_commit_is_given_to_the_retry(stage: Stage) -> None:
    lost = asyncio.Event()

    async def lose_once(_session: WriteSession) -> None:
        if not lost.is_set():
            lost.set()
            raise ConnectionError

    batcher = StockBatcher(stage.database, lanes=1)
    asks = [claim(stage.key(), f"k{number}") for number in range(5)]
    stage.database.on_commit(lose_once)
    await gathered(batcher, asks)
    assert lost.is_set()
    again = await gathered(batcher, asks)
    assert all(isinstance(answer, Answer) and answer.replayed for answer in again)
    assert await reserved(stage) == 5
    await stage.assert_sound()


async def test_batchers_of_two_processes_never_sell_a_hot_sku_twice(stage: Stage, other: Database) -> None:
    batchers = [StockBatcher(stage.database), StockBatcher(other)]
    hot = stage.key()

    async def client(number: int) -> int:
        granted = 0
        for _ in range(8):
            answer = await batchers[number % 2].submit(claim(hot))
            granted += answer.refusal is None
        return granted

    async with asyncio.timeout(PATIENCE_SECONDS * 2):
        granted = await asyncio.gather(*(client(number) for number in range(32)))
    assert sum(granted) == 100
    assert await reserved(stage) == 100
    assert await deadlocks(stage.database) == 0
    await stage.assert_sound()


async def test_orders_and_batches_take_locks_in_one_order(stage: Stage, other: Database) -> None:
    batchers = [StockBatcher(stage.database), StockBatcher(other)]
    chance = random.Random(11)

    def units() -> tuple[Units, ...]:
        chosen = chance.sample(range(4), 3)
        return tuple(Units(LevelKey(stage.variants[variant], stage.locations[0]), 1) for variant in chosen)

    async def cart(number: int) -> None:
        for _ in range(6):
            made = Reserve(new_id(), ReservationOwner.CART, units(), 900)
            answer = await batchers[number % 2].submit(CommandAsk(made, str(new_id())))
            if answer.refusal is None and chance.random() < 0.5:
                await batchers[number % 2].submit(CommandAsk(Release(made.reservation_id), str(new_id())))
            await batchers[number % 2].submit(CommandAsk(Receive(units()), str(new_id())))

    async def order(number: int) -> None:
        database = (stage.database, other)[number % 2]
        for _ in range(4):
            holder, wanted = new_id(), units()
            for command in (Allocate(tuple((holder, unit) for unit in wanted), holder), Fulfill((holder,), holder)):

                async def place(session: WriteSession, command: Allocate | Fulfill = command) -> dict[str, object]:
                    await apply(session, [StockRequest(ACTOR, command), StockRequest(ACTOR, Sell(new_id(), units()))])
                    return {}

                await mutate(
                    database,
                    make_principal(),
                    operation="order",
                    idempotency_key="k",
                    payload={"n": number},
                    work=place,
                )

    async with asyncio.timeout(PATIENCE_SECONDS * 2):
        await asyncio.gather(*(cart(number) for number in range(16)), *(order(number) for number in range(8)))
    assert await deadlocks(stage.database) == 0
    await stage.assert_sound()


async def test_a_refusal_in_a_batch_is_kept_and_its_mates_are_served(stage: Stage) -> None:
    batcher = StockBatcher(stage.database, lanes=1)
    greedy = claim(stage.key(), "greedy", quantity=200)
    refused, granted = await one_batch(stage, batcher, [greedy, claim(stage.key())])
    assert isinstance(refused, Answer)
    assert isinstance(refused.refusal, HubError)
    assert isinstance(granted, Answer)
    again = await batcher.submit(greedy)
    assert again.replayed
    assert again.refusal is not None
    assert again.refusal.code == "INSUFFICIENT_STOCK"


async def test_what_fails_in_the_second_transaction_does_not_repeat_the_first(stage: Stage) -> None:
    async with connected(stage.database) as connection:
        await connection.execute(POISON % stage.variants[1])
        await connection.execute("UPDATE channels SET stock_buffer = 5")

    async def buy(variant: int) -> Answer:
        line = ReservationLineInput(stage.variants[variant], 1)
        command = CreateReservation(ReservationOwner.CART, (line,), channel_id=stage.channel_id)
        return await create_reservation(stage.database, make_principal(), command, idempotency_key="k")

    batcher = batcher_of(stage.database)
    async with held(stage.database, stage.key(3)):
        stuck = []
        for lanes in (1, 2):
            stuck.append(asyncio.create_task(batcher.submit(claim(stage.key(3)))))
            await queued(stage.database, lanes)
        rest = asyncio.gather(batcher.submit(claim(stage.key())), buy(1), buy(2), return_exceptions=True)
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*stuck)
        plain, poisoned, buffered = await rest
    assert isinstance(plain, Answer)
    assert isinstance(buffered, Answer)
    assert (plain.replayed, plain.refusal, buffered.replayed, buffered.refusal) == (False, None, False, None)
    assert isinstance(poisoned, Exception)
    await stage.assert_sound()
