"""Claims of several clients against the stock of a world: what is asked, and what it has to come to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer, IdempotencyKeyReusedError
from hub.infra.mutations import mutate
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    CreateReservation,
    LevelKey,
    Refused,
    ReservationLineInput,
    ReservationOwner,
    ReservationStatus,
    StockRequest,
    Units,
    adjust_stock,
    apply,
    commit_to_receipt,
    create_reservation,
    extend_reservation,
    release_reservation,
    transfer_reservation,
)
from hub.inventory.commands import StockCommand
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal
from tests.inventory.stage import ACTOR
from tests.properties.stock_model import Held, Hold, Wish
from tests.properties.stock_world import Client, StockWorld

REMEMBERED = 30
clients = st.integers(0, 3)
picks = st.integers(0, 40)
spots = st.integers(0, 5)
quantities = st.integers(1, 5)
ttls = st.sampled_from([500, 1_500, 3_500, 13_500])
units_at = st.lists(st.tuples(spots, quantities), min_size=1, max_size=4)
wishes = st.lists(st.tuples(quantities, st.lists(st.integers(0, 2), max_size=3, unique=True)), min_size=1, max_size=2)

Use = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True)
class Asked:
    """A keyed mutation that was answered, to be asked again."""

    again: Callable[[], Awaitable[Answer]]
    principal: Principal
    key: str
    answer: Answer


class StockClaims(RuleBasedStateMachine):
    def __init__(self, world: StockWorld) -> None:
        super().__init__()
        self.world = world
        self.model = world.begin()
        self.asked: list[Asked] = []
        self.actual = world.run(world.read())

    # What is done, and what it comes to.

    def _ask(self, use: Use, principal: Principal, *given: Any, **named: Any) -> Answer:
        key = str(new_id())
        again = partial(use, self.world.database, principal, *given, **named, idempotency_key=key)
        answer = self.world.run(again())
        assert not answer.replayed
        self.asked = [*self.asked[-REMEMBERED:], Asked(again, principal, key, answer)]
        return self._stepped(answer)

    def _order(self, *commands: StockCommand) -> str | None:
        """Commands that an order's own transaction applies; the first refusal's code."""

        async def place(session: WriteSession) -> dict[str, Any]:
            outcomes = await apply(session, [StockRequest(ACTOR, command) for command in commands])
            refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
            return {"code": _first(refused)}

        answer = self._ask(partial(_mutate, place), self.world.staff)
        code: str | None = answer.outcome["code"]
        return code

    def _stepped(self, answer: Answer) -> Answer:
        """Holds that are due may have lapsed on the way: that is known before what was done is entered."""
        self.world.steps += 1
        self._note_lapsed()
        return answer

    def _note_lapsed(self) -> None:
        self.actual = self.world.run(self.world.read())
        for name, (status, _, _) in self.actual.holds.items():
            hold = self.model.holds.get(name)
            if hold is not None and hold.status is ReservationStatus.ACTIVE and status is ReservationStatus.EXPIRED:
                assert self.model.due(hold), "a hold lapsed before its time"
                hold.status = ReservationStatus.EXPIRED

    def _units(self, at: Sequence[tuple[int, int]]) -> tuple[Units, ...]:
        return tuple(Units(self.world.keys[spot], quantity) for spot, quantity in at)

    def _pick(self, pick: int) -> UUID:
        """Any reservation that was made, the newest most often, or one that nobody made."""
        known = [*reversed(self.model.holds), UUID(int=0)]
        return known[pick % len(known)]

    # Claims.

    @rule(who=clients, wanted=wishes, ttl=ttls, partial_=st.booleans(), swap=st.booleans())
    def claim(self, who: int, wanted: list[tuple[int, list[int]]], ttl: int, partial_: bool, swap: bool) -> None:
        client = self.world.clients[who]
        chosen = [
            Wish(variant, quantity, tuple(client.reach[place] for place in places if place < len(client.reach)))
            for variant, (quantity, places) in zip(self.world.variants[:: -1 if swap else 1], wanted, strict=False)
        ]
        if client.owner is ReservationOwner.TERMINAL:
            chosen = [Wish(wish.variant_id, wish.quantity, client.reach) for wish in chosen]
        expected = self.model.granted(client.owner, client.channel_id, chosen, partial=partial_)
        lines = tuple(ReservationLineInput(item.variant_id, item.quantity, None, item.locations) for item in chosen)
        command = CreateReservation(client.owner, lines, ttl, client.channel_id, partial=partial_)
        answer = self._ask(create_reservation, client.principal, command)
        self._enter_claim(client, command, answer, expected)

    def _enter_claim(
        self, client: Client, command: CreateReservation, answer: Answer, expected: Counter[UUID] | None
    ) -> None:
        if expected is None:
            assert answer.refusal is not None
            assert answer.refusal.code == "INSUFFICIENT_STOCK"
            return
        units = _held(answer.unwrap()["lines"])
        for line in command.lines:
            got = {key.location_id: units[key] for key in units if key.variant_id == line.variant}
            assert sum(got.values()) == expected[_uuid(line.variant)]
            assert set(got) <= set(line.places or self.world.pools[client.channel_id].locations)
        for key, quantity in units.items():
            assert quantity <= self.model.free(key, respecting=client.owner is ReservationOwner.CART)
        short = sum(line["requested"] - line["available"] for line in answer.outcome["short"])
        assert short == sum(line.quantity for line in command.lines) - units.total()
        self._enter(answer, client, units, command.ttl_seconds)

    def _enter(self, answer: Answer, client: Client, units: Held, ttl: int) -> None:
        name = UUID(answer.outcome["reservation_id"])
        now = self.model.now
        self.model.holds[name] = Hold(client.owner, client.principal.id, units, now, now + ttl)

    @rule(at=st.lists(st.tuples(spots, quantities), min_size=2, max_size=8), ttl=ttls)
    def claim_at_once(self, at: list[tuple[int, int]], ttl: int) -> None:
        """One batch: in order of arrival, and who falls short once more after the due holds have lapsed."""
        client = self.world.clients[-1]
        units = self._units(at)
        commands = [
            CreateReservation(client.owner, (ReservationLineInput(key.variant_id, quantity, key.location_id),), ttl)
            for key, quantity in units
        ]
        answers = self.world.run(self._together(commands))
        self.world.steps += len(answers) - 1
        free = {key: self.model.free(key, respecting=False, lapsed=False) for key, _ in units}
        gained = {key: self.model.free(key, respecting=False) - free[key] for key in free}
        taken: set[int] = set()
        for turn in range(2):
            for number, (key, quantity) in enumerate(units):
                if number not in taken and quantity <= free[key]:
                    free[key] -= quantity
                    taken.add(number)
            if turn == 0:
                free = {key: quantity + gained[key] for key, quantity in free.items()}
        self._stepped(answers[0])
        for number, answer in enumerate(answers):
            assert (answer.refusal is None) == (number in taken)
            if answer.refusal is None:
                self._enter(answer, client, Counter(dict([units[number]])), ttl)

    async def _together(self, commands: Sequence[CreateReservation]) -> list[Answer]:
        asks = [
            create_reservation(self.world.database, self.world.staff, command, idempotency_key=str(new_id()))
            for command in commands
        ]
        return await asyncio.gather(*asks)

    def _act(self, use: Use, who: int, name: UUID, **named: Any) -> tuple[str | None, str | None, Answer]:
        """(why it should be refused, why it is, the answer)"""
        client = self.world.clients[who]
        reach = self.model.reach(name, client.principal.id, bound=client.bound)
        due = self.model.usable(name)
        answer = self._ask(use, client.principal, reservation_id=name, **named)
        return reach or due, None if answer.refusal is None else answer.refusal.code, answer

    @rule(who=clients, pick=picks)
    def release(self, who: int, pick: int) -> None:
        name = self._pick(pick)
        hold = self.model.holds.get(name)
        ended = hold is not None and hold.status in {ReservationStatus.RELEASED, ReservationStatus.EXPIRED}
        expected, code, _ = self._act(release_reservation, who, name)
        client = self.world.clients[who]
        if not self.model.reach(name, client.principal.id, bound=client.bound) and (
            ended or (hold is not None and hold.status is ReservationStatus.ACTIVE)
        ):
            expected = None
        assert code == expected
        if hold is not None and code is None and hold.status is ReservationStatus.ACTIVE:
            hold.status = ReservationStatus.RELEASED

    @rule(who=clients, pick=picks, ttl=ttls)
    def extend(self, who: int, pick: int, ttl: int) -> None:
        name = self._pick(pick)
        expected, code, _ = self._act(extend_reservation, who, name, ttl_seconds=ttl)
        assert code == expected
        if code is None:
            self.model.extend(name, ttl)

    @rule(who=clients, pick=picks, place=st.integers(0, 2))
    def transfer(self, who: int, pick: int, place: int) -> None:
        name, client = self._pick(pick), self.world.clients[who]
        target = client.reach[place % len(client.reach)]
        hold = self.model.holds.get(name)
        moved = _moved(hold.units, target) if hold is not None else Counter[LevelKey]()
        coming = moved - hold.units if hold is not None else moved
        fits = hold is not None and all(
            quantity <= self.model.free(key, respecting=hold.respects_safety) for key, quantity in coming.items()
        )
        expected, code, _ = self._act(transfer_reservation, who, name, to_location_id=target)
        assert code == (expected or (None if fits else "INSUFFICIENT_STOCK"))
        if hold is not None and code is None:
            hold.units = moved

    @rule(who=clients, pick=picks)
    def commit(self, who: int, pick: int) -> None:
        name = self._pick(pick)
        expected, code, _ = self._act(commit_to_receipt, who, name, receipt_id=new_id())
        assert code == expected
        if code is None:
            hold = self.model.holds[name]
            hold.status = ReservationStatus.COMMITTED
            self.model.take(hold.units)

    @precondition(lambda self: self.asked)
    @rule(pick=picks, changed=st.booleans())
    def ask_again(self, pick: int, changed: bool) -> None:
        asked = self.asked[pick % len(self.asked)]
        again = self.world.run(asked.again())
        self._stepped(again)
        assert again.replayed
        assert again.outcome == asked.answer.outcome or asked.answer.refusal is not None
        assert getattr(again.refusal, "code", None) == getattr(asked.answer.refusal, "code", None)
        if changed:
            other = Adjust(self.world.keys[0], 999_999, AdjustmentReason.OTHER)
            with pytest.raises(IdempotencyKeyReusedError):
                self.world.run(adjust_stock(self.world.database, asked.principal, other, idempotency_key=asked.key))
            self._note_lapsed()


async def _mutate(
    work: Callable[[WriteSession], Awaitable[dict[str, Any]]],
    database: Database,
    principal: Principal,
    *,
    idempotency_key: str,
) -> Answer:
    return await mutate(database, principal, operation="order", idempotency_key=idempotency_key, payload={}, work=work)


def _first(refused: Sequence[Refused]) -> str | None:
    return refused[0].code.value if refused else None


def _held(lines: Sequence[Sequence[Any]]) -> Held:
    return Counter({LevelKey(UUID(variant), UUID(location)): quantity for variant, location, quantity in lines})


def total(units: Sequence[Units]) -> Held:
    total: Held = Counter()
    for key, quantity in units:
        total[key] += quantity
    return total


def _moved(units: Held, target: UUID) -> Held:
    moved: Held = Counter()
    for key, quantity in units.items():
        moved[LevelKey(key.variant_id, target)] += quantity
    return moved


def _uuid(named: UUID | str) -> UUID:
    assert isinstance(named, UUID)
    return named
