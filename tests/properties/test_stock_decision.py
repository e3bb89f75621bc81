"""The stock decision against a model that keeps no counters: it adds up who holds what, each time anew."""

import copy
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from hub.inventory import commands as c
from hub.inventory.books import Books
from hub.inventory.commands import RefusalCode
from hub.inventory.decision import decide, expire
from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.rules import Deltas, HeldReservation, Level
from hub.inventory.units import LevelKey, Units

EXAMPLES, STEPS = 240, 40
LEAST_STEPS = 6_000
KEYS = [LevelKey(UUID(int=variant), UUID(int=location)) for variant in (1, 2) for location in (7, 8)]
ACTOR = c.Actor(UUID(int=99))
NOW = datetime(2026, 1, 1, tzinfo=UTC)

keys = st.sampled_from(KEYS)
quantities = st.integers(1, 6)
lines = st.lists(st.builds(Units, keys, quantities), min_size=1, max_size=4).map(tuple)
picks = st.integers(0, 30)


@dataclass
class Model:
    """What is physically where, and who holds a claim on it."""

    on_hand: Counter[LevelKey] = field(default_factory=Counter)
    damaged: Counter[LevelKey] = field(default_factory=Counter)
    quality_control: Counter[LevelKey] = field(default_factory=Counter)
    safety: Counter[LevelKey] = field(default_factory=Counter)
    claims: dict[UUID, Counter[LevelKey]] = field(default_factory=dict)
    """Active reservations."""
    holders: dict[UUID, Counter[LevelKey]] = field(default_factory=dict)

    def reserved(self, key: LevelKey) -> int:
        return sum(claim[key] for claim in self.claims.values())

    def allocated(self, key: LevelKey) -> int:
        return sum(held[key] for held in self.holders.values())

    def gap(self, key: LevelKey) -> int:
        return max(0, self.reserved(key) + self.allocated(key) - self.on_hand[key])

    def free(self, key: LevelKey, *, respecting: bool) -> int:
        kept = self.safety[key] if respecting else 0
        return max(0, self.on_hand[key] - self.reserved(key) - self.allocated(key) - kept)

    def serves(self, wanted: Counter[LevelKey], *, respecting: bool) -> bool:
        return all(quantity <= self.free(key, respecting=respecting) for key, quantity in wanted.items())


class StockDecision(RuleBasedStateMachine):
    """Commands come in any order; now and then everything is written and read again, as the engine does."""

    taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.written: dict[LevelKey, Level] = {key: Level(key) for key in KEYS}
        self.statuses: dict[UUID, ReservationStatus] = {}
        self.units: dict[UUID, Counter[LevelKey]] = {}
        self.due: set[UUID] = set()
        self.ledger: Counter[tuple[LevelKey, str]] = Counter()
        self.resolved: Counter[UUID] = Counter()
        self.minted = 1_000
        self.books = self._read()

    def _read(self) -> Books:
        reservations = {
            name: HeldReservation(name, status, name in self.due, dict(self.units[name]))
            for name, status in self.statuses.items()
        }
        holdings = {
            (holder, key): held for holder, all_held in self.model.holders.items() for key, held in all_held.items()
        }
        return Books(dict(self.written), reservations, {name: held for name, held in holdings.items() if held})

    def _mint(self) -> UUID:
        self.minted += 1
        return UUID(int=self.minted)

    def _pick(self, pick: int) -> UUID:
        """Any reservation ever made, or one that nobody made."""
        known = [*self.statuses, UUID(int=0)]
        return known[pick % len(known)]

    def _decide(self, command: c.StockCommand) -> c.Outcome:
        before = copy.deepcopy(self.books)
        outcome = decide(self.books, c.StockRequest(ACTOR, command))
        if isinstance(outcome, c.Refused):
            for item in fields(Books):
                assert getattr(self.books, item.name) == getattr(before, item.name), (
                    "a refused command changed something"
                )
        else:
            self._post(len(before.postings), before.levels)
        StockDecision.taken += 1
        return outcome

    def _post(self, since: int, before: dict[LevelKey, Level]) -> None:
        """Every posting continues its level by exactly its deltas."""
        running = dict(before)
        for posting in self.books.postings[since:]:
            level = running[posting.level.key]
            assert posting.level.version == level.version + 1
            for state in fields(Deltas):
                delta = getattr(posting.deltas, state.name)
                assert getattr(posting.level, state.name) == getattr(level, state.name) + delta
                self.ledger[posting.level.key, state.name] += delta
            running[posting.level.key] = posting.level

    def _usable(self, name: UUID) -> RefusalCode | None:
        status = self.statuses.get(name)
        if status is None:
            return RefusalCode.RESERVATION_NOT_FOUND
        if status is ReservationStatus.EXPIRED or (status is ReservationStatus.ACTIVE and name in self.due):
            return RefusalCode.RESERVATION_EXPIRED
        return None if status is ReservationStatus.ACTIVE else RefusalCode.RESERVATION_NOT_ACTIVE

    def _resolve(self, name: UUID, status: ReservationStatus) -> None:
        self.statuses[name] = status
        self.model.claims.pop(name)
        self.resolved[name] += 1

    def _expect_claim(self, outcome: c.Outcome, *, granted: bool) -> None:
        if granted:
            assert isinstance(outcome, c.Done)
        else:
            assert isinstance(outcome, c.Refused)
            assert outcome.code is RefusalCode.INSUFFICIENT_STOCK
            assert outcome.shortfalls
            assert all(short.requested > short.available >= 0 for short in outcome.shortfalls)

    @rule(units=lines, respecting=st.booleans())
    def reserve(self, units: tuple[Units, ...], respecting: bool) -> None:
        wanted, name = _total(units), self._mint()
        granted = self.model.serves(wanted, respecting=respecting)
        outcome = self._decide(c.Reserve(name, ReservationOwner.CART, units, 60, respecting))
        self._expect_claim(outcome, granted=granted)
        if granted:
            self.model.claims[name] = wanted
            self.statuses[name] = ReservationStatus.ACTIVE
            self.units[name] = Counter(wanted)

    @rule(pick=picks)
    def release(self, pick: int) -> None:
        name = self._pick(pick)
        outcome = self._decide(c.Release(name))
        status = self.statuses.get(name)
        if status is ReservationStatus.ACTIVE:
            self._resolve(name, ReservationStatus.RELEASED)
        assert isinstance(outcome, c.Done) == (status not in {None, ReservationStatus.COMMITTED})

    @rule(pick=picks, seconds=st.integers(1, 100))
    def extend(self, pick: int, seconds: int) -> None:
        name = self._pick(pick)
        outcome = self._decide(c.Extend(name, seconds))
        assert (outcome.code if isinstance(outcome, c.Refused) else None) is self._usable(name)

    @rule(
        pick=picks,
        units=lines,
        with_reservation=st.booleans(),
        holders=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    )
    def allocate(
        self,
        pick: int,
        units: tuple[Units, ...],
        with_reservation: bool,
        holders: list[int],
    ) -> None:
        name = self._pick(pick) if with_reservation else None
        held_by = tuple((UUID(int=holder), unit) for holder, unit in zip(holders, units, strict=False))
        refusal = self._usable(name) if name is not None else None
        outcome = self._decide(c.Allocate(held_by, self._mint(), name))
        if refusal is not None:
            assert isinstance(outcome, c.Refused)
            assert outcome.code is refusal
            return
        mine = Counter(self.model.claims[name]) if name is not None else Counter[LevelKey]()
        # Free for the fresh part: what would be free without the reservation, less what it converts.
        fits = all(
            quantity <= mine[key]
            or quantity - mine[key]
            <= max(
                0,
                self.model.on_hand[key] - self.model.reserved(key) - self.model.allocated(key) - self.model.safety[key],
            )
            for key, quantity in _total(units).items()
        )
        self._expect_claim(outcome, granted=fits)
        if fits:
            for holder, (key, quantity) in held_by:
                self.model.holders.setdefault(holder, Counter())[key] += quantity
            if name is not None:
                self._resolve(name, ReservationStatus.COMMITTED)

    @rule(holder=st.integers(1, 4), shipped=st.booleans())
    def let_go(self, holder: int, shipped: bool) -> None:
        name = UUID(int=holder)
        command = c.Fulfill((name,), name) if shipped else c.Deallocate((name,), name)
        assert self._decide(command) == c.Done()
        gone = self.model.holders.pop(name, Counter())
        if shipped:
            self.model.on_hand.subtract(gone)

    @rule(pick=picks, units=lines, with_reservation=st.booleans(), days_ago=st.none() | st.integers(0, 3))
    def sell(
        self,
        pick: int,
        units: tuple[Units, ...],
        with_reservation: bool,
        days_ago: int | None,
    ) -> None:
        name = self._pick(pick) if with_reservation else None
        refusal = self._usable(name) if name is not None else None
        sold_at = None if days_ago is None else NOW - timedelta(days=days_ago)
        outcome = self._decide(c.Sell(self._mint(), units, name, sold_at))
        assert (outcome.code if isinstance(outcome, c.Refused) else None) is refusal
        if refusal is None:
            for key, quantity in _total(units).items():
                counted_at = self.written[key].counted_at
                seen_by_count = sold_at is not None and counted_at is not None and sold_at < counted_at
                self.model.on_hand[key] -= 0 if seen_by_count else quantity
            if name is not None:
                self._resolve(name, ReservationStatus.COMMITTED)

    @rule(units=lines)
    def receive(self, units: tuple[Units, ...]) -> None:
        assert self._decide(c.Receive(units)) == c.Done()
        self.model.on_hand.update(_total(units))

    @rule(key=keys, delta=st.integers(-8, 8).filter(bool), expected=st.none() | st.integers(-2, 4))
    def adjust(self, key: LevelKey, delta: int, expected: int | None) -> None:
        outcome = self._decide(c.Adjust(key, delta, c.AdjustmentReason.CORRECTION, expected))
        self._as_expected(outcome, key, expected, self.model.on_hand[key] + delta)

    @rule(key=keys, counted=st.integers(0, 12), expected=st.none() | st.integers(-2, 4))
    def count(self, key: LevelKey, counted: int, expected: int | None) -> None:
        outcome = self._decide(c.Count(key, counted, expected))
        self._as_expected(outcome, key, expected, counted)
        if isinstance(outcome, c.Done):
            assert key in self.books.counted
            assert key not in self.books.contradicted

    def _as_expected(self, outcome: c.Outcome, key: LevelKey, expected: int | None, on_hand: int) -> None:
        stale = expected is not None and expected != self.model.on_hand[key]
        assert isinstance(outcome, c.Refused) == stale
        if isinstance(outcome, c.Refused):
            assert outcome.code is RefusalCode.STALE_QUANTITY
        else:
            self.model.on_hand[key] = on_hand

    @rule(key=keys, safety_stock=st.integers(0, 4))
    def protect(self, key: LevelKey, safety_stock: int) -> None:
        assert self._decide(c.SetSafetyStock(key, safety_stock)) == c.Done()
        self.model.safety[key] = safety_stock

    @rule(units=lines, condition=st.sampled_from(c.ReturnCondition))
    def take_back(self, units: tuple[Units, ...], condition: c.ReturnCondition) -> None:
        assert self._decide(c.TakeBack(units, condition, self._mint())) == c.Done()
        where = {
            c.ReturnCondition.SELLABLE: self.model.on_hand,
            c.ReturnCondition.INSPECT: self.model.quality_control,
            c.ReturnCondition.DAMAGED: self.model.damaged,
        }
        where[condition].update(_total(units))

    @rule(units=lines)
    def damage(self, units: tuple[Units, ...]) -> None:
        assert self._decide(c.MarkDamaged(units)) == c.Done()
        self.model.on_hand.subtract(_total(units))
        self.model.damaged.update(_total(units))

    @rule(variant=st.sampled_from([1, 2]), there=st.booleans(), quantity=quantities)
    def move(self, variant: int, there: bool, quantity: int) -> None:
        places = (UUID(int=7), UUID(int=8)) if there else (UUID(int=8), UUID(int=7))
        source, target = (LevelKey(UUID(int=variant), place) for place in places)
        granted = quantity <= self.model.free(source, respecting=False)
        outcome = self._decide(c.Move(UUID(int=variant), *places, quantity, self._mint()))
        self._expect_claim(outcome, granted=granted)
        if granted:
            self.model.on_hand[source] -= quantity
            self.model.on_hand[target] += quantity

    @precondition(lambda self: self.model.claims)
    @rule(pick=picks)
    def lapse(self, pick: int) -> None:
        """The sweeper, or a claim that fell short, takes back a due hold."""
        name = list(self.model.claims)[pick % len(self.model.claims)]
        since, before = len(self.books.postings), dict(self.books.levels)
        expire(self.books, self.books.reservations[name], ACTOR)
        self._post(since, before)
        self._resolve(name, ReservationStatus.EXPIRED)

    @rule(pick=picks)
    def write_and_read(self, pick: int) -> None:
        """The transaction ends; the next one finds one more hold due, and levels counted when they were counted."""
        self._check_messages()
        self.written = {
            key: replace(
                level,
                safety_stock=self.books.safety_stocks.get(key, level.safety_stock),
                counted_at=NOW - timedelta(days=1) if key in self.books.counted else level.counted_at,
            )
            for key, level in self.books.levels.items()
        }
        if self.model.claims:
            self.due.add(list(self.model.claims)[pick % len(self.model.claims)])
        self.books = self._read()

    def _check_messages(self) -> None:
        """What the transaction writes beside the levels says the same as the levels."""
        made = Counter(command.reservation_id for _, command, _ in self.books.reserved)
        assert not [name for name, times in made.items() if times > 1]
        held: Any = self.books.changed_holdings
        for (holder, key), quantity in held.items():
            assert quantity == self.model.holders.get(holder, Counter())[key]
        for key in self.books.contradicted:
            assert any(posting.level.on_hand < 0 for posting in self.books.postings if posting.level.key == key)

    @invariant()
    def levels_are_what_is_there_and_who_holds_it(self) -> None:
        for key in KEYS:
            level = self.books.levels[key]
            assert level.on_hand == self.model.on_hand[key]
            assert level.reserved == self.model.reserved(key)
            assert level.allocated == self.model.allocated(key)
            assert level.damaged == self.model.damaged[key]
            assert level.quality_control == self.model.quality_control[key]
            assert level.incoming == 0

    @invariant()
    def nothing_is_oversold_beyond_an_exact_shortage(self) -> None:
        for key in KEYS:
            level = self.books.levels[key]
            assert level.shortage == self.model.gap(key)
            assert level.reserved + level.allocated <= level.on_hand + level.shortage

    @invariant()
    def the_ledger_is_the_level(self) -> None:
        for key in KEYS:
            for state in fields(Deltas):
                assert self.ledger[key, state.name] == getattr(self.books.levels[key], state.name)

    @invariant()
    def a_level_below_zero_is_to_be_counted(self) -> None:
        for key in KEYS:
            below = self.books.levels[key].on_hand < min(0, self.written[key].on_hand)
            assert not below or key in self.books.contradicted

    @invariant()
    def a_reservation_resolves_once(self) -> None:
        assert all(times == 1 for times in self.resolved.values())
        written = Counter(item.reservation_id for item in self.books.resolutions)
        assert all(times == 1 for times in written.values())


def _total(units: tuple[Units, ...]) -> Counter[LevelKey]:
    total: Counter[LevelKey] = Counter()
    for key, quantity in units:
        total[key] += quantity
    return total


def test_no_sequence_of_commands_breaks_a_stock_promise() -> None:
    StockDecision.taken = 0
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(StockDecision, settings=profile)
    assert StockDecision.taken >= LEAST_STEPS
