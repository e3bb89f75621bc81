"""Read sessions on the real database: opened, read, closed, and applied as counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.idempotency import IdempotencyKeyReusedError
from hub.infra.pruning import prune_all
from hub.inventory import Adjust, AdjustmentReason, MarkDamaged, TooManyLinesError, Units, UnknownVariantError
from hub.inventory.errors import UnknownLocationError
from hub.kernel.epc import EpcError, EpcSchemeError, Sgtin, SgtinTag, encode_tag
from hub.kernel.errors import HubError, InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import LocationNotAllowedError, Principal, Scope, ScopeMissingError
from hub.rfid import (
    MAX_BATCH_EPCS,
    ApplyProposals,
    ErrorPolicy,
    ExpectationMissingError,
    ExpectedUnits,
    LineView,
    NotACountError,
    OpenSession,
    ReadPurpose,
    RecordReads,
    SessionEndedError,
    SessionNotFoundError,
    SessionOpenError,
    TagLimitError,
    TagsGoneError,
    UnknownGtinError,
    apply_proposals,
    close_session,
    epcis_of,
    lines_of,
    open_session,
    reading,
    record_reads,
    session_of,
)
from tests.factories import make_principal
from tests.inventory.stage import Stage, make_stage

PREFIX = "0614141"
FOREIGN_TAG = encode_tag(SgtinTag(Sgtin("4012345", "098765", "1")))
PALLET_TAG = "3174257BF4499602D2000000"


def tag(variant: int, serial: int, *, bits: int = 96) -> str:
    """The memory of a tag on an item of the stage's variant."""
    return encode_tag(SgtinTag(Sgtin(PREFIX, f"{variant:06d}", str(serial)), bits=bits))


def tags(variant: int, serials: Sequence[int]) -> list[str]:
    return [tag(variant, serial) for serial in serials]


@dataclass
class Sweep:
    """A stage whose variants carry GTINs, and a reader at its first location."""

    stage: Stage
    reader: Principal

    @property
    def database(self) -> Database:
        return self.stage.database

    async def open(self, purpose: ReadPurpose = ReadPurpose.COUNT, **given: Any) -> UUID:
        command = OpenSession(purpose, given.pop("location_id", self.stage.locations[0]), **given)
        answer = await open_session(self.database, self.reader, command, idempotency_key=str(new_id()))
        return UUID(answer.unwrap()["session_id"])

    async def read(self, session_id: UUID, epcs: Sequence[str], *, key: str = "", **given: Any) -> Any:
        command = RecordReads(session_id, tuple(epcs), **given)
        answer = await record_reads(self.database, self.reader, command, idempotency_key=key or str(new_id()))
        return answer.unwrap()

    async def close(self, session_id: UUID) -> Any:
        return (await close_session(self.database, self.reader, session_id, idempotency_key=f"c{session_id}")).unwrap()

    async def apply(self, session_id: UUID, *skus: str, key: str = "") -> Any:
        command = ApplyProposals(session_id, skus or None)
        answer = await apply_proposals(self.database, self.reader, command, idempotency_key=key or str(new_id()))
        return answer.unwrap()

    async def lines(self, session_id: UUID) -> dict[int, LineView]:
        """By the number of the stage's variant."""
        found = await lines_of(self.database, self.reader, session_id, after=None, limit=100)
        return {self.stage.variants.index(line.variant_id): line for line in found}

    async def units(self, session_id: UUID) -> dict[int, tuple[int | None, int]]:
        return {number: (line.expected, line.read) for number, line in (await self.lines(session_id)).items()}

    async def end_time(self, session_id: UUID) -> None:
        async with self.database.write() as session:
            await session.execute(
                text("UPDATE rfid_sessions SET expires_at = hub_now() - interval '1 second' WHERE id = :id"),
                {"id": session_id},
            )


@pytest.fixture
async def sweep(database: Database) -> Sweep:
    stage = await make_stage(database, locations=2, variants=4)
    async with database.write() as session:
        for number, variant_id in enumerate(stage.variants[:3]):
            await session.execute(
                text("INSERT INTO variant_barcodes (gtin, variant_id) VALUES (:gtin, :id)"),
                {"gtin": Sgtin(PREFIX, f"{number:06d}", "1").gtin, "id": variant_id},
            )
    reader = make_principal(scopes=frozenset({Scope.STOCK_WRITE}), location_ids=frozenset({stage.locations[0]}))
    return Sweep(stage, reader)


class TestCounting:
    async def test_proposes_what_differs_from_the_stock(self, sweep: Sweep) -> None:
        for variant, quantity in enumerate((3, 2, 0)):
            await sweep.stage.stock(quantity, variant=variant)
        session_id = await sweep.open()
        await sweep.read(session_id, [*tags(0, range(3)), tag(1, 1), *tags(2, range(2))])
        told = await sweep.close(session_id)
        assert await sweep.units(session_id) == {0: (3, 3), 1: (2, 1), 2: (0, 2)}
        assert (told["lines"], told["differences"], told["missing"], told["extra"]) == (3, 2, 1, 2)

    async def test_stock_that_carries_no_barcode_is_not_missed(self, sweep: Sweep) -> None:
        await sweep.stage.stock(5, variant=3)
        session_id = await sweep.open()
        await sweep.close(session_id)
        assert await sweep.units(session_id) == {}

    async def test_stock_of_another_location_is_not_missed(self, sweep: Sweep) -> None:
        await sweep.stage.stock(5, variant=0, location=1)
        session_id = await sweep.open()
        await sweep.close(session_id)
        assert await sweep.units(session_id) == {}

    async def test_limited_to_skus_it_leaves_the_rest_alone(self, sweep: Sweep) -> None:
        await sweep.stage.stock(3, variant=0)
        await sweep.stage.stock(3, variant=1)
        session_id = await sweep.open(expected=(ExpectedUnits("SKU-0"), ExpectedUnits("SKU-2")))
        await sweep.read(session_id, [tag(0, 1), tag(1, 1)])
        await sweep.close(session_id)
        assert await sweep.units(session_id) == {0: (3, 1), 2: (0, 0)}

    async def test_damaged_units_lie_there_and_are_read_too(self, sweep: Sweep) -> None:
        key = await sweep.stage.stock(4)
        await sweep.stage.apply(MarkDamaged((Units(key, 1),)))
        session_id = await sweep.open()
        await sweep.read(session_id, tags(0, range(3)))
        await sweep.close(session_id)
        [line] = (await sweep.lines(session_id)).values()
        assert (line.expected, line.read, line.on_hand, line.counted) == (4, 3, 3, 2)

    async def test_says_when_units_moved_meanwhile(self, sweep: Sweep) -> None:
        key = await sweep.stage.stock(4, variant=0)
        await sweep.stage.stock(4, variant=1)
        session_id = await sweep.open()
        await sweep.stage.apply(Adjust(key, -1, AdjustmentReason.LOST))
        await sweep.close(session_id)
        assert {number: line.moved for number, line in (await sweep.lines(session_id)).items()} == {0: True, 1: False}

    async def test_closing_changes_no_stock(self, sweep: Sweep) -> None:
        key = await sweep.stage.stock(3)
        before = await sweep.stage.level(key)
        await sweep.close(await sweep.open())
        assert await sweep.stage.level(key) == before

    async def test_a_location_with_too_many_variants_is_counted_by_skus(
        self, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hub.rfid.closing.MAX_LINES", 1)
        await sweep.stage.stock(1, variant=0)
        await sweep.stage.stock(1, variant=1)
        session_id = await sweep.open()
        with pytest.raises(TagLimitError):
            await sweep.close(session_id)
        assert await sweep.lines(session_id) == {}


class TestReading:
    async def test_an_item_counts_once_however_often_and_in_whatever_form_it_is_read(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        first = await sweep.read(session_id, [tag(0, 1), tag(0, 1), tag(0, 2)])
        uri = Sgtin(PREFIX, "000000", "2").uri
        second = await sweep.read(session_id, [tag(0, 1, bits=198), uri, tag(0, 3).lower()])
        assert (first["added"], first["repeated"], first["tags"]) == (2, 1, 2)
        assert (second["added"], second["repeated"], second["tags"]) == (1, 2, 3)

    async def test_a_batch_sent_again_changes_nothing(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        first = await sweep.read(session_id, [tag(0, 1)], key="batch-1")
        assert await sweep.read(session_id, [tag(0, 1)], key="batch-1") == first
        with pytest.raises(IdempotencyKeyReusedError):
            await sweep.read(session_id, [tag(0, 2)], key="batch-1")
        found = await session_of(sweep.database, sweep.reader, session_id)
        assert (found.tags, found.batches) == (1, 1)

    @pytest.mark.parametrize(
        ("epc", "refusal"),
        [
            (tag(0, 1)[:-1], EpcError),
            ("31" + tag(0, 1)[2:], EpcSchemeError),
            (PALLET_TAG, EpcSchemeError),
            (FOREIGN_TAG, UnknownGtinError),
            (tag(3, 1), UnknownGtinError),
            ("", EpcError),
        ],
    )
    async def test_one_bad_tag_refuses_the_batch_and_says_where(
        self, sweep: Sweep, epc: str, refusal: type[HubError]
    ) -> None:
        session_id = await sweep.open()
        with pytest.raises(HubError) as caught:
            await sweep.read(session_id, [tag(0, 1), epc])
        assert (caught.value.code, caught.value.path) == (refusal.code, ("epcs", "1"))
        assert (await session_of(sweep.database, sweep.reader, session_id)).tags == 0

    async def test_bad_tags_can_be_left_out(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        batch = [FOREIGN_TAG, tag(0, 1), "zz", PALLET_TAG]
        told = await sweep.read(session_id, batch, error_policy=ErrorPolicy.REJECT_FAILED_ROWS)
        assert (told["added"], told["rejected_count"]) == (1, 3)
        assert [(row["index"], row["code"]) for row in told["rejected"]] == [
            (0, "UNKNOWN_GTIN"),
            (2, "INVALID_EPC"),
            (3, "EPC_SCHEME_UNKNOWN"),
        ]

    async def test_batches_are_bounded(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        for epcs in ([], [tag(0, 1)] * (MAX_BATCH_EPCS + 1)):
            with pytest.raises(InvalidInputError):
                await sweep.read(session_id, epcs)

    async def test_a_session_is_bounded(self, sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_SESSION_TAGS", 2)
        session_id = await sweep.open()
        with pytest.raises(TagLimitError):
            await sweep.read(session_id, tags(0, range(3)))
        assert (await sweep.read(session_id, tags(0, range(2))))["tags"] == 2
        monkeypatch.setattr(reading, "MAX_BATCHES", 1)
        with pytest.raises(TagLimitError):
            await sweep.read(session_id, [tag(0, 1)])

    async def test_nothing_is_read_into_a_closed_or_forgotten_session(self, sweep: Sweep) -> None:
        closed, forgotten = await sweep.open(), await sweep.open()
        await sweep.close(closed)
        await sweep.end_time(forgotten)
        for session_id in (closed, forgotten):
            with pytest.raises(SessionEndedError):
                await sweep.read(session_id, [tag(0, 1)])
        with pytest.raises(SessionEndedError):
            await sweep.close(forgotten)
        with pytest.raises(SessionNotFoundError):
            await sweep.read(new_id(), [tag(0, 1)])


class TestApplying:
    async def test_counts_the_levels_to_what_was_read(self, sweep: Sweep) -> None:
        first, second = await sweep.stage.stock(3, variant=0), await sweep.stage.stock(2, variant=1)
        session_id = await sweep.open()
        await sweep.read(session_id, [tag(0, 1), *tags(1, range(2))])
        await sweep.close(session_id)
        told = await sweep.apply(session_id)
        assert (told["applied"], told["rejected"]) == ([str(first.variant_id)], [])
        assert (await sweep.stage.level(first))["on_hand"] == 1
        assert (await sweep.stage.level(second))["on_hand"] == 2
        movement = await sweep.stage.row(
            "SELECT kind, on_hand_delta FROM stock_movements WHERE reference_id = $1", session_id
        )
        assert tuple(movement) == ("COUNT", -2)
        await sweep.stage.assert_sound()

    async def test_a_level_that_moved_since_is_left_alone(self, sweep: Sweep) -> None:
        moved, still = await sweep.stage.stock(3, variant=0), await sweep.stage.stock(3, variant=1)
        session_id = await sweep.open()
        await sweep.close(session_id)
        await sweep.stage.apply(Adjust(moved, 1, AdjustmentReason.FOUND))
        told = await sweep.apply(session_id)
        assert told["applied"] == [str(still.variant_id)]
        assert [(row["variant_id"], row["code"]) for row in told["rejected"]] == [
            (str(moved.variant_id), "STALE_QUANTITY")
        ]
        assert (await sweep.stage.level(moved))["on_hand"] == 4

    async def test_nothing_is_counted_twice(self, sweep: Sweep) -> None:
        key = await sweep.stage.stock(3)
        session_id = await sweep.open()
        await sweep.close(session_id)
        first = await sweep.apply(session_id, key="apply")
        assert await sweep.apply(session_id, key="apply") == first
        assert (await sweep.apply(session_id))["applied"] == []
        assert (await sweep.stage.level(key))["version"] == 2

    async def test_only_the_skus_that_a_person_picked(self, sweep: Sweep) -> None:
        await sweep.stage.stock(3, variant=0)
        await sweep.stage.stock(3, variant=1)
        session_id = await sweep.open()
        await sweep.close(session_id)
        assert len((await sweep.apply(session_id, "SKU-1"))["applied"]) == 1
        with pytest.raises(UnknownVariantError):
            await sweep.apply(session_id, "NOPE")

    async def test_needs_a_closed_count(self, sweep: Sweep) -> None:
        still_open = await sweep.open()
        with pytest.raises(SessionOpenError):
            await sweep.apply(still_open)
        dispatch = await sweep.open(ReadPurpose.DISPATCH, expected=(ExpectedUnits("SKU-0", 1),))
        await sweep.close(dispatch)
        with pytest.raises(NotACountError):
            await sweep.apply(dispatch)


class TestDispatchAndReceipt:
    @pytest.mark.parametrize("purpose", [ReadPurpose.DISPATCH, ReadPurpose.RECEIPT])
    async def test_tells_missing_and_extra_tags(self, sweep: Sweep, purpose: ReadPurpose) -> None:
        announced = (ExpectedUnits("SKU-0", 3), ExpectedUnits("SKU-1", 1))
        session_id = await sweep.open(purpose, expected=announced)
        await sweep.read(session_id, [tag(0, 1), tag(1, 1), *tags(2, range(2))])
        told = await sweep.close(session_id)
        assert await sweep.units(session_id) == {0: (3, 1), 1: (1, 1), 2: (0, 2)}
        assert (told["missing"], told["extra"], told["differences"]) == (2, 2, 2)

    async def test_says_what_it_expects(self, sweep: Sweep) -> None:
        with pytest.raises(ExpectationMissingError):
            await sweep.open(ReadPurpose.RECEIPT)
        for quantity in (None, 0, -1):
            with pytest.raises(InvalidInputError):
                await sweep.open(ReadPurpose.RECEIPT, expected=(ExpectedUnits("SKU-0", quantity),))
        with pytest.raises(UnknownVariantError):
            await sweep.open(ReadPurpose.RECEIPT, expected=(ExpectedUnits("NOPE", 1),))
        with pytest.raises(InvalidInputError):
            await sweep.open(ReadPurpose.RECEIPT, expected=(ExpectedUnits("SKU-0", 1),) * 2)
        with pytest.raises(TooManyLinesError):
            await sweep.open(ReadPurpose.RECEIPT, expected=tuple(ExpectedUnits(f"S{n}", 1) for n in range(1_001)))

    async def test_a_count_takes_no_transfer_and_no_quantities(self, sweep: Sweep) -> None:
        with pytest.raises(InvalidInputError):
            await sweep.open(transfer_id=new_id())
        with pytest.raises(InvalidInputError):
            await sweep.open(expected=(ExpectedUnits("SKU-0", 1),))


class TestWhoMay:
    async def test_a_reader_of_another_location_may_do_nothing(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        elsewhere = frozenset({sweep.stage.locations[1]})
        sweep.reader = make_principal(scopes=frozenset({Scope.STOCK_WRITE}), location_ids=elsewhere)
        for attempt in (
            sweep.open(),
            sweep.read(session_id, [tag(0, 1)]),
            sweep.close(session_id),
            sweep.apply(session_id),
            sweep.lines(session_id),
        ):
            with pytest.raises(HubError) as caught:
                await attempt
            assert caught.value.code == LocationNotAllowedError.code

    async def test_a_channels_credential_stays_in_its_pool(self, sweep: Sweep) -> None:
        async with sweep.database.write() as session:
            await session.execute(
                text("DELETE FROM channel_locations WHERE location_id = :id"), {"id": sweep.stage.locations[1]}
            )
        sweep.reader = make_principal(
            scopes=frozenset({Scope.STOCK_WRITE}), channel_id=sweep.stage.channel_id, location_ids=None
        )
        await sweep.open()
        with pytest.raises(LocationNotAllowedError):
            await sweep.open(location_id=sweep.stage.locations[1])

    async def test_without_the_scope_nothing_is_done(self, sweep: Sweep) -> None:
        session_id = await sweep.open()
        sweep.reader = make_principal(scopes=frozenset({Scope.STOCK_READ}))
        assert (await session_of(sweep.database, sweep.reader, session_id)).status == "OPEN"
        for attempt in (
            sweep.open(),
            sweep.read(session_id, [tag(0, 1)]),
            sweep.close(session_id),
            sweep.apply(session_id),
        ):
            with pytest.raises(ScopeMissingError):
                await attempt
        sweep.reader = make_principal(scopes=frozenset({Scope.CATALOG_READ}))
        with pytest.raises(ScopeMissingError):
            await sweep.lines(session_id)

    async def test_no_session_is_opened_nowhere(self, sweep: Sweep) -> None:
        sweep.reader = make_principal()
        with pytest.raises(UnknownLocationError):
            await sweep.open(location_id=new_id())

    async def test_a_location_has_so_many_open_sessions(self, sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hub.rfid.opening.MAX_OPEN_SESSIONS", 1)
        first = await sweep.open()
        with pytest.raises(TagLimitError):
            await sweep.open()
        await sweep.close(first)
        await sweep.open()


async def test_every_step_is_audited(sweep: Sweep) -> None:
    session_id = await sweep.open()
    await sweep.read(session_id, [tag(0, 1)], key="r")
    await sweep.read(session_id, [tag(0, 1)], key="r")
    await sweep.close(session_id)
    await sweep.apply(session_id)
    connection = await asyncpg.connect(sweep.database.url)
    rows = await connection.fetch("SELECT operation, entity_ids FROM audit_log ORDER BY at, id")
    await connection.close()
    assert [row["operation"] for row in rows] == [
        "rfidSessionOpen", "rfidReadsRecord", "rfidSessionClose", "countProposalsApply",
    ]  # fmt: skip
    assert all(session_id in row["entity_ids"] for row in rows)


async def test_old_tags_are_forgotten_before_their_session(sweep: Sweep) -> None:
    old, fresh = await sweep.open(), await sweep.open()
    for session_id in (old, fresh):
        await sweep.read(session_id, tags(0, range(3)))
        await sweep.close(session_id)
    await _age(sweep, old, days=31)
    assert (await prune_all(sweep.database))["rfid_tags"] == 3
    assert (await sweep.units(old)) == (await sweep.units(fresh))
    with pytest.raises(TagsGoneError):
        await epcis_of(sweep.database, sweep.reader, old)
    await _age(sweep, old, days=401)
    pruned = await prune_all(sweep.database)
    assert (pruned["rfid_lines"], pruned["rfid_sessions"]) == (1, 1)
    assert (await session_of(sweep.database, sweep.reader, fresh)).tags == 3


async def _age(sweep: Sweep, session_id: UUID, *, days: int) -> None:
    async with sweep.database.write() as session:
        await session.execute(
            text("UPDATE rfid_sessions SET opened_at = hub_now() - make_interval(days => :days) WHERE id = :id"),
            {"id": session_id, "days": days},
        )
