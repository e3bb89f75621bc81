"""The least that a durable claim can cost here: the engine's own statements, batched, and nothing around them."""

import asyncio
import hashlib
from collections import deque
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from hub.infra import audit, idempotency, outbox
from hub.infra.database import Database
from hub.inventory import LevelKey, locking, storage
from hub.kernel.ids import new_id

LANES: Final = 2
MAX_BATCH: Final = 256
NOBODY: Final = UUID(int=0)
_HASH: Final = hashlib.sha256(b"input").digest()


class Floor:
    """Batches claims like the product does, on bare connections."""

    def __init__(self, database: Database) -> None:
        self._url = database.url
        self._waiting: deque[tuple[LevelKey, asyncio.Future[None]]] = deque()
        self._free: list[asyncpg.Connection[asyncpg.Record]] = []
        self._running: set[asyncio.Task[None]] = set()
        self.batches = 0

    async def claim(self, key: LevelKey) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, done))
        if len(self._running) < LANES:
            lane = asyncio.create_task(self._lane())
            self._running.add(lane)
            lane.add_done_callback(self._running.discard)
        await done

    async def _lane(self) -> None:
        connection = self._free.pop() if self._free else await asyncpg.connect(self._url)
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            await _write(connection, [key for key, _ in batch])
            self.batches += 1
            for _, done in batch:
                done.set_result(None)
        self._free.append(connection)


async def _write(connection: "asyncpg.Connection[asyncpg.Record]", keys: list[LevelKey]) -> None:
    size = len(keys)
    ids = [new_id() for _ in keys]
    distinct = sorted(set(keys))
    async with connection.transaction():
        variants, locations = [key[0] for key in distinct], [key[1] for key in distinct]
        rows = {
            (row[0], row[1]): list(row[2:]) for row in await connection.fetch(locking._LOCK_LEVELS, variants, locations)
        }
        versions = []
        for key in keys:
            level = rows[key]
            level[1] += 1  # reserved
            level[8] += 1  # version
            versions.append(level[8])
        levels = [rows[key] for key in distinct]
        zeros, nothing = [0] * size, [None] * size
        await connection.execute(
            storage._WRITE_MOVEMENTS, variants, locations,
            *([level[column] for level in levels] for column in (0, 1, 2, 3, 4, 5, 7, 8)),
            [key[0] for key in keys], [key[1] for key in keys], versions, ["RESERVE"] * size, zeros, [1] * size,
            zeros, zeros, zeros, zeros, nothing, ids, [NOBODY] * size, nothing, nothing,
        )  # fmt: skip
        await connection.fetch(
            storage._WRITE_RESERVATIONS, ids, ["STAFF"] * size, [NOBODY] * size, nothing, nothing, [900.0] * size,
            ids, [key[0] for key in keys], [key[1] for key in keys], [1] * size, 86_400.0,
        )  # fmt: skip
        await connection.execute(outbox._RECORD, outbox._encoded([_event(key, rows[key]) for key in distinct]))
        await connection.execute(
            idempotency._REMEMBER, [NOBODY] * size, [str(uuid4()) for _ in keys], ["reservationCreate"] * size,
            [_HASH] * size, ["{}"] * size,
        )  # fmt: skip
        await connection.execute(
            audit._INSERT, [new_id() for _ in keys], [NOBODY] * size, ["SYSTEM"] * size, nothing,
            ["reservationCreate"] * size, [_HASH] * size, list(map(str, ids)), nothing,
        )  # fmt: skip


def _event(key: LevelKey, level: list[int]) -> outbox.Event:
    payload = {"location_id": str(key.location_id), "on_hand": level[0], "reserved": level[1], "allocated": level[2]}
    return outbox.Event("stock.changed", key.variant_id, level[8], payload)
