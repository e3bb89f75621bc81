"""The timeline of an order: append-only, one row for everything that happened to it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from hub.infra.database import WriteSession
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal

_NOTE = text(
    """
    INSERT INTO order_events (id, order_id, kind, principal_id, channel_id, detail, at)
    VALUES (:id, :order_id, :kind, :principal_id, :channel_id, CAST(:detail AS jsonb), hub_now())
    """
)


async def note_each(session: WriteSession, order_ids: Sequence[UUID], kind: str, principal: Principal) -> None:
    """Add the same entry to several orders."""
    same = {"kind": kind, "principal_id": principal.id, "channel_id": principal.channel_id, "detail": "{}"}
    if order_ids:
        await session.execute(_NOTE, [{"id": new_id(), "order_id": order_id, **same} for order_id in order_ids])


async def note(
    session: WriteSession,
    order_id: UUID,
    kind: str,
    principal: Principal,
    *,
    channel_id: UUID | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry. `detail` holds ids, codes and numbers, no personal data."""
    await session.execute(
        _NOTE,
        {
            "id": new_id(),
            "order_id": order_id,
            "kind": kind,
            "principal_id": principal.id,
            "channel_id": channel_id if channel_id is not None else principal.channel_id,
            "detail": msgspec.json.encode(dict(detail or {})).decode(),
        },
    )
