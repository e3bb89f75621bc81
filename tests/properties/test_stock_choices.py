"""Where a claim takes its units, against every way in which it could: small cases, and any order of commands."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from hub.inventory import commands as c
from hub.inventory.books import Books
from hub.inventory.commands import RefusalCode
from hub.inventory.decision import decide
from hub.inventory.models import ReservationOwner, ReservationStatus
from hub.inventory.pool import Place, Pool, PoolClaim, Terms
from hub.inventory.rules import Level
from hub.inventory.units import LevelKey, Listed, Units
from tests.properties.test_stock_decision import ACTOR, KEYS, StockDecision

EXAMPLES, STEPS, LEAST_STEPS = 120, 40, 3_000
VARIANT, CHANNEL = KEYS[0].variant_id, UUID(int=50)
PLACES = [UUID(int=number) for number in (7, 8, 9)]
SHIP = frozenset({"SHIP"})

levels = st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 2)), min_size=3, max_size=3)
"""onHand and safety stock of each place."""
quantities = st.integers(1, 9)
orders = st.permutations(PLACES).flatmap(lambda order: st.integers(1, 3).map(lambda size: tuple(order[:size])))


def books(at: Sequence[tuple[int, int]]) -> Books:
    keys = [LevelKey(VARIANT, place) for place in PLACES]
    return Books(
        {key: Level(key, on_hand=there, safety_stock=safe) for key, (there, safe) in zip(keys, at, strict=True)}
    )


def free(at: Sequence[tuple[int, int]], places: Sequence[UUID]) -> list[int]:
    by_place = dict(zip(PLACES, at, strict=True))
    return [max(0, by_place[place][0] - by_place[place][1]) for place in places]


def every_way(quantity: int, room: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to take so many units, or all there are, from places with so much room."""
    wanted = min(quantity, sum(room))
    return (way for way in product(*(range(units + 1) for units in room)) if sum(way) == wanted)


def reserve(taken_from: Books, *, partial: bool, **where: object) -> c.Outcome:
    command = c.Reserve(UUID(int=1), ReservationOwner.CART, (), 60, partial=partial, **where)  # type: ignore[arg-type]
    return decide(taken_from, c.StockRequest(ACTOR, command))


def place_of(location_id: UUID) -> Place:
    return Place(location_id, str(location_id), None, "UTC", SHIP)


@given(at=levels, quantity=quantities, order=orders, partial=st.booleans())
@settings(max_examples=400, deadline=None, database=None)
@example(at=[(1, 0), (3, 0), (3, 0)], quantity=3, order=tuple(PLACES), partial=False)
def test_a_listed_line_is_served_by_the_best_of_every_way(
    at: list[tuple[int, int]], quantity: int, order: tuple[UUID, ...], partial: bool
) -> None:
    room = free(at, order)
    outcome = reserve(books(at), partial=partial, listed=(Listed(VARIANT, quantity, order),))
    if sum(room) < (1 if partial else quantity):
        assert isinstance(outcome, c.Refused)
        assert outcome.code is RefusalCode.INSUFFICIENT_STOCK
        return
    assert isinstance(outcome, c.Done)
    alone = [way for way in every_way(quantity, room) if quantity in way]
    best = max(alone or every_way(quantity, room))
    given_at = {key.location_id: units for key, units in outcome.units}
    assert tuple(given_at.get(place, 0) for place in order) == best
    assert sum(short.requested - short.available for short in outcome.short) == quantity - sum(best)


@given(
    at=levels,
    quantity=quantities,
    held_back=st.integers(0, 4),
    cap=st.none() | st.integers(0, 6),
    partial=st.booleans(),
)
@settings(max_examples=400, deadline=None, database=None)
def test_a_pool_gives_what_it_promises_from_as_few_places_as_can_be(
    at: list[tuple[int, int]], quantity: int, held_back: int, cap: int | None, partial: bool
) -> None:
    room = free(at, PLACES)
    promise = max(0, sum(room) - held_back)
    promise = promise if cap is None else min(promise, cap)
    pool = Pool({place: place_of(place) for place in PLACES}, {VARIANT: Terms(held_back, cap)})
    claim = PoolClaim(CHANNEL, {VARIANT: quantity}, partial=partial)
    outcome = reserve(books(at), partial=partial, from_pool=c.FromPool(claim, pool))
    if promise < (1 if partial else quantity):
        assert isinstance(outcome, c.Refused)
        assert [short.available for short in outcome.shortfalls] == [promise]
        return
    assert isinstance(outcome, c.Done)
    got = min(quantity, promise)
    assert sum(units for _, units in outcome.units) == got
    fewest = next(size for size in range(1, 4) if any(sum(chosen) >= got for chosen in combinations(room, size)))
    assert len(outcome.units) == fewest
    assert all(units <= room[PLACES.index(key.location_id)] for key, units in outcome.units)


class StockChoices(StockDecision):
    """The same commands, and claims whose levels the decision chooses or changes."""

    @rule(variant=st.sampled_from([1, 2]), quantity=quantities, forth=st.booleans(), partial=st.booleans())
    def reserve_listed(self, variant: int, quantity: int, forth: bool, partial: bool) -> None:
        places = (UUID(int=7), UUID(int=8))[:: 1 if forth else -1]
        line = Listed(UUID(int=variant), quantity, places)
        room = sum(self.model.free(key, respecting=True) for key in line.keys)
        self._enter(c.Reserve(self._mint(), ReservationOwner.CART, (), 60, listed=(line,), partial=partial), room)

    @rule(key=st.sampled_from(KEYS), quantity=quantities)
    def reserve_partly(self, key: LevelKey, quantity: int) -> None:
        room = self.model.free(key, respecting=True)
        self._enter(c.Reserve(self._mint(), ReservationOwner.CART, (Units(key, quantity),), 60, partial=True), room)

    @rule(variant=st.sampled_from([1, 2]), quantity=quantities, held_back=st.integers(0, 3), partial=st.booleans())
    def reserve_from_pool(self, variant: int, quantity: int, held_back: int, partial: bool) -> None:
        name = UUID(int=variant)
        pool = Pool({place: place_of(place) for place in PLACES[:2]}, {name: Terms(held_back, None)})
        asked = c.FromPool(PoolClaim(CHANNEL, {name: quantity}, partial=partial), pool)
        room = sum(self.model.free(key, respecting=True) for key in KEYS if key.variant_id == name) - held_back
        command = c.Reserve(self._mint(), ReservationOwner.CART, (), 60, from_pool=asked, partial=partial)
        self._enter(command, max(0, room))

    def _enter(self, command: c.Reserve, room: int) -> None:
        pooled = sum(command.from_pool.claim.demand.values()) if command.from_pool is not None else 0
        listed = sum(line.quantity for line in command.listed)
        asked = pooled + listed + sum(quantity for _, quantity in command.units)
        granted = room >= (1 if command.partial else asked)
        before = {key: self.model.free(key, respecting=True) for key in KEYS}
        outcome = self._decide(command)
        self._expect_claim(outcome, granted=granted)
        if isinstance(outcome, c.Done):
            units = Counter(dict(outcome.units))
            assert units.total() == min(asked, room)
            assert all(quantity <= before[key] for key, quantity in units.items())
            self.model.claims[command.reservation_id] = units
            self.statuses[command.reservation_id] = ReservationStatus.ACTIVE
            self.units[command.reservation_id] = Counter(units)

    @rule(pick=st.integers(0, 30), location=st.sampled_from([7, 8]))
    def relocate(self, pick: int, location: int) -> None:
        name, target = self._pick(pick), UUID(int=location)
        refusal = self._usable(name)
        held = self.model.claims.get(name, Counter())
        moved: Counter[LevelKey] = Counter()
        for key, quantity in held.items():
            moved[LevelKey(key.variant_id, target)] += quantity
        fits = self.model.serves(moved - held, respecting=True)
        outcome = self._decide(c.Relocate(name, target))
        if refusal is not None:
            assert isinstance(outcome, c.Refused)
            assert outcome.code is refusal
            return
        self._expect_claim(outcome, granted=fits)
        if fits:
            self.model.claims[name] = moved
            self.units[name] = Counter(moved)

    @rule(pick=st.integers(0, 30))
    def sell_held(self, pick: int) -> None:
        name = self._pick(pick)
        refusal = self._usable(name)
        outcome = self._decide(c.SellHeld(self._mint(), name))
        assert (outcome.code if isinstance(outcome, c.Refused) else None) is refusal
        if refusal is None:
            self.model.on_hand.subtract(self.model.claims[name])
            self._resolve(name, ReservationStatus.COMMITTED)


def test_no_sequence_of_choices_breaks_a_stock_promise() -> None:
    StockDecision.taken = 0
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(StockChoices, settings=profile)
    assert StockDecision.taken >= LEAST_STEPS
