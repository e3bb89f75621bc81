"""Customer tokens under attack (RFC 8725 and the list of known JWT attacks)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from hub.access import (
    CUSTOMER_SCOPES,
    Authenticator,
    RegisterSigningKey,
    UnauthenticatedError,
    register_signing_key,
    revoke_signing_key,
)
from hub.access.customer_tokens import key_reference
from hub.access.errors import (
    ChannelNotFoundError,
    CredentialExpiredError,
    CustomerUnknownError,
    KeyNotFoundError,
    SigningKeyExistsError,
    SigningKeyInvalidError,
    TokenInvalidError,
)
from hub.infra.database import Database, ReadSession
from hub.kernel.principal import Principal, PrincipalKind, ScopeMissingError

ISSUER, AUDIENCE = "https://shop.example", "hub"
CUSTOMER = uuid4()
EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65_537, 2_048)
ED = ed25519.Ed25519PrivateKey.generate()
PRIVATE: Mapping[str, Any] = {"ES256": EC, "RS256": RSA, "EdDSA": ED}


def pem_of(key: Any) -> str:
    public: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {"iss": ISSUER, "aud": AUDIENCE, "sub": "shop-customer-7", "iat": now, "nbf": now, "exp": now + 600}
    return {**base, **changes}


def signed(
    algorithm: str = "ES256",
    *,
    header: Mapping[str, Any] = MappingProxyType({}),
    claim: Mapping[str, Any] = MappingProxyType({}),
    without: str = "",
    **changes: Any,
) -> str:
    content = {name: value for name, value in claims(**claim, **changes).items() if name != without}
    return _encode(content, algorithm, {"kid": algorithm, **header})


def _encode(content: dict[str, Any], algorithm: str, headers: dict[str, Any]) -> str:
    return jwt.encode(content, PRIVATE[algorithm], algorithm=algorithm, headers=headers)


def forged(header: Any, payload: Any, signature: bytes = b"") -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, signature])


@dataclass
class World:
    database: Database
    authenticator: Authenticator
    channel_id: UUID
    key_ids: dict[str, UUID]

    async def ask(self, token: str) -> Principal:
        return await self.authenticator.authenticate_bearer(token)

    async def refuses(self, token: str) -> None:
        with pytest.raises(UnauthenticatedError) as refusal:
            await self.ask(token)
        assert refusal.value.code in {"TOKEN_INVALID", "CREDENTIAL_UNKNOWN"}, token


async def resolve(_session: ReadSession, _channel_id: UUID, subject: str) -> UUID | None:
    return CUSTOMER if subject == "shop-customer-7" else None


def registration(channel_id: UUID, algorithm: str, **changes: str) -> RegisterSigningKey:
    fields = {"kid": algorithm, "public_key_pem": pem_of(PRIVATE[algorithm]), "issuer": ISSUER, "audience": AUDIENCE}
    return RegisterSigningKey(channel_id=channel_id, algorithm=algorithm, **{**fields, **changes})


@pytest.fixture
async def world(database: Database, admin: Principal, shop: Any, ticker: Any) -> World:
    key_ids = {}
    for algorithm in PRIVATE:
        async with database.write() as session:
            key_ids[algorithm] = await register_signing_key(
                session, registration(shop.channel_id, algorithm), principal=admin
            )
    authenticator = Authenticator(database, resolve_customer=resolve, clock=ticker)
    return World(database, authenticator, shop.channel_id, key_ids)


class TestAccepted:
    @pytest.mark.parametrize("algorithm", list(PRIVATE))
    async def test_a_good_token_is_its_customer(self, world: World, algorithm: str) -> None:
        assert await world.ask(signed(algorithm)) == Principal(
            id=CUSTOMER,
            kind=PrincipalKind.CUSTOMER,
            name="customer",
            scopes=CUSTOMER_SCOPES,
            channel_id=world.channel_id,
            customer_id=CUSTOMER,
        )

    async def test_small_clock_differences_are_forgiven(self, world: World) -> None:
        now = int(time.time())
        await world.ask(signed(iat=now + 20, nbf=now + 20, exp=now + 300))
        await world.ask(signed(iat=now - 300, nbf=now - 300, exp=now - 10))

    async def test_a_customer_the_hub_does_not_know_is_told_so(self, world: World) -> None:
        with pytest.raises(CustomerUnknownError):
            await world.ask(signed(sub="somebody-else"))
        with pytest.raises(CustomerUnknownError):
            await Authenticator(world.database).authenticate_bearer(signed())


class TestForged:
    async def test_no_algorithm_but_the_registered_ones(self, world: World) -> None:
        for alg in ("none", "None", "NONE", "", None, "HS256", "PS256", "ES384", ["ES256"], 7):
            await world.refuses(forged({"alg": alg, "kid": "ES256"}, claims()))

    async def test_a_public_key_is_never_a_shared_secret(self, world: World) -> None:
        """HS/RS confusion: the token is an HMAC over the public key, which everybody knows."""
        for alg in ("HS256", "RS256", "ES256"):
            unsigned = forged({"alg": alg, "kid": "RS256"}, claims()).rpartition(".")[0]
            mac = hmac.digest(pem_of(RSA).encode(), unsigned.encode(), hashlib.sha256)
            await world.refuses(f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")

    async def test_an_algorithm_of_another_key_is_refused(self, world: World) -> None:
        with pytest.raises(TokenInvalidError):
            await world.ask(signed("RS256", header={"kid": "ES256"}))

    async def test_a_key_id_is_a_plain_name_of_a_registered_key(self, world: World) -> None:
        payload, signature = signed().split(".")[1:]
        paths = ["../../dev/null", "/etc/passwd", "' OR 1=1 --", "", "a\0b", "x" * 65, None, 7, ["ES256"], "unknown"]
        for kid in paths:
            header = json.dumps({"alg": "ES256", "typ": "JWT", "kid": kid}).encode()
            await world.refuses(f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{payload}.{signature}")

    async def test_a_token_brings_no_key_or_extension_of_its_own(self, world: World) -> None:
        for name in ("jku", "jwk", "x5u", "x5c", "crit"):
            value = ["exp"] if name == "crit" else "https://attacker.example/jwks"
            await world.refuses(signed(header={name: value}))

    async def test_another_key_of_the_same_kind_does_not_sign_for_the_shop(self, world: World) -> None:
        stranger = ec.generate_private_key(ec.SECP256R1())
        token = jwt.encode(claims(), stranger, algorithm="ES256", headers={"kid": "ES256"})
        with pytest.raises(TokenInvalidError):
            await world.ask(token)

    async def test_no_byte_can_be_changed(self, world: World) -> None:
        head, _, signature = signed().split(".")
        other = signed(sub="shop-customer-8").split(".")[1]
        with pytest.raises(TokenInvalidError):
            await world.ask(f"{head}.{other}.{signature}")


class TestClaims:
    async def test_each_is_required(self, world: World) -> None:
        for name in ("iss", "aud", "sub", "exp", "nbf", "iat"):
            await world.refuses(signed(without=name))

    async def test_each_must_mean_something_here(self, world: World) -> None:
        wrong: list[tuple[str, Any]] = [
            ("aud", "another-service"),
            ("aud", []),
            ("iss", "https://other.example"),
            ("iss", "https://shop.example/"),
            ("sub", ""),
            ("sub", "x" * 256),
            ("sub", "nul\0"),
            ("exp", "soon"),
            ("exp", True),
            ("exp", float("nan")),
            ("exp", float("inf")),
            ("exp", 10**30),
            ("exp", -1),
            ("iat", [1]),
            ("nbf", {}),
        ]
        for name, value in wrong:
            await world.refuses(signed(claim={name: value}))

    async def test_an_expired_token_is_named_as_such(self, world: World) -> None:
        now = int(time.time())
        with pytest.raises(CredentialExpiredError):
            await world.ask(signed(iat=now - 900, nbf=now - 900, exp=now - 60))

    async def test_a_token_from_the_future_is_refused(self, world: World) -> None:
        now = int(time.time())
        with pytest.raises(TokenInvalidError):
            await world.ask(signed(iat=now + 120, nbf=now + 120, exp=now + 300))

    async def test_a_token_lives_a_quarter_of_an_hour_at_most(self, world: World) -> None:
        now = int(time.time())
        with pytest.raises(TokenInvalidError, match="900"):
            await world.ask(signed(exp=now + 901))
        with pytest.raises(TokenInvalidError, match="900"):
            await world.ask(signed(iat=now, nbf=now - 100_000, exp=now + 600))

    async def test_time_is_the_databases(self, world: World, later: Callable[[int], Awaitable[None]]) -> None:
        token = signed()
        await later(700)
        with pytest.raises(CredentialExpiredError):
            await world.ask(token)

    async def test_a_remembered_token_still_ends_on_time(
        self, world: World, ticker: Any, later: Callable[[int], Awaitable[None]]
    ) -> None:
        now = int(time.time())
        token = signed(iat=now - 600, nbf=now - 600, exp=now - 28)
        await world.ask(token)
        await later(3)
        ticker.now += 2.1
        with pytest.raises(CredentialExpiredError):
            await world.ask(token)


class TestMalformed:
    async def test_nonsense_is_refused_and_nothing_else_happens(self, world: World) -> None:
        header = {"alg": "ES256", "kid": "ES256"}
        for token in (
            "..",
            "a.b.c",
            "é.é.é",
            "\ud800.\ud800.\ud800",
            forged([], []),
            forged(b"{", b"{"),
            forged(json.dumps(header).encode(), b"[" * 2_500),
            forged(b"[" * 2_500, b"{}"),
            forged(header, {"iss": 7}),
            forged(header, {"iss": "nul\0"}),
            forged(header, {"iss": ISSUER, "x": "y" * 5_000}),
        ):
            await world.refuses(token)

    @given(token=st.tuples(st.text(), st.text(), st.text()).map(".".join))
    def test_no_text_breaks_the_reader(self, token: str) -> None:
        if token.count(".") == 2:
            with pytest.raises(TokenInvalidError):
                key_reference(token)


class TestSigningKeys:
    async def test_a_withdrawn_key_signs_nothing_more_and_its_id_is_not_used_again(
        self, world: World, admin: Principal, ticker: Any
    ) -> None:
        token = signed()
        await world.ask(token)
        async with world.database.write() as session:
            await revoke_signing_key(session, world.key_ids["ES256"], principal=admin)
        ticker.now += 4.9
        with pytest.raises(TokenInvalidError):
            await world.ask(token)
        with pytest.raises(SigningKeyExistsError):
            async with world.database.write() as session:
                await register_signing_key(session, registration(world.channel_id, "ES256"), principal=admin)

    async def test_a_closed_channels_customers_are_turned_away(self, world: World) -> None:
        async with world.database.write() as session:
            await session.execute(text("UPDATE channels SET active = false"))
        with pytest.raises(TokenInvalidError):
            await world.ask(signed())

    @pytest.mark.parametrize(
        ("algorithm", "changes"),
        [
            ("HS256", {}),
            ("none", {}),
            ("ES256", {"public_key_pem": pem_of(RSA)}),
            ("RS256", {"public_key_pem": pem_of(rsa.generate_private_key(65_537, 1_024))}),  # noqa: S505 (weak on purpose)
            ("ES256", {"public_key_pem": pem_of(ec.generate_private_key(ec.SECP384R1()))}),
            ("ES256", {"public_key_pem": "secret"}),
            (
                "ES256",
                {"public_key_pem": EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()},
            ),
            ("ES256", {"kid": "../x"}),
            ("ES256", {"issuer": ""}),
            ("ES256", {"audience": "a\nb"}),
        ],
    )
    async def test_a_weak_or_wrong_key_is_not_registered(
        self, database: Database, admin: Principal, shop: Any, algorithm: str, changes: dict[str, str]
    ) -> None:
        fields = {"kid": "k", "public_key_pem": pem_of(EC), "issuer": ISSUER, "audience": AUDIENCE, **changes}
        command = RegisterSigningKey(channel_id=shop.channel_id, algorithm=algorithm, **fields)
        with pytest.raises(SigningKeyInvalidError):
            async with database.write() as session:
                await register_signing_key(session, command, principal=admin)

    async def test_registering_needs_authority_and_a_channel(
        self, database: Database, admin: Principal, shop: Any
    ) -> None:
        nobody = Principal(id=uuid4(), kind=PrincipalKind.MACHINE, name="partner")
        for principal, channel_id, error in (
            (nobody, shop.channel_id, ScopeMissingError),
            (admin, uuid4(), ChannelNotFoundError),
        ):
            with pytest.raises(error):
                async with database.write() as session:
                    await register_signing_key(session, registration(channel_id, "ES256"), principal=principal)
        with pytest.raises(KeyNotFoundError):
            async with database.write() as session:
                await revoke_signing_key(session, uuid4(), principal=admin)
