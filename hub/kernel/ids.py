"""Identifiers: UUIDv7, so that keys made later sort later and B-trees grow at one end."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562). Not a secret: it reveals its time of creation."""
    return uuid_utils.compat.uuid7()


def parse_id(text: str) -> UUID | None:
    """The UUID written in `text`, or None when it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None
