"""Claims that carts, tills and staff make, extend, release and commit.

Each function is one keyed mutation: one transaction, exactly once per (principal, key), audited.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import Database, WriteSession, raw_connection
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import commands as c
from hub.inventory.adjustments import require_in_pool, require_known, require_open_in_pool
from hub.inventory.commands import LevelKey, Shortfall, Units
from hub.inventory.engine import apply, due_holds_exist, expire_due_on_variants, hold_levels
from hub.inventory.errors import (
    InsufficientStockError,
    OwnerNotAllowedError,
    ReservationNotActiveError,
    ReservationNotFoundError,
    StockNotTrackedError,
    TooManyLinesError,
    TtlError,
    UnknownVariantError,
    error_of,
    shortfall_line,
)
from hub.inventory.models import ReservationOwner
from hub.inventory.pinning import NO_LOCATION, PoolClaim, pin, pool_levels
from hub.kernel.errors import InvalidInputError
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.kernel.quantity import positive_quantity
from routing import RoutingMethod

MAX_LINES = 100
MAX_TTL_SECONDS = 14_400
DEFAULT_TTL_SECONDS = 900
PINNING_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ReservationLineInput:
    """`location_id` None: any location of the channel's pool."""

    variant_id: UUID
    quantity: int
    location_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CreateReservation:
    """`channel_id` (else the caller's own) is needed for a CART and when a line names no location; `near` and
    `method` steer the choice then. A CART stays within what the channel may promise, wherever its lines claim."""

    owner: ReservationOwner
    lines: tuple[ReservationLineInput, ...]
    ttl_seconds: int = DEFAULT_TTL_SECONDS
    channel_id: UUID | None = None
    customer_id: UUID | None = None
    method: RoutingMethod = RoutingMethod.SHIP
    pickup_location_id: UUID | None = None
    near: GeoPoint | None = None


class _ChooseAgainError(Exception):
    """Stock moved between the pool's unlocked read and the locks, or holds in the pool are due: let those lapse
    and choose again, in a new transaction so that no lock of this one is carried along."""


async def create_reservation(
    database: Database, principal: Principal, command: CreateReservation, *, idempotency_key: str
) -> Answer:
    """Claim every line or nothing. Outcome: reservation_id, expires_at.

    Lines that name the same variant and location are one demand. Raises TtlError, TooManyLinesError,
    QuantityError, LocationNotAllowedError, OwnerNotAllowedError, CustomerNotAllowedError; refuses with
    InsufficientStockError naming every short line, and with UnknownVariantError or UnknownLocationError.
    """
    _check(principal, command)
    for attempt in range(1, PINNING_ATTEMPTS + 1):
        last = attempt == PINNING_ATTEMPTS

        async def work(session: WriteSession, *, last: bool = last) -> Mapping[str, Any]:
            return await _create(session, principal, command, last=last)

        try:
            return await mutate(
                database,
                principal,
                operation="reservationCreate",
                idempotency_key=idempotency_key,
                payload=asdict(command),
                work=work,
            )
        except _ChooseAgainError:
            async with database.write() as session:
                await expire_due_on_variants(session, sorted({line.variant_id for line in command.lines}))
    raise AssertionError  # the last attempt answers


async def extend_reservation(
    database: Database, principal: Principal, *, reservation_id: UUID, ttl_seconds: int, idempotency_key: str
) -> Answer:
    """Move the expiry to `ttl_seconds` from now (never beyond a day after creation, never earlier than it is)."""
    _check_ttl(ttl_seconds)

    async def work(session: WriteSession) -> Mapping[str, Any]:
        await require_owner(session, principal, reservation_id, path=("id",))
        return await _single(session, principal, c.Extend(reservation_id, ttl_seconds), reservation_id)

    return await mutate(
        database,
        principal,
        operation="reservationExtend",
        idempotency_key=idempotency_key,
        payload={"reservation_id": reservation_id, "ttl_seconds": ttl_seconds},
        work=work,
    )


async def release_reservation(
    database: Database, principal: Principal, *, reservation_id: UUID, idempotency_key: str
) -> Answer:
    """Give the units back. Releasing a lapsed or released reservation is no error."""

    async def work(session: WriteSession) -> Mapping[str, Any]:
        await require_owner(session, principal, reservation_id, path=("id",))
        return await _single(session, principal, c.Release(reservation_id), reservation_id)

    return await mutate(
        database,
        principal,
        operation="reservationRelease",
        idempotency_key=idempotency_key,
        payload={"reservation_id": reservation_id},
        work=work,
    )


async def commit_to_receipt(
    database: Database, principal: Principal, *, reservation_id: UUID, receipt_id: UUID, idempotency_key: str
) -> Answer:
    """The reserved units were sold over the counter: they leave onHand under the receipt's id."""

    async def work(session: WriteSession) -> Mapping[str, Any]:
        await require_owner(session, principal, reservation_id, path=("id",))
        units = await reserved_units(session, reservation_id)
        command = c.Sell(receipt_id, units, reservation_id)
        return await _single(session, principal, command, reservation_id)

    return await mutate(
        database,
        principal,
        operation="reservationCommit",
        idempotency_key=idempotency_key,
        payload={"reservation_id": reservation_id, "receipt_id": receipt_id},
        work=work,
    )


async def reserved_units(session: WriteSession, reservation_id: UUID) -> tuple[Units, ...]:
    rows = await session.execute(
        text("SELECT variant_id, location_id, quantity FROM reservation_lines WHERE reservation_id = :id"),
        {"id": reservation_id},
    )
    return tuple(Units(LevelKey(row.variant_id, row.location_id), row.quantity) for row in rows)


async def _create(
    session: WriteSession, principal: Principal, command: CreateReservation, *, last: bool
) -> Mapping[str, Any]:
    await _require_tracked(session, {line.variant_id for line in command.lines})
    explicit = [
        Units(LevelKey(line.variant_id, line.location_id), line.quantity)
        for line in command.lines
        if line.location_id is not None
    ]
    await require_in_pool(session, principal, {unit.key.location_id for unit in explicit})
    channel_id = command.channel_id or principal.channel_id
    units, chosen = await _units(session, command, channel_id, explicit, last=last)
    reservation_id = new_id()
    [outcome] = await apply(
        session,
        [
            c.StockRequest(
                c.Actor(principal.id, channel_id),
                c.Reserve(
                    reservation_id,
                    command.owner,
                    units,
                    command.ttl_seconds,
                    respects_safety_stock=command.owner is ReservationOwner.CART,
                    customer_id=principal.acts_for(command.customer_id),
                ),
            )
        ],
    )
    if isinstance(outcome, c.Refused):
        if chosen and not last:
            raise _ChooseAgainError
        await require_known(session, [unit.key for unit in explicit])
        raise error_of(outcome)
    return _outcome(reservation_id, outcome.expires_at)


async def _units(
    session: WriteSession, command: CreateReservation, channel_id: UUID | None, explicit: list[Units], *, last: bool
) -> tuple[tuple[Units, ...], bool]:
    """The levels to claim, and whether they were chosen from an unlocked read and may be chosen again.

    Tills and staff take what lies at the place they name; a CART is bound by the channel's promise there too.
    """
    pooled = [line for line in command.lines if line.location_id is None]
    bound = explicit if command.owner is ReservationOwner.CART else []
    if not pooled and not bound:
        return tuple(explicit), False
    if channel_id is None:
        raise InvalidInputError("a CART and a line without locationId need a channel", path=("channel",))
    await require_open_in_pool(session, channel_id, {unit.key.location_id for unit in bound})
    demand: dict[UUID, int] = {}
    for line in pooled:
        demand[line.variant_id] = demand.get(line.variant_id, 0) + line.quantity
    claim = PoolClaim(channel_id, demand, command.method, command.pickup_location_id, command.near, tuple(bound))
    pinned = await _pin(session, claim, {unit.key for unit in explicit}, last=last)
    return (pinned if bound else (*explicit, *pinned)), True


async def _pin(session: WriteSession, claim: PoolClaim, explicit: set[LevelKey], *, last: bool) -> tuple[Units, ...]:
    """The last attempt chooses under the locks of the whole pool: many buyers at once would else be told that
    everything is gone while it is left in a place that none of their three choices hit."""
    if last:
        await hold_levels(session, explicit | await pool_levels(session, claim))
    pinned = await pin(session, claim)
    if pinned.short and not last and await due_holds_exist(session, sorted(claim.wanted)):
        raise _ChooseAgainError
    if pinned.short:
        raise InsufficientStockError(map(_pool_line, pinned.short))
    return pinned.units


def _pool_line(short: Shortfall) -> Mapping[str, Any]:
    line = shortfall_line(short)
    return line | {"location_id": None} if short.key.location_id == NO_LOCATION else line


async def _single(
    session: WriteSession, principal: Principal, command: c.StockCommand, reservation_id: UUID
) -> Mapping[str, Any]:
    [outcome] = await apply(session, [c.StockRequest(c.Actor(principal.id, principal.channel_id), command)])
    if isinstance(outcome, c.Refused):
        raise error_of(outcome)
    return _outcome(reservation_id, outcome.expires_at)


def _outcome(reservation_id: UUID, expires_at: datetime | None) -> dict[str, Any]:
    return {
        "reservation_id": str(reservation_id),
        "expires_at": expires_at.isoformat() if expires_at is not None else None,
        "ids": [str(reservation_id)],
    }


def _check(principal: Principal, command: CreateReservation) -> None:
    principal.require(Scope.RESERVATIONS_WRITE)
    if not 1 <= len(command.lines) <= MAX_LINES:
        raise TooManyLinesError(f"a reservation has 1 to {MAX_LINES} lines, not {len(command.lines)}", path=("lines",))
    _check_ttl(command.ttl_seconds)
    for index, line in enumerate(command.lines):
        positive_quantity(line.quantity, path=("lines", str(index), "quantity"))
        if line.location_id is not None:
            principal.require_location(line.location_id)
    if command.channel_id is not None:
        principal.require_channel(command.channel_id)
    _check_owner(principal, command.owner)
    principal.acts_for(command.customer_id)


def _check_owner(principal: Principal, owner: ReservationOwner) -> None:
    """TERMINAL and STAFF may take safety stock, so a shop's credential cannot claim in their name."""
    if owner is ReservationOwner.ORDER:
        raise InvalidInputError("ORDER claims are made by placing the order", path=("owner",))
    if owner is ReservationOwner.TERMINAL and principal.terminal_id is None:
        raise OwnerNotAllowedError("only a terminal's credential makes TERMINAL claims", path=("owner",))
    if owner is ReservationOwner.STAFF and principal.kind not in {PrincipalKind.STAFF, PrincipalKind.SYSTEM}:
        raise OwnerNotAllowedError("only staff make STAFF claims", path=("owner",))


def _check_ttl(ttl_seconds: int) -> None:
    if not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise TtlError(f"ttlSeconds {ttl_seconds} must be between 1 and {MAX_TTL_SECONDS}", path=("ttlSeconds",))


async def _require_tracked(session: WriteSession, variant_ids: set[UUID]) -> None:
    driver = await raw_connection(session)
    query = "SELECT id, sku, stock_policy FROM variants WHERE id = ANY($1::uuid[])"
    found = {row["id"]: row for row in await driver.fetch(query, sorted(variant_ids))}
    for variant_id in variant_ids:
        if variant_id not in found:
            raise UnknownVariantError(f"there is no variant {variant_id}", path=("lines", "variantId"))
        if found[variant_id]["stock_policy"] == "UNTRACKED":
            raise StockNotTrackedError(
                f"sku {found[variant_id]['sku']!r} is not stock-tracked and needs no reservation", path=("lines",)
            )


async def require_owner(
    session: WriteSession, principal: Principal, reservation_id: UUID, *, path: tuple[str, ...] = ("reservationId",)
) -> None:
    """A credential that is bound to a channel or location acts on its own reservations, an unbound one on all.

    Locks the reservation: one that an order took over meanwhile is the order's, so that no second order adopts
    it and nobody lets go of it but the order.
    """
    principal.require(Scope.RESERVATIONS_WRITE)
    row = (
        await session.execute(
            text("SELECT principal_id, owner FROM reservations WHERE id = :id FOR NO KEY UPDATE"),
            {"id": reservation_id},
        )
    ).one_or_none()
    bound = principal.channel_id is not None or principal.location_ids is not None
    if row is None or (bound and row.principal_id != principal.id):
        raise ReservationNotFoundError(f"there is no reservation {reservation_id}", path=path)
    if row.owner == ReservationOwner.ORDER:
        raise ReservationNotActiveError(
            f"reservation {reservation_id} belongs to an order; cancel the order instead", path=path
        )
