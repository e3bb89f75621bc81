"""What a transaction records."""

from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra import outbox
from hub.infra.database import Database
from hub.infra.outbox import Event, PayloadTooLargeError
from hub.kernel.ids import new_id


async def recorded(database: Database) -> list[tuple[str, UUID, int, object]]:
    async with database.read() as session:
        rows = await session.execute(text("SELECT topic, entity_id, entity_version, payload FROM outbox ORDER BY id"))
        return [(row.topic, row.entity_id, row.entity_version, row.payload) for row in rows]


async def test_events_are_recorded_in_order_with_their_payload(database: Database) -> None:
    first, second = new_id(), new_id()
    async with database.write() as session:
        await outbox.record(
            session,
            Event("stock.changed", first, 2**53 + 1, {"on_hand": 2**60, "location_id": second}),
            Event("order.placed", second, 1),
        )
    assert await recorded(database) == [
        ("stock.changed", first, 2**53 + 1, {"on_hand": 2**60, "location_id": str(second)}),
        ("order.placed", second, 1, {}),
    ]


async def test_a_transaction_that_fails_records_nothing(database: Database) -> None:
    async def failing() -> None:
        async with database.write() as session:
            await outbox.record(session, Event("order.placed", new_id(), 1))
            raise LookupError

    with pytest.raises(LookupError):
        await failing()
    assert await recorded(database) == []


async def test_recording_nothing_is_allowed(database: Database) -> None:
    async with database.write() as session:
        await outbox.record(session)
    assert await recorded(database) == []


async def test_a_document_is_not_an_event(database: Database) -> None:
    async with database.write() as session:
        with pytest.raises(PayloadTooLargeError, match=r"order\.placed"):
            await outbox.record(session, Event("order.placed", new_id(), 1, {"lines": list(range(20_000))}))
