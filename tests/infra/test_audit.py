"""The audit log: one row a mutation, in its transaction, never changed afterwards."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.infra import audit
from hub.infra.database import Database
from hub.kernel.principal import Principal, PrincipalKind

HASH = audit.hash_input({"sku": "A-1"})


def someone() -> Principal:
    return Principal(id=uuid4(), kind=PrincipalKind.MACHINE, name="till", acting_for=uuid4(), request_id="request-9")


async def test_a_row_says_who_what_and_when_by_the_databases_clock(database: Database) -> None:
    principal, entity = someone(), uuid4()
    async with database.write() as session:
        await audit.record(session, principal, "stockAdjust", HASH, [entity])
    async with database.read() as session:
        row = (
            await session.execute(
                text(
                    "SELECT principal_id, principal_kind, acting_for, operation, input_hash, entity_ids, request_id, "
                    "abs(extract(epoch FROM at - hub_now())) < 60 FROM audit_log"
                )
            )
        ).one()
    assert tuple(row) == (
        principal.id, "MACHINE", principal.acting_for, "stockAdjust", HASH, [entity], "request-9", True,
    )  # fmt: skip


async def test_many_are_written_together(database: Database) -> None:
    entries = [audit.AuditEntry(someone(), "reservationCreate", HASH, [uuid4()] * number) for number in range(3)]
    async with database.write() as session:
        await audit.record_many(session, entries)
        await audit.record_many(session, [])
    async with database.read() as session:
        rows = await session.execute(text("SELECT cardinality(entity_ids) FROM audit_log ORDER BY id"))
        assert list(rows.scalars()) == [0, 1, 2]


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET operation = 'x'", "DELETE FROM audit_log"])
async def test_a_row_is_never_changed_or_removed(database: Database, statement: str) -> None:
    async with database.write() as session:
        await audit.record(session, someone(), "stockAdjust", HASH)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as session:
            await session.execute(text(statement))


async def test_a_mutation_that_fails_leaves_no_row(database: Database) -> None:
    async def failing() -> None:
        async with database.write() as session:
            await audit.record(session, someone(), "stockAdjust", HASH)
            raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await failing()
    async with database.read() as session:
        assert (await session.execute(text("SELECT count(*) FROM audit_log"))).scalar_one() == 0


def test_the_hash_does_not_depend_on_the_order_of_fields() -> None:
    scopes = frozenset({"b", "a"})
    assert audit.hash_input({"a": 1, "b": scopes}) == audit.hash_input({"b": frozenset({"a", "b"}), "a": 1})
    assert audit.hash_input({"a": 1}) != audit.hash_input({"a": 2})
