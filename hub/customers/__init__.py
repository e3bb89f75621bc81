"""One person behind many identifiers; what is known about them is sealed, and can be forgotten."""

from hub.customers.channel_customers import channel_evidence
from hub.customers.errors import IdentityContendedError, IdentityInvalidError, UnknownCustomerError
from hub.customers.messages import CHANGED, IdentityEvidence, IdentityKind, Person
from hub.customers.models import Customer
from hub.customers.persons import customers_by_ids, erase, learn, make_person_key, person, person_key
from hub.customers.resolution import find_customer, resolve_customer

__all__ = [
    "CHANGED",
    "Customer",
    "IdentityContendedError",
    "IdentityEvidence",
    "IdentityInvalidError",
    "IdentityKind",
    "Person",
    "UnknownCustomerError",
    "channel_evidence",
    "customers_by_ids",
    "erase",
    "find_customer",
    "learn",
    "make_person_key",
    "person",
    "person_key",
    "resolve_customer",
]
