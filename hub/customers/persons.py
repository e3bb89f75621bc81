"""What is known about a person: sealed with the person's own key, and gone when that key is."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from hub.customers import repository
from hub.customers.errors import UnknownCustomerError
from hub.customers.messages import CHANGED, Person
from hub.customers.models import Customer
from hub.customers.rules import completed
from hub.infra import outbox
from hub.infra.database import AnySession, WriteSession
from hub.infra.sealing import PersonKey, PersonKeys, Sealer

_PURPOSE = "customers.person"


async def customers_by_ids(session: AnySession, customer_ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """The customers that exist, in one statement; what is known about them stays sealed."""
    return {customer.id: customer for customer in await repository.customers(session, customer_ids)}


def person(customer: Customer, sealer: Sealer) -> Person | None:
    """What is known; None when nothing is, or when it was erased.

    The caller has checked the scope customers:read, or that the customer asks about themselves. Never log it,
    never put it into an event, a job or an audit row.
    """
    key = person_key(customer, sealer)
    if key is None or customer.person is None:
        return None
    return msgspec.json.decode(key.open(_PURPOSE, customer.person), type=Person)


def person_key(customer: Customer, sealer: Sealer) -> PersonKey | None:
    """The person's own key, for whatever else is stored about them (an order's contact). None once erased."""
    if customer.person_key is None:
        return None
    return PersonKeys(sealer).unwrap(customer.id, customer.person_key)


async def make_person_key(session: WriteSession, customer_id: UUID, sealer: Sealer) -> PersonKey | None:
    """As `person_key`, made when nothing was known of the person so far; then the customer is locked.

    Raises UnknownCustomerError.
    """
    customer = await _customer(session, customer_id)
    if customer.person_key is None and customer.erased_at is None:
        customer = await _customer(session, customer_id, lock=True)
    if customer.person_key is None and customer.erased_at is None:
        key, wrapped = _key_of(customer, sealer)
        nothing = key.seal(_PURPOSE, msgspec.json.encode(Person()))
        await announce(session, customer_id, await repository.save_person(session, customer, nothing, wrapped))
        return key
    return person_key(customer, sealer)


async def learn(session: WriteSession, customer_id: UUID, told: Person, sealer: Sealer) -> None:
    """Fill the blanks of what is known with what was told. Locks the customer when there is something new.

    An erased customer learns nothing. Raises UnknownCustomerError.
    """
    customer = await _customer(session, customer_id)
    if not _is_news(customer, told, sealer):
        return
    customer = await _customer(session, customer_id, lock=True)
    if not _is_news(customer, told, sealer):
        return
    known = completed(person(customer, sealer), told)
    key, wrapped = _key_of(customer, sealer)
    version = await repository.save_person(session, customer, key.seal(_PURPOSE, msgspec.json.encode(known)), wrapped)
    await announce(session, customer_id, version)


async def erase(session: WriteSession, customer_id: UUID) -> None:
    """Forget the person for good: the key goes, and all that it sealed with it. Locks the customer; idempotent.

    Hashed identifiers stay, so that a later import finds this tombstone and stays redacted. Raises
    UnknownCustomerError.
    """
    customer = await _customer(session, customer_id, lock=True)
    if customer.erased_at is None:
        await announce(session, customer_id, await repository.forget_person(session, customer_id))


async def announce(session: WriteSession, customer_id: UUID, version: int) -> None:
    """Tell that the customer changed; never what is known about them."""
    await outbox.record(session, outbox.Event(CHANGED, customer_id, version))


def _is_news(customer: Customer, told: Person, sealer: Sealer) -> bool:
    if customer.erased_at is not None or told == Person():
        return False
    known = person(customer, sealer)
    return completed(known, told) != known


def _key_of(customer: Customer, sealer: Sealer) -> tuple[PersonKey, bytes]:
    if customer.person_key is None:
        return PersonKeys(sealer).create(customer.id)
    return PersonKeys(sealer).unwrap(customer.id, customer.person_key), customer.person_key


async def _customer(session: WriteSession, customer_id: UUID, *, lock: bool = False) -> Customer:
    found = await repository.customers(session, [customer_id], lock=lock)
    if not found:
        raise UnknownCustomerError("there is no such customer", path=("customerId",))
    return found[0]
