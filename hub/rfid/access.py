"""Who may see and use which session: those who may act at its location."""

from uuid import UUID

from hub.infra.database import AnySession, WriteSession
from hub.kernel.principal import LocationNotAllowedError, Principal
from hub.rfid import repository
from hub.rfid.errors import SessionEndedError, SessionNotFoundError
from hub.rfid.models import ReadSessionStatus
from hub.rfid.repository import SessionView


async def require_reach(session: AnySession, principal: Principal, location_id: UUID) -> None:
    """Bound to a location: that one only. Bound to a channel and no location: the channel's pool only.

    Raises LocationNotAllowedError.
    """
    principal.require_location(location_id)
    if principal.channel_id is None or principal.location_ids is not None:
        return
    if not await repository.is_in_pool(session, principal.channel_id, location_id):
        raise LocationNotAllowedError("this location is not in the channel's pool", path=("locationId",))


async def locked(session: WriteSession, principal: Principal, session_id: UUID) -> SessionView:
    """The session under its lock. Raises SessionNotFoundError or LocationNotAllowedError."""
    return await _reached(session, principal, await repository.lock_session(session, session_id))


async def locked_open(session: WriteSession, principal: Principal, session_id: UUID) -> SessionView:
    """As `locked`; raises SessionEndedError too."""
    found = await locked(session, principal, session_id)
    if found.status != ReadSessionStatus.OPEN:
        raise SessionEndedError(f"the session is {found.status}; open a new one")
    return found


async def seen(session: AnySession, principal: Principal, session_id: UUID) -> SessionView:
    """The session without its lock. Raises as `locked`."""
    return await _reached(session, principal, await repository.session_by_id(session, session_id))


async def _reached(session: AnySession, principal: Principal, found: SessionView | None) -> SessionView:
    if found is None:
        raise SessionNotFoundError("there is no such session")
    await require_reach(session, principal, found.location_id)
    return found
