"""Locations from a file: made or updated by their code, and nothing else about them touched."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import text

from hub.catalog import CsvSource, FileTooLongError, LocationRecord, RowProblem, inspect_source, read_locations
from hub.infra.database import Database, WriteSession
from hub.kernel.ids import new_id

MAX_LOCATIONS = 100_000
MAX_REPORTED = 1_000
ROWS_PER_TRANSACTION = 1_000
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

_UPSERT = text(
    """
    INSERT INTO locations (id, code, name, kind, latitude, longitude, time_zone, country_code, postal_code, city,
                           opening_hours, capabilities, daily_capacity)
    VALUES (:id, :code, :name, :kind, :latitude, :longitude, :time_zone, :country_code, :postal_code, :city,
            CAST(:opening_hours AS jsonb), :capabilities, :daily_capacity)
    ON CONFLICT (code) DO UPDATE SET
        name = excluded.name, kind = excluded.kind, latitude = excluded.latitude, longitude = excluded.longitude,
        time_zone = excluded.time_zone, country_code = excluded.country_code, postal_code = excluded.postal_code,
        city = excluded.city, opening_hours = excluded.opening_hours, capabilities = excluded.capabilities,
        daily_capacity = excluded.daily_capacity, version = locations.version + 1
    WHERE (locations.name, locations.kind, locations.latitude, locations.longitude, locations.time_zone,
           locations.country_code, locations.postal_code, locations.city, locations.opening_hours,
           locations.capabilities, locations.daily_capacity)
        IS DISTINCT FROM
          (excluded.name, excluded.kind, excluded.latitude, excluded.longitude, excluded.time_zone,
           excluded.country_code, excluded.postal_code, excluded.city, excluded.opening_hours,
           excluded.capabilities, excluded.daily_capacity)
    RETURNING (xmax = 0) AS created
    """
)


@dataclass(slots=True)
class LocationImportReport:
    rows: int = 0
    created: int = 0
    updated: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        return self.rows - self.rejected - self.created - self.updated

    def reject(self, problem: RowProblem) -> None:
        self.rejected += 1
        if len(self.problems) < MAX_REPORTED:
            self.problems.append(problem)


class _RehearsedError(Exception):
    """Undoes the transaction of a dry run."""


async def import_locations(database: Database, source: CsvSource, *, dry_run: bool = False) -> LocationImportReport:
    """Bring in every good row and report the others; idempotent. Raises FileError before anything is written.

    A dry run does the same and undoes it, so its report is that of the real run.
    """
    reader = read_locations(source)
    facts = await asyncio.to_thread(inspect_source, source)
    if facts.rows > MAX_LOCATIONS:
        rule = f"{facts.rows} rows are more than {MAX_LOCATIONS}"
        raise FileTooLongError(source.name, 1, rule, "split the file")
    report = LocationImportReport()
    while batch := _next_records(reader, report):
        with suppress(_RehearsedError):
            async with database.write() as session:
                await _write(session, batch, report)
                if dry_run:
                    raise _RehearsedError
    return report


def _next_records(
    reader: Iterator[LocationRecord | RowProblem], report: LocationImportReport
) -> Sequence[LocationRecord]:
    return tuple(islice(_good(reader, report), ROWS_PER_TRANSACTION))


def _good(reader: Iterator[LocationRecord | RowProblem], report: LocationImportReport) -> Iterator[LocationRecord]:
    for item in reader:
        report.rows += 1
        if isinstance(item, RowProblem):
            report.reject(item)
        else:
            yield item


async def _write(session: WriteSession, records: Sequence[LocationRecord], report: LocationImportReport) -> None:
    for record in sorted(records, key=lambda item: item.code):
        created = (await session.execute(_UPSERT, _values(record))).scalar_one_or_none()
        if created is not None:
            report.created += created
            report.updated += not created


def _values(record: LocationRecord) -> dict[str, object]:
    return {
        "id": new_id(),
        "code": record.code,
        "name": record.name,
        "kind": record.kind,
        "latitude": record.geo.latitude,
        "longitude": record.geo.longitude,
        "time_zone": record.time_zone,
        "country_code": record.country,
        "postal_code": record.postal_code,
        "city": record.city,
        "opening_hours": _hours(record),
        "capabilities": sorted(record.capabilities),
        "daily_capacity": record.daily_capacity,
    }


def _hours(record: LocationRecord) -> str | None:
    if not record.opening_hours:
        return None
    days: dict[str, list[list[str]]] = {}
    for span in record.opening_hours:
        times = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in (span.opens_minute, span.closes_minute)]
        days.setdefault(_WEEKDAYS[span.weekday], []).append(times)
    return json.dumps(days)
