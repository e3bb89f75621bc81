"""Cycle counts: a session counts a location's articles, again where the variance is large, and applies what stands.

Each line keeps what onHand was when it was counted. Applying is compare-and-set: a line whose stock moved meanwhile
is not applied but counted again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import commands as c
from hub.inventory import count_sessions as rows
from hub.inventory.availability import levels
from hub.inventory.commands import AdjustmentReason
from hub.inventory.consigning import (
    MAX_DOCUMENT_LINES,
    DocumentStep,
    named_variants,
    reach_of,
    require_line_count,
    require_place,
)
from hub.inventory.consignments import database_now
from hub.inventory.count_sessions import CountLine, CountLineStatus, CountSession, CountStatus
from hub.inventory.engine import apply
from hub.inventory.errors import (
    CountSessionNotFoundError,
    DifferenceReasonRequiredError,
    DocumentChangedError,
    StaleQuantityError,
    TooManyLinesError,
    WrongStepError,
)
from hub.inventory.units import LevelKey
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope
from hub.kernel.quantity import counted_quantity

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenCount:
    """`variants` are to be counted, by id or sku; others may be counted too."""

    location_id: UUID
    variants: tuple[UUID | str, ...] = ()
    blind: bool = True
    recount_above: int | None = None


@dataclass(frozen=True, slots=True)
class CountedUnits:
    """What was found of a variant. With `expected_quantity`, only if onHand is that (STALE_QUANTITY)."""

    variant: UUID | str
    counted: int
    expected_quantity: int | None = None
    reason: AdjustmentReason | None = None


@dataclass(slots=True)
class _Locked:
    item: CountSession
    lines: dict[UUID, CountLine]
    now: datetime

    def line(self, session: WriteSession, variant_id: UUID) -> CountLine:
        """The variant's line, made when it has none. Raises WrongStepError when it was applied."""
        line = self.lines.get(variant_id)
        if line is None:
            line = self.lines[variant_id] = CountLine(session_id=self.item.id, variant_id=variant_id)
            session.add(line)
        if line.status == CountLineStatus.APPLIED:
            raise WrongStepError(f"the count of variant {variant_id} was applied; open another session")
        return line

    def close(self, status: CountStatus) -> None:
        self.item.status = status
        self.item.closed_at = self.now


_Work = Callable[[WriteSession, _Locked], Awaitable[None]]


async def open_count(database: Database, principal: Principal, command: OpenCount, *, idempotency_key: str) -> Answer:
    principal.require(Scope.STOCK_WRITE)
    if len(command.variants) > MAX_DOCUMENT_LINES:
        raise TooManyLinesError(f"a session names at most {MAX_DOCUMENT_LINES} variants", path=("lines",))
    if command.recount_above is not None:
        counted_quantity(command.recount_above, path=("recountAbove",))

    async def work(session: WriteSession) -> Mapping[str, Any]:
        require_place(await reach_of(session, principal), command.location_id)
        variants = await named_variants(session, command.variants, [command.location_id])
        item = CountSession(
            id=new_id(),
            location_id=command.location_id,
            status=CountStatus.OPEN,
            blind=command.blind,
            recount_above=command.recount_above,
            created_at=await database_now(session),
        )
        session.add(item)
        await session.flush()
        session.add_all(CountLine(session_id=item.id, variant_id=variant_id) for variant_id in sorted(set(variants)))
        await session.flush()
        return {"document_id": str(item.id), "ids": [str(item.id)]}

    return await mutate(
        database,
        principal,
        operation="countSessionOpen",
        idempotency_key=idempotency_key,
        payload={"command": command},
        work=work,
    )


async def record_counts(
    database: Database, principal: Principal, step: DocumentStep, counts: Sequence[CountedUnits]
) -> Answer:
    """Take counts down; one beyond the session's threshold is to be counted again until two agree."""
    require_line_count(counts)
    for number, found in enumerate(counts):
        counted_quantity(found.counted, path=("lines", str(number), "counted"))

    async def work(session: WriteSession, locked: _Locked) -> None:
        place = locked.item.location_id
        variants = await named_variants(session, [found.variant for found in counts])
        on_hand = {level.variant_id: level.on_hand for level in await levels(session, variants, [place])}
        for number, (variant_id, found) in enumerate(zip(variants, counts, strict=True)):
            there = on_hand.get(variant_id, 0)
            _expect(there, found.expected_quantity, number)
            line = locked.line(session, variant_id)
            line.record(found.counted, there, locked.now, locked.item.recount_above)
            line.reason = found.reason or line.reason

    return await _step(database, principal, "countSessionRecord", step, work, more={"lines": list(counts)})


async def ask_for_recount(
    database: Database, principal: Principal, step: DocumentStep, variants: Sequence[UUID | str]
) -> Answer:
    """Somebody doubts these counts, or wants these variants counted as well."""
    require_line_count(variants)

    async def work(session: WriteSession, locked: _Locked) -> None:
        for variant_id in await named_variants(session, variants):
            locked.line(session, variant_id).status = CountLineStatus.RECOUNT

    return await _step(database, principal, "countSessionRecount", step, work, more={"variants": list(variants)})


async def apply_count(
    database: Database, principal: Principal, step: DocumentStep, *, reason: AdjustmentReason | None = None
) -> Answer:
    """Post what was counted as COUNT facts; `reason` for variances that have none. What moved since it was counted is
    to be counted again; the session ends when nothing is left to count."""
    applied: list[CountLine] = []

    async def work(session: WriteSession, locked: _Locked) -> None:
        ready = [line for line in locked.lines.values() if line.status == CountLineStatus.COUNTED]
        if not ready:
            raise WrongStepError("nothing is counted that could be applied; count first")
        for line in ready:
            if line.variance:
                line.reason = line.reason or reason
                if line.reason is None:
                    raise DifferenceReasonRequiredError(
                        f"the count of variant {line.variant_id} differs: say why",
                        path=("reason",),
                    )
        applied.extend(await _post(session, principal, locked.item, ready))
        if all(line.status == CountLineStatus.APPLIED for line in locked.lines.values()):
            locked.close(CountStatus.APPLIED)

    answer = await _step(database, principal, "countSessionApply", step, work, more={"reason": reason})
    if answer.refusal is None:
        _count_variances(applied)
    return answer


async def cancel_count(database: Database, principal: Principal, step: DocumentStep) -> Answer:
    """End the session; what was applied stays applied."""

    async def work(_session: WriteSession, locked: _Locked) -> None:
        locked.close(CountStatus.CANCELLED)

    return await _step(database, principal, "countSessionCancel", step, work)


async def _post(
    session: WriteSession, principal: Principal, item: CountSession, ready: Sequence[CountLine]
) -> list[CountLine]:
    """The lines that stood; the others are to be counted again."""
    actor = c.Actor(principal.id, principal.channel_id)
    requests = [
        c.StockRequest(
            actor,
            c.Count(
                LevelKey(line.variant_id, item.location_id),
                line.counted or 0,
                line.expected,
                item.id,
                AdjustmentReason(line.reason) if line.variance and line.reason else None,
                line.counted_at,
            ),
        )
        for line in ready
    ]
    for line, outcome in zip(ready, await apply(session, requests), strict=True):
        stood = isinstance(outcome, c.Done)
        line.status = CountLineStatus.APPLIED if stood else CountLineStatus.RECOUNT
    return [line for line in ready if line.status == CountLineStatus.APPLIED]


async def _step(
    database: Database,
    principal: Principal,
    operation: str,
    step: DocumentStep,
    work: _Work,
    *,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    principal.require(Scope.STOCK_WRITE)

    async def run(session: WriteSession) -> Mapping[str, Any]:
        locked = await _lock(session, principal, step)
        await work(session, locked)
        locked.item.version += 1
        await session.flush()
        return {"document_id": str(step.id), "ids": [str(step.id)]}

    answer = await mutate(
        database,
        principal,
        operation=operation,
        idempotency_key=step.idempotency_key,
        payload={"id": step.id, "expected_version": step.expected_version, **(more or {})},
        work=run,
    )
    if answer.refusal is None and not answer.replayed:
        log.info("stock_document_changed", operation=operation, document_id=str(step.id))
    return answer


async def _lock(session: WriteSession, principal: Principal, step: DocumentStep) -> _Locked:
    reach = await reach_of(session, principal)
    item = await rows.lock(session, step.id)
    if item is None or (reach is not None and item.location_id not in reach):
        raise CountSessionNotFoundError(f"there is no count session {step.id}", path=("id",))
    if step.expected_version is not None and step.expected_version != item.version:
        raise DocumentChangedError(
            f"the count session is at version {item.version}, not {step.expected_version}; look at it again",
            path=("expectedVersion",),
        )
    if item.status != CountStatus.OPEN:
        raise WrongStepError(f"the count session is {item.status}; open another one")
    found = (await rows.count_lines_by_session_ids(session, [item.id])).get(item.id, [])
    return _Locked(item, {line.variant_id: line for line in found}, await database_now(session))


def _expect(on_hand: int, expected: int | None, number: int) -> None:
    if expected is not None and expected != on_hand:
        raise StaleQuantityError(
            f"onHand is {on_hand}, not the expected {expected}; read it again and decide anew",
            path=("lines", str(number), "expectedQuantity"),
        )


def _count_variances(lines: Sequence[CountLine]) -> None:
    for line in lines:
        if line.variance:
            direction = "EXTRA" if line.variance > 0 else "MISSING"
            metrics.stock_difference_units.labels("COUNT", direction, line.reason or "").inc(abs(line.variance))
