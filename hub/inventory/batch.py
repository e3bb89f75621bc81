"""Many keyed stock mutations in one transaction: one lock order, one write of each kind, one commit.

Each is answered as if it were alone: decided in order of arrival, kept under its own idempotency key, audited in its
own row. A refusal changes nothing and is kept like any answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.infra import audit
from hub.infra.audit import AuditEntry
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, Fresh, KeyedInput, Replay, look_up, refusal_outcome, remember, replayed
from hub.infra.mutations import IDS
from hub.inventory import commands as c
from hub.inventory.engine import apply
from hub.inventory.errors import error_of
from hub.inventory.known import Known, Path, Wanted, read_known
from hub.kernel.errors import ErrorKind, HubError
from hub.kernel.principal import Principal


class Ask(Protocol):
    """A keyed stock mutation, checked as far as that needs no database."""

    @property
    def principal(self) -> Principal: ...

    @property
    def item(self) -> KeyedInput: ...

    @property
    def path(self) -> Path:
        """The input that the engine's refusals are about."""

    def want(self, wanted: Wanted) -> None:
        """Say what it names."""

    def request(self, known: Known) -> c.StockRequest:
        """What it asks of the engine. Raises the HubError that refuses it, or NeedsLocksError."""

    def may_choose_again(self) -> bool:
        """Whether it chose its levels from an unlocked read, so that being short there is not final."""

    def answer(self, done: c.Done) -> dict[str, Any]:
        """What it came to, as plain JSON data; "ids" are audited."""


class NeedsLocksError(Exception):
    """An unlocked read is not enough to choose levels from."""


Result = Answer | Exception
"""An answer, or an error that is not kept: a retry may come to something else."""


@dataclass(slots=True)
class _Draft:
    """An ask on its way through one transaction."""

    ask: Ask
    result: Result | None = None
    request: c.StockRequest | None = None
    keep: Mapping[str, Any] | None = None

    @property
    def again(self) -> bool:
        return self.result is None


async def settle(database: Database, asks: Sequence[Ask]) -> list[Result]:
    """Answer each ask. What could not be chosen without locks is decided in a second transaction, under them.

    Raises UnavailableError and faults of the first transaction; those of the second are the results of its asks. None
    of these has happened then, unless the server went away during the commit.
    """
    drafts = await _transact(database, asks, locked=False)
    left = [draft for draft in drafts if draft.again]
    if left:
        for draft, result in zip(left, await _under_locks(database, [draft.ask for draft in left]), strict=True):
            draft.result = result
    return [draft.result for draft in drafts if draft.result is not None]


async def _under_locks(database: Database, asks: Sequence[Ask]) -> Sequence[Result | None]:
    try:
        return [draft.result for draft in await _transact(database, asks, locked=True)]
    except Exception as error:  # noqa: BLE001 (what the first transaction answered stays answered)
        return [error] * len(asks)


async def _transact(database: Database, asks: Sequence[Ask], *, locked: bool) -> list[_Draft]:
    drafts = [_Draft(ask) for ask in asks]
    async with database.write() as session:
        fresh = await _unanswered(session, drafts)
        if fresh:
            known = await read_known(session, _wanted(fresh), locked=locked)
            await _decide(session, fresh, known)
            await _keep(session, fresh)
    return drafts


async def _unanswered(session: WriteSession, drafts: Sequence[_Draft]) -> list[_Draft]:
    """The drafts whose keys nobody has answered; the others get what their key came to."""
    fresh = []
    for draft, state in zip(drafts, await look_up(session, [draft.ask.item for draft in drafts]), strict=True):
        if isinstance(state, Fresh):
            fresh.append(draft)
        else:
            draft.result = replayed(state.outcome) if isinstance(state, Replay) else state
    return fresh


def _wanted(drafts: Sequence[_Draft]) -> Wanted:
    wanted = Wanted()
    for draft in drafts:
        draft.ask.want(wanted)
    return wanted


async def _decide(session: WriteSession, drafts: Sequence[_Draft], known: Known) -> None:
    for draft in drafts:
        try:
            draft.request = draft.ask.request(known)
        except NeedsLocksError:
            continue
        except HubError as error:
            _refuse(draft, error)
    asked = [(draft, draft.request) for draft in drafts if draft.request is not None]
    if not asked:
        return
    outcomes = await apply(session, [request for _, request in asked])
    for (draft, _), outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, c.Done):
            draft.keep = draft.ask.answer(outcome)
            draft.result = Answer(draft.keep)
        elif known.locked or not draft.ask.may_choose_again():
            refusal = error_of(outcome)
            refusal.path = refusal.path or draft.ask.path
            _refuse(draft, refusal)


def _refuse(draft: _Draft, error: HubError) -> None:
    if error.kind is ErrorKind.UNAVAILABLE:
        draft.result = error
    else:
        draft.keep = refusal_outcome(error)
        draft.result = Answer({}, error)


async def _keep(session: WriteSession, drafts: Sequence[_Draft]) -> None:
    kept = [(draft.ask, draft.keep) for draft in drafts if draft.keep is not None]
    await remember(session, [(ask.item, outcome) for ask, outcome in kept])
    await audit.record_many(
        session,
        [
            AuditEntry(ask.principal, ask.item.operation, ask.item.input_hash, outcome.get(IDS, ()))
            for ask, outcome in kept
        ],
    )
