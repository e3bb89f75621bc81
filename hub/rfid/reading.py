"""Take the tags that a reader has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog

from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.kernel.epc import ReadEpc, parse_epc
from hub.kernel.errors import HubError, InvalidInputError
from hub.kernel.principal import Principal, Scope
from hub.rfid import repository
from hub.rfid.access import locked_open
from hub.rfid.errors import TagLimitError, UnknownGtinError

MAX_BATCH_EPCS = 5_000
MAX_BATCHES = 2_000
MAX_SESSION_TAGS = 50_000
MAX_REFUSED_TOLD = 100

log = structlog.get_logger(__name__)


class ErrorPolicy(StrEnum):
    REJECT_EVERYTHING = "REJECT_EVERYTHING"
    REJECT_FAILED_ROWS = "REJECT_FAILED_ROWS"


@dataclass(frozen=True, slots=True)
class RecordReads:
    """EPCs in any form that `parse_epc` reads. With REJECT_FAILED_ROWS what cannot be taken is told and left out."""

    session_id: UUID
    epcs: tuple[str, ...]
    error_policy: ErrorPolicy = ErrorPolicy.REJECT_EVERYTHING


@dataclass(frozen=True, slots=True)
class _Sorted:
    tags: list[tuple[ReadEpc, UUID]]
    refused: list[tuple[int, HubError]]


async def record_reads(
    database: Database, principal: Principal, command: RecordReads, *, idempotency_key: str
) -> Answer:
    """Add tags to an open session; one that it has is no error and counts once.

    Outcome: added, repeated, tags (the session's total), rejected_count, and rejected: the first 100, each with
    index, code and message. Raises InvalidInputError; refuses with EpcError, EpcSchemeError, UnknownGtinError,
    TagLimitError, SessionNotFoundError, SessionEndedError and LocationNotAllowedError.
    """
    principal.require(Scope.STOCK_WRITE)
    if not 1 <= len(command.epcs) <= MAX_BATCH_EPCS:
        raise InvalidInputError(f"a batch has 1 to {MAX_BATCH_EPCS} EPCs", path=("epcs",))

    async def run(session: WriteSession) -> Mapping[str, Any]:
        return await _record(session, principal, command)

    answer = await mutate(
        database,
        principal,
        operation="rfidReadsRecord",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=run,
    )
    if not answer.replayed and answer.refusal is None:
        _tell(answer.outcome)
    return answer


def _tell(outcome: Mapping[str, Any]) -> None:
    for result in ("added", "repeated"):
        metrics.rfid_tags.labels(result).inc(outcome[result])
    metrics.rfid_tags.labels("refused").inc(outcome["rejected_count"])
    log.info(
        "rfid.tags_read",
        session_id=outcome["session_id"],
        added=outcome["added"],
        repeated=outcome["repeated"],
        refused=outcome["rejected_count"],
    )


async def _record(session: WriteSession, principal: Principal, command: RecordReads) -> Mapping[str, Any]:
    found = await locked_open(session, principal, command.session_id)
    if found.batches >= MAX_BATCHES:
        raise TagLimitError(f"a session takes at most {MAX_BATCHES} batches; close it and open another")
    batch = await _sort(session, command.epcs)
    if batch.refused and command.error_policy is ErrorPolicy.REJECT_EVERYTHING:
        raise batch.refused[0][1]
    added = await repository.add_tags(session, found.id, batch.tags)
    tags = await repository.note_batch(session, found.id, added)
    if tags > MAX_SESSION_TAGS:
        raise TagLimitError(f"a session holds at most {MAX_SESSION_TAGS} tags; close it and open another")
    return {
        "session_id": str(found.id),
        "added": added,
        "repeated": len(batch.tags) - added,
        "tags": tags,
        "rejected_count": len(batch.refused),
        "rejected": [
            {"index": index, "code": error.code, "message": error.message}
            for index, error in batch.refused[:MAX_REFUSED_TOLD]
        ],
        "ids": [str(found.id)],
    }


async def _sort(session: WriteSession, epcs: Sequence[str]) -> _Sorted:
    """What can be taken, and what cannot with its reason, both in the order of the batch."""
    read = [_parsed(text, index) for index, text in enumerate(epcs)]
    gtins = [epc.gtin for epc in read if isinstance(epc, ReadEpc)]
    variants = await repository.variants_by_gtins(session, gtins)
    found = _Sorted([], [])
    for index, epc in enumerate(read):
        if isinstance(epc, HubError):
            found.refused.append((index, epc))
        elif epc.gtin in variants:
            found.tags.append((epc, variants[epc.gtin]))
        else:
            unknown = UnknownGtinError(f"no variant has the GTIN {epc.gtin}", path=("epcs", str(index)))
            found.refused.append((index, unknown))
    return found


def _parsed(text: str, index: int) -> ReadEpc | InvalidInputError:
    try:
        return parse_epc(text)
    except InvalidInputError as error:
        error.path = ("epcs", str(index))
        return error
