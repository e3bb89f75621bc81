"""API keys: made once, shown once, used, replaced, ended."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hub.access import (
    TERMINAL_SCOPES,
    Authenticator,
    CreateKey,
    IssuedKey,
    create_key,
    list_keys,
    revoke_key,
    rotate_key,
)
from hub.access.errors import (
    AuthorityExceededError,
    ChannelNotFoundError,
    CredentialExpiredError,
    CredentialRevokedError,
    CredentialUnknownError,
    KeyBindingInvalidError,
    KeyLifetimeInvalidError,
    KeyNotFoundError,
    LocationNotFoundError,
    PrincipalHasKeyError,
    TerminalNotFoundError,
)
from hub.infra.database import Database
from hub.kernel.principal import LocationNotAllowedError, Principal, PrincipalKind, Scope, ScopeMissingError

READ = frozenset({Scope.CATALOG_READ, Scope.STOCK_READ})
Later = Callable[[int], Awaitable[None]]


async def issue(database: Database, admin: Principal, command: CreateKey | None = None) -> IssuedKey:
    async with database.write() as session:
        return await create_key(session, command or CreateKey("shop front", READ), principal=admin)


class TestUse:
    async def test_a_key_proves_its_principal(self, database: Database, admin: Principal, shop: Any) -> None:
        command = CreateKey(
            "partner", READ, channel_id=shop.channel_id, location_ids=frozenset({shop.location_id}),
            trusted_documents_only=True, expires_in_seconds=3_600,
        )  # fmt: skip
        key = await issue(database, admin, command)
        principal = await Authenticator(database).authenticate_bearer(key.token)
        assert principal == Principal(
            id=key.principal_id,
            kind=PrincipalKind.MACHINE,
            name="partner",
            scopes=READ,
            channel_id=shop.channel_id,
            location_ids=frozenset({shop.location_id}),
            trusted_documents_only=True,
        )

    async def test_its_form_is_a_public_prefix_and_a_secret(self, database: Database, admin: Principal) -> None:
        key = await issue(database, admin)
        assert key.token.startswith(f"hub_{key.prefix}_")
        assert len(key.token) == len("hub_") + 12 + 1 + 43

    @pytest.mark.parametrize(
        "change",
        [
            lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
            lambda token: token[:-1],
            lambda token: token + "A",
            lambda token: token.upper(),
            lambda token: "hub_" + "a" * 12 + token[16:],
            lambda token: token[:17],
            lambda _: "",
            lambda _: "\ud800",
            lambda _: "x" * 100_000,
            lambda token: token + "\n",
        ],
    )
    async def test_anything_else_is_unknown(self, database: Database, admin: Principal, change: Any) -> None:
        key = await issue(database, admin)
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_bearer(change(key.token))

    async def test_secrets_are_compared_in_constant_time_even_for_unknown_prefixes(
        self, database: Database, admin: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared: list[int] = []
        original = hmac.compare_digest

        def counting(a: bytes, b: bytes) -> bool:
            compared.append(len(a))
            return original(a, b)

        key = await issue(database, admin)
        monkeypatch.setattr(hmac, "compare_digest", counting)
        await Authenticator(database).authenticate_bearer(key.token)
        assert compared == [32, 32]
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_bearer("hub_" + "z" * 12 + "_" + "A" * 43)
        assert compared == [32, 32, 32]

    async def test_use_is_noted_coarsely(self, database: Database, admin: Principal, later: Later) -> None:
        key = await issue(database, admin)
        await Authenticator(database).authenticate_bearer(key.token)
        first = (await listed(database, admin))[0].last_used_at
        await Authenticator(database).authenticate_bearer(key.token)
        assert (await listed(database, admin))[0].last_used_at == first
        await later(601)
        await Authenticator(database).authenticate_bearer(key.token)
        again = (await listed(database, admin))[0].last_used_at
        assert first is not None
        assert again is not None
        assert again > first

    async def test_a_scope_this_version_does_not_know_grants_nothing(
        self, database: Database, admin: Principal
    ) -> None:
        key = await issue(database, admin)
        async with database.write() as session:
            await session.execute(text("UPDATE api_keys SET scopes = scopes || '{moon:write}'"))
        assert (await Authenticator(database).authenticate_bearer(key.token)).scopes == READ


class TestEnd:
    async def test_an_expired_key_is_refused(self, database: Database, admin: Principal, later: Later) -> None:
        key = await issue(database, admin, CreateKey("short", READ, expires_in_seconds=60))
        await Authenticator(database).authenticate_bearer(key.token)
        await later(61)
        with pytest.raises(CredentialExpiredError):
            await Authenticator(database).authenticate_bearer(key.token)
        assert (await listed(database, admin))[0].state == "EXPIRED"

    async def test_a_revoked_key_is_refused_and_stays_so(self, database: Database, admin: Principal) -> None:
        key = await issue(database, admin)
        for _ in range(2):
            async with database.write() as session:
                await revoke_key(session, key.id, principal=admin)
        with pytest.raises(CredentialRevokedError):
            await Authenticator(database).authenticate_bearer(key.token)
        assert (await listed(database, admin))[0].state == "REVOKED"
        with pytest.raises(CredentialRevokedError):
            async with database.write() as session:
                await rotate_key(session, key.id, principal=admin)

    async def test_only_the_holder_of_the_secret_learns_that_a_key_was_revoked(
        self, database: Database, admin: Principal
    ) -> None:
        key = await issue(database, admin)
        async with database.write() as session:
            await revoke_key(session, key.id, principal=admin)
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_bearer(f"hub_{key.prefix}_" + "A" * 43)

    async def test_a_revocation_works_within_five_seconds_in_every_process(
        self, database: Database, admin: Principal, ticker: Any
    ) -> None:
        key = await issue(database, admin)
        elsewhere = Authenticator(database, clock=ticker)
        await elsewhere.authenticate_bearer(key.token)
        async with database.write() as session:
            await revoke_key(session, key.id, principal=admin)
        ticker.now += 3.9
        await elsewhere.authenticate_bearer(key.token)
        ticker.now += 1.0
        with pytest.raises(CredentialRevokedError):
            await elsewhere.authenticate_bearer(key.token)

    async def test_a_process_can_forget_at_once(self, database: Database, admin: Principal, ticker: Any) -> None:
        key = await issue(database, admin)
        authenticator = Authenticator(database, clock=ticker)
        await authenticator.authenticate_bearer(key.token)
        async with database.write() as session:
            await revoke_key(session, key.id, principal=admin)
        authenticator.forget()
        with pytest.raises(CredentialRevokedError):
            await authenticator.authenticate_bearer(key.token)


class TestRotation:
    async def test_both_secrets_work_during_the_overlap_then_the_new_one_only(
        self, database: Database, admin: Principal, later: Later
    ) -> None:
        old = await issue(database, admin)
        async with database.write() as session:
            new = await rotate_key(session, old.id, principal=admin, overlap_seconds=60)
        assert (new.id, new.principal_id, new.prefix) == (old.id, old.principal_id, old.prefix)
        for token in (old.token, new.token):
            assert (await Authenticator(database).authenticate_bearer(token)).id == old.principal_id
        await later(61)
        assert (await Authenticator(database).authenticate_bearer(new.token)).id == old.principal_id
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_bearer(old.token)

    async def test_without_overlap_the_old_secret_ends_at_once(self, database: Database, admin: Principal) -> None:
        old = await issue(database, admin)
        async with database.write() as session:
            await rotate_key(session, old.id, principal=admin, overlap_seconds=0)
        with pytest.raises(CredentialUnknownError):
            await Authenticator(database).authenticate_bearer(old.token)

    @pytest.mark.parametrize("seconds", [-1, 7 * 86_400 + 1])
    async def test_the_overlap_is_bounded(self, database: Database, admin: Principal, seconds: int) -> None:
        key = await issue(database, admin)
        with pytest.raises(KeyLifetimeInvalidError):
            async with database.write() as session:
                await rotate_key(session, key.id, principal=admin, overlap_seconds=seconds)


class TestTerminals:
    async def test_a_terminals_key_is_bound_to_its_channel_and_location(
        self, database: Database, admin: Principal, shop: Any
    ) -> None:
        key = await issue(database, admin, CreateKey("till", TERMINAL_SCOPES, terminal_id=shop.terminal_id))
        principal = await Authenticator(database).authenticate_bearer(key.token)
        assert principal.id == principal.terminal_id == shop.terminal_id
        assert principal.channel_id == shop.channel_id
        principal.require_location(shop.location_id)
        with pytest.raises(LocationNotAllowedError):
            principal.require_location(shop.other_location_id)

    async def test_a_new_key_after_a_revoked_one_is_the_same_principal(
        self, database: Database, admin: Principal, shop: Any
    ) -> None:
        command = CreateKey("till", TERMINAL_SCOPES, terminal_id=shop.terminal_id)
        first = await issue(database, admin, command)
        with pytest.raises(PrincipalHasKeyError):
            await issue(database, admin, command)
        async with database.write() as session:
            await revoke_key(session, first.id, principal=admin)
        assert (await issue(database, admin, command)).principal_id == first.principal_id

    @pytest.mark.parametrize(
        "event",
        [
            "UPDATE terminals SET active = false",
            "UPDATE channels SET active = false",
            "UPDATE terminals SET location_id = (SELECT id FROM locations WHERE code = 'hamburg')",
        ],
    )
    async def test_closing_or_moving_the_terminal_ends_its_key(
        self, database: Database, admin: Principal, shop: Any, event: str
    ) -> None:
        key = await issue(database, admin, CreateKey("till", TERMINAL_SCOPES, terminal_id=shop.terminal_id))
        async with database.write() as session:
            await session.execute(text(event))
        with pytest.raises(CredentialRevokedError):
            await Authenticator(database).authenticate_bearer(key.token)

    async def test_contradicting_bindings_are_refused(self, database: Database, admin: Principal, shop: Any) -> None:
        for command, error in (
            (CreateKey("t", READ, terminal_id=uuid4()), TerminalNotFoundError),
            (CreateKey("t", READ, terminal_id=shop.terminal_id, channel_id=uuid4()), KeyBindingInvalidError),
            (
                CreateKey("t", READ, terminal_id=shop.terminal_id, location_ids=frozenset({shop.other_location_id})),
                KeyBindingInvalidError,
            ),
            (CreateKey("t", READ, channel_id=uuid4()), ChannelNotFoundError),
            (CreateKey("t", READ, location_ids=frozenset({uuid4()})), LocationNotFoundError),
            (CreateKey("t", READ, location_ids=frozenset()), KeyBindingInvalidError),
            (CreateKey("", READ), KeyBindingInvalidError),
            (CreateKey("n" * 101, READ), KeyBindingInvalidError),
            (CreateKey("nul\0", READ), KeyBindingInvalidError),
            (CreateKey("t", READ, expires_in_seconds=0), KeyLifetimeInvalidError),
            (CreateKey("t", READ, expires_in_seconds=10**12), KeyLifetimeInvalidError),
        ):
            with pytest.raises(error):
                await issue(database, admin, command)
        assert await listed(database, admin) == []

    async def test_the_database_itself_refuses_an_unbound_terminal_key(
        self, database: Database, admin: Principal, shop: Any
    ) -> None:
        await issue(database, admin, CreateKey("till", READ, terminal_id=shop.terminal_id))
        with pytest.raises(IntegrityError, match="terminal_key_has_one_channel_and_one_location"):
            async with database.write() as session:
                await session.execute(text("UPDATE api_keys SET location_ids = NULL"))


class TestAuthority:
    async def test_managing_keys_needs_its_scope(self, database: Database, admin: Principal) -> None:
        key = await issue(database, admin)
        nobody = Principal(id=uuid4(), kind=PrincipalKind.STAFF, name="associate", scopes=READ)
        with pytest.raises(ScopeMissingError):
            await issue(database, nobody)
        with pytest.raises(ScopeMissingError):
            await listed(database, nobody)
        for act in (revoke_key, rotate_key):
            with pytest.raises(ScopeMissingError):
                async with database.write() as session:
                    await act(session, key.id, principal=nobody)

    async def test_nobody_gives_more_than_they_have(self, database: Database, admin: Principal) -> None:
        strong = await issue(database, admin, CreateKey("strong", frozenset(Scope)))
        weak = Principal(id=uuid4(), kind=PrincipalKind.MACHINE, name="weak", scopes=frozenset({Scope.ACCESS_WRITE}))
        with pytest.raises(AuthorityExceededError, match="catalog:read"):
            await issue(database, weak)
        with pytest.raises(AuthorityExceededError):
            async with database.write() as session:
                await rotate_key(session, strong.id, principal=weak)

    async def test_a_channels_own_administrator_stays_in_its_channel(
        self, database: Database, admin: Principal, shop: Any
    ) -> None:
        elsewhere = await issue(database, admin)
        local = Principal(
            id=uuid4(), kind=PrincipalKind.MACHINE, name="local", scopes=READ | {Scope.ACCESS_WRITE},
            channel_id=shop.channel_id,
        )  # fmt: skip
        with pytest.raises(AuthorityExceededError):
            await issue(database, local, CreateKey("unbound", READ))
        own = await issue(database, local, CreateKey("own", READ, channel_id=shop.channel_id))
        assert [key.id for key in await listed(database, local)] == [own.id]
        with pytest.raises(KeyNotFoundError):
            async with database.write() as session:
                await revoke_key(session, elsewhere.id, principal=local)

    async def test_an_unknown_key_is_not_found(self, database: Database, admin: Principal) -> None:
        with pytest.raises(KeyNotFoundError):
            async with database.write() as session:
                await revoke_key(session, uuid4(), principal=admin)


class TestSecrecy:
    async def test_the_secret_is_in_no_repr_no_log_and_no_table(self, database: Database, admin: Principal) -> None:
        with structlog.testing.capture_logs() as logs:
            key = await issue(database, admin)
            authenticator = Authenticator(database)
            principal = await authenticator.authenticate_bearer(key.token)
            with pytest.raises(CredentialUnknownError) as refusal:
                await authenticator.authenticate_bearer(key.token + "x")
            [summary] = await listed(database, admin)
        secret = key.token.rsplit("_", 1)[-1] if key.token.count("_") == 2 else key.token[17:]
        shown = f"{key!r} {principal!r} {refusal.value!r} {summary!r} {logs!r} {vars(authenticator)!r}"
        assert secret not in shown
        async with database.read() as session:
            row = (await session.execute(text("SELECT api_keys::text FROM api_keys"))).scalar_one()
        assert secret not in row

    async def test_every_change_is_audited_in_its_own_transaction(self, database: Database, admin: Principal) -> None:
        key = await issue(database, admin)
        async with database.write() as session:
            await rotate_key(session, key.id, principal=admin)
        async with database.write() as session:
            await revoke_key(session, key.id, principal=admin)
        with pytest.raises(KeyNotFoundError):
            async with database.write() as session:
                await revoke_key(session, uuid4(), principal=admin)
        async with database.read() as session:
            rows = await session.execute(
                text("SELECT operation, principal_id, entity_ids, request_id FROM audit_log ORDER BY at")
            )
            assert [tuple(row) for row in rows] == [
                (operation, admin.id, [key.id], "request-1") for operation in ("keyCreate", "keyRotate", "keyRevoke")
            ]


async def listed(database: Database, principal: Principal, after: UUID | None = None) -> list[Any]:
    async with database.read() as session:
        return list(await list_keys(session, principal=principal, after=after))


async def test_the_list_is_paged_in_order_of_creation(database: Database, admin: Principal) -> None:
    made = [(await issue(database, admin, CreateKey(f"key {n}", READ))).id for n in range(3)]
    async with database.read() as session:
        first = await list_keys(session, principal=admin, limit=2)
        rest = await list_keys(session, principal=admin, limit=2, after=first[-1].id)
    assert [key.id for key in [*first, *rest]] == made
