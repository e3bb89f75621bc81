"""One process of the mixed load: many clients that claim, move, count and sell on the same few variants.

Reads a `MixedTask` as JSON on standard input; writes as JSON what its clients were told.
"""

import asyncio
import json
import logging
import random
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from uuid import UUID

import structlog

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    Adjust,
    AdjustmentReason,
    Count,
    CreateReservation,
    LevelKey,
    Move,
    Receive,
    ReservationLineInput,
    ReservationOwner,
    Units,
    adjust_stock,
    commit_to_receipt,
    count_stock,
    create_reservation,
    extend_reservation,
    receive_stock,
    release_reservation,
    transfer_reservation,
    transfer_stock,
)
from hub.kernel.errors import ErrorKind
from hub.kernel.ids import new_id
from tests.factories import make_principal


@dataclass(frozen=True, slots=True)
class MixedTask:
    url: str
    channel_id: str
    variants: list[str]
    locations: list[str]
    clients: int
    operations: int
    seed: int


@dataclass(slots=True)
class Told:
    """Units that clients were told of, by what happened to them."""

    reserved: int = 0
    released: int = 0
    sold: int = 0
    received: int = 0
    adjusted: int = 0
    codes: dict[str, int] = field(default_factory=dict)


class _Client:
    def __init__(self, task: MixedTask, database: Database, told: Told, codes: Counter[str], number: int) -> None:
        self._task = task
        self._database = database
        self._told = told
        self._codes = codes
        self._chance = random.Random(task.seed * 1_000 + number)
        self._principal = make_principal()
        self._held: list[tuple[UUID, int]] = []

    async def run(self) -> None:
        moves = (
            (self._reserve, 40), (self._reserve_from_pool, 12), (self._release, 12), (self._commit, 10),
            (self._extend, 4), (self._relocate, 6), (self._receive, 6), (self._adjust, 4), (self._count, 2),
            (self._move, 4),
        )  # fmt: skip
        actions, weights = [move for move, _ in moves], [weight for _, weight in moves]
        for _ in range(self._task.operations):
            [action] = self._chance.choices(actions, weights)
            answer = await action()
            if answer is not None:
                self._codes["done" if answer.refusal is None else answer.refusal.code] += 1
                assert answer.refusal is None or answer.refusal.kind is not ErrorKind.INVALID, answer.refusal

    def _key(self) -> LevelKey:
        return LevelKey(UUID(self._chance.choice(self._task.variants)), UUID(self._chance.choice(self._task.locations)))

    async def _create(self, lines: tuple[ReservationLineInput, ...], owner: ReservationOwner) -> Answer:
        command = CreateReservation(owner, lines, channel_id=UUID(self._task.channel_id))
        answer = await create_reservation(self._database, self._principal, command, idempotency_key=str(new_id()))
        if answer.refusal is None:
            units = sum(line[2] for line in answer.outcome["lines"])
            self._held.append((UUID(answer.outcome["reservation_id"]), units))
            self._told.reserved += units
        return answer

    async def _reserve(self) -> Answer:
        keys = {self._key() for _ in range(self._chance.randint(1, 3))}
        lines = tuple(ReservationLineInput(key.variant_id, self._chance.randint(1, 3), key.location_id) for key in keys)
        return await self._create(lines, ReservationOwner.CART)

    async def _reserve_from_pool(self) -> Answer:
        line = ReservationLineInput(self._key().variant_id, self._chance.randint(1, 4))
        return await self._create((line,), ReservationOwner.CART)

    def _take(self) -> tuple[UUID, int] | None:
        return self._held.pop(self._chance.randrange(len(self._held))) if self._held else None

    async def _release(self) -> Answer | None:
        if (held := self._take()) is None:
            return None
        answer = await release_reservation(
            self._database, self._principal, reservation_id=held[0], idempotency_key=str(new_id())
        )
        answer.unwrap()
        self._told.released += held[1]
        return answer

    async def _commit(self) -> Answer | None:
        if (held := self._take()) is None:
            return None
        answer = await commit_to_receipt(
            self._database, self._principal, reservation_id=held[0], receipt_id=new_id(), idempotency_key=str(new_id())
        )
        answer.unwrap()
        self._told.sold += held[1]
        return answer

    async def _extend(self) -> Answer | None:
        if not self._held:
            return None
        return await extend_reservation(
            self._database,
            self._principal,
            reservation_id=self._held[-1][0],
            ttl_seconds=7_200,
            idempotency_key=str(new_id()),
        )

    async def _relocate(self) -> Answer | None:
        if not self._held:
            return None
        return await transfer_reservation(
            self._database,
            self._principal,
            reservation_id=self._held[-1][0],
            to_location_id=self._key().location_id,
            idempotency_key=str(new_id()),
        )

    async def _receive(self) -> Answer:
        units = tuple(Units(self._key(), self._chance.randint(1, 5)) for _ in range(self._chance.randint(1, 3)))
        answer = await receive_stock(self._database, self._principal, Receive(units), idempotency_key=str(new_id()))
        self._told.received += sum(unit.quantity for unit in units)
        return answer

    async def _adjust(self) -> Answer:
        command = Adjust(self._key(), self._chance.choice([-2, -1, 1, 2]), AdjustmentReason.CORRECTION)
        answer = await adjust_stock(self._database, self._principal, command, idempotency_key=str(new_id()))
        if answer.refusal is None:
            self._told.adjusted += command.delta
        return answer

    async def _count(self) -> Answer:
        command = Count(self._key(), self._chance.randint(0, 60))
        return await count_stock(self._database, self._principal, command, idempotency_key=str(new_id()))

    async def _move(self) -> Answer | None:
        key, target = self._key(), self._key().location_id
        if target == key.location_id:
            return None
        command = Move(key.variant_id, key.location_id, target, self._chance.randint(1, 3), new_id())
        return await transfer_stock(self._database, self._principal, command, idempotency_key=str(new_id()))


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    task = MixedTask(**json.loads(sys.stdin.readline()))
    database, told, codes = Database(task.url, pool_size=6), Told(), Counter[str]()
    async with asyncio.TaskGroup() as group:
        for number in range(task.clients):
            group.create_task(_Client(task, database, told, codes, number).run())
    told.codes = dict(codes)
    print(json.dumps(asdict(told)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
