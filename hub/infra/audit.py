"""The audit log: one append-only row per mutation, in the mutation's own transaction.

A row says who did what to which entities and when, and a hash of the input. It never holds the input itself,
so it carries no personal data and no secret.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.infra.database import WriteSession, raw_connection
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal

# On the raw driver, because every mutation pays for it (reservation_random).
_INSERT = """
INSERT INTO audit_log (id, at, principal_id, principal_kind, acting_for, operation, input_hash, entity_ids, request_id)
SELECT id, hub_now(), who, kind, acting_for, operation, input_hash, string_to_array(ids, ',')::uuid[], request_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bytea[], $7::text[], $8::text[])
    AS entry (id, who, kind, acting_for, operation, input_hash, ids, request_id)
"""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One mutation: `operation` is its API name (`reservationCreate`), `input_hash` a SHA-256; ids may be text."""

    principal: Principal
    operation: str
    input_hash: bytes
    entity_ids: Sequence[UUID | str] = ()


async def record(
    session: WriteSession,
    principal: Principal,
    operation: str,
    input_hash: bytes,
    entity_ids: Sequence[UUID] = (),
) -> None:
    """Write one row, by the database's clock."""
    await record_many(session, [AuditEntry(principal, operation, input_hash, entity_ids)])


async def record_many(session: WriteSession, entries: Sequence[AuditEntry]) -> None:
    """Write one row per entry in one round trip, for callers that commit many mutations together."""
    if not entries:
        return
    driver = await raw_connection(session)
    await driver.execute(_INSERT, *zip(*(_values(entry) for entry in entries), strict=True))


def hash_input(fields: Mapping[str, object]) -> bytes:
    """SHA-256 of the input in one canonical writing. Leave secrets out: their hash could be guessed at."""
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).digest()


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    return str(value)


def _values(entry: AuditEntry) -> tuple[object, ...]:
    return (
        new_id(),
        entry.principal.id,
        entry.principal.kind.value,
        entry.principal.acting_for,
        entry.operation,
        entry.input_hash,
        ",".join(map(str, entry.entity_ids)),
        entry.principal.request_id,
    )
