"""Encryption at rest, hashed look-ups, and keys that can be deleted to erase a person.

A sealed value is an envelope: AES-256-GCM under a random data key of its own, and that data key wrapped by a
key derived (HKDF-SHA-256) from the hub's secret key. Both layers authenticate the purpose and the owner's id,
so a sealed value copied into another row or column does not open. The envelope names its secret key, of which
two may be active: new values use the current one, the previous one still opens until everything is resealed.
"""

import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.infra.settings import Settings
from hub.kernel.errors import InvalidInputError, UnavailableError

KEY_BYTES: Final = 32
KEY_FILE_NAME: Final = "secret.key"
KEY_FILE_MODE: Final = 0o600

_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_WRAPPED_BYTES: Final = _NONCE_BYTES + KEY_BYTES + _TAG_BYTES
_HEADER_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES + _WRAPPED_BYTES
_SMALLEST: Final = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES


class SecretKeyInvalidError(InvalidInputError):
    code = "SECRET_KEY_INVALID"


class KeyFileExposedError(InvalidInputError):
    code = "KEY_FILE_EXPOSED"


class SealBrokenError(UnavailableError):
    """The value was changed, or belongs to another purpose or owner."""

    code = "SEAL_BROKEN"


class SealKeyUnknownError(UnavailableError):
    code = "SEAL_KEY_UNKNOWN"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """32 random bytes from which everything else is derived; `id` names it without revealing it."""

    root: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.root) != KEY_BYTES:
            raise SecretKeyInvalidError(
                f"a secret key has {KEY_BYTES} bytes, this one has {len(self.root)}; "
                "make one with `openssl rand -base64 32`"
            )

    @classmethod
    def from_text(cls, text: str) -> "SecretKey":
        """The key written in base64. Raises SecretKeyInvalidError without repeating the text."""
        try:
            return cls(b64decode(text.strip(), validate=True))
        except Base64Error:
            raise SecretKeyInvalidError(
                "the secret key is not base64; make one with `openssl rand -base64 32`"
            ) from None

    def derive(self, label: str) -> bytes:
        """32 bytes for one use; different labels give unrelated keys."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"hub/" + label.encode()).derive(self.root)

    @property
    def id(self) -> bytes:
        return self.derive("key-id")[:_KEY_ID_BYTES]


class Sealer:
    """Seals and opens with one current and at most one previous secret key. Safe to share between tasks."""

    def __init__(self, current: SecretKey, previous: SecretKey | None = None) -> None:
        self._current = current
        self._keys = {key.id: key for key in (previous, current) if key is not None}
        self._derived: dict[tuple[bytes, str], bytes] = {}

    def __repr__(self) -> str:
        return f"Sealer(current={self._current.id.hex()}, keys={len(self._keys)})"

    def seal(self, purpose: str, owner_id: UUID, plain: bytes) -> bytes:
        """`plain` in an envelope that opens only with the same purpose and owner."""
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        wrapped = self._wrap(purpose, owner_id, data_key)
        return wrapped + _encrypt(data_key, plain, _context(purpose, owner_id, wrapped))

    def open(self, purpose: str, owner_id: UUID, sealed: bytes) -> bytes:
        """The plain bytes. Raises SealBrokenError, or SealKeyUnknownError after its key was retired."""
        data_key = self._unwrap(purpose, owner_id, sealed)
        wrapped, body = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        return _decrypt(data_key, body, _context(purpose, owner_id, wrapped))

    def needs_resealing(self, sealed: bytes) -> bool:
        """Whether `sealed` was made with the previous key."""
        return _key_id(sealed) != self._current.id

    def blind_index(self, purpose: str, text: str) -> bytes:
        """A keyed hash (HMAC-SHA-256) of an identifier, for equality look-ups on what is not stored plain.

        The caller normalises `text` first. Store this one; look up with `blind_indexes`.
        """
        return self._blind_index(self._current, purpose, text)

    def blind_indexes(self, purpose: str, text: str) -> tuple[bytes, ...]:
        """The hashes of an identifier under every active key, for `= ANY(...)` while keys are rotated."""
        return tuple(self._blind_index(key, purpose, text) for key in self._keys.values())

    def _blind_index(self, key: SecretKey, purpose: str, text: str) -> bytes:
        return hmac.digest(self._key_for(key, f"blind-index/{purpose}"), text.encode(), "sha256")

    def _wrap(self, purpose: str, owner_id: UUID, data_key: bytes) -> bytes:
        prefix = _VERSION + self._current.id
        wrapping_key = self._key_for(self._current, f"seal/{purpose}")
        return prefix + _encrypt(wrapping_key, data_key, _context(purpose, owner_id, prefix))

    def _unwrap(self, purpose: str, owner_id: UUID, sealed: bytes) -> bytes:
        key = self._keys.get(_key_id(sealed))
        if key is None:
            raise SealKeyUnknownError(
                f"no active secret key has the id {_key_id(sealed).hex()}; "
                "give the key it was sealed with as HUB_PREVIOUS_SECRET_KEY"
            )
        prefix_length = len(_VERSION) + _KEY_ID_BYTES
        prefix, wrapped = sealed[:prefix_length], sealed[prefix_length:_HEADER_BYTES]
        wrapping_key = self._key_for(key, f"seal/{purpose}")
        return _decrypt(wrapping_key, wrapped, _context(purpose, owner_id, prefix))

    def _key_for(self, key: SecretKey, label: str) -> bytes:
        # Labels are constants of the code, so this memo is as small as the list of purposes.
        slot = (key.id, label)
        if slot not in self._derived:
            self._derived[slot] = key.derive(label)
        return self._derived[slot]


@dataclass(frozen=True, slots=True)
class PersonKey:
    """One person's data key, unwrapped: keep it for the length of a use case and never store it."""

    person_id: UUID
    secret: bytes = field(repr=False)

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """`plain`, readable only with this person's key and for the same purpose."""
        return _VERSION + _encrypt(self.secret, plain, _context(purpose, self.person_id, _VERSION))

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The plain bytes. Raises SealBrokenError."""
        if sealed[: len(_VERSION)] != _VERSION:
            raise SealBrokenError("this is not a value sealed with a person's key")
        return _decrypt(self.secret, sealed[len(_VERSION) :], _context(purpose, self.person_id, _VERSION))


class PersonKeys:
    """Makes and unwraps the keys of persons. Deleting the stored wrapped key erases all that it sealed."""

    PURPOSE: Final = "person-key"

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def create(self, person_id: UUID) -> tuple[PersonKey, bytes]:
        """A new key, and its wrapped form: the only one to store."""
        key = PersonKey(person_id, secrets.token_bytes(KEY_BYTES))
        return key, self._sealer.seal(self.PURPOSE, person_id, key.secret)

    def unwrap(self, person_id: UUID, wrapped: bytes) -> PersonKey:
        """Raises SealBrokenError when the key is another person's."""
        return PersonKey(person_id, self._sealer.open(self.PURPOSE, person_id, wrapped))

    def rewrap(self, person_id: UUID, wrapped: bytes) -> bytes:
        """The same key under the current secret key; what it sealed stays as it is."""
        return self._sealer.seal(self.PURPOSE, person_id, self._sealer.open(self.PURPOSE, person_id, wrapped))


def load_sealer(settings: Settings) -> Sealer:
    """The sealer of this deployment: from HUB_SECRET_KEY, else from a key file made once under `data_dir`.

    Raises SecretKeyInvalidError or KeyFileExposedError.
    """
    previous = settings.previous_secret_key
    return Sealer(
        SecretKey.from_text(settings.secret_key.get_secret_value())
        if settings.secret_key is not None
        else read_or_make_key_file(settings.data_dir / KEY_FILE_NAME),
        SecretKey.from_text(previous.get_secret_value()) if previous is not None else None,
    )


def read_or_make_key_file(path: Path) -> SecretKey:
    """The key in `path`, made when missing. Processes that start at once agree on one key."""
    if not path.exists():
        _make_key_file(path)
    if path.stat().st_mode & 0o077:
        raise KeyFileExposedError(f"{path} can be read by other users; run `chmod 600 {path}`")
    return SecretKey.from_text(path.read_text())


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give a complete file its name, unless another process was first: a link never overwrites."""
    if path.exists():
        return
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _context(purpose: str, owner_id: UUID, prefix: bytes) -> bytes:
    """Associated data; hashing the purpose gives it one length, so no two contexts read alike."""
    return prefix + owner_id.bytes + hashlib.sha256(purpose.encode()).digest()


def _key_id(sealed: bytes) -> bytes:
    if len(sealed) < _SMALLEST or sealed[: len(_VERSION)] != _VERSION:
        raise SealBrokenError("this is not a sealed value: it is too short or of an unknown version")
    return sealed[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES]


def _encrypt(key: bytes, plain: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def _decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise SealBrokenError("the value was changed, or was sealed for another purpose or owner") from None
