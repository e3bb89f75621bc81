"""Many sessions at once on a real Postgres: one winner, no deadlock, and books that add up afterwards."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import (
    Allocate,
    Count,
    CreateReservation,
    Deallocate,
    Done,
    Fulfill,
    InsufficientStockError,
    LevelKey,
    Move,
    Outcome,
    Receive,
    Refused,
    Release,
    ReservationLineInput,
    ReservationOwner,
    Reserve,
    Sell,
    StockRequest,
    Units,
    apply,
    create_reservation,
    expire_due_reservations,
)
from hub.inventory.commands import Extend
from hub.kernel.ids import new_id
from tests.factories import make_principal, move_clock
from tests.inventory.stage import ACTOR, Stage, make_stage

CLIENTS = 16
MAX_TRIES = 200


@pytest.fixture
async def crowd(database_url: str) -> AsyncIterator[Database]:
    """Enough connections for everybody at once."""
    opened = Database(database_url, pool_size=CLIENTS)
    yield opened
    await opened.close()


async def together(*tasks: Awaitable[object]) -> list[object]:
    """All at once; whatever one of them raises (a deadlock, say) fails the test."""
    return list(await asyncio.gather(*tasks))


def done(outcomes: list[Outcome]) -> bool:
    return isinstance(outcomes[0], Done)


async def sweep(stage: Stage) -> int:
    async with stage.database.write() as session:
        return await expire_due_reservations(session, limit=50)


async def test_of_commit_release_extend_and_expiry_exactly_one_resolves_a_reservation(crowd: Database) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(40)
    names = [await stage.reserve([Units(key, 1)], ttl_seconds=60) for _ in range(20)]
    await move_clock(crowd, 59)

    async def commit(name: UUID) -> None:
        await stage.apply(Sell(new_id(), (Units(key, 1),), name))

    async def release(name: UUID) -> None:
        await stage.apply(Release(name))

    async def extend(name: UUID) -> None:
        await stage.apply(Extend(name, 120))

    actions: list[Callable[[UUID], Awaitable[None]]] = [commit, release, extend, commit, release]
    work = [action(name) for name in names for action in actions] + [sweep(stage) for _ in range(20)]
    random.Random(7).shuffle(work)
    await together(*work)
    await together(sweep(stage))
    rows = await stage.row(
        "SELECT count(*) FILTER (WHERE status = 'COMMITTED') AS sold, count(*) FILTER (WHERE status = 'ACTIVE') AS open"
        " FROM reservations"
    )
    ledger = await stage.row(
        "SELECT count(*) FILTER (WHERE kind = 'SELL' AND reserved_delta = -1) AS sold,"
        " count(*) FILTER (WHERE reserved_delta < 0) AS ended FROM stock_movements"
    )
    assert rows["open"] == 0
    assert ledger["sold"] == rows["sold"]
    assert ledger["ended"] == len(names)
    level = await stage.level(key)
    assert (level["on_hand"], level["reserved"]) == (40 - rows["sold"], 0)
    await stage.assert_sound()


async def test_a_due_reservation_is_either_used_before_or_expired_never_both(crowd: Database) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(10)
    names = [await stage.reserve([Units(key, 1)], ttl_seconds=60) for _ in range(10)]
    await move_clock(crowd, 61)
    work: list[Awaitable[object]] = [stage.apply(Sell(new_id(), (Units(key, 1),), name)) for name in names]
    work += [stage.apply(Extend(name, 600)) for name in names]
    work += [sweep(stage) for _ in range(5)]
    work += [stage.apply(Reserve(new_id(), ReservationOwner.CART, (Units(key, 1),), 900)) for _ in range(10)]
    await together(*work)
    statuses = await stage.row("SELECT count(*) FROM reservations WHERE status = 'COMMITTED'")
    assert statuses[0] == 0
    assert (await stage.level(key))["on_hand"] == 10
    await stage.assert_sound()


async def test_a_hold_that_runs_out_while_waiting_for_stock_locks_cannot_be_committed(crowd: Database) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(1)
    name = await stage.reserve([Units(key, 1)], ttl_seconds=1)
    async with crowd.write() as blocker:
        await blocker.execute(text("SELECT FROM stock_levels FOR UPDATE"))
        committing = asyncio.create_task(stage.apply(Sell(new_id(), (Units(key, 1),), name)))
        await _until(crowd, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        await _until(crowd, "SELECT bool_and(expires_at < hub_now()) FROM reservations")
    [outcome] = await committing
    assert isinstance(outcome, Refused)
    assert outcome.code == "RESERVATION_EXPIRED"


async def _until(database: Database, question: str) -> None:
    async with database.connection() as connection:
        while not (await connection.execute(text(question))).scalar_one():  # noqa: ASYNC110 (asks the server)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", [1, 2])
async def test_carts_in_any_order_never_deadlock_with_each_other_or_the_sweeper(crowd: Database, seed: int) -> None:
    stage = await make_stage(crowd, variants=20)
    chance = random.Random(seed)
    for variant in range(20):
        await stage.stock(60, variant=variant)
    old = [
        await stage.reserve([Units(stage.key(v), 1) for v in chance.sample(range(20), 5)], ttl_seconds=60)
        for _ in range(30)
    ]
    await move_clock(crowd, 61)

    async def shopper(number: int) -> None:
        mine = random.Random(seed * 100 + number)
        for _ in range(12):
            units = tuple(Units(stage.key(v), mine.randint(1, 9)) for v in mine.sample(range(20), 5))
            name = new_id()
            await stage.apply(Reserve(name, ReservationOwner.CART, units, 900))
            if mine.random() < 0.5:
                await stage.apply(Release(name))

    async def sweeper() -> int:
        return sum([await sweep(stage) for _ in range(10)])

    await together(*(shopper(number) for number in range(12)), sweeper(), sweeper())
    await sweep(stage)
    lapsed = await stage.row("SELECT count(*) FROM reservations WHERE id = ANY($1) AND status = 'EXPIRED'", old)
    assert lapsed[0] == len(old)
    await stage.assert_sound()


async def test_transfers_in_both_directions_at_once_keep_every_unit(crowd: Database) -> None:
    stage = await make_stage(crowd)
    await stage.stock(20)
    here, there = stage.locations
    moves = [
        stage.apply(
            Move(stage.variants[0], *((here, there) if number % 2 else (there, here)), 1 + number % 3, new_id())
        )
        for number in range(60)
    ]
    await together(*moves)
    total = await stage.row("SELECT sum(on_hand) AS on_hand, sum(incoming + allocated) AS between FROM stock_levels")
    assert (total["on_hand"], total["between"]) == (20, 0)
    await stage.assert_sound()


async def test_levels_that_do_not_exist_yet_are_opened_by_many_at_once(crowd: Database) -> None:
    stage = await make_stage(crowd, variants=12)
    chance = random.Random(3)

    def receipt() -> Receive:
        return Receive(tuple(Units(stage.key(v, chance.randint(0, 1)), 1) for v in chance.sample(range(12), 6)))

    await together(*(stage.apply(receipt()) for _ in range(60)))
    total = await stage.row("SELECT sum(on_hand) FROM stock_levels")
    assert total[0] == 360
    await stage.assert_sound()


async def test_facts_and_claims_at_once_leave_an_exact_shortage(crowd: Database) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(50)
    claims = [stage.apply(Reserve(new_id(), ReservationOwner.CART, (Units(key, 2),), 900)) for _ in range(40)]
    sales = [stage.apply(Sell(new_id(), (Units(key, 3),))) for _ in range(10)]
    counts = [stage.apply(Count(key, quantity)) for quantity in (5, 30, 12)]
    work: list[Awaitable[object]] = [*claims, *sales, *counts]
    random.Random(11).shuffle(work)
    await together(*work)
    level = await stage.level(key)
    assert level["shortage"] == max(0, level["reserved"] + level["allocated"] - level["on_hand"])
    await stage.assert_sound()


@pytest.mark.parametrize("ending", [Deallocate, Fulfill])
async def test_two_who_use_up_the_same_allocation_use_it_once(
    crowd: Database, ending: type[Deallocate] | type[Fulfill]
) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(10)
    holder, other = new_id(), new_id()
    await stage.apply(Allocate(((holder, Units(key, 2)), (other, Units(key, 5))), new_id()))
    await together(*(stage.apply(ending((holder,), new_id())) for _ in range(8)))
    assert (await stage.level(key))["allocated"] == 5
    await stage.assert_sound()


async def test_every_operation_at_once_leaves_books_that_add_up(crowd: Database) -> None:  # noqa: C901 (one arm an operation)
    stage = await make_stage(crowd, variants=4)
    for variant in range(4):
        for location in range(2):
            await stage.stock(25, variant=variant, location=location)

    async def worker(number: int) -> Counter[str]:
        mine, seen = random.Random(number), Counter[str]()
        mine_reserved: list[tuple[UUID, tuple[Units, ...]]] = []
        for _ in range(25):
            key = stage.key(mine.randrange(4), mine.randrange(2))
            units = (Units(key, mine.randint(1, 4)), Units(stage.key(mine.randrange(4), mine.randrange(2)), 1))
            match mine.randrange(8):
                case 0 | 1:
                    name = new_id()
                    if done(await stage.apply(Reserve(name, ReservationOwner.CART, units, 900))):
                        mine_reserved.append((name, units))
                        seen["granted"] += 1
                case 2 if mine_reserved:
                    name, held = mine_reserved.pop()
                    holders = tuple((new_id(), unit) for unit in held)
                    await stage.apply(Allocate(holders, new_id(), name))
                    await stage.apply(Fulfill(tuple(holder for holder, _ in holders), new_id()))
                case 3 if mine_reserved:
                    await stage.apply(Release(mine_reserved.pop()[0]))
                case 4:
                    await stage.apply(Sell(new_id(), units))
                case 5:
                    await stage.apply(Receive(units))
                case 6:
                    source, target = mine.sample(stage.locations, 2)
                    await stage.apply(Move(key.variant_id, source, target, 1, new_id()))
                case _:
                    await stage.apply(Count(key, mine.randint(0, 30)))
        return seen

    await together(*(worker(number) for number in range(CLIENTS - 1)), sweep(stage))
    await stage.assert_sound()


async def test_buyers_of_a_thinly_spread_variant_are_not_told_it_is_gone_while_some_is_left(crowd: Database) -> None:
    stage = await make_stage(crowd, locations=8)
    for location in range(8):
        await stage.stock(1, location=location)
    principal = make_principal(channel_id=stage.channel_id)

    async def buy() -> bool:
        line = ReservationLineInput(stage.variants[0], 1)
        command = CreateReservation(ReservationOwner.CART, (line,), channel_id=stage.channel_id)
        answer = await create_reservation(crowd, principal, command, idempotency_key=str(new_id()))
        assert answer.refusal is None or isinstance(answer.refusal, InsufficientStockError)
        return answer.refusal is None

    assert sum([bool(bought) for bought in await together(*(buy() for _ in range(12)))]) == 8
    await stage.assert_sound()


async def test_a_mutation_whose_connection_is_cut_happens_once_when_it_is_retried(crowd: Database) -> None:
    stage = await make_stage(crowd)
    key = await stage.stock(10)
    principal = make_principal()
    cut = asyncio.Event()

    async def sell(session: WriteSession) -> dict[str, object]:
        await apply(session, [StockRequest(ACTOR, Sell(new_id(), (Units(key, 1),)))])
        if not cut.is_set():
            cut.set()
            await _cut(crowd, session)
        return {"sold": 1}

    async def attempt() -> Answer:
        return await mutate(crowd, principal, operation="sell", idempotency_key="k", payload={"q": 1}, work=sell)

    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the driver says about a cut connection)
        await attempt()
    assert (await stage.level(key))["on_hand"] == 10
    answers = [await attempt() for _ in range(3)]
    assert [answer.replayed for answer in answers] == [False, True, True]
    assert {answer.outcome["sold"] for answer in answers} == {1}
    assert (await stage.level(key))["on_hand"] == 9
    await stage.assert_sound()


async def _cut(database: Database, session: WriteSession) -> None:
    pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    admin = await asyncpg.connect(database.url)
    assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    await admin.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_cuts_lose_nothing_that_was_acknowledged_and_repeat_nothing(crowd: Database, seed: int) -> None:
    stage = await make_stage(crowd)
    key: LevelKey = await stage.stock(100)
    principal = make_principal()
    chance = random.Random(seed)

    async def client(number: int) -> None:
        receipt = new_id()

        async def sell(session: WriteSession) -> dict[str, object]:
            await apply(session, [StockRequest(ACTOR, Sell(receipt, (Units(key, 1),)))])
            return {"receipt": str(receipt)}

        for _ in range(MAX_TRIES):
            try:
                answer = await mutate(
                    crowd, principal, operation="sell", idempotency_key=f"k{number}", payload={"n": number}, work=sell
                )
            except Exception:  # noqa: S112, BLE001 (the till knows nothing, so it asks again)
                continue
            assert answer.outcome == {"receipt": str(receipt)}
            return
        raise AssertionError("the hub did not come back")

    async def cutter() -> None:
        admin = await asyncpg.connect(crowd.url)
        for _ in range(12):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < $1",
                chance.uniform(0.1, 0.5),
            )
            await admin.fetchval("SELECT pg_sleep(0.03)")
        await admin.close()

    await together(*(client(number) for number in range(40)), cutter())
    assert (await stage.level(key))["on_hand"] == 60
    await stage.assert_sound()
