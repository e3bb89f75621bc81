"""Exactly once: one implementation of idempotency keys for the whole product.

A key belongs to a principal. The first answer, refusals included, is kept 30 days in the transaction it guards
and given again to the same input; the same key with another input is an error; a key that another transaction is
working on right now is refused at once instead of waited for.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from hub.infra.database import WriteSession, raw_connection
from hub.kernel.errors import ConflictError, ErrorKind, HubError, InvalidInputError, UnavailableError

MAX_KEY_LENGTH = 128
KEPT_DAYS = 30
_REFUSAL = "$refusal"
"""No outcome of a feature has this key."""


class IdempotencyKeyInvalidError(InvalidInputError):
    code = "IDEMPOTENCY_KEY_INVALID"


class IdempotencyKeyReusedError(ConflictError):
    code = "IDEMPOTENCY_KEY_REUSED"


class ConcurrentRequestError(UnavailableError):
    code = "IDEMPOTENCY_CONCURRENT_REQUEST"


class ReplayedRefusal(HubError):  # noqa: N818 (it is an answer, given again)
    """A stored refusal, with the code, kind, message, path and details it had the first time."""

    def __init__(self, refused: Mapping[str, Any]) -> None:
        super().__init__(refused["message"], path=refused["path"], code=refused["code"])
        self.kind = ErrorKind(refused["kind"])
        self.details = refused["details"]


@dataclass(frozen=True, slots=True)
class KeyedInput:
    """One keyed request: who, under which key, which operation, and the hash of its canonical input."""

    principal_id: UUID
    key: str
    operation: str
    input_hash: bytes


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody has answered this key; its lock is ours until the transaction ends."""


@dataclass(frozen=True, slots=True)
class Replay:
    outcome: Mapping[str, Any]


def fingerprint(value: Any) -> bytes:
    """SHA-256 of the canonical JSON of an input: the order of keys and of sets does not matter."""
    return sha256(msgspec.json.encode(value, order="deterministic", enc_hook=str)).digest()


def keyed(principal_id: UUID, key: str, operation: str, value: Any) -> KeyedInput:
    """Raises IdempotencyKeyInvalidError unless the key has 1 … 128 printable ASCII characters."""
    if not (1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalidError(
            f"the idempotency key must have 1 to {MAX_KEY_LENGTH} printable ASCII characters",
            path=("idempotencyKey",),
        )
    return KeyedInput(principal_id, key, operation, fingerprint(value))


State = Fresh | Replay | IdempotencyKeyReusedError | ConcurrentRequestError

_LOOK_UP = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS w (principal_id, key, position)
), locked AS MATERIALIZED (
    SELECT position, principal_id, key,
           pg_try_advisory_xact_lock(hashtextextended(principal_id::text || key, 7)) AS ours
    FROM wanted
)
SELECT position, ours FROM locked ORDER BY position
"""

_STORED = """
SELECT w.position, k.operation, k.input_hash, k.outcome
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS w (principal_id, key, position)
JOIN idempotency_keys AS k USING (principal_id, key)
"""

_REMEMBER = """
INSERT INTO idempotency_keys (principal_id, key, operation, input_hash, outcome, created_at)
SELECT p, k, o, h, r::jsonb, hub_now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[]) AS t (p, k, o, h, r)
"""


async def look_up(session: WriteSession, inputs: Sequence[KeyedInput]) -> list[State]:
    """What is known of each key, in order. Takes each fresh key's lock without waiting; none stalls the others.

    Of a key that stands in `inputs` twice the first is fresh and the rest are in flight, like anywhere else.
    """
    driver = await raw_connection(session)
    principals = [item.principal_id for item in inputs]
    keys = [item.key for item in inputs]
    locks = await driver.fetch(_LOOK_UP, principals, keys)
    # A second statement: its snapshot sees every answer that was committed before we got the lock.
    stored = {row["position"]: row for row in await driver.fetch(_STORED, principals, keys)}
    # A transaction may take its own lock twice, so a key that one batch names twice is told apart here.
    ours: set[tuple[UUID, str]] = set()
    states: list[State] = []
    for item, lock in zip(inputs, locks, strict=True):
        name = (item.principal_id, item.key)
        states.append(_state(item, stored.get(lock["position"]), ours=lock["ours"] and name not in ours))
        ours.add(name)
    return states


async def remember(session: WriteSession, answers: Sequence[tuple[KeyedInput, Mapping[str, Any]]]) -> None:
    """Keep the answers of fresh keys, in the transaction that they describe."""
    if not answers:
        return
    driver = await raw_connection(session)
    await driver.execute(
        _REMEMBER,
        [item.principal_id for item, _ in answers],
        [item.key for item, _ in answers],
        [item.operation for item, _ in answers],
        [item.input_hash for item, _ in answers],
        [msgspec.json.encode(outcome, enc_hook=str).decode() for _, outcome in answers],
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a keyed request came to: an outcome or a refusal, for the first time or again."""

    outcome: Mapping[str, Any]
    refusal: HubError | None = None
    replayed: bool = False

    def unwrap(self) -> Mapping[str, Any]:
        """The outcome. Raises the refusal; call it after the transaction that keeps the refusal has committed."""
        if self.refusal is not None:
            raise self.refusal
        return self.outcome


async def once(session: WriteSession, item: KeyedInput, work: Callable[[], Awaitable[Mapping[str, Any]]]) -> Answer:
    """Run `work` unless its key was answered before.

    A refusal that `work` raises undoes what it wrote, is kept like any answer and given again on replay; an
    UNAVAILABLE one is raised and not kept, because a retry may succeed. Raises IdempotencyKeyReusedError and
    ConcurrentRequestError.
    """
    [state] = await look_up(session, [item])
    if isinstance(state, HubError):
        raise state
    if isinstance(state, Replay):
        return replayed(state.outcome)
    try:
        async with session.begin_nested():
            outcome = await work()
    except HubError as error:
        if error.kind is ErrorKind.UNAVAILABLE:
            raise
        await remember(session, [(item, refusal_outcome(error))])
        return Answer({}, error)
    await remember(session, [(item, outcome)])
    return Answer(outcome)


def refusal_outcome(error: HubError) -> dict[str, Any]:
    """What is kept of a refusal."""
    return {_REFUSAL: told_refusal(error)}


def told_refusal(error: HubError) -> dict[str, Any]:
    """A refusal as plain data."""
    return {
        "code": error.code,
        "kind": error.kind.value,
        "message": error.message,
        "path": list(error.path),
        "details": error.details,
    }


def replayed(outcome: Mapping[str, Any]) -> Answer:
    """The stored answer, as it was given the first time."""
    refused = outcome.get(_REFUSAL)
    if refused is None:
        return Answer(outcome, replayed=True)
    return Answer(outcome, ReplayedRefusal(refused), replayed=True)


def _state(item: KeyedInput, row: Any, *, ours: bool) -> State:
    if row is None:
        if ours:
            return Fresh()
        return ConcurrentRequestError(
            "this idempotency key is being worked on by another request; retry in a moment",
            retry_after_seconds=1,
        )
    if row["operation"] != item.operation or row["input_hash"] != item.input_hash:
        return IdempotencyKeyReusedError(
            "this idempotency key was used for another input; use a new key for a new request",
            path=("idempotencyKey",),
        )
    return Replay(row["outcome"])
