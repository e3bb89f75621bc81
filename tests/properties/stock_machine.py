"""Every stock operation of several clients in any order, through the public use cases, while time moves.

After each step the database is what the model says, and no promise about stock is broken.
"""

from collections import Counter
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from hub.infra.idempotency import Answer
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    Adopt,
    Allocate,
    Count,
    Deallocate,
    Fulfill,
    LevelKey,
    MarkDamaged,
    Move,
    Receive,
    ReservationOwner,
    ReservationStatus,
    ReturnCondition,
    Sell,
    SetSafetyStock,
    TakeBack,
    adjust_stock,
    count_stock,
    receive_stock,
    set_safety_stock,
    sweep_due_reservations,
    transfer_stock,
)
from hub.kernel.ids import new_id
from tests.properties.stock_claims import StockClaims, picks, quantities, spots, total, units_at


class StockMachine(StockClaims):
    # What staff report.

    @rule(at=units_at)
    def receive(self, at: list[tuple[int, int]]) -> None:
        units = self._units(at)
        self._ask(receive_stock, self.world.staff, Receive(units)).unwrap()
        self.model.on_hand.update(total(units))

    @rule(spot=spots, delta=st.integers(-6, 6).filter(bool), expected=st.none() | st.integers(-1, 3))
    def adjust(self, spot: int, delta: int, expected: int | None) -> None:
        key = self.world.keys[spot]
        answer = self._ask(adjust_stock, self.world.staff, Adjust(key, delta, AdjustmentReason.CORRECTION, expected))
        if not self._stale(answer, key, expected):
            self.model.take(Counter({key: -delta}))

    @rule(spot=spots, counted=st.integers(0, 12), expected=st.none() | st.integers(-1, 3))
    def count(self, spot: int, counted: int, expected: int | None) -> None:
        key = self.world.keys[spot]
        answer = self._ask(count_stock, self.world.staff, Count(key, counted, expected))
        if not self._stale(answer, key, expected):
            self.model.count(key, counted)

    def _stale(self, answer: Answer, key: LevelKey, expected: int | None) -> bool:
        stale = expected is not None and expected != self.model.on_hand[key]
        assert getattr(answer.refusal, "code", None) == ("STALE_QUANTITY" if stale else None)
        return stale

    @rule(spot=spots, safety=st.integers(0, 3))
    def protect(self, spot: int, safety: int) -> None:
        key = self.world.keys[spot]
        self._ask(set_safety_stock, self.world.staff, SetSafetyStock(key, safety)).unwrap()
        self.model.safety[key] = safety

    @rule(spot=spots, step=st.integers(1, 2), quantity=quantities)
    def move(self, spot: int, step: int, quantity: int) -> None:
        source = self.world.keys[spot]
        places = [key.location_id for key in self.world.keys[:3]]
        target = LevelKey(source.variant_id, places[(places.index(source.location_id) + step) % 3])
        fits = quantity <= self.model.free(source, respecting=False)
        command = Move(source.variant_id, source.location_id, target.location_id, quantity, new_id())
        answer = self._ask(transfer_stock, self.world.staff, command)
        assert getattr(answer.refusal, "code", None) == (None if fits else "INSUFFICIENT_STOCK")
        if fits:
            self.model.on_hand[source] -= quantity
            self.model.on_hand[target] += quantity

    # Facts, and what orders do in their own transactions.

    @rule(at=units_at, pick=st.none() | picks, ago=st.none() | st.integers(0, 4))
    def sell(self, at: list[tuple[int, int]], pick: int | None, ago: int | None) -> None:
        name = None if pick is None else self._pick(pick)
        refusal = None if name is None else self.model.usable(name)
        sold_at = None if ago is None else self.model.now - 1_000 * ago - 500
        units = total(self._units(at))
        command = Sell(new_id(), self._units(at), name, None if sold_at is None else self.world.instant(sold_at))
        assert self._order(command) == refusal
        if refusal is None:
            seen = {key for key, counted in self.model.counted.items() if sold_at is not None and sold_at < counted}
            self.model.take(Counter({key: quantity for key, quantity in units.items() if key not in seen}))
            if name is not None:
                self.model.holds[name].status = ReservationStatus.COMMITTED

    @rule(at=units_at, condition=st.sampled_from(ReturnCondition))
    def take_back(self, at: list[tuple[int, int]], condition: ReturnCondition) -> None:
        assert self._order(TakeBack(self._units(at), condition, new_id())) is None
        where = {
            ReturnCondition.SELLABLE: self.model.on_hand,
            ReturnCondition.INSPECT: self.model.quality_control,
            ReturnCondition.DAMAGED: self.model.damaged,
        }
        where[condition].update(total(self._units(at)))

    @rule(at=units_at)
    def damage(self, at: list[tuple[int, int]]) -> None:
        assert self._order(MarkDamaged(self._units(at))) is None
        self.model.take(total(self._units(at)))
        self.model.damaged.update(total(self._units(at)))

    @rule(pick=picks)
    def adopt(self, pick: int) -> None:
        name = self._pick(pick)
        refusal = self.model.usable(name)
        assert self._order(Adopt(name)) == refusal
        if refusal is None:
            self.model.holds[name].owner, self.model.holds[name].ends = ReservationOwner.ORDER, None

    @rule(at=units_at, pick=st.none() | picks, holder=st.integers(1, 3))
    def allocate(self, at: list[tuple[int, int]], pick: int | None, holder: int) -> None:
        name = None if pick is None else self._pick(pick)
        refusal = None if name is None else self.model.usable(name)
        units = self._units(at)
        fits = refusal is None and self.model.allocates(name, total(units))
        holders = tuple((UUID(int=holder), unit) for unit in units)
        assert self._order(Allocate(holders, new_id(), name)) == (refusal or (None if fits else "INSUFFICIENT_STOCK"))
        if fits:
            self.model.holders.setdefault(UUID(int=holder), Counter()).update(total(units))
            if name is not None:
                self.model.holds[name].status = ReservationStatus.COMMITTED

    @rule(holder=st.integers(1, 3), shipped=st.booleans())
    def let_go(self, holder: int, shipped: bool) -> None:
        name = UUID(int=holder)
        assert self._order(Fulfill((name,), new_id()) if shipped else Deallocate((name,), new_id())) is None
        gone = self.model.holders.pop(name, Counter())
        if shipped:
            self.model.take(gone)

    # Time.

    @rule(thousands=st.integers(1, 4))
    def wait(self, thousands: int) -> None:
        self.model.now += 1_000 * thousands
        self.world.set_clock(self.model.now)
        self.world.steps += 1

    @rule()
    def sweep(self) -> None:
        due = [hold for hold in self.model.holds.values() if self.model.due(hold)]
        assert self.world.run(sweep_due_reservations(self.world.database)) == len(due)
        self.world.steps += 1
        self._note_lapsed()
        assert all(hold.status is ReservationStatus.EXPIRED for hold in due)

    # What holds after every step.

    @invariant()
    def the_database_is_the_model(self) -> None:
        actual = self.actual
        for key in self.world.keys:
            told = actual.levels.get(key, (0,) * 8)
            model = self.model
            assert told == (
                model.on_hand[key],
                model.reserved(key),
                model.allocated(key),
                model.damaged[key],
                model.quality_control[key],
                model.safety[key],
                model.shortage(key),
                0,
            )
        assert actual.holds == {name: (hold.status, hold.owner, hold.units) for name, hold in self.model.holds.items()}
        assert actual.holders == {name: held for name, held in self.model.holders.items() if held.total()}
        assert actual.to_count == self.model.to_count

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.world.run(self.world.broken_promises()) == []

    @invariant()
    def every_channel_says_what_it_may_promise(self) -> None:
        for (variant, channel), told in self.world.run(self.world.to_sell()).items():
            assert told == self.model.promise(channel, variant, lapsed=False)
