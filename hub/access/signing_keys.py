"""The public keys with which shops sign their customers' tokens: register and withdraw."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from hub.access import repository
from hub.access.customer_tokens import ALGORITHMS, KID
from hub.access.errors import (
    ChannelNotFoundError,
    KeyNotFoundError,
    SigningKeyExistsError,
    SigningKeyInvalidError,
)
from hub.access.models import ShopSigningKey
from hub.access.rules import CUSTOMER_SCOPES, require_within
from hub.infra import audit
from hub.infra.database import WriteSession
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope

MIN_RSA_BITS: Final = 2_048
MAX_PEM_LENGTH: Final = 8_192
MAX_NAME_LENGTH: Final = 255


@dataclass(frozen=True, slots=True)
class RegisterSigningKey:
    """`issuer` and `audience` are what the shop's tokens carry as `iss` and `aud`."""

    channel_id: UUID
    kid: str
    algorithm: str
    public_key_pem: str
    issuer: str
    audience: str


async def register_signing_key(session: WriteSession, command: RegisterSigningKey, *, principal: Principal) -> UUID:
    """Accept customer tokens signed by this key from now on.

    Raises SigningKeyInvalidError, ChannelNotFoundError, AuthorityExceededError, or SigningKeyExistsError when
    the issuer already has a key of that id (ids are never used again: a new key takes a new `kid`).
    """
    principal.require(Scope.ACCESS_WRITE)
    require_within(principal, CUSTOMER_SCOPES, channel_id=command.channel_id)
    _require_sound(command)
    if not await repository.channel_exists(session, command.channel_id):
        raise ChannelNotFoundError("there is no such channel", path=("channelId",))
    key = ShopSigningKey(
        id=new_id(),
        channel_id=command.channel_id,
        kid=command.kid,
        algorithm=command.algorithm,
        public_key_pem=_normalised(command),
        issuer=command.issuer,
        audience=command.audience,
    )
    if not await repository.insert_signing_key(session, key):
        raise SigningKeyExistsError("this issuer has used that 'kid' before; choose another", path=("kid",))
    hashed = audit.hash_input({"kid": key.kid, "issuer": key.issuer, "pem": key.public_key_pem})
    await audit.record(session, principal, "signingKeyRegister", hashed, [key.id, key.channel_id])
    return key.id


async def revoke_signing_key(session: WriteSession, key_id: UUID, *, principal: Principal) -> None:
    """Refuse tokens signed by this key, within the cache's five seconds. Raises KeyNotFoundError."""
    principal.require(Scope.ACCESS_WRITE)
    channel_id = await repository.revoke_signing_key(session, key_id, principal.channel_id)
    if channel_id is None:
        raise KeyNotFoundError("there is no such signing key", path=("id",))
    hashed = audit.hash_input({"id": key_id})
    await audit.record(session, principal, "signingKeyRevoke", hashed, [key_id, channel_id])


def _require_sound(command: RegisterSigningKey) -> None:
    if command.algorithm not in ALGORITHMS:
        raise SigningKeyInvalidError(f"choose one of {', '.join(ALGORITHMS)}", path=("algorithm",))
    if KID.fullmatch(command.kid) is None:
        raise SigningKeyInvalidError("a 'kid' is 1 to 64 letters, digits, '-' and '_'", path=("kid",))
    for field in ("issuer", "audience"):
        value: str = getattr(command, field)
        if not 0 < len(value) <= MAX_NAME_LENGTH or not value.isprintable():
            raise SigningKeyInvalidError(f"give 1 to {MAX_NAME_LENGTH} printable characters", path=(field,))


def _normalised(command: RegisterSigningKey) -> str:
    """The key as PEM again, after checking that it is a public one, strong enough and of that algorithm."""
    pem = command.public_key_pem
    try:
        key = load_pem_public_key(pem[:MAX_PEM_LENGTH].encode())
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyInvalidError(
            "this is not a public key in PEM ('-----BEGIN PUBLIC KEY-----')", path=("publicKeyPem",)
        ) from None
    fits = {
        "ES256": isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1),
        "RS256": isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS,
        "EdDSA": isinstance(key, Ed25519PublicKey),
    }
    if not fits[command.algorithm]:
        raise SigningKeyInvalidError(
            f"{command.algorithm} needs P-256 (ES256), RSA of {MIN_RSA_BITS} bits or more (RS256) or Ed25519 (EdDSA)",
            path=("publicKeyPem",),
        )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
