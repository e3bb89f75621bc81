"""Close a session: what was read against what was expected."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from hub.infra import metrics, outbox
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.kernel.principal import Principal, Scope
from hub.rfid import repository
from hub.rfid.access import locked_open
from hub.rfid.errors import TagLimitError
from hub.rfid.models import ReadPurpose

MAX_LINES = 50_000
SESSION_CLOSED = "rfid_session.closed"
"""Topic; the entity is the session."""

log = structlog.get_logger(__name__)


async def close_session(database: Database, principal: Principal, session_id: UUID, *, idempotency_key: str) -> Answer:
    """Compare the reads: with the location's stock for a COUNT, with what was announced else. Changes no stock.

    Outcome: purpose, lines, differences (lines), missing and extra (units). Refuses with SessionNotFoundError,
    SessionEndedError, LocationNotAllowedError, and TagLimitError when more variants lie there than one session
    compares.
    """
    principal.require(Scope.STOCK_WRITE)

    async def run(session: WriteSession) -> Mapping[str, Any]:
        return await _close(session, principal, session_id)

    answer = await mutate(
        database,
        principal,
        operation="rfidSessionClose",
        idempotency_key=idempotency_key,
        payload={"session_id": session_id},
        work=run,
    )
    if not answer.replayed and answer.refusal is None:
        metrics.rfid_sessions.labels(answer.outcome["purpose"], "closed").inc()
        log.info("rfid.session_closed", **{k: v for k, v in answer.outcome.items() if k != "ids"})
    return answer


async def _close(session: WriteSession, principal: Principal, session_id: UUID) -> Mapping[str, Any]:
    found = await locked_open(session, principal, session_id)
    if found.purpose == ReadPurpose.COUNT:
        await repository.compare_with_stock(session, found, limit=MAX_LINES + 1)
    else:
        await repository.compare_with_list(session, session_id)
    told = await repository.differences(session, session_id)
    if told.lines > MAX_LINES:
        raise TagLimitError(f"more than {MAX_LINES} variants lie there; name the skus that a session counts")
    version = await repository.close(session, session_id)
    payload = {"location_id": str(found.location_id), "purpose": found.purpose, "differences": told.differing}
    await outbox.record(session, outbox.Event(SESSION_CLOSED, session_id, version, payload))
    return {
        "session_id": str(session_id),
        "purpose": found.purpose,
        "lines": told.lines,
        "differences": told.differing,
        "missing": told.missing,
        "extra": told.extra,
        "ids": [str(session_id)],
    }
