"""No secret can be read from a dump of the database."""

import asyncpg

from hub.access import (
    CreateKey,
    CreateUser,
    PasswordVault,
    Role,
    RoleGrant,
    create_key,
    create_user,
    log_in,
    rotate_key,
)
from hub.infra.database import Database
from hub.kernel.principal import Principal, Scope

PASSWORD = "canary-sings-in-the-mine"


async def dump(url: str) -> bytes:
    """Every row of every table as text: what a plain dump holds."""
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    found: list[str] = []
    for table in tables:
        rows = await connection.fetch(f"SELECT t::text AS line FROM {table['name']} t")
        found.extend(row["line"] for row in rows)
    await connection.close()
    return "\n".join(found).encode()


async def test_a_dump_holds_no_key_no_password_and_no_session(
    database: Database, database_url: str, admin: Principal, vault: PasswordVault
) -> None:
    async with database.write() as session:
        user = CreateUser("ada", PASSWORD, (RoleGrant(Role.ADMIN),))
        await create_user(session, user, principal=admin, vault=vault)
        first = await create_key(session, CreateKey("shop", frozenset({Scope.CATALOG_READ})), principal=admin)
        second = await rotate_key(session, first.id, principal=admin)
    issued = await log_in(database, "ada", PASSWORD, vault=vault)
    dumped = await dump(database_url)
    assert b"keyRotate" in dumped
    for secret in (PASSWORD, first.token[17:], second.token[17:], issued.token, issued.csrf_token):
        assert secret.encode() not in dumped
        assert secret.encode().hex().encode() not in dumped
