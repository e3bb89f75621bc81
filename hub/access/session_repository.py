"""The SQL of staff sessions. Idle and absolute ends are judged here, by the database's clock."""

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession, WriteSession

COARSE_SEEN_SECONDS: Final = 60


class Digests(NamedTuple):
    token: bytes
    csrf: bytes


class FoundSession(NamedTuple):
    id: UUID
    user_id: UUID
    username: str
    csrf_hash: bytes
    remaining_seconds: float
    revoked: bool
    seen_is_stale: bool


class EndingSession(NamedTuple):
    user_id: UUID
    remaining_seconds: float


async def find_session(session: AnySession, token_hash: bytes, idle_seconds: int) -> FoundSession | None:
    row = (
        await session.execute(
            text(
                """
                SELECT s.id, s.user_id, u.username, s.csrf_hash,
                       extract(epoch FROM least(s.expires_at, s.last_seen_at + make_interval(secs => :idle))
                               - hub_now())::double precision,
                       s.revoked_at IS NOT NULL OR NOT u.active,
                       s.last_seen_at < hub_now() - make_interval(secs => :coarse)
                FROM staff_sessions s JOIN staff_users u ON u.id = s.user_id
                WHERE s.token_hash = :token_hash
                """
            ),
            {"token_hash": token_hash, "idle": float(idle_seconds), "coarse": float(COARSE_SEEN_SECONDS)},
        )
    ).one_or_none()
    return None if row is None else FoundSession(*row)


async def username_with_session(session: AnySession, user_id: UUID, idle_seconds: int) -> str | None:
    """The user's name, while the account is open and somebody is logged in to it."""
    found = await session.execute(
        text(
            """
            SELECT u.username FROM staff_users u WHERE u.id = :id AND u.active AND EXISTS (
                SELECT 1 FROM staff_sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL
                AND s.expires_at > hub_now() AND s.last_seen_at + make_interval(secs => :idle) > hub_now())
            """
        ),
        {"id": user_id, "idle": float(idle_seconds)},
    )
    return found.scalar_one_or_none()


async def touch_session(session: WriteSession, session_id: UUID) -> None:
    """Note the use, unless another request is noting it at this moment."""
    await session.execute(
        text(
            """
            UPDATE staff_sessions SET last_seen_at = hub_now()
            WHERE id = (SELECT id FROM staff_sessions WHERE id = :id FOR UPDATE SKIP LOCKED)
            """
        ),
        {"id": session_id},
    )


async def insert_session(
    session: WriteSession, session_id: UUID, user_id: UUID, digests: Digests, seconds: int
) -> None:
    await session.execute(
        text(
            """
            INSERT INTO staff_sessions (id, user_id, token_hash, csrf_hash, expires_at)
            VALUES (:id, :user_id, :token, :csrf, hub_now() + make_interval(secs => :seconds))
            """
        ),
        {"id": session_id, "user_id": user_id, **digests._asdict(), "seconds": float(seconds)},
    )


async def end_oldest(session: WriteSession, user_id: UUID, *, keep: int) -> None:
    await session.execute(
        text(
            """
            UPDATE staff_sessions SET revoked_at = hub_now() WHERE id IN (
                SELECT id FROM staff_sessions WHERE user_id = :user_id AND revoked_at IS NULL
                ORDER BY id DESC OFFSET :keep)
            """
        ),
        {"user_id": user_id, "keep": keep},
    )


async def shorten(session: WriteSession, session_id: UUID, seconds: int) -> EndingSession | None:
    """Let a live session end within `seconds`; how long it would have lived. None when it has ended."""
    row = (
        await session.execute(
            text(
                """
                UPDATE staff_sessions now
                SET expires_at = least(now.expires_at, hub_now() + make_interval(secs => :secs))
                FROM (SELECT id, expires_at FROM staff_sessions WHERE id = :id FOR UPDATE) before
                WHERE now.id = before.id AND now.revoked_at IS NULL AND now.expires_at > hub_now()
                RETURNING now.user_id, extract(epoch FROM before.expires_at - hub_now())::double precision
                """
            ),
            {"id": session_id, "secs": float(seconds)},
        )
    ).one_or_none()
    return None if row is None else EndingSession(*row)


async def end_session(session: WriteSession, session_id: UUID) -> None:
    await session.execute(
        text("UPDATE staff_sessions SET revoked_at = hub_now() WHERE id = :id AND revoked_at IS NULL"),
        {"id": session_id},
    )


async def end_sessions_of(session: WriteSession, user_id: UUID) -> None:
    await session.execute(
        text("UPDATE staff_sessions SET revoked_at = hub_now() WHERE user_id = :id AND revoked_at IS NULL"),
        {"id": user_id},
    )


async def purge(session: WriteSession, limit: int) -> int:
    done = await session.execute(
        text(
            """
            DELETE FROM staff_sessions WHERE id IN (
                SELECT id FROM staff_sessions
                WHERE least(expires_at, revoked_at) < hub_now() - interval '1 day' LIMIT :limit)
            RETURNING id
            """
        ),
        {"limit": limit},
    )
    return len(done.all())
