"""Locations come in from a file: every good row once, every bad one named, an unreadable file not at all."""

from typing import Any

import pytest
from sqlalchemy import text

from hub.catalog import (
    CsvSource,
    FileDelimiterError,
    FileEncodingError,
    FileError,
    FileHeaderError,
    FileTooBrokenError,
    FileTooLongError,
)
from hub.infra.database import Database
from hub.locations import LocationImportReport, import_locations, location_import

HEADER = "code,name,latitude,longitude,time_zone,kind,opening_hours,capabilities,daily_capacity,country"
BERLIN = "berlin,Berlin Mitte,52.52,13.405,Europe/Berlin,STORE,mon-fri 09:00-18:00,SHIP PICKUP,40,DE"
HAMBURG = "hamburg,Hamburg,53.55,9.99,Europe/Berlin,WAREHOUSE,,SHIP,,DE"


def source(*lines: str, header: str = HEADER) -> CsvSource:
    return CsvSource.from_bytes("locations.csv", "\n".join((header, *lines, "")).encode())


def row(**changes: str) -> str:
    """A good row with some of its cells changed."""
    cells = dict(zip(HEADER.split(","), BERLIN.split(","), strict=True)) | changes
    return ",".join(cells[name] for name in HEADER.split(","))


def counts(report: LocationImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.rejected


async def stored(database: Database) -> list[dict[str, Any]]:
    """Every location, with what changes when a row is written again."""
    async with database.read() as session:
        found = await session.execute(text("SELECT xmin::text AS written_by, * FROM locations ORDER BY code"))
        return [dict(one) for one in found.mappings()]


class TestImporting:
    async def test_every_good_row_is_stored_as_the_file_says(self, database: Database) -> None:
        report = await import_locations(database, source(BERLIN, HAMBURG))
        assert counts(report) == (2, 0, 0, 0)
        berlin, hamburg = await stored(database)
        assert (berlin["name"], berlin["kind"], berlin["latitude"], berlin["longitude"]) == (
            "Berlin Mitte", "STORE", 52.52, 13.405,
        )  # fmt: skip
        assert berlin["opening_hours"] == {day: [["09:00", "18:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI")}
        assert (berlin["capabilities"], berlin["daily_capacity"]) == (["PICKUP", "SHIP"], 40)
        assert (hamburg["opening_hours"], hamburg["daily_capacity"], hamburg["version"]) == (None, None, 1)

    async def test_the_same_file_again_changes_nothing(self, database: Database) -> None:
        await import_locations(database, source(BERLIN, HAMBURG))
        before = await stored(database)
        assert counts(await import_locations(database, source(BERLIN, HAMBURG))) == (0, 0, 2, 0)
        assert await stored(database) == before

    async def test_a_changed_row_keeps_its_id_and_gets_a_new_version(self, database: Database) -> None:
        await import_locations(database, source(BERLIN, HAMBURG))
        before = await stored(database)
        report = await import_locations(database, source(row(name="Berlin Ost"), HAMBURG))
        assert counts(report) == (0, 1, 1, 0)
        berlin, hamburg = await stored(database)
        assert (berlin["id"], berlin["name"], berlin["version"]) == (before[0]["id"], "Berlin Ost", 2)
        assert hamburg == before[1]

    async def test_several_spans_a_day_are_stored_in_order(self, database: Database) -> None:
        hours = '"sat 13:00-24:00,09:00-12:30"'
        await import_locations(database, source(row(opening_hours=hours)))
        [berlin] = await stored(database)
        assert berlin["opening_hours"] == {"SAT": [["09:00", "12:30"], ["13:00", "24:00"]]}

    async def test_a_long_file_is_committed_in_parts_and_counted_as_a_whole(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(location_import, "ROWS_PER_TRANSACTION", 2)
        report = await import_locations(database, source(*(row(code=f"place-{number}") for number in range(5))))
        assert counts(report) == (5, 0, 0, 0)
        assert len({one["written_by"] for one in await stored(database)}) == 3


class TestDryRun:
    async def test_its_counts_are_those_of_the_real_run_and_nothing_is_written(self, database: Database) -> None:
        await import_locations(database, source(BERLIN))
        before = await stored(database)
        file = source(row(name="Berlin Ost"), HAMBURG, row(code="BAD"))
        rehearsed = await import_locations(database, file, dry_run=True)
        assert await stored(database) == before
        assert counts(rehearsed) == (1, 1, 0, 1)
        assert await import_locations(database, file) == rehearsed


class TestBadRows:
    @pytest.mark.parametrize(
        ("changes", "column", "rule"),
        [
            ({"latitude": "95"}, "latitude", "INVALID_POINT"),
            ({"latitude": "north"}, "latitude", "INVALID_POINT"),
            ({"latitude": ""}, "latitude", "INVALID_POINT"),
            ({"longitude": "-180.5"}, "longitude", "INVALID_POINT"),
            ({"longitude": "13°24'"}, "longitude", "INVALID_POINT"),
            ({"time_zone": "Europe/Atlantis"}, "time_zone", "UNKNOWN_TIME_ZONE"),
            ({"time_zone": "Europe"}, "time_zone", "UNKNOWN_TIME_ZONE"),
            ({"time_zone": ""}, "time_zone", "UNKNOWN_TIME_ZONE"),
            ({"opening_hours": "weekdays 9 to 5"}, "opening_hours", "INVALID_HOURS"),
            ({"opening_hours": "mon 18:00-09:00"}, "opening_hours", "INVALID_HOURS"),
            ({"opening_hours": "mon 09:00-24:30"}, "opening_hours", "INVALID_HOURS"),
            ({"code": "Berlin!"}, "code", "INVALID_CODE"),
            ({"code": "a\x07"}, "code", "CONTROL_CHARACTER"),
            ({"name": ""}, "name", "MISSING_NAME"),
            ({"name": "x" * 256}, "name", "KEY_TOO_LONG"),
            ({"kind": "KIOSK"}, "kind", "UNKNOWN_KIND"),
            ({"capabilities": "FLY"}, "capabilities", "UNKNOWN_CAPABILITY"),
            ({"daily_capacity": "many"}, "daily_capacity", "INVALID_CAPACITY"),
            ({"country": "Germany"}, "country", "INVALID_COUNTRY"),
            ({"country": "DE,one cell too many"}, "", "CELL_COUNT"),
            ({"country": '"DE" "'}, "", "MALFORMED_ROW"),
        ],
    )
    async def test_one_is_named_by_line_column_and_rule_and_only_it_stays_out(
        self, database: Database, changes: dict[str, str], column: str, rule: str
    ) -> None:
        await import_locations(database, source(BERLIN))
        before = await stored(database)
        report = await import_locations(database, source(HAMBURG, row(**changes)))
        assert counts(report) == (1, 0, 0, 1)
        [problem] = report.problems
        assert (problem.line, problem.column, problem.rule, problem.rejects_row) == (3, column, rule, True)
        assert (await stored(database))[0] == before[0]

    async def test_a_code_that_stands_twice_counts_once_by_its_first_row(self, database: Database) -> None:
        report = await import_locations(database, source(BERLIN, HAMBURG, row(name="Other")))
        assert [(one.line, one.column, one.rule) for one in report.problems] == [(4, "code", "DUPLICATE_CODE")]
        assert [one["name"] for one in await stored(database)] == ["Berlin Mitte", "Hamburg"]

    async def test_a_thousand_problems_are_told_and_the_others_counted(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(location_import, "MAX_REPORTED", 3)
        report = await import_locations(database, source(*[row(code="?")] * 5))
        assert (report.rejected, len(report.problems)) == (5, 3)


GOOD = f"{HEADER}\n{BERLIN}\n{HAMBURG}\n"


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        ("content", "error", "line"),
        [
            (GOOD.replace("Mitte", "Köln").encode("cp1252"), FileEncodingError, 2),
            (GOOD.encode("utf-16-le"), FileEncodingError, 1),
            (b"PK\x03\x04 a workbook", FileEncodingError, 1),
            (GOOD.replace(",", ";").encode(), FileDelimiterError, 1),
            (GOOD.replace(",", "\t").encode(), FileDelimiterError, 1),
            (b"", FileHeaderError, 1),
            (GOOD.replace("time_zone", "zone").encode(), FileHeaderError, 1),
            (GOOD.replace("kind", "code").encode(), FileHeaderError, 1),
            (GOOD.encode() + b'x"y,"\n' * 1_001, FileTooBrokenError, 1_004),
            (GOOD.encode() + "sylt,Münster,52,8,Europe/Berlin\n".encode("cp1252"), FileEncodingError, 4),
        ],
    )
    async def test_one_is_refused_by_line_and_rule_before_a_row_is_used(
        self, database: Database, content: bytes, error: type[FileError], line: int
    ) -> None:
        with pytest.raises(error) as caught:
            await import_locations(database, CsvSource.from_bytes("locations.csv", content))
        assert (caught.value.file, caught.value.line, caught.value.path) == ("locations.csv", line, ("file",))
        assert caught.value.rule
        assert caught.value.remedy
        assert await stored(database) == []

    async def test_one_with_more_rows_than_a_retailer_has_places_is_refused(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(location_import, "MAX_LOCATIONS", 1)
        with pytest.raises(FileTooLongError) as caught:
            await import_locations(database, source(BERLIN, HAMBURG))
        assert (caught.value.code, caught.value.line) == ("FILE_TOO_LONG", 1)
        assert await stored(database) == []
