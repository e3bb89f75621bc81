"""One answer per key, whoever asks again, whenever."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import (
    ConcurrentRequestError,
    Fresh,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    KeyedInput,
    Replay,
    keyed,
    look_up,
    once,
    remember,
)
from hub.kernel.errors import ConflictError, UnavailableError

WHO = UUID(int=42)


def request(key: str, value: object = 1, *, who: UUID = WHO, operation: str = "op") -> KeyedInput:
    return keyed(who, key, operation, value)


async def answer(database: Database, item: KeyedInput, outcome: Mapping[str, Any]) -> None:
    async with database.write() as session:
        await remember(session, [(item, outcome)])


async def test_a_batch_of_two_hundred_keys_is_told_apart_one_by_one(database: Database) -> None:
    items = [request(f"k{number}") for number in range(200)]
    async with database.write() as session:
        await remember(session, [(item, {"n": n}) for n, item in enumerate(items) if n % 4 == 0])
    items[8] = request("k8", "another input")
    async with database.write() as other, database.write() as session:
        await look_up(other, [items[1], items[5]])
        states = await look_up(session, items)
        fresh = [(item, {"n": -1}) for item, state in zip(items, states, strict=True) if isinstance(state, Fresh)]
        await remember(session, fresh)
    assert [number for number, state in enumerate(states) if isinstance(state, ConcurrentRequestError)] == [1, 5]
    assert isinstance(states[8], IdempotencyKeyReusedError)
    assert states[4] == Replay({"n": 4})
    assert len(fresh) == 200 - 50 - 2


async def test_a_key_that_a_batch_names_twice_is_answered_once(database: Database) -> None:
    async with database.write() as session:
        states = await look_up(session, [request("k"), request("other"), request("k"), request("k", who=UUID(int=1))])
    assert [type(state) for state in states] == [Fresh, Fresh, ConcurrentRequestError, Fresh]


async def test_a_key_in_flight_is_refused_at_once_and_is_free_again_when_its_transaction_fails(
    database: Database,
) -> None:
    async with database.write() as holder:
        await look_up(holder, [request("k")])
        async with asyncio.timeout(3), database.write() as session:
            [state] = await look_up(session, [request("k")])
        assert isinstance(state, ConcurrentRequestError)
        assert state.retry_after_seconds is not None
        await holder.rollback()
        async with database.write() as session:
            assert await look_up(session, [request("k")]) == [Fresh()]


@pytest.mark.parametrize("changed", [request("k", 2), request("k", operation="other")])
async def test_a_key_with_another_input_or_operation_is_an_error(database: Database, changed: KeyedInput) -> None:
    await answer(database, request("k"), {"n": 1})
    async with database.write() as session:
        with pytest.raises(IdempotencyKeyReusedError):
            await once(session, changed, _never)


async def test_a_key_belongs_to_its_principal(database: Database) -> None:
    await answer(database, request("k"), {"n": 1})
    async with database.write() as session:
        assert await look_up(session, [request("k", who=UUID(int=1))]) == [Fresh()]


async def test_the_order_of_an_inputs_fields_does_not_matter(database: Database) -> None:
    await answer(database, request("k", {"a": 1, "b": [2]}), {"n": 1})
    async with database.write() as session:
        assert await look_up(session, [request("k", {"b": [2], "a": 1})]) == [Replay({"n": 1})]


async def test_a_refusal_undoes_its_writes_and_is_given_again_word_for_word(database: Database) -> None:
    async def refuse(session: WriteSession) -> Mapping[str, Any]:
        await session.execute(text("UPDATE relay_state SET last_seq = 99"))
        error = ConflictError("all gone", path=("lines", "0"), code="GONE")
        error.details = {"left": 0}
        raise error

    answers = []
    for _ in range(2):
        async with database.write() as session:
            answers.append(await once(session, request("k"), lambda: refuse(session)))
    first, again = (item.refusal for item in answers)
    assert first is not None
    assert again is not None
    assert (again.code, again.kind, again.message, again.path, again.details) == (
        first.code,
        first.kind,
        first.message,
        first.path,
        first.details,
    )
    assert [item.replayed for item in answers] == [False, True]
    async with database.read() as reader:
        assert (await reader.execute(text("SELECT last_seq FROM relay_state"))).scalar_one() == 0


async def test_unavailable_is_raised_and_not_kept(database: Database) -> None:
    async def fail() -> Mapping[str, Any]:
        raise UnavailableError("the moon is in the wrong place")

    with pytest.raises(UnavailableError):
        async with database.write() as session:
            await once(session, request("k"), fail)
    async with database.write() as session:
        assert await look_up(session, [request("k")]) == [Fresh()]


@pytest.mark.parametrize("key", ["", "x" * 129, "new\nline", "nul\0", "ключ", "tab\t"])
def test_a_key_has_1_to_128_printable_ascii_characters(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalidError, match="1 to 128 printable ASCII"):
        request(key)


async def test_the_longest_key_is_kept(database: Database) -> None:
    await answer(database, request("x" * 128), {"n": 1})
    async with database.write() as session:
        assert await look_up(session, [request("x" * 128)]) == [Replay({"n": 1})]


async def _never() -> Mapping[str, Any]:
    raise AssertionError("must not run")
