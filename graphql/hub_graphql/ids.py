"""Relay global ids: base64url of "Type:uuid", without padding. Each has one spelling."""

import base64
import binascii
from uuid import UUID

import strawberry

from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import parse_id

_MAX_LENGTH = 200


class GlobalIdError(InvalidInputError):
    code = "INVALID_ID"


def global_id(type_name: str, key: UUID) -> strawberry.ID:
    raw = f"{type_name}:{key}".encode()
    return strawberry.ID(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def parse_global_id(text: str, *, path: tuple[str, ...] = ("id",)) -> tuple[str, UUID]:
    """The type's name and the key in a global id. Raises GlobalIdError when it is not one."""
    if len(text) > _MAX_LENGTH:
        raise _not_an_id(text, path)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        type_name, _, written = raw.decode("ascii").partition(":")
        key = UUID(written)
    except (ValueError, binascii.Error):
        raise _not_an_id(text, path) from None
    if global_id(type_name, key) != text:
        raise _not_an_id(text, path)
    return type_name, key


def expect_id(type_name: str, text: str, *, path: tuple[str, ...] = ("id",)) -> UUID:
    """The key in the id of a `type_name`. Raises GlobalIdError for garbage and for another type's id."""
    found, key = parse_global_id(text, path=path)
    if found != type_name:
        raise GlobalIdError(f"this is the id of a {found[:40]}, a {type_name} was expected", path=path)
    return key


def expect_id_or_none(type_name: str, text: str | None, *, path: tuple[str, ...]) -> UUID | None:
    """As `expect_id`, None for what was not given."""
    return None if text is None else expect_id(type_name, text, path=path)


def parse_uuid(text: str, *, path: tuple[str, ...]) -> UUID:
    """An id of the caller's own. Raises InvalidInputError when it is no UUID."""
    found = parse_id(text)
    if found is None:
        raise InvalidInputError(f"{path[-1]} must be a UUID", path=path)
    return found


def _not_an_id(text: str, path: tuple[str, ...]) -> GlobalIdError:
    return GlobalIdError(f"{text[:60]!r} is not an id of the hub; pass ids as you received them", path=path)
