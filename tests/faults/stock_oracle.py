"""Exactly once, for claims on stock: idempotency keys beside the reservations that stand under them."""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import text

from hub.entrypoints.demo.journal import INTENT, TOLD, Entry
from hub.infra.checks import Violation
from hub.infra.database import Database

CLAIM = "reservationCreate"

# A refusal is an answer too; every other names a reservation.
_ANSWERS = text(
    """
    SELECT key, coalesce(outcome ->> 'reservation_id', 'of key ' || key) AS reservation_id FROM idempotency_keys
    WHERE operation = 'reservationCreate' AND NOT jsonb_exists(outcome, '$refusal')
    """
)
_MADE = text("SELECT id::text AS id, owner FROM reservations")


async def look_for_lost_or_doubled_claims(database: Database, journals: Iterable[Entry]) -> list[Violation]:
    """Every claim that was told stands once; every other was made once or not at all, and its key says which.

    A retry is answered from its key. So keys and reservations must be the same, one to one: an answer without a
    reservation would be a lie to the retry, a reservation without an answer would be made again by it. Reservations
    that an order made for itself have no key; those that an order took over keep theirs.
    """
    entries = [entry for entry in journals if entry.kind == CLAIM]
    async with database.read() as session:
        answers = {row.key: row.reservation_id for row in await session.execute(_ANSWERS)}
        owners = {row.id: row.owner for row in await session.execute(_MADE)}
    answered = Counter(answers.values())
    told = {entry.key for entry in entries if entry.phase == TOLD}
    meant = {entry.key for entry in entries if entry.phase == INTENT}
    return [
        *_each("told_claim_is_kept", sorted(told - answers.keys()), "was told, and its key is unknown"),
        *_each("claim_has_an_intent", sorted(answers.keys() - meant), "nobody meant to make it"),
        *_each("answered_claim_stands", sorted(answered.keys() - owners.keys()), "is answered, and does not exist"),
        *_each("claim_is_answered_once", sorted(key for key, count in answered.items() if count > 1), "has two keys"),
        *_each(
            "claim_has_a_key",
            sorted(key for key, owner in owners.items() if owner != "ORDER" and key not in answered),
            "exists, and a retry would make it again",
        ),
    ]


def _each(promise: str, names: Iterable[str], message: str) -> list[Violation]:
    return [Violation(promise, f"claim {name}", message) for name in names]
