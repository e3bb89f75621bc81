"""Evidence of who somebody is, and what is known about them. Neither shows its content when printed."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

CHANGED = "customer.changed"
"""Topic of the event when a customer is made, changed or erased; it carries no content."""


class IdentityKind(StrEnum):
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    LOYALTY_CARD = "LOYALTY_CARD"
    CHANNEL_ACCOUNT = "CHANNEL_ACCOUNT"
    """The id under which a channel knows the customer; it means something in that channel only."""
    NFC_TOKEN = "NFC_TOKEN"  # noqa: S105 (the name of a kind, not a secret)


@dataclass(frozen=True, slots=True)
class IdentityEvidence:
    """One identifier, as given. `verified`: whoever sent it has proof that it is the person's.

    `channel_id` belongs to CHANNEL_ACCOUNT and to nothing else. `country` (ISO 3166-1 alpha-2) tells how to read
    a national phone number.
    """

    kind: IdentityKind
    value: str = field(repr=False)
    verified: bool = False
    channel_id: UUID | None = None
    country: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known about somebody; empty strings are unknown."""

    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
