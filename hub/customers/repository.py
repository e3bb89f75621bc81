"""All SQL of customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from hub.customers.messages import IdentityKind
from hub.customers.models import Customer
from hub.customers.rules import Identifier
from hub.infra.database import AnySession, WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.ids import new_id

_OWNERS = text(
    """
    SELECT known.kind, known.channel_id, known.value_hash, known.customer_id
    FROM customer_identities AS known
    JOIN unnest(CAST(:kinds AS text[]), CAST(:channels AS uuid[]), CAST(:hashes AS bytea[]))
        AS wanted (kind, channel_id, value_hash)
        ON known.value_hash = wanted.value_hash AND known.kind = wanted.kind
        AND known.channel_id IS NOT DISTINCT FROM wanted.channel_id
    WHERE known.verified
    """
)
_POINT = text(
    """
    INSERT INTO customer_identities (id, customer_id, kind, channel_id, value_hash, verified)
    VALUES (:id, :customer, :kind, :channel, :hash, true)
    ON CONFLICT (value_hash, kind, channel_id) WHERE verified DO NOTHING RETURNING id
    """
)
_MENTION = text(
    """
    INSERT INTO customer_identities (id, customer_id, kind, channel_id, value_hash, verified)
    SELECT :id, :customer, :kind, :channel, :hash, false
    WHERE NOT EXISTS (
        SELECT FROM customer_identities WHERE verified AND customer_id = :customer AND kind = :kind
            AND channel_id IS NOT DISTINCT FROM :channel AND value_hash = :hash
    )
    ON CONFLICT (customer_id, kind, channel_id, value_hash) WHERE NOT verified DO NOTHING
    """
)
_DROP_MENTION = text(
    """
    DELETE FROM customer_identities WHERE NOT verified AND customer_id = :customer AND kind = :kind
        AND channel_id IS NOT DISTINCT FROM :channel AND value_hash = :hash
    """
)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """An identifier as it is stored. Keys are claimed in this order, so that two claims never wait crosswise."""

    value_hash: bytes
    kind: IdentityKind
    channel_text: str = ""

    @property
    def channel_id(self) -> UUID | None:
        return UUID(self.channel_text) if self.channel_text else None


def stored_key(sealer: Sealer, one: Identifier) -> Key:
    """The key under which a new identity is stored."""
    return _key(sealer.blind_index(_purpose(one), one.value), one)


def known_keys(sealer: Sealer, one: Identifier) -> tuple[Key, ...]:
    """The keys under which it may be stored already (two while secret keys are rotated)."""
    return tuple(_key(value_hash, one) for value_hash in sealer.blind_indexes(_purpose(one), one.value))


async def owners(session: AnySession, keys: Sequence[Key]) -> dict[Key, UUID]:
    """Whom verified identities point at, in one statement."""
    if not keys:
        return {}
    rows = await session.execute(
        _OWNERS,
        {
            "kinds": [key.kind.value for key in keys],
            "channels": [key.channel_id for key in keys],
            "hashes": [key.value_hash for key in keys],
        },
    )
    return {Key(row.value_hash, IdentityKind(row.kind), str(row.channel_id or "")): row.customer_id for row in rows}


async def point(session: WriteSession, key: Key, customer_id: UUID) -> bool:
    """Make a verified identity point at the customer, unless it points at somebody already.

    Waits for a transaction that is claiming the same one. A mention of it that the customer had is replaced.
    """
    values = _values(key, customer_id)
    rows = await session.execute(_POINT, {"id": new_id(), **values})
    if rows.scalar_one_or_none() is None:
        return False
    await session.execute(_DROP_MENTION, values)
    return True


async def mention(session: WriteSession, key: Key, customer_id: UUID) -> None:
    """List an unverified identity with the customer, once. It leads nobody anywhere."""
    await session.execute(_MENTION, {"id": new_id(), **_values(key, customer_id)})


async def insert_customer(session: WriteSession, customer_id: UUID) -> None:
    await session.execute(text("INSERT INTO customers (id) VALUES (:id)"), {"id": customer_id})


async def customers(session: AnySession, customer_ids: Sequence[UUID], *, lock: bool = False) -> list[Customer]:
    """These customers in order of id; locked in that order when asked to."""
    query = select(Customer).where(col(Customer.id).in_(set(customer_ids))).order_by(col(Customer.id))
    query = query.with_for_update(key_share=True) if lock else query
    rows = await session.execute(query.execution_options(populate_existing=True))
    return list(rows.scalars())


async def save_person(session: WriteSession, customer: Customer, person: bytes, person_key: bytes) -> int:
    """Store what was sealed; answers the customer's new version."""
    rows = await session.execute(
        text(
            "UPDATE customers SET person = :person, person_key = :key, version = version + 1 WHERE id = :id "
            "RETURNING version"
        ),
        {"id": customer.id, "person": person, "key": person_key},
    )
    version: int = rows.scalar_one()
    return version


async def forget_person(session: WriteSession, customer_id: UUID) -> int:
    rows = await session.execute(
        text(
            "UPDATE customers SET person = NULL, person_key = NULL, erased_at = hub_now(), version = version + 1 "
            "WHERE id = :id RETURNING version"
        ),
        {"id": customer_id},
    )
    version: int = rows.scalar_one()
    return version


def _values(key: Key, customer_id: UUID) -> dict[str, Any]:
    return {
        "customer": customer_id,
        "kind": key.kind.value,
        "channel": key.channel_id,
        "hash": key.value_hash,
    }


def _key(value_hash: bytes, one: Identifier) -> Key:
    return Key(value_hash, one.kind, str(one.channel_id or ""))


def _purpose(one: Identifier) -> str:
    return f"identity/{one.kind.value}"
