"""Events leave through the outbox: rows written by the transaction that caused them.

Recording is all a use case does. The relay later moves committed rows, in order, to the `events` table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from hub.infra.database import WriteSession, raw_connection

RECORDED = "hub.outbox.recorded"
"""Set in `session.info` once the transaction holds an event, for the after-commit wake-up."""

MAX_PAYLOAD_BYTES = 16_384

# On the raw driver, because every change of stock pays for it: reservation_random shows what the compiler would cost.
_RECORD = """
INSERT INTO outbox (topic, entity_id, entity_version, payload)
SELECT topic, entity_id, entity_version, payload
FROM jsonb_to_recordset($1::jsonb)
    AS event (topic text, entity_id uuid, entity_version bigint, payload jsonb)
"""


class PayloadTooLargeError(ValueError):
    """An event carries ids and numbers, not documents: this one is beyond MAX_PAYLOAD_BYTES."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one entity.

    `entity_version` is taken under the entity's row lock, so that a reader may drop what is older than what
    it has. `payload` holds ids, codes and integers only: never personal data, never a float.
    """

    topic: str
    entity_id: UUID
    entity_version: int
    payload: Mapping[str, Any] = field(default_factory=dict)


async def record(session: WriteSession, *events: Event) -> None:
    """Write the events with the caller's transaction, in the given order, by one statement."""
    if not events:
        return
    driver = await raw_connection(session)
    await driver.execute(_RECORD, _encoded(events))
    session.info[RECORDED] = True


def _encoded(events: Sequence[Event]) -> str:
    rows = []
    for event in events:
        payload = msgspec.json.encode(event.payload)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"the payload of {event.topic} has {len(payload)} bytes")
        rows.append(
            {
                "topic": event.topic,
                "entity_id": event.entity_id,
                "entity_version": event.entity_version,
                "payload": msgspec.Raw(payload),
            }
        )
    return msgspec.json.encode(rows).decode()
