"""What a session came to, for those who may act at its location."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hub.infra.database import Database
from hub.kernel.principal import Principal, Scope, ScopeMissingError
from hub.rfid import epcis, repository
from hub.rfid.access import seen
from hub.rfid.errors import SessionOpenError, TagsGoneError
from hub.rfid.models import ReadSessionStatus
from hub.rfid.repository import LineView, SessionView


async def session_of(database: Database, principal: Principal, session_id: UUID) -> SessionView:
    """Raises SessionNotFoundError and LocationNotAllowedError, as the others here."""
    _require_any(principal)
    async with database.read() as session:
        return await seen(session, principal, session_id)


async def lines_of(
    database: Database, principal: Principal, session_id: UUID, *, after: UUID | None, limit: int
) -> list[LineView]:
    """The session's lines by variant, after that variant."""
    _require_any(principal)
    async with database.read() as session:
        await seen(session, principal, session_id)
        return await repository.lines(session, session_id, after=after, limit=limit)


async def epcis_of(database: Database, principal: Principal, session_id: UUID) -> Mapping[str, Any]:
    """The closed session as an EPCIS 2.0 document. Raises SessionOpenError and TagsGoneError too."""
    _require_any(principal)
    async with database.read() as session:
        found = await seen(session, principal, session_id)
        if found.status != ReadSessionStatus.CLOSED:
            raise SessionOpenError(f"the session is {found.status}; only a closed one is told as an event")
        epcs = await repository.tag_uris(session, session_id)
    if len(epcs) != found.tags:
        raise TagsGoneError("the tags of this session have been forgotten")
    return epcis.document_of(found, epcs)


def _require_any(principal: Principal) -> None:
    if not (principal.may(Scope.STOCK_READ) or principal.may(Scope.STOCK_WRITE)):
        raise ScopeMissingError("this credential lacks the scope 'stock:read'")
