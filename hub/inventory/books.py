"""What is locked while commands are decided, and everything they want written. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from hub.inventory import commands as c
from hub.inventory.commands import RefusalCode, Refused
from hub.inventory.models import ReservationStatus
from hub.inventory.rules import EFFECTS, Deltas, Effect, HeldReservation, Level, MovementKind, moved
from hub.inventory.units import LevelKey, Shortfall, Units, summed


@dataclass(frozen=True, slots=True)
class Posting:
    """One ledger row to write: `level` is the level as this movement leaves it."""

    level: Level
    kind: MovementKind
    deltas: Deltas
    actor: c.Actor
    reason: str | None = None
    reference_id: UUID | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """A reservation leaves ACTIVE."""

    reservation_id: UUID
    status: ReservationStatus
    outcome_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """A holder's allocation is now `quantity` (0: gone)."""

    holder_id: UUID
    key: LevelKey
    quantity: int


@dataclass(slots=True)
class Books:
    """Locked state while commands are decided, and everything they want written."""

    levels: dict[LevelKey, Level]
    reservations: dict[UUID, HeldReservation] = field(default_factory=dict)
    holdings: dict[tuple[UUID, LevelKey], int] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    reserved: list[tuple[c.Actor, c.Reserve, tuple[Units, ...]]] = field(default_factory=list)
    resolutions: list[Resolution] = field(default_factory=list)
    extensions: list[c.Extend] = field(default_factory=list)
    adoptions: list[UUID] = field(default_factory=list)
    relocations: dict[UUID, tuple[Units, ...]] = field(default_factory=dict)
    """The lines of reservations that have moved."""
    changed_holdings: dict[tuple[UUID, LevelKey], int] = field(default_factory=dict)
    safety_stocks: dict[LevelKey, int] = field(default_factory=dict)
    counted: dict[LevelKey, datetime | None] = field(default_factory=dict)
    """When each level was counted; None: now."""
    contradicted: set[LevelKey] = field(default_factory=set)
    """Levels that were taken below zero since they were last counted: somebody has to count."""

    def resolve(self, held: HeldReservation, status: ReservationStatus, outcome_id: UUID | None = None) -> None:
        """The reservation leaves ACTIVE."""
        self.resolutions.append(Resolution(held.reservation_id, status, outcome_id))
        self.reservations[held.reservation_id] = replace(held, status=status, due=False)

    def hold(self, holder: UUID, key: LevelKey, quantity: int) -> None:
        self.holdings[holder, key] = quantity
        self.changed_holdings[holder, key] = quantity


class Refusal(Exception):  # noqa: N818 (control flow of the decision: unwinds one command)
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


class Attempt:
    """One command's postings on copies; `keep` makes them part of the books."""

    def __init__(self, books: Books, actor: c.Actor, reference_id: UUID | None) -> None:
        self.books = books
        self.actor = actor
        self.reference_id = reference_id
        self.occurred_at: datetime | None = None
        self._levels: dict[LevelKey, Level] = {}
        self._postings: list[Posting] = []

    def level(self, key: LevelKey) -> Level:
        found = self._levels.get(key) or self.books.levels.get(key)
        return found if found is not None else Level(key)

    def post(self, effect: Effect, key: LevelKey, quantity: int, reason: str | None = None) -> None:
        """Post an effect that the caller has already shown to be allowed."""
        kind, unit = EFFECTS[effect]
        self.post_deltas(kind, key, unit.times(quantity), reason)

    def post_deltas(self, kind: MovementKind, key: LevelKey, deltas: Deltas, reason: str | None = None) -> None:
        after = moved(self.level(key), kind, deltas)
        if after is None:
            raise Refusal(short_of([Shortfall(key, max(1, -min(deltas.on_hand, deltas.reserved, 0)), 0)]))
        self._levels[key] = after
        self._postings.append(Posting(after, kind, deltas, self.actor, reason, self.reference_id, self.occurred_at))

    def claim(self, effect: Effect, units: Iterable[Units], *, respecting_safety_stock: bool) -> None:
        """Post a claim on free units; refuses with every level that is short."""
        wanted = summed(units)
        short = [
            Shortfall(key, quantity, free)
            for key, quantity in wanted.items()
            if quantity > (free := self.level(key).free(respecting_safety_stock=respecting_safety_stock))
        ]
        if short:
            raise Refusal(short_of(short))
        for key, quantity in wanted.items():
            self.post(effect, key, quantity)

    def protect(self, key: LevelKey, safety_stock: int) -> None:
        self._levels[key] = replace(self.level(key), safety_stock=safety_stock)

    def keep(self) -> None:
        for key, after in self._levels.items():
            before = self.books.levels.get(key)
            if after.on_hand < min(0, before.on_hand if before is not None else 0):
                self.books.contradicted.add(key)
        self.books.levels.update(self._levels)
        self.books.postings.extend(self._postings)


def short_of(short: Iterable[Shortfall]) -> Refused:
    return Refused(RefusalCode.INSUFFICIENT_STOCK, "not enough stock for every line", tuple(short))
