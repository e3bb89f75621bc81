"""The frame around every keyed mutation: one transaction, one idempotency key, one audit row."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from hub.infra import audit
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, KeyedInput, keyed, once
from hub.kernel.principal import Principal

IDS = "ids"
"""Where an outcome lists the entities that the audit row names."""


async def mutate(
    database: Database,
    principal: Principal,
    *,
    operation: str,
    idempotency_key: str,
    payload: Mapping[str, Any],
    work: Callable[[WriteSession], Awaitable[Mapping[str, Any]]],
) -> Answer:
    """Run `work` exactly once per (principal, key) and audit it. `payload` is the canonical input.

    `work` returns plain JSON data (ids and numbers, no personal data); its "ids" are audited. Refusals come back
    in the answer: call `Answer.unwrap()`.
    """
    item = keyed(principal.id, idempotency_key, operation, payload)
    async with database.write() as session:
        answer = await once(session, item, lambda: work(session))
        if not answer.replayed:
            await audited(session, principal, item, answer)
    return answer


async def audited(session: WriteSession, principal: Principal, item: KeyedInput, answer: Answer) -> None:
    await audit.record(session, principal, item.operation, item.input_hash, _ids(answer.outcome.get(IDS, ())))


def _ids(values: Sequence[str]) -> list[UUID]:
    return [UUID(str(value)) for value in values]
