"""All SQL of access. Whether something has expired is judged here, by the database's clock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text

from hub.access.customer_tokens import KeyReference, ShopKey
from hub.access.models import ApiKey, ShopSigningKey
from hub.access.rules import RoleGrant
from hub.infra.database import AnySession, WriteSession
from hub.kernel.ids import new_id

COARSE_USE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key as authentication needs it; `expires_in_seconds` None: no end."""

    id: UUID
    principal_id: UUID
    name: str
    secret_hash: bytes = field(repr=False)
    previous_secret_hash: bytes | None = field(repr=False)
    scopes: Sequence[str]
    channel_id: UUID | None
    terminal_id: UUID | None
    location_ids: Sequence[UUID] | None
    trusted_documents_only: bool
    expires_in_seconds: float | None
    revoked: bool
    use_is_stale: bool


_FIND_KEY = text(
    """
    SELECT k.id, k.principal_id, k.name, k.secret_hash,
           CASE WHEN k.previous_expires_at > hub_now() THEN k.previous_secret_hash END AS previous_secret_hash,
           k.scopes, k.channel_id, k.terminal_id, k.location_ids, k.trusted_documents_only,
           extract(epoch FROM k.expires_at - hub_now())::double precision AS expires_in_seconds,
           k.revoked_at IS NOT NULL OR c.active IS FALSE OR t.active IS FALSE
               OR t.channel_id IS DISTINCT FROM CASE WHEN t.id IS NOT NULL THEN k.channel_id END
               OR t.location_id IS DISTINCT FROM CASE WHEN t.id IS NOT NULL THEN k.location_ids[1] END AS revoked,
           k.last_used_at IS NULL
               OR k.last_used_at < hub_now() - make_interval(secs => :coarse) AS use_is_stale
    FROM api_keys k
    LEFT JOIN channels c ON c.id = k.channel_id
    LEFT JOIN terminals t ON t.id = k.terminal_id
    WHERE k.prefix = :prefix
    """
)


async def find_key(session: AnySession, prefix: str) -> FoundKey | None:
    """A key is as good as revoked when its channel or terminal is closed, or the terminal has moved."""
    found = await session.execute(_FIND_KEY, {"prefix": prefix, "coarse": float(COARSE_USE_SECONDS)})
    row = found.mappings().one_or_none()
    return None if row is None else FoundKey(**row)


async def has_live_key(session: AnySession, principal_id: UUID) -> bool:
    """Whether a machine could still prove itself."""
    found = await session.execute(
        text(
            """
            SELECT 1 FROM api_keys k
            LEFT JOIN channels c ON c.id = k.channel_id
            LEFT JOIN terminals t ON t.id = k.terminal_id
            WHERE k.principal_id = :id AND k.revoked_at IS NULL AND (k.expires_at > hub_now()) IS NOT FALSE
              AND c.active IS NOT FALSE AND t.active IS NOT FALSE
            """
        ),
        {"id": principal_id},
    )
    return found.first() is not None


async def touch_key(session: WriteSession, key_id: UUID) -> None:
    """Note the use, unless another request is noting it at this moment."""
    await session.execute(
        text(
            """
            UPDATE api_keys SET last_used_at = hub_now()
            WHERE id = (SELECT id FROM api_keys WHERE id = :id FOR UPDATE SKIP LOCKED)
            """
        ),
        {"id": key_id},
    )


async def key_by_id(session: AnySession, key_id: UUID) -> ApiKey | None:
    return await session.get(ApiKey, key_id)


async def insert_key(session: WriteSession, key: ApiKey, expires_in_seconds: int | None) -> bool:
    """False when the principal already has a live key."""
    done = await session.execute(
        text(
            """
            INSERT INTO api_keys (id, principal_id, name, prefix, secret_hash, scopes, channel_id, terminal_id,
                                  location_ids, trusted_documents_only, expires_at)
            VALUES (:id, :principal_id, :name, :prefix, :secret_hash, :scopes, :channel_id, :terminal_id,
                    :location_ids, :trusted_documents_only,
                    hub_now() + make_interval(secs => CAST(:expires_in_seconds AS double precision)))
            ON CONFLICT (principal_id) WHERE revoked_at IS NULL DO NOTHING
            RETURNING id
            """
        ),
        {
            **key.model_dump(
                include={
                    "id", "principal_id", "name", "prefix", "secret_hash", "scopes", "channel_id", "terminal_id",
                    "location_ids", "trusted_documents_only",
                }
            ),
            "expires_in_seconds": expires_in_seconds,
        },
    )  # fmt: skip
    return done.one_or_none() is not None


async def revoke_key(session: WriteSession, key_id: UUID) -> None:
    """The first revocation counts; repeating it changes nothing."""
    await session.execute(
        text("UPDATE api_keys SET revoked_at = hub_now() WHERE id = :id AND revoked_at IS NULL"),
        {"id": key_id},
    )


async def replace_secret(session: WriteSession, key_id: UUID, secret_hash: bytes, overlap_seconds: int) -> bool:
    """False when the key is revoked. Without an overlap the old secret ends at once."""
    done = await session.execute(
        text(
            """
            UPDATE api_keys SET secret_hash = :secret_hash,
                previous_secret_hash = CASE WHEN :overlap > 0 THEN secret_hash END,
                previous_expires_at = CASE WHEN :overlap > 0 THEN hub_now() + make_interval(secs => :overlap) END
            WHERE id = :id AND revoked_at IS NULL RETURNING id
            """
        ),
        {"id": key_id, "secret_hash": secret_hash, "overlap": float(overlap_seconds)},
    )
    return done.one_or_none() is not None


async def keys_page(
    session: AnySession, channel_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[RowMapping]:
    found = await session.execute(
        text(
            """
            SELECT id, principal_id, name, prefix, scopes, channel_id, terminal_id, location_ids,
                   trusted_documents_only, created_at, expires_at, revoked_at, last_used_at,
                   CASE WHEN revoked_at IS NOT NULL THEN 'REVOKED'
                        WHEN expires_at <= hub_now() THEN 'EXPIRED' ELSE 'ACTIVE' END AS state
            FROM api_keys
            WHERE (CAST(:channel_id AS uuid) IS NULL OR channel_id = :channel_id)
              AND (CAST(:after AS uuid) IS NULL OR id > :after)
            ORDER BY id LIMIT :limit
            """
        ),
        {"channel_id": channel_id, "after": after, "limit": limit},
    )
    return found.mappings().all()


class TerminalBinding(NamedTuple):
    channel_id: UUID
    location_id: UUID


async def terminal_binding(session: AnySession, terminal_id: UUID) -> TerminalBinding | None:
    row = (
        await session.execute(
            text("SELECT channel_id, location_id FROM terminals WHERE id = :id AND active FOR SHARE"),
            {"id": terminal_id},
        )
    ).one_or_none()
    return None if row is None else TerminalBinding(*row)


async def channel_exists(session: AnySession, channel_id: UUID) -> bool:
    found = await session.execute(text("SELECT 1 FROM channels WHERE id = :id"), {"id": channel_id})
    return found.one_or_none() is not None


async def unknown_locations(session: AnySession, location_ids: Collection[UUID]) -> list[UUID]:
    found = await session.execute(
        text("SELECT wanted FROM unnest(CAST(:ids AS uuid[])) wanted EXCEPT SELECT id FROM locations"),
        {"ids": list(location_ids)},
    )
    return list(found.scalars())


async def insert_user(session: WriteSession, user_id: UUID, username: str, password_hash: str) -> bool:
    """False when the name is taken."""
    done = await session.execute(
        text(
            """
            INSERT INTO staff_users (id, username, password_hash) VALUES (:id, :username, :hash)
            ON CONFLICT (username) DO NOTHING RETURNING id
            """
        ),
        {"id": user_id, "username": username, "hash": password_hash},
    )
    return done.one_or_none() is not None


async def user_id_by_name(session: AnySession, username: str) -> UUID | None:
    found = await session.execute(text("SELECT id FROM staff_users WHERE username = :name"), {"name": username})
    return found.scalar_one_or_none()


async def username_of(session: AnySession, user_id: UUID) -> str | None:
    found = await session.execute(text("SELECT username FROM staff_users WHERE id = :id"), {"id": user_id})
    return found.scalar_one_or_none()


async def lock_user(session: WriteSession, user_id: UUID) -> bool:
    """Take the user's row lock; False when there is no such user."""
    found = await session.execute(text("SELECT 1 FROM staff_users WHERE id = :id FOR UPDATE"), {"id": user_id})
    return found.one_or_none() is not None


async def store_password(session: WriteSession, user_id: UUID, password_hash: str) -> None:
    await session.execute(
        text(
            """
            UPDATE staff_users SET password_hash = :hash, failed_logins = 0, locked_until = NULL WHERE id = :id
            """
        ),
        {"id": user_id, "hash": password_hash},
    )


async def close_user(session: WriteSession, user_id: UUID) -> None:
    await session.execute(text("UPDATE staff_users SET active = false WHERE id = :id"), {"id": user_id})


async def grants_of(session: AnySession, user_id: UUID) -> list[tuple[str, UUID | None]]:
    found = await session.execute(
        text("SELECT role, location_id FROM staff_roles WHERE user_id = :id"), {"id": user_id}
    )
    return [(row.role, row.location_id) for row in found]


async def replace_grants(session: WriteSession, user_id: UUID, grants: Collection[RoleGrant]) -> None:
    await session.execute(text("DELETE FROM staff_roles WHERE user_id = :id"), {"id": user_id})
    if not grants:
        return
    await session.execute(
        text("INSERT INTO staff_roles (id, user_id, role, location_id) VALUES (:id, :user_id, :role, :location_id)"),
        [
            {"id": new_id(), "user_id": user_id, "role": grant.role.value, "location_id": grant.location_id}
            for grant in set(grants)
        ],
    )


class LoginAttempt(NamedTuple):
    user_id: UUID
    password_hash: str
    failed_logins: int


async def count_login_attempt(session: WriteSession, username: str) -> LoginAttempt | None:
    """Count an attempt as failed before the password is looked at, so that parallel guesses are all counted.

    None when the user is unknown, closed or locked out.
    """
    row = (
        await session.execute(
            text(
                """
                UPDATE staff_users SET failed_logins = failed_logins + 1
                WHERE username = :name AND active AND (locked_until IS NULL OR locked_until <= hub_now())
                RETURNING id, password_hash, failed_logins
                """
            ),
            {"name": username},
        )
    ).one_or_none()
    return None if row is None else LoginAttempt(*row)


async def lock_out(session: WriteSession, user_id: UUID, seconds: int) -> None:
    await session.execute(
        text("UPDATE staff_users SET locked_until = hub_now() + make_interval(secs => :seconds) WHERE id = :id"),
        {"id": user_id, "seconds": float(seconds)},
    )


async def forgive(session: WriteSession, user_id: UUID) -> bool:
    """After the right password; False when the account was closed meanwhile."""
    done = await session.execute(
        text(
            """
            UPDATE staff_users SET failed_logins = 0, locked_until = NULL
            WHERE id = :id AND active RETURNING id
            """
        ),
        {"id": user_id},
    )
    return done.one_or_none() is not None


class FoundShopKey(NamedTuple):
    key: ShopKey
    now: float
    """`hub_now()` in seconds since 1970, to judge the token by."""


async def find_shop_key(session: AnySession, reference: KeyReference) -> FoundShopKey | None:
    """None when it is unknown or revoked, or its channel is closed."""
    row = (
        await session.execute(
            text(
                """
                SELECT k.channel_id, k.kid, k.algorithm, k.public_key_pem, k.issuer, k.audience,
                       extract(epoch FROM hub_now())::double precision AS now
                FROM shop_signing_keys k JOIN channels c ON c.id = k.channel_id AND c.active
                WHERE k.issuer = :issuer AND k.kid = :kid AND k.revoked_at IS NULL
                """
            ),
            {"issuer": reference.issuer, "kid": reference.kid},
        )
    ).one_or_none()
    return None if row is None else FoundShopKey(ShopKey(*row[:-1]), row.now)


async def insert_signing_key(session: WriteSession, key: ShopSigningKey) -> bool:
    """False when the issuer has, or had, a key of that id."""
    done = await session.execute(
        text(
            """
            INSERT INTO shop_signing_keys (id, channel_id, kid, algorithm, public_key_pem, issuer, audience)
            VALUES (:id, :channel_id, :kid, :algorithm, :public_key_pem, :issuer, :audience)
            ON CONFLICT (issuer, kid) DO NOTHING RETURNING id
            """
        ),
        key.model_dump(exclude={"revoked_at", "created_at"}),
    )
    return done.one_or_none() is not None


async def revoke_signing_key(session: WriteSession, key_id: UUID, channel_id: UUID | None) -> UUID | None:
    """The key's channel; None when there is no such key (in that channel). The first revocation counts."""
    done = await session.execute(
        text(
            """
            UPDATE shop_signing_keys SET revoked_at = coalesce(revoked_at, hub_now())
            WHERE id = :id AND (CAST(:channel_id AS uuid) IS NULL OR channel_id = :channel_id)
            RETURNING channel_id
            """
        ),
        {"id": key_id, "channel_id": channel_id},
    )
    return done.scalar_one_or_none()
