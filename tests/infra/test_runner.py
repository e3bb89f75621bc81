"""Running claimed work, and recording how it ended."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from hub.infra import runner, work
from hub.infra.database import Database
from hub.infra.runner import HopelessWorkError, RetryLaterError, WorkContext, WorkRegistry
from hub.kernel.errors import InvalidInputError, UnavailableError


async def ask(database: Database, kind: str, subject: str = "s") -> None:
    async with database.write() as session:
        await work.enqueue(session, kind, subject)


async def row(database: Database, kind: str) -> Any:
    async with database.read() as session:
        found = await session.execute(
            text(
                "SELECT *, extract(epoch FROM due_at - hub_now())::float AS due_in FROM work_items WHERE kind = :kind"
            ),
            {"kind": kind},
        )
        return found.one()


def registry_of(**handlers: Any) -> WorkRegistry:
    registry = WorkRegistry()
    for kind, handler in handlers.items():
        registry.register(kind, handler, time_limit_seconds=5, max_attempts=3)
    return registry


def raising(error: Exception) -> Any:
    async def handler(_context: WorkContext, _subject: str) -> None:
        raise error

    return handler


async def run_queue(database: Database, registry: WorkRegistry) -> bool:
    return await runner.run_queue(database, registry, work.DEFAULT_QUEUE, stop=asyncio.Event())


async def test_a_handler_gets_its_subject_and_the_row_is_done(database: Database) -> None:
    seen: list[tuple[str, int]] = []

    async def handler(context: WorkContext, subject: str) -> None:
        async with context.database.write() as session:
            await work.hold(session, context.claim)
        seen.append((subject, context.claim.fence))

    await ask(database, "noted", "order-1")
    assert not await run_queue(database, registry_of(noted=handler))
    assert seen == [("order-1", 1)]
    assert (await row(database, "noted")).state == "DONE"
    assert not await runner.run_one(database, registry_of(noted=handler), work.DEFAULT_QUEUE)


async def test_asking_during_the_run_leads_to_one_more_run(database: Database) -> None:
    runs = 0

    async def handler(_context: WorkContext, _subject: str) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await ask(database, "noted")
            await ask(database, "noted")

    await ask(database, "noted")
    await run_queue(database, registry_of(noted=handler))
    assert runs == 2
    assert (await row(database, "noted")).state == "DONE"


async def test_a_failing_row_does_not_keep_others_from_running(database: Database) -> None:
    done: list[str] = []

    async def good(_context: WorkContext, subject: str) -> None:
        done.append(subject)

    await ask(database, "bad")
    await ask(database, "good")
    await run_queue(database, registry_of(bad=raising(LookupError("Ada Lovelace")), good=good))
    bad = await row(database, "bad")
    assert done == ["s"]
    assert (bad.state, bad.attempts) == ("READY", 1)
    assert bad.due_in > 0


async def test_what_is_stored_about_a_failure_does_not_quote_anybody(database: Database) -> None:
    await ask(database, "bad")
    await ask(database, "invalid")
    registry = registry_of(
        bad=raising(LookupError("ada@example.org")), invalid=raising(InvalidInputError("Ada Lovelace"))
    )
    await run_queue(database, registry)
    stored = (await row(database, "bad")).last_error
    assert stored.startswith("LookupError in ")
    assert "ada" not in stored.lower()
    assert (await row(database, "invalid")).last_error.startswith("InvalidInputError INVALID_INPUT in ")


@pytest.mark.parametrize(
    "error",
    [RetryLaterError("rate limit", after_seconds=90), UnavailableError("busy", retry_after_seconds=90)],
)
async def test_a_pause_that_the_other_side_asks_for_is_kept(database: Database, error: Exception) -> None:
    await ask(database, "later")
    await run_queue(database, registry_of(later=raising(error)))
    assert 80 < (await row(database, "later")).due_in <= 90


async def test_hopeless_work_is_set_aside_with_its_reason(database: Database) -> None:
    await ask(database, "hopeless")
    await run_queue(database, registry_of(hopeless=raising(HopelessWorkError("unknown topic"))))
    found = await row(database, "hopeless")
    assert (found.state, found.last_error) == ("QUARANTINED", "unknown topic")


async def test_the_last_attempt_sets_work_aside(database: Database) -> None:
    await ask(database, "later")
    registry = registry_of(later=raising(RetryLaterError("not yet", after_seconds=0)))
    await run_queue(database, registry)
    found = await row(database, "later")
    assert (found.state, found.attempts) == ("QUARANTINED", 3)


async def test_a_handler_that_hangs_is_recorded_as_failed(database: Database) -> None:
    async def hang(_context: WorkContext, _subject: str) -> None:
        await asyncio.Event().wait()

    registry = WorkRegistry()
    registry.register("hang", hang, time_limit_seconds=0.05)
    await ask(database, "hang")
    await run_queue(database, registry)
    found = await row(database, "hang")
    assert found.state == "READY"
    assert found.last_error.startswith("TimeoutError")


async def test_work_that_this_process_does_not_know_is_left_for_a_newer_one(database: Database) -> None:
    await ask(database, "future")
    await run_queue(database, WorkRegistry())
    found = await row(database, "future")
    assert (found.state, found.last_error) == ("READY", "no handler for work of kind future")


async def test_a_runner_whose_lease_was_taken_over_is_cancelled_and_records_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "RENEW_SECONDS", 0.01)
    cancelled = False

    async def overtaken(context: WorkContext, _subject: str) -> None:
        nonlocal cancelled
        async with context.database.write() as session:
            await session.execute(text("UPDATE work_items SET fence = fence + 1"))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    registry = WorkRegistry()
    registry.register("overtaken", overtaken)
    await ask(database, "overtaken")
    async with asyncio.timeout(runner.TIME_LIMIT_SECONDS / 2):
        assert await runner.run_one(database, registry, work.DEFAULT_QUEUE)
    found = await row(database, "overtaken")
    assert cancelled
    assert (found.state, found.fence, found.attempts) == ("RUNNING", 2, 0)


async def test_the_lease_is_renewed_while_the_handler_runs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "RENEW_SECONDS", 0.01)

    async def patient(context: WorkContext, _subject: str) -> None:
        async with context.database.write() as session:
            await session.execute(text("UPDATE work_items SET lease_until = hub_now()"))
        renewed = text("SELECT lease_until > hub_now() + interval '1 second' FROM work_items")
        while True:
            async with context.database.read() as session:
                if (await session.execute(renewed)).scalar_one():
                    return
            await asyncio.sleep(0.01)

    await ask(database, "patient")
    await runner.run_one(database, registry_of(patient=patient), work.DEFAULT_QUEUE)
    assert (await row(database, "patient")).state == "DONE"


def test_a_kind_has_one_handler_and_a_bounded_time() -> None:
    registry = registry_of(noted=raising(LookupError()))
    with pytest.raises(ValueError, match="already"):
        registry.register("noted", raising(LookupError()))
    with pytest.raises(ValueError, match="split it"):
        registry.register("slow", raising(LookupError()), time_limit_seconds=600)
    registry.register("mail", raising(LookupError()), queue="mail")
    assert registry.queues == {"default", "mail"}
