"""The one writer of stock: locks the touched rows in order, decides in order of arrival, writes in bulk.

`apply` runs inside the caller's transaction and is called once in it, after the caller has locked its own orders
and before it touches loyalty accounts (DESIGN: stable locks). Commands that are refused change nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from hub.infra.database import Database, WriteSession, raw_connection
from hub.infra.outbox import Event, record
from hub.inventory import commands as c
from hub.inventory import locking, storage
from hub.inventory.books import Books
from hub.inventory.decision import decide, expire
from hub.inventory.models import ReservationStatus
from hub.inventory.rules import HeldReservation
from hub.inventory.units import LevelKey
from hub.kernel.principal import SYSTEM

STOCK_CHANGED = "stock.changed"
SYSTEM_ACTOR = c.Actor(SYSTEM.id)
SWEEP_BATCH = 500
MAX_SWEEP_BATCHES = 200

log = structlog.get_logger(__name__)


async def apply(session: WriteSession, requests: Sequence[c.StockRequest]) -> list[c.Outcome]:
    """Decide and write the requests; one outcome each, in order.

    A claim that falls short makes the due holds of its levels lapse and is decided once more. A partial claim is never
    short of what there is: before one the due holds lapse in any case.
    """
    driver = await raw_connection(session)
    books = await _locked_books(driver, requests)
    if any(isinstance(request.command, c.Reserve) and request.command.partial for request in requests):
        await _expire_due(driver, books)
    outcomes = [decide(books, request) for request in requests]
    if any(_is_short(outcome) for outcome in outcomes) and await _expire_due(driver, books):
        outcomes = [
            decide(books, request) if _is_short(outcome) else outcome
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
    expiries = await enter(session, books)
    return [_with_expiry(request, outcome, expiries) for request, outcome in zip(requests, outcomes, strict=True)]


async def enter(session: WriteSession, books: Books) -> dict[UUID, datetime]:
    """Write books that were decided under their locks, and tell who listens. Returns the reservations' expiries."""
    expiries = await storage.write(await raw_connection(session), books)
    await record(session, *_events(books))
    return expiries


async def hold_levels(session: WriteSession, keys: Iterable[LevelKey]) -> None:
    """Take the locks of these levels, in order, for an `apply` that follows and touches no others."""
    await locking.lock_levels(await raw_connection(session), keys)


async def sweep_due_reservations(
    database: Database, *, batch: int = SWEEP_BATCH, max_batches: int = MAX_SWEEP_BATCHES
) -> int:
    """Make every due reservation lapse, a transaction for each batch: how many did.

    A reservation that cannot lapse is passed over, so however many there are, those behind them have their turn.
    What is beyond `max_batches` is left to the next sweep.
    """
    lapsed, after = 0, None
    for _ in range(max_batches):
        async with database.write() as session:
            due = await locking.lock_due(await raw_connection(session), batch, after)
            lapsed += await _lapse(session, await raw_connection(session), [item.reservation_id for item in due])
        if len(due) < batch:
            break
        after = due[-1]
    return lapsed


async def expire_due_reservations(session: WriteSession, *, limit: int) -> int:
    """Make up to `limit` due reservations lapse, set-based. Those that others hold are left to them."""
    driver = await raw_connection(session)
    due = await locking.lock_due(driver, limit, None)
    return await _lapse(session, driver, [item.reservation_id for item in due])


async def expire_due_on_variants(session: WriteSession, variant_ids: Sequence[UUID]) -> int:
    """Make due reservations that hold units of these variants lapse, so that a pool claim sees them free.

    Needs a transaction of its own: its level locks must not be carried into another `apply`.
    """
    driver = await raw_connection(session)
    return await _lapse(session, driver, await locking.lock_due_on_variants(driver, variant_ids))


async def due_holds_exist(session: WriteSession, variant_ids: Sequence[UUID]) -> bool:
    return await locking.due_holds_exist(await raw_connection(session), variant_ids)


async def _lapse(session: WriteSession, driver: locking.Driver, due: Sequence[UUID]) -> int:
    if not due:
        return 0
    held = await locking.read_locked(driver, due)
    keys = {key for item in held.values() for key in item.units}
    books = Books(await locking.lock_levels(driver, keys))
    lapsed = _expire_each(books, held.values())
    await enter(session, books)
    return lapsed


def _expire_each(books: Books, due: Iterable[HeldReservation]) -> int:
    """How many lapsed. One that contradicts its levels is logged and left as it is; the others lapse."""
    lapsed = 0
    for item in due:
        if expire(books, item, SYSTEM_ACTOR):
            lapsed += 1
        else:
            log.error("reservation_contradicts_levels", reservation_id=str(item.reservation_id))
    return lapsed


async def _locked_books(driver: locking.Driver, requests: Sequence[c.StockRequest]) -> Books:
    reservations = await locking.lock_reservations(driver, _reservation_ids(requests))
    holdings = await locking.read_holdings(driver, _holder_ids(requests))
    wanted, created = _level_keys(requests)
    wanted |= {key for item in reservations.values() for key in item.units}
    wanted |= _targets(requests, reservations)
    wanted |= {key for _, key in holdings}
    if created:
        await locking.open_levels(driver, created)
    levels = await locking.lock_levels(driver, wanted | created)
    # Under all locks: waiting for the last one may have taken a hold beyond its time, or a holder's units away.
    reservations = await locking.judge_due(driver, reservations)
    holdings = await locking.read_holdings(driver, _holder_ids(requests))
    return Books(levels, reservations, {name: held for name, held in holdings.items() if name[1] in levels})


async def _expire_due(driver: locking.Driver, books: Books) -> bool:
    """Make due holds on the locked levels lapse, as far as their other levels are free right now."""
    due = await locking.lock_due_on(driver, sorted(books.levels))
    if not due:
        return False
    held = await locking.read_locked(driver, due)
    others = {key for item in held.values() for key in item.units} - books.levels.keys()
    books.levels.update(await locking.lock_levels(driver, others, skip_locked=True))
    free = [
        item for item in held.values() if _may_lapse(books, item) and all(key in books.levels for key in item.units)
    ]
    return _expire_each(books, free) > 0


def _may_lapse(books: Books, due: HeldReservation) -> bool:
    """What this call has judged to be in time, and perhaps extended or used, does not lapse under it."""
    known = books.reservations.get(due.reservation_id)
    return known is None or (known.status is ReservationStatus.ACTIVE and known.due)


def _reservation_ids(requests: Iterable[c.StockRequest]) -> list[UUID]:
    named = (
        request.command.reservation_id
        for request in requests
        if isinstance(request.command, c.Release | c.Extend | c.Relocate | c.Adopt | c.Allocate | c.Sell | c.SellHeld)
    )
    return sorted({reservation_id for reservation_id in named if reservation_id is not None})


def _holder_ids(requests: Iterable[c.StockRequest]) -> list[UUID]:
    holders: set[UUID] = set()
    for request in requests:
        if isinstance(request.command, c.Deallocate | c.Fulfill):
            holders.update(request.command.holder_ids)
        elif isinstance(request.command, c.Allocate):
            holders.update(holder for holder, _ in request.command.holders)
    return sorted(holders)


def _level_keys(requests: Iterable[c.StockRequest]) -> tuple[set[LevelKey], set[LevelKey]]:
    """(levels that claims look at, levels that are made when they do not exist yet)."""
    wanted: set[LevelKey] = set()
    created: set[LevelKey] = set()
    for command in (request.command for request in requests):
        match command:
            case c.Reserve():
                wanted.update(command.keys)
            case c.Allocate(holders=holders):
                wanted.update(item.key for _, item in holders)
            case c.Sell(units=units) | c.Receive(units=units) | c.TakeBack(units=units) | c.MarkDamaged(units=units):
                created.update(item.key for item in units)
            case c.Announce() | c.Withdraw() | c.Dispatch() | c.Arrive():
                created.update(command.keys)
            case c.Adjust() | c.Count() | c.SetSafetyStock() | c.ChangeBucket() | c.WriteOff():
                created.add(command.key)
            case c.Move():
                wanted.add(LevelKey(command.variant_id, command.from_location_id))
                created.add(LevelKey(command.variant_id, command.to_location_id))
            case _:
                pass
    return wanted, created


def _targets(requests: Iterable[c.StockRequest], held: Mapping[UUID, HeldReservation]) -> set[LevelKey]:
    """The levels that relocations move units to."""
    return {
        LevelKey(key.variant_id, command.to_location_id)
        for command in (request.command for request in requests)
        if isinstance(command, c.Relocate) and command.reservation_id in held
        for key in held[command.reservation_id].units
    }


def _is_short(outcome: c.Outcome) -> bool:
    return isinstance(outcome, c.Refused) and outcome.code is c.RefusalCode.INSUFFICIENT_STOCK


def _with_expiry(request: c.StockRequest, outcome: c.Outcome, expiries: Mapping[UUID, datetime]) -> c.Outcome:
    if isinstance(outcome, c.Done) and isinstance(request.command, c.Reserve | c.Extend):
        return replace(outcome, expires_at=expiries.get(request.command.reservation_id))
    return outcome


def _events(books: Books) -> list[Event]:
    """One event a touched level, with the state it was left in."""
    final = {posting.level.key: posting.level for posting in books.postings}
    return [
        Event(
            STOCK_CHANGED,
            key.variant_id,
            level.version,
            {
                "location_id": str(key.location_id),
                "on_hand": level.on_hand,
                "reserved": level.reserved,
                "allocated": level.allocated,
                "safety_stock": books.safety_stocks.get(key, level.safety_stock),
                "shortage": level.shortage,
            },
        )
        for key, level in final.items()
    ] + [
        Event(STOCK_CHANGED, key.variant_id, books.levels[key].version, {"location_id": str(key.location_id)})
        for key in books.safety_stocks
        if key not in final
    ]
