"""`hub check stock --repair`: bring levels back in line with their ledger and their claims, by one movement each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hub.infra import audit
from hub.infra.database import Database, WriteSession, raw_connection
from hub.inventory import locking
from hub.inventory.books import Books, Posting
from hub.inventory.checking import broken_levels
from hub.inventory.consignments import OUTSTANDING
from hub.inventory.demand import ask_for_count
from hub.inventory.engine import SYSTEM_ACTOR, enter
from hub.inventory.restating import Evidence, UndecidableError, repaired, states
from hub.inventory.rules import Deltas
from hub.inventory.units import LevelKey
from hub.kernel.principal import SYSTEM

MAX_REPAIRED = 1_000
"""Levels of one run; what is beyond is left to the next."""

# After the level's lock: whoever changes a claim on the level or its ledger holds that lock until it commits.
_EVIDENCE = f"""
WITH claims AS (
    SELECT coalesce(sum(l.quantity), 0)::bigint AS quantity
    FROM reservation_lines AS l JOIN reservations AS r ON r.id = l.reservation_id AND r.status = 'ACTIVE'
    WHERE l.variant_id = $1 AND l.location_id = $2
), holdings AS (
    SELECT coalesce(sum(quantity), 0)::bigint AS quantity FROM allocations WHERE variant_id = $1 AND location_id = $2
), announced AS (
    SELECT coalesce(sum(quantity), 0)::bigint AS quantity FROM ({OUTSTANDING}) AS o
    WHERE variant_id = $1 AND location_id = $2
), opening AS (
    SELECT max(level_version) AS version FROM stock_movements
    WHERE variant_id = $1 AND location_id = $2 AND kind = 'OPENING'
)
SELECT coalesce(sum(m.on_hand_delta), 0)::bigint, coalesce(sum(m.reserved_delta), 0)::bigint,
       coalesce(sum(m.allocated_delta), 0)::bigint, coalesce(sum(m.incoming_delta), 0)::bigint,
       coalesce(sum(m.damaged_delta), 0)::bigint, coalesce(sum(m.quality_control_delta), 0)::bigint,
       count(*) AS rows, count(DISTINCT m.level_version) AS distinct, coalesce(min(m.level_version), 1) AS first,
       coalesce(max(m.level_version), 0) AS last, (SELECT version IS NOT NULL FROM opening) AS reopened,
       (SELECT quantity FROM claims) AS claimed, (SELECT quantity FROM holdings) AS held,
       (SELECT quantity FROM announced) AS announced
FROM stock_movements AS m
WHERE m.variant_id = $1 AND m.location_id = $2 AND m.level_version >= coalesce((SELECT version FROM opening), 0)
"""

_KNOWN = "SELECT EXISTS (SELECT FROM variants WHERE id = $1) AND EXISTS (SELECT FROM locations WHERE id = $2)"


@dataclass(frozen=True, slots=True)
class Repair:
    """One level. `refused` says why nothing was done; else `before` and `after` are its states, `kind` the movement."""

    key: LevelKey
    refused: str | None = None
    kind: str | None = None
    before: Mapping[str, int] | None = None
    after: Mapping[str, int] | None = None


async def repair_stock(database: Database, *, trust_level: bool = False) -> list[Repair]:
    """Repair up to 1,000 broken levels, a transaction each. What cannot be decided is said and left as it is."""
    async with database.read() as session:
        keys = await broken_levels(session, limit=MAX_REPAIRED)
    repairs = []
    for key in sorted(keys):
        async with database.write() as session:
            done = await _repair(session, key, trust_level=trust_level)
        if done is not None:
            repairs.append(done)
    return repairs


async def _repair(session: WriteSession, key: LevelKey, *, trust_level: bool) -> Repair | None:
    driver = await raw_connection(session)
    if not await driver.fetchval(_KNOWN, *key):
        return Repair(key, "the variant or the location does not exist: nothing can be kept there")
    await locking.open_levels(driver, [key])
    books = Books(await locking.lock_levels(driver, [key]))
    row = await driver.fetchrow(_EVIDENCE, *key)
    assert row is not None  # noqa: S101 (an aggregate has one row)
    evidence = Evidence(books.levels[key], Deltas(*row[:6]), *row[6:])
    try:
        posting = repaired(evidence, SYSTEM_ACTOR, trust_level=trust_level)
    except UndecidableError as undecidable:
        return Repair(key, str(undecidable))
    return None if posting is None else await _entered(session, books, evidence, posting)


async def _entered(session: WriteSession, books: Books, evidence: Evidence, posting: Posting) -> Repair:
    before, after = asdict(states(evidence.level)), asdict(states(posting.level))
    books.postings.append(posting)
    books.levels[posting.level.key] = posting.level
    await enter(session, books)
    if before["on_hand"] != after["on_hand"]:
        await ask_for_count(session, [posting.level.key], reason="LEDGER_REPAIRED")
    told = {"before": before, "after": after, "kind": posting.kind.value}
    await audit.record(session, SYSTEM, "stockRepair", audit.hash_input(told), posting.level.key)
    return Repair(posting.level.key, None, posting.kind.value, before, after)
