"""Claims that carts, tills and staff make, extend, move, release and commit.

Each function is one keyed mutation: exactly once per (principal, key), audited, in one transaction with whatever else
arrives at the same time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, KeyedInput, keyed
from hub.inventory import commands as c
from hub.inventory.batch import NeedsLocksError
from hub.inventory.batcher import batcher_of
from hub.inventory.errors import (
    OwnerNotAllowedError,
    ReservationNotActiveError,
    ReservationNotFoundError,
    StockNotTrackedError,
    TooManyLinesError,
    TtlError,
    UnknownLocationError,
    shortfall_line,
)
from hub.inventory.known import Known, Path, Wanted, reaches_its_channel_only
from hub.inventory.models import ReservationOwner
from hub.inventory.pool import Pool, PoolClaim, choose
from hub.inventory.units import LevelKey, Listed, Units
from hub.kernel.errors import InvalidInputError
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.kernel.quantity import positive_quantity
from routing import RoutingMethod

MAX_LINES = 100
MAX_LISTED_LOCATIONS = 20
MAX_TTL_SECONDS = 14_400
DEFAULT_TTL_SECONDS = 900


@dataclass(frozen=True, slots=True)
class ReservationLineInput:
    """`variant` by id, or by sku as text. Where: one location, several in order of preference, or (none named) any
    location of the channel's pool."""

    variant: UUID | str
    quantity: int
    location_id: UUID | None = None
    location_ids: tuple[UUID, ...] = ()

    @property
    def places(self) -> tuple[UUID, ...]:
        return self.location_ids if self.location_id is None else (self.location_id,)


@dataclass(frozen=True, slots=True)
class CreateReservation:
    """`channel_id` (else the caller's own) is needed for a CART and when a line names no location; `near` and
    `method` steer the choice then. A CART stays within what the channel may promise, wherever its lines claim.
    `partial`: take what there is, and refuse only when that is nothing."""

    owner: ReservationOwner
    lines: tuple[ReservationLineInput, ...]
    ttl_seconds: int = DEFAULT_TTL_SECONDS
    channel_id: UUID | None = None
    customer_id: UUID | None = None
    method: RoutingMethod = RoutingMethod.SHIP
    pickup_location_id: UUID | None = None
    near: GeoPoint | None = None
    partial: bool = False


async def create_reservation(
    database: Database, principal: Principal, command: CreateReservation, *, idempotency_key: str
) -> Answer:
    """Claim every line or nothing, or with `partial` what there is. Outcome: reservation_id, expires_at, lines, short.

    Lines that name the same variant and location are one demand. Raises TtlError, TooManyLinesError,
    QuantityError, LocationNotAllowedError, OwnerNotAllowedError, CustomerNotAllowedError; refuses with
    InsufficientStockError naming every short line, and with UnknownVariantError or UnknownLocationError.
    """
    _check(principal, command)
    item = keyed(principal.id, idempotency_key, "reservationCreate", command)
    return await batcher_of(database).submit(_CreateAsk(principal, item, command, new_id()))


async def extend_reservation(
    database: Database, principal: Principal, *, reservation_id: UUID, ttl_seconds: int, idempotency_key: str
) -> Answer:
    """Move the expiry to `ttl_seconds` from now (never beyond a day after creation, never earlier than it is)."""
    _check_ttl(ttl_seconds)
    command = c.Extend(reservation_id, ttl_seconds, _claimant(principal))
    return await _act(database, principal, "reservationExtend", command, idempotency_key)


async def release_reservation(
    database: Database, principal: Principal, *, reservation_id: UUID, idempotency_key: str
) -> Answer:
    """Give the units back. Releasing a lapsed or released reservation is no error."""
    command = c.Release(reservation_id, _claimant(principal))
    return await _act(database, principal, "reservationRelease", command, idempotency_key)


async def transfer_reservation(
    database: Database, principal: Principal, *, reservation_id: UUID, to_location_id: UUID, idempotency_key: str
) -> Answer:
    """Check and move every held unit to one location in one step, all or nothing; the expiry stays.

    Refuses with InsufficientStockError, UnknownLocationError and what makes a reservation unusable.
    """
    principal.require_location(to_location_id)
    command = c.Relocate(reservation_id, to_location_id, _claimant(principal))
    return await _act(database, principal, "reservationTransfer", command, idempotency_key)


async def commit_to_receipt(
    database: Database, principal: Principal, *, reservation_id: UUID, receipt_id: UUID, idempotency_key: str
) -> Answer:
    """The reserved units were sold over the counter: they leave onHand under the receipt's id."""
    command = c.SellHeld(receipt_id, reservation_id, _claimant(principal))
    return await _act(database, principal, "reservationCommit", command, idempotency_key)


async def reserved_units(session: WriteSession, reservation_id: UUID) -> tuple[Units, ...]:
    rows = await session.execute(
        text("SELECT variant_id, location_id, quantity FROM reservation_lines WHERE reservation_id = :id"),
        {"id": reservation_id},
    )
    return tuple(Units(LevelKey(row.variant_id, row.location_id), row.quantity) for row in rows)


@dataclass(frozen=True, slots=True)
class _CreateAsk:
    principal: Principal
    item: KeyedInput
    command: CreateReservation
    reservation_id: UUID

    @property
    def path(self) -> Path:
        return ()

    @property
    def channel_id(self) -> UUID | None:
        return self.command.channel_id or self.principal.channel_id

    @property
    def bound(self) -> bool:
        """Tills and staff take what lies at the place they name; a CART is bound by the channel's promise there too."""
        return self.command.owner is ReservationOwner.CART

    @property
    def _claims_pool(self) -> bool:
        return self.bound or any(not line.places for line in self.command.lines)

    def may_choose_again(self) -> bool:
        return self._claims_pool

    def want(self, wanted: Wanted) -> None:
        named = {line.variant for line in self.command.lines}
        wanted.variants |= named
        wanted.locations.update(place for line in self.command.lines for place in line.places)
        if reaches_its_channel_only(self.principal) and self.principal.channel_id is not None:
            wanted.reach.add(self.principal.channel_id)
        if self._claims_pool and self.channel_id is not None:
            wanted.pools.setdefault(self.channel_id, set()).update(named)

    def request(self, known: Known) -> c.StockRequest:
        variants = [_tracked(known, line, str(number)) for number, line in enumerate(self.command.lines)]
        places = [place for line in self.command.lines for place in line.places]
        known.require_in_reach(self.principal, places)
        known.require_locations(places)
        placed = [
            Units(LevelKey(variant, line.places[0]), line.quantity)
            for variant, line in zip(variants, self.command.lines, strict=True)
            if len(line.places) == 1
        ]
        listed = [
            Listed(variant, line.quantity, line.places)
            for variant, line in zip(variants, self.command.lines, strict=True)
            if len(line.places) > 1
        ]
        if not self._claims_pool:
            return self._reserve(known, tuple(placed), tuple(listed))
        demand: dict[UUID, int] = {}
        for variant, line in zip(variants, self.command.lines, strict=True):
            if not line.places:
                demand[variant] = demand.get(variant, 0) + line.quantity
        return self._from_pool(known, placed, listed, demand)

    def _from_pool(
        self, known: Known, placed: list[Units], listed: list[Listed], demand: dict[UUID, int]
    ) -> c.StockRequest:
        if self.channel_id is None:
            raise InvalidInputError("a CART and a line without locationId need a channel", path=("channel",))
        command, pool = self.command, known.pools[self.channel_id]
        within = (tuple(placed), tuple(listed)) if self.bound else ((), ())
        beside = ((), ()) if self.bound else (tuple(placed), tuple(listed))
        if self.bound:
            _require_open(pool, (place for line in command.lines for place in line.places))
        claim = PoolClaim(
            self.channel_id,
            demand,
            command.method,
            command.pickup_location_id,
            command.near,
            *within,
            command.partial,
            known.bundles,
        )
        if known.locked:
            return self._reserve(known, *beside, c.FromPool(claim, pool))
        # A buffer is kept exactly only when nobody claims the pool's other levels meanwhile.
        if any(pool.terms_of(variant_id).held_back for variant_id in claim.wanted.keys() | claim.stocked):
            raise NeedsLocksError
        pinned = choose(claim, pool, lambda key: known.free.get(key, 0))
        if pinned.short:
            raise NeedsLocksError
        known.take(pinned.units)
        # Not partial: what is taken away meanwhile at the levels chosen here may be had at others of the pool.
        return self._reserve(known, (*beside[0], *pinned.units), beside[1], partial=False)

    def _reserve(
        self,
        known: Known,
        units: tuple[Units, ...],
        listed: tuple[Listed, ...],
        from_pool: c.FromPool | None = None,
        *,
        partial: bool | None = None,
    ) -> c.StockRequest:
        command = self.command
        return c.StockRequest(
            c.Actor(self.principal.id, self.channel_id),
            c.Reserve(
                self.reservation_id,
                command.owner,
                units,
                command.ttl_seconds,
                respects_safety_stock=self.bound,
                customer_id=self.principal.acts_for(command.customer_id),
                listed=listed,
                from_pool=from_pool,
                partial=command.partial if partial is None else partial,
                bundles=known.bundles,
            ),
        )

    def answer(self, done: c.Done) -> dict[str, Any]:
        made = _outcome(self.reservation_id, done)
        if done.expires_at is not None:
            created_at = done.expires_at - timedelta(seconds=self.command.ttl_seconds)
            made["created_at"] = created_at.isoformat()
        return made | {
            "owner": self.command.owner.value,
            "channel_id": str(self.channel_id) if self.channel_id else None,
            "short": [shortfall_line(short) for short in done.short],
        }


@dataclass(frozen=True, slots=True)
class _ActAsk:
    """Something done to a reservation that exists."""

    principal: Principal
    item: KeyedInput
    command: c.Extend | c.Release | c.Relocate | c.SellHeld

    @property
    def path(self) -> Path:
        return ("id",)

    def may_choose_again(self) -> bool:
        return False

    def want(self, wanted: Wanted) -> None:
        if isinstance(self.command, c.Relocate):
            wanted.locations.add(self.command.to_location_id)
            if reaches_its_channel_only(self.principal) and self.principal.channel_id is not None:
                wanted.reach.add(self.principal.channel_id)

    def request(self, known: Known) -> c.StockRequest:
        if isinstance(self.command, c.Relocate):
            known.require_in_reach(self.principal, [self.command.to_location_id])
            known.require_open(self.command.to_location_id, ("toLocationId",))
        return c.StockRequest(c.Actor(self.principal.id, self.principal.channel_id), self.command)

    def answer(self, done: c.Done) -> dict[str, Any]:
        return _outcome(self.command.reservation_id, done)


async def _act(
    database: Database,
    principal: Principal,
    operation: str,
    command: c.Extend | c.Release | c.Relocate | c.SellHeld,
    idempotency_key: str,
) -> Answer:
    principal.require(Scope.RESERVATIONS_WRITE)
    item = keyed(principal.id, idempotency_key, operation, command)
    return await batcher_of(database).submit(_ActAsk(principal, item, command))


def _claimant(principal: Principal) -> c.Claimant:
    bound = principal.channel_id is not None or principal.location_ids is not None
    return c.Claimant(principal.id, bound)


def _tracked(known: Known, line: ReservationLineInput, number: str) -> UUID:
    named_by = "sku" if isinstance(line.variant, str) else "variantId"
    variant = known.variant(line.variant, ("lines", number, named_by))
    if variant.stock_policy == "UNTRACKED":
        raise StockNotTrackedError(
            f"sku {variant.sku!r} is not stock-tracked and needs no reservation", path=("lines",)
        )
    return variant.id


def _require_open(pool: Pool, location_ids: Iterable[UUID]) -> None:
    """Raises UnknownLocationError unless the channel may promise stock of every one of these locations."""
    for location_id in location_ids:
        if location_id not in pool.places:
            raise UnknownLocationError(f"the channel sells nothing at a location {location_id}", path=("locationId",))


def _outcome(reservation_id: UUID, done: c.Done) -> dict[str, Any]:
    return {
        "reservation_id": str(reservation_id),
        "expires_at": done.expires_at.isoformat() if done.expires_at is not None else None,
        "lines": [[str(key.variant_id), str(key.location_id), quantity] for key, quantity in done.units],
        "ids": [str(reservation_id)],
    }


def _check(principal: Principal, command: CreateReservation) -> None:
    principal.require(Scope.RESERVATIONS_WRITE)
    if not 1 <= len(command.lines) <= MAX_LINES:
        raise TooManyLinesError(f"a reservation has 1 to {MAX_LINES} lines, not {len(command.lines)}", path=("lines",))
    _check_ttl(command.ttl_seconds)
    for index, line in enumerate(command.lines):
        positive_quantity(line.quantity, path=("lines", str(index), "quantity"))
        if len(line.places) > MAX_LISTED_LOCATIONS or len(set(line.places)) < len(line.places):
            raise InvalidInputError(
                f"name up to {MAX_LISTED_LOCATIONS} different locations", path=("lines", str(index), "locationIds")
            )
        for place in line.places:
            principal.require_location(place)
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
