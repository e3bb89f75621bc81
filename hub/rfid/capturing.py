"""Take what an EPCIS document says was observed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.kernel.principal import Principal, Scope
from hub.rfid.epcis import observed_in
from hub.rfid.reading import ErrorPolicy, RecordReads, record_reads


async def capture_epcis(
    database: Database,
    principal: Principal,
    session_id: UUID,
    document: Mapping[str, Any],
    *,
    error_policy: ErrorPolicy,
    idempotency_key: str,
) -> Answer:
    """The EPCs of all events are one batch of reads: see `record_reads`. Raises EpcisError.

    A refusal's path, and the index of a refused row, name the EPC within the document.
    """
    principal.require(Scope.STOCK_WRITE)
    observed = observed_in(document)
    command = RecordReads(session_id, tuple(item.epc for item in observed), error_policy)
    answer = await record_reads(database, principal, command, idempotency_key=idempotency_key)
    if answer.refusal is not None and answer.refusal.path[:1] == ("epcs",):
        answer.refusal.path = observed[int(answer.refusal.path[1])].path
    return answer
