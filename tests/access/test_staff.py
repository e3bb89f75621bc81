"""People who work here: accounts, logging in, lock-outs, roles, sessions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import text

from hub.access import (
    Authenticator,
    CreateUser,
    IssuedSession,
    PasswordVault,
    Role,
    RoleGrant,
    UnauthenticatedError,
    change_roles,
    close_user,
    create_user,
    log_in,
    log_out,
    origin_of,
    purge_ended_sessions,
    require_csrf,
    require_origin,
    rotate_session,
    set_password,
)
from hub.access import passwords as passwords_module
from hub.access.errors import (
    AuthorityExceededError,
    CredentialExpiredError,
    CredentialRevokedError,
    CredentialUnknownError,
    CsrfTokenInvalidError,
    LocationNotFoundError,
    LoginBusyError,
    LoginRefusedError,
    OriginNotAllowedError,
    PasswordUnfitError,
    UsernameInvalidError,
    UsernameTakenError,
    UserNotFoundError,
)
from hub.access.rules import ROLE_SCOPES
from hub.infra.database import Database
from hub.kernel.principal import Principal, PrincipalKind, Scope, ScopeMissingError

PASSWORD = "correct horse battery"
Later = Callable[[int], Awaitable[None]]


@pytest.fixture
async def ada(database: Database, admin: Principal, vault: PasswordVault) -> UUID:
    async with database.write() as session:
        command = CreateUser("ada", PASSWORD, (RoleGrant(Role.ADMIN),))
        return await create_user(session, command, principal=admin, vault=vault)


async def try_login(database: Database, vault: PasswordVault, password: str = PASSWORD) -> IssuedSession:
    return await log_in(database, "ada", password, vault=vault)


@pytest.mark.usefixtures("ada")
class TestLoggingIn:
    async def test_the_right_password_opens_a_session(self, database: Database, vault: PasswordVault) -> None:
        issued = await log_in(database, " Ada ", PASSWORD, vault=vault)
        active = await Authenticator(database).authenticate_session(issued.token)
        assert active.principal.kind is PrincipalKind.STAFF
        assert active.principal.scopes == frozenset(Scope)
        assert active.principal.location_ids is None

    async def test_every_reason_for_no_reads_the_same(self, database: Database, vault: PasswordVault) -> None:
        messages = set()
        for username, password in (
            ("ada", "wrong"),
            ("ada", PASSWORD + "\0"),
            ("ada", "x" * 100_000),
            ("ada", "\ud800"),
            ("nobody", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
            ("nul\0", PASSWORD),
            ("", ""),
        ):
            with pytest.raises(LoginRefusedError) as refusal:
                await log_in(database, username, password, vault=vault)
            messages.add(refusal.value.message)
        assert len(messages) == 1

    async def test_five_wrong_passwords_close_the_account_for_a_while(
        self, database: Database, vault: PasswordVault, later: Later
    ) -> None:
        for _ in range(5):
            with pytest.raises(LoginRefusedError):
                await try_login(database, vault, "wrong password")
        with pytest.raises(LoginRefusedError):
            await try_login(database, vault)
        await later(31)
        await try_login(database, vault)
        with pytest.raises(LoginRefusedError):
            await try_login(database, vault, "wrong password")
        await try_login(database, vault)

    async def test_guesses_made_at_once_are_all_counted(self, database: Database, vault: PasswordVault) -> None:
        results = await asyncio.gather(
            *(try_login(database, vault, f"guess number {number}") for number in range(12)), return_exceptions=True
        )
        assert all(isinstance(result, LoginRefusedError) for result in results)
        async with database.read() as session:
            counted = await session.execute(text("SELECT failed_logins, locked_until > hub_now() FROM staff_users"))
            assert tuple(counted.one()) == (5, True)

    async def test_only_so_many_wait_for_the_hash_at_once(
        self, database: Database, vault: PasswordVault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passwords_module, "MAX_WAITING", 0)
        with pytest.raises(LoginBusyError):
            await try_login(database, vault)

    async def test_a_hash_of_weaker_parameters_is_replaced(self, database: Database, vault: PasswordVault) -> None:
        strong = PasswordVault()
        await log_in(database, "ada", PASSWORD, vault=strong)
        async with database.read() as session:
            encoded = (await session.execute(text("SELECT password_hash FROM staff_users"))).scalar_one()
        assert encoded.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert await vault.verify(encoded, PASSWORD)

    async def test_nothing_secret_is_logged_stored_or_shown(self, database: Database, vault: PasswordVault) -> None:
        with structlog.testing.capture_logs() as logs:
            issued = await try_login(database, vault)
            with pytest.raises(LoginRefusedError) as refusal:
                await try_login(database, vault, "my-other-password")
        async with database.read() as session:
            tables = ("staff_users", "staff_sessions", "audit_log")
            rows = [str((await session.execute(text(f"SELECT {table}::text FROM {table}"))).all()) for table in tables]
        shown = f"{logs!r} {refusal.value!r} {issued!r} {CreateUser('ada', PASSWORD)!r} {rows!r}"
        for secret in (PASSWORD, "my-other-password", issued.token, issued.csrf_token):
            assert secret not in shown


@pytest.mark.usefixtures("ada")
class TestSessions:
    async def test_it_ends_after_an_hour_without_use(
        self, database: Database, vault: PasswordVault, later: Later
    ) -> None:
        issued = await try_login(database, vault)
        await later(3_500)
        await Authenticator(database).authenticate_session(issued.token)
        await later(7_000)
        await Authenticator(database).authenticate_session(issued.token)
        await later(10_700)
        with pytest.raises(CredentialExpiredError):
            await Authenticator(database).authenticate_session(issued.token)

    async def test_it_ends_after_twelve_hours_in_any_case(
        self, database: Database, vault: PasswordVault, later: Later
    ) -> None:
        issued = await try_login(database, vault)
        for hour in range(1, 13):
            await later(hour * 3_590)
            await Authenticator(database).authenticate_session(issued.token)
        await later(12 * 3_600 + 1)
        with pytest.raises(CredentialExpiredError):
            await Authenticator(database).authenticate_session(issued.token)

    async def test_logging_out_ends_it_for_good(self, database: Database, vault: PasswordVault) -> None:
        issued = await try_login(database, vault)
        active = await Authenticator(database).authenticate_session(issued.token)
        async with database.write() as session:
            await log_out(session, active)
        with pytest.raises(CredentialRevokedError):
            await Authenticator(database).authenticate_session(issued.token)
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_session("x" * 43)

    async def test_rotation_gives_new_tokens_and_a_short_grace(
        self, database: Database, vault: PasswordVault, later: Later
    ) -> None:
        old = await try_login(database, vault)
        async with database.write() as session:
            new = await rotate_session(session, old.id)
        assert {new.token, new.csrf_token}.isdisjoint({old.token, old.csrf_token})
        assert new.expires_in_seconds <= old.expires_in_seconds
        for issued in (old, new):
            await Authenticator(database).authenticate_session(issued.token)
        await later(31)
        await Authenticator(database).authenticate_session(new.token)
        with pytest.raises(CredentialExpiredError):
            await Authenticator(database).authenticate_session(old.token)
        with pytest.raises(CredentialExpiredError):
            async with database.write() as session:
                await rotate_session(session, old.id)

    async def test_a_user_has_twenty_at_most(self, database: Database, vault: PasswordVault) -> None:
        first = await try_login(database, vault)
        for _ in range(20):
            last = await try_login(database, vault)
        with pytest.raises(CredentialRevokedError):
            await Authenticator(database).authenticate_session(first.token)
        await Authenticator(database).authenticate_session(last.token)

    async def test_ended_ones_are_swept_a_day_later(
        self, database: Database, vault: PasswordVault, later: Later
    ) -> None:
        await try_login(database, vault)
        async with database.write() as session:
            assert await purge_ended_sessions(session) == 0
        await later(2 * 86_400)
        async with database.write() as session:
            assert await purge_ended_sessions(session) == 1

    async def test_the_csrf_token_is_bound_to_the_session(self, database: Database, vault: PasswordVault) -> None:
        mine, other = await try_login(database, vault), await try_login(database, vault)
        active = await Authenticator(database).authenticate_session(mine.token)
        require_csrf(active, mine.csrf_token, mine.csrf_token)
        for header, cookie in (
            (None, mine.csrf_token),
            (mine.csrf_token, None),
            ("", ""),
            (mine.csrf_token, other.csrf_token),
            (other.csrf_token, other.csrf_token),
            ("planted", "planted"),
        ):
            with pytest.raises(CsrfTokenInvalidError):
                require_csrf(active, header, cookie)

    def test_an_origin_is_compared_as_a_whole(self) -> None:
        allowed = {origin_of("https://Hub.Example:443/console")}
        require_origin("https://hub.example", allowed)
        for origin in (
            None,
            "null",
            "",
            "http://hub.example",
            "https://hub.example.attacker.com",
            "https://evil-hub.example",
            "https://hub.example:8443",
            "https://hub.example/",
        ):
            with pytest.raises(OriginNotAllowedError):
                require_origin(origin, allowed)

    async def test_an_open_connection_ends_with_its_credential(
        self, database: Database, admin: Principal, vault: PasswordVault, ada: UUID
    ) -> None:
        issued = await try_login(database, vault)
        authenticator = Authenticator(database)
        principal = (await authenticator.authenticate_session(issued.token)).principal
        assert await authenticator.still_valid(principal)
        async with database.write() as session:
            await change_roles(session, ada, [RoleGrant(Role.ASSOCIATE)], principal=admin)
        assert not await authenticator.still_valid(principal)


@pytest.mark.usefixtures("ada")
class TestAdministration:
    async def test_an_account_needs_a_plain_free_name_and_a_fit_password(
        self, database: Database, admin: Principal, vault: PasswordVault
    ) -> None:
        for command, error in (
            (CreateUser("ada", PASSWORD), UsernameTakenError),
            (CreateUser("ada@example.com", PASSWORD), UsernameInvalidError),
            (CreateUser("Ada", PASSWORD), UsernameInvalidError),
            (CreateUser("a", PASSWORD), UsernameInvalidError),
            (CreateUser("bob", "short"), PasswordUnfitError),
            (CreateUser("bob", PASSWORD, (RoleGrant(Role.ASSOCIATE, uuid4()),)), LocationNotFoundError),
        ):
            with pytest.raises(error):
                async with database.write() as session:
                    await create_user(session, command, principal=admin, vault=vault)

    async def test_a_new_password_ends_all_sessions(
        self, database: Database, admin: Principal, vault: PasswordVault, ada: UUID
    ) -> None:
        issued = await try_login(database, vault)
        async with database.write() as session:
            await set_password(session, ada, "another long password", principal=admin, vault=vault)
        with pytest.raises(CredentialRevokedError):
            await Authenticator(database).authenticate_session(issued.token)
        with pytest.raises(LoginRefusedError):
            await try_login(database, vault)
        await try_login(database, vault, "another long password")

    async def test_roles_bind_to_stores_and_follow_changes_within_the_cache(
        self, database: Database, admin: Principal, vault: PasswordVault, *, ada: UUID, shop: Any, ticker: Any
    ) -> None:
        authenticator = Authenticator(database, clock=ticker)
        issued = await try_login(database, vault)
        await authenticator.authenticate_session(issued.token)
        grants = [RoleGrant(Role.ASSOCIATE, shop.location_id), RoleGrant(Role.STORE_MANAGER, shop.other_location_id)]
        async with database.write() as session:
            await change_roles(session, ada, grants, principal=admin)
        ticker.now += 4.9
        principal = (await authenticator.authenticate_session(issued.token)).principal
        assert principal.scopes == ROLE_SCOPES[Role.ASSOCIATE]
        assert principal.location_ids == frozenset({shop.location_id, shop.other_location_id})

    async def test_a_closed_account_is_out(
        self, database: Database, admin: Principal, vault: PasswordVault, ada: UUID
    ) -> None:
        issued = await try_login(database, vault)
        async with database.write() as session:
            await close_user(session, ada, principal=admin)
        with pytest.raises(UnauthenticatedError):
            await Authenticator(database).authenticate_session(issued.token)
        with pytest.raises(LoginRefusedError):
            await try_login(database, vault)

    async def test_nobody_takes_over_somebody_stronger(
        self, database: Database, vault: PasswordVault, ada: UUID
    ) -> None:
        weak = Principal(id=uuid4(), kind=PrincipalKind.STAFF, name="helpdesk", scopes=frozenset({Scope.ACCESS_WRITE}))
        nobody = Principal(id=uuid4(), kind=PrincipalKind.STAFF, name="associate")
        for principal, error in ((weak, AuthorityExceededError), (nobody, ScopeMissingError)):
            with pytest.raises(error):
                async with database.write() as session:
                    await set_password(session, ada, "another long password", principal=principal, vault=vault)
            with pytest.raises(error):
                async with database.write() as session:
                    await create_user(
                        session,
                        CreateUser("eve", PASSWORD, (RoleGrant(Role.ADMIN),)),
                        principal=principal,
                        vault=vault,
                    )

    async def test_an_unknown_user_is_not_found(self, database: Database, admin: Principal) -> None:
        with pytest.raises(UserNotFoundError):
            async with database.write() as session:
                await close_user(session, uuid4(), principal=admin)

    async def test_each_change_and_each_login_is_audited(
        self, database: Database, admin: Principal, vault: PasswordVault, ada: UUID
    ) -> None:
        issued = await try_login(database, vault)
        async with database.write() as session:
            await log_out(session, await Authenticator(database).authenticate_session(issued.token))
        async with database.read() as session:
            rows = await session.execute(text("SELECT operation, principal_id FROM audit_log ORDER BY at"))
            assert [tuple(row) for row in rows] == [
                ("userCreate", admin.id),
                ("staffLogIn", ada),
                ("staffLogOut", ada),
            ]
