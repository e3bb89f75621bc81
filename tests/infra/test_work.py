"""Rows of work: asked for once, claimed by one, finished by its holder only."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra import work
from hub.infra.database import Database
from hub.infra.work import Claim, StaleClaimError, WorkNotFoundError
from hub.kernel.ids import new_id


async def ask(database: Database, subject: str = "order-1", **options: Any) -> None:
    async with database.write() as session:
        await work.enqueue(session, "order.route", subject, **options)


async def take(database: Database, which: Any = work.DEFAULT_QUEUE) -> Claim:
    claim = await work.claim(database, which)
    assert claim is not None
    return claim


async def finish(database: Database, claim: Claim) -> bool:
    async with database.write() as session:
        return await work.finish(session, claim)


async def fail(database: Database, claim: Claim, **options: Any) -> bool:
    async with database.write() as session:
        return await work.fail(session, claim, "no route", **options)


async def row(database: Database, subject: str = "order-1") -> Any:
    async with database.read() as session:
        found = await session.execute(
            text(
                "SELECT *, extract(epoch FROM due_at - hub_now())::float AS due_in FROM work_items WHERE subject = :subject"
            ),
            {"subject": subject},
        )
        return found.one()


async def move_clock(database: Database, offset: str) -> None:
    """Shift `hub_now()` for every connection made from here on."""
    admin = await asyncpg.connect(database.url)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET hub.clock_offset = '{offset}'")
    await admin.close()
    await database.engine.dispose()


class TestEnqueue:
    async def test_asking_twice_is_one_row(self, database: Database) -> None:
        await ask(database)
        await ask(database)
        claim = await take(database)
        assert (claim.kind, claim.subject, claim.fence, claim.generation) == (
            "order.route",
            "order-1",
            1,
            2,
        )
        assert await work.claim(database, work.DEFAULT_QUEUE) is None

    async def test_a_rolled_back_request_is_not_a_request(self, database: Database) -> None:
        async def failing() -> None:
            async with database.write() as session:
                await work.enqueue(session, "order.route", "order-1")
                raise LookupError

        with pytest.raises(LookupError):
            await failing()
        assert await work.claim(database, work.DEFAULT_QUEUE) is None

    async def test_what_is_done_can_be_asked_for_again(self, database: Database) -> None:
        await ask(database)
        assert await finish(database, await take(database))
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        await ask(database)
        assert (await take(database)).fence == 2

    async def test_asking_while_it_runs_leads_to_one_more_run(self, database: Database) -> None:
        await ask(database)
        running = await take(database)
        await ask(database)
        await ask(database)
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        assert not await finish(database, running)
        again = await take(database)
        assert await finish(database, again)
        assert await work.claim(database, work.DEFAULT_QUEUE) is None

    async def test_delayed_work_is_not_due_before_its_time(self, database: Database) -> None:
        await ask(database, delay_seconds=60)
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        await move_clock(database, "61 seconds")
        assert await work.claim(database, work.DEFAULT_QUEUE) is not None

    async def test_a_delay_asked_for_during_a_run_is_kept(self, database: Database) -> None:
        await ask(database)
        running = await take(database)
        await ask(database, delay_seconds=60)
        await finish(database, running)
        assert 50 < (await row(database)).due_in <= 60

    async def test_the_sooner_of_two_delays_counts(self, database: Database) -> None:
        await ask(database, delay_seconds=60)
        await ask(database, delay_seconds=5)
        await ask(database, delay_seconds=600)
        assert (await row(database)).due_in <= 5

    async def test_asking_again_does_not_cut_a_back_off_short(self, database: Database) -> None:
        await ask(database)
        await fail(database, await take(database), retry_after_seconds=600)
        await ask(database)
        assert (await row(database)).due_in > 500

    async def test_many_subjects_come_in_by_one_call(self, database: Database) -> None:
        async with database.write() as session:
            await work.enqueue_many(session, "order.route", ["b", "a", "b"], queue="orders")
        subjects = {(await take(database, "orders")).subject for _ in range(2)}
        assert subjects == {"a", "b"}


class TestClaim:
    async def test_queues_are_apart(self, database: Database) -> None:
        await ask(database, queue="slow")
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        assert (await take(database, "slow")).queue == "slow"

    async def test_one_row_can_be_named(self, database: Database) -> None:
        await ask(database, "order-1")
        await ask(database, "order-2")
        wanted = (await row(database, "order-2")).id
        assert (await take(database, wanted)).subject == "order-2"
        assert await work.claim(database, wanted) is None
        assert await work.claim(database, new_id()) is None

    async def test_a_lapsed_lease_is_taken_over_and_the_late_finisher_is_refused(self, database: Database) -> None:
        await ask(database)
        first = await take(database)
        await move_clock(database, f"{work.LEASE_SECONDS + 1} seconds")
        second = await take(database)
        assert second.fence == first.fence + 1
        for late in (finish, fail):
            with pytest.raises(StaleClaimError):
                await late(database, first)
        assert (await row(database)).state == "RUNNING"
        assert await finish(database, second)

    async def test_a_renewed_lease_is_not_taken_over(self, database: Database) -> None:
        await ask(database)
        claim = await take(database)
        await move_clock(database, "14 seconds")
        async with database.write() as session:
            await work.renew(session, claim)
        await move_clock(database, "28 seconds")
        assert await work.claim(database, work.DEFAULT_QUEUE) is None

    async def test_a_transaction_that_holds_the_claim_cannot_be_overtaken(self, database: Database) -> None:
        await ask(database)
        claim = await take(database)
        async with database.write() as session:
            await work.hold(session, claim)
            await move_clock(database, "1 hour")
            assert await work.claim(database, work.DEFAULT_QUEUE) is None
        assert await work.claim(database, work.DEFAULT_QUEUE) is not None

    async def test_a_transaction_of_a_lost_claim_is_refused(self, database: Database) -> None:
        await ask(database)
        claim = await take(database)
        with pytest.raises(StaleClaimError):
            async with database.write() as session:
                await work.hold(session, replace(claim, fence=claim.fence - 1))

    async def test_work_that_never_ends_is_set_aside_while_others_run(self, database: Database) -> None:
        await ask(database, "poison")
        for start in range(work.MAX_STARTS):
            assert (await take(database)).subject == "poison"
            await move_clock(database, f"{(start + 1) * (work.LEASE_SECONDS + 1)} seconds")
        await ask(database, "order-2")
        assert (await take(database)).subject == "order-2"
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        async with database.read() as session:
            (aside,) = await work.list_quarantined(session)
        assert (aside.subject, aside.starts) == ("poison", work.MAX_STARTS)
        assert aside.last_error == "5 starts without an end"

    async def test_recurring_work_gets_one_more_start_after_a_pause_and_other_work_does_not(
        self, database: Database
    ) -> None:
        for kind in ("publish", "once"):
            async with database.write() as session:
                await work.enqueue(session, kind, "subject")
        async with database.write() as session:
            await session.execute(
                text("UPDATE work_items SET state = 'QUARANTINED', starts = :starts"), {"starts": work.MAX_STARTS}
            )
            assert await work.retry_recurring(session, {"publish"}) == 0
        await move_clock(database, f"{work.RECURRING_PAUSE_SECONDS + 1} seconds")
        async with database.write() as session:
            assert await work.retry_recurring(session, {"publish"}) == 1
        assert (await take(database)).kind == "publish"
        await move_clock(database, f"{work.RECURRING_PAUSE_SECONDS + work.LEASE_SECONDS + 2} seconds")
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        async with database.write() as session:
            assert [one.kind for one in await work.list_quarantined(session)] == ["publish", "once"]
            assert await work.retry_recurring(session, {"publish"}) == 0


class TestFail:
    async def test_failures_back_off_exponentially_with_jitter(self, database: Database) -> None:
        await ask(database)
        for attempt in range(4):
            await move_clock(database, f"{attempt} hours")
            assert await fail(database, await take(database))
            due_in = (await row(database)).due_in
            assert 0.5 * 2**attempt - 0.5 < due_in <= 1.5 * 2**attempt
        found = await row(database)
        assert (found.attempts, found.starts, found.last_error) == (4, 0, "no route")

    async def test_a_known_pause_is_honoured(self, database: Database) -> None:
        await ask(database)
        await fail(database, await take(database), retry_after_seconds=90)
        assert 80 < (await row(database)).due_in <= 90

    async def test_short_pauses_do_not_use_up_the_attempts_within_seconds(self, database: Database) -> None:
        await ask(database)
        pauses = []
        for _ in range(work.MAX_ATTEMPTS - 1):
            assert await fail(database, await take(database), retry_after_seconds=0.1)
            pauses.append((await row(database)).due_in)
            async with database.write() as session:
                await session.execute(text("UPDATE work_items SET due_at = hub_now()"))
        assert max(pauses[: work.SHORT_PAUSES]) <= 0.1
        assert sum(pauses) > 3600

    async def test_the_last_attempt_sets_the_row_aside_until_it_is_replayed(self, database: Database) -> None:
        await ask(database)
        claim = await take(database)
        assert not await fail(database, claim, max_attempts=1)
        await ask(database)
        assert await work.claim(database, work.DEFAULT_QUEUE) is None
        async with database.write() as session:
            await work.replay(session, claim.id)
        assert (await take(database)).attempts == 0

    async def test_success_clears_the_record_of_failures(self, database: Database) -> None:
        await ask(database)
        await fail(database, await take(database), retry_after_seconds=0)
        await finish(database, await take(database))
        found = await row(database)
        assert (found.state, found.attempts, found.last_error) == ("DONE", 0, None)

    async def test_hopeless_work_can_be_set_aside_at_once(self, database: Database) -> None:
        await ask(database)
        async with database.write() as session:
            claim = await take(database)
            await work.quarantine(session, claim, "unknown channel\x00")
        async with database.read() as session:
            (aside,) = await work.list_quarantined(session)
            assert aside.last_error == "unknown channel"
            assert await work.list_quarantined(session, after=aside.id) == ()

    async def test_only_what_is_set_aside_can_be_replayed(self, database: Database) -> None:
        async with database.write() as session:
            with pytest.raises(WorkNotFoundError):
                await work.replay(session, new_id())
