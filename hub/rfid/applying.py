"""Turn what a count proposes into counts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog

from hub.catalog import views
from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import (
    Actor,
    Count,
    LevelKey,
    Outcome,
    Refused,
    StockRequest,
    TooManyLinesError,
    UnknownVariantError,
    apply,
)
from hub.kernel.principal import Principal, Scope
from hub.rfid import repository
from hub.rfid.access import locked
from hub.rfid.errors import NotACountError, SessionOpenError
from hub.rfid.models import ReadPurpose, ReadSessionStatus
from hub.rfid.repository import LineView

MAX_APPLIED = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApplyProposals:
    """The proposals of a closed count; `skus` None: all of them."""

    session_id: UUID
    skus: tuple[str, ...] | None = None


async def apply_proposals(
    database: Database, principal: Principal, command: ApplyProposals, *, idempotency_key: str
) -> Answer:
    """Count each level to what was read, if its onHand still is what it was when the session closed.

    A level that moved since is refused by itself (STALE_QUANTITY) and stays proposed; so nothing is counted twice.
    Outcome: applied (variant ids) and rejected, each with variant_id, code and message. Raises TooManyLinesError;
    refuses with SessionNotFoundError, LocationNotAllowedError, SessionOpenError, NotACountError and
    UnknownVariantError.
    """
    principal.require(Scope.STOCK_WRITE)
    if command.skus is not None and not 1 <= len(command.skus) <= MAX_APPLIED:
        raise TooManyLinesError(f"name 1 to {MAX_APPLIED} skus, or none for all", path=("skus",))

    async def run(session: WriteSession) -> Mapping[str, Any]:
        return await _apply(session, principal, command)

    answer = await mutate(
        database,
        principal,
        operation="countProposalsApply",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=run,
    )
    if not answer.replayed and answer.refusal is None:
        applied, refused = len(answer.outcome["applied"]), len(answer.outcome["rejected"])
        metrics.rfid_proposals.labels("applied").inc(applied)
        metrics.rfid_proposals.labels("refused").inc(refused)
        log.info("rfid.proposals_applied", session_id=str(command.session_id), applied=applied, refused=refused)
    return answer


async def _apply(session: WriteSession, principal: Principal, command: ApplyProposals) -> Mapping[str, Any]:
    found = await locked(session, principal, command.session_id)
    if found.purpose != ReadPurpose.COUNT:
        raise NotACountError(f"a session for {found.purpose} proposes no counts")
    if found.status != ReadSessionStatus.CLOSED:
        raise SessionOpenError(f"the session is {found.status}; only a closed one proposes counts")
    variants = await _variants(session, command.skus)
    proposals = await repository.lock_proposals(session, found.id, variants, limit=MAX_APPLIED + 1)
    if len(proposals) > MAX_APPLIED:
        raise TooManyLinesError(f"more than {MAX_APPLIED} levels would be counted; name skus", path=("skus",))
    actor = Actor(principal.id, principal.channel_id)
    outcomes = await apply(session, [StockRequest(actor, _count(line)) for line in proposals])
    return await _told(session, found.id, proposals, outcomes)


async def _told(
    session: WriteSession, session_id: UUID, proposals: Sequence[LineView], outcomes: Sequence[Outcome]
) -> Mapping[str, Any]:
    decided = list(zip(proposals, outcomes, strict=True))
    applied = [line.variant_id for line, outcome in decided if not isinstance(outcome, Refused)]
    await repository.mark_applied(session, session_id, applied)
    return {
        "session_id": str(session_id),
        "applied": [str(variant_id) for variant_id in applied],
        "rejected": [
            {"variant_id": str(line.variant_id), "code": outcome.code.value, "message": outcome.message}
            for line, outcome in decided
            if isinstance(outcome, Refused)
        ],
        "ids": [str(session_id), *map(str, applied)],
    }


def _count(line: LineView) -> Count:
    if line.counted is None:
        raise LookupError("a proposal says what was counted")
    key = LevelKey(line.variant_id, line.location_id)
    return Count(key, line.counted, expected_quantity=line.on_hand, reference_id=line.session_id)


async def _variants(session: WriteSession, skus: Sequence[str] | None) -> list[UUID] | None:
    if skus is None:
        return None
    found = await views.variant_ids_by_skus(session, skus)
    for index, sku in enumerate(skus):
        if sku not in found:
            raise UnknownVariantError(f"there is no sku {sku[:60]!r}", path=("skus", str(index)))
    return list(found.values())
