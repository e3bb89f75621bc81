"""Locations: `code,name,latitude,longitude,time_zone` and, where known, kind, opening_hours, capabilities,
daily_capacity, country, postal_code, city and address.

Opening hours are local: `mon-sat 09:00-20:00; sun 13:00-18:00`, several spans a day separated by commas,
`24/7`, `closed` or blank. A location without hours is always open for work (a warehouse).
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

from hub.catalog.importers.delimited import CsvSource, CsvTable, Row
from hub.catalog.importers.fields import MAX_TITLE_LENGTH, CellReader, RowRejectedError
from hub.catalog.importers.records import LocationRecord, OpeningSpan, RowProblem
from hub.kernel.geo import GeoPoint

KINDS = ("STORE", "WAREHOUSE", "POP_UP", "EXTERNAL")
CAPABILITIES = ("SHIP", "PICKUP", "LOCAL_DELIVERY", "RETURNS")
MAX_DAILY_CAPACITY = 1_000_000
MINUTES_PER_DAY = 1_440

_REQUIRED = ("code", "name", "latitude", "longitude", "time_zone")
_ALIASES = {"opening hours": "opening_hours", "hours": "opening_hours", "country_code": "country"}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEGREES = re.compile(r"[+-]?\d{1,3}(\.\d{1,15})?", re.ASCII)
_RULE = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?\s+(.+)")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)


def read_locations(source: CsvSource) -> Iterator[LocationRecord | RowProblem]:
    """Locations and problems in file order; a row that breaks a rule stays out.

    Raises FileError subclasses when the file as a whole cannot be read.
    """
    table = CsvTable(source, _REQUIRED, _ALIASES)
    seen: set[str] = set()
    for item in table:
        if isinstance(item, RowProblem):
            yield item
            continue
        try:
            record = _LocationRow(table, item).record()
        except RowRejectedError as error:
            yield error.problem(item.line)
            continue
        if record.code in seen:
            message = f"{record.code!r} stands in an earlier row"
            yield RowProblem(item.line, "code", "DUPLICATE_CODE", message, rejects_row=True)
            continue
        seen.add(record.code)
        yield record


class _LocationRow:
    def __init__(self, table: CsvTable, row: Row) -> None:
        self._table = table
        self._row = row
        self._read = CellReader("EUR")

    def _cell(self, column: str) -> str:
        return self._read.key(column, self._row.cells[self._table.index(column)])

    def record(self) -> LocationRecord:
        name = self._cell("name")
        if not name:
            raise RowRejectedError("name", "MISSING_NAME", "the location has no name")
        return LocationRecord(
            line=self._row.line,
            code=self._code(),
            name=name[:MAX_TITLE_LENGTH],
            kind=self._kind(),
            geo=self._geo(),
            time_zone=self._time_zone(),
            opening_hours=parse_opening_hours(self._cell("opening_hours")),
            capabilities=self._capabilities(),
            daily_capacity=self._capacity(),
            country=self._country(),
            postal_code=self._cell("postal_code"),
            city=self._cell("city"),
            address=self._cell("address"),
        )

    def _code(self) -> str:
        code = self._cell("code")
        if not _CODE.fullmatch(code):
            message = f"code {code[:40]!r} must be 1 to 63 small letters, digits and hyphens, such as berlin-mitte"
            raise RowRejectedError("code", "INVALID_CODE", message)
        return code

    def _kind(self) -> str:
        kind = self._cell("kind").upper() or "STORE"
        if kind not in KINDS:
            raise RowRejectedError("kind", "UNKNOWN_KIND", f"kind {kind[:40]!r} is not one of {', '.join(KINDS)}")
        return kind

    def _geo(self) -> GeoPoint:
        return GeoPoint(self._degrees("latitude", 90), self._degrees("longitude", 180))

    def _degrees(self, column: str, most: int) -> float:
        text = self._cell(column)
        if not _DEGREES.fullmatch(text) or not -most <= float(text) <= most:
            message = f"{column} {text[:40]!r} is not decimal degrees such as 52.5208, within ±{most}"
            raise RowRejectedError(column, "INVALID_POINT", message)
        return float(text)

    def _time_zone(self) -> str:
        zone = self._cell("time_zone")
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError):
            message = f"{zone[:40]!r} is not an IANA time zone such as Europe/Berlin"
            raise RowRejectedError("time_zone", "UNKNOWN_TIME_ZONE", message) from None
        return zone

    def _capabilities(self) -> tuple[str, ...]:
        words = re.split(r"[\s;|,]+", self._cell("capabilities").upper())
        found = dict.fromkeys(word for word in words if word)
        for word in found:
            if word not in CAPABILITIES:
                message = f"{word[:40]!r} is not one of {', '.join(CAPABILITIES)}"
                raise RowRejectedError("capabilities", "UNKNOWN_CAPABILITY", message)
        return tuple(found)

    def _capacity(self) -> int | None:
        text = self._cell("daily_capacity")
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or len(text) > 7 or int(text) > MAX_DAILY_CAPACITY:  # noqa: PLR2004 (digits of the limit)
            message = f"daily capacity {text[:40]!r} must be a whole number of at most {MAX_DAILY_CAPACITY}"
            raise RowRejectedError("daily_capacity", "INVALID_CAPACITY", message)
        return int(text)

    def _country(self) -> str:
        country = self._cell("country").upper()
        if country and not re.fullmatch("[A-Z]{2}", country):
            message = f"country {country[:40]!r} is not an ISO 3166-1 code of two letters such as DE"
            raise RowRejectedError("country", "INVALID_COUNTRY", message)
        return country


def parse_opening_hours(text: str) -> tuple[OpeningSpan, ...]:
    """Spans in week order. Raises RowRejectedError for anything but the format in this module's docstring."""
    folded = text.casefold().strip()
    if folded in {"", "closed"}:
        return ()
    if folded == "24/7":
        return tuple(OpeningSpan(day, 0, MINUTES_PER_DAY) for day in range(7))
    spans = [span for rule in folded.split(";") if rule.strip() for span in _rule_spans(rule.strip())]
    spans.sort(key=lambda span: (span.weekday, span.opens_minute))
    for earlier, later in pairwise(spans):
        if earlier.weekday == later.weekday and later.opens_minute < earlier.closes_minute:
            raise _hours_error(text, "two spans of one day overlap")
    return tuple(spans)


def _rule_spans(rule: str) -> Iterator[OpeningSpan]:
    match = _RULE.fullmatch(rule)
    if match is None or match[1] not in _WEEKDAYS or (match[2] or match[1]) not in _WEEKDAYS:
        raise _hours_error(rule, "write it like mon-sat 09:00-20:00")
    first, last = _WEEKDAYS.index(match[1]), _WEEKDAYS.index(match[2] or match[1])
    days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    for part in match[3].split(","):
        opens, closes = _minutes(rule, part.strip())
        yield from (OpeningSpan(day, opens, closes) for day in days)


def _minutes(rule: str, span: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(span)
    if match is None:
        raise _hours_error(rule, "write times like 09:00-20:00")
    hours_from, minutes_from, hours_to, minutes_to = (int(part) for part in match.groups())
    opens, closes = hours_from * 60 + minutes_from, hours_to * 60 + minutes_to
    if minutes_from > 59 or minutes_to > 59 or not opens < closes <= MINUTES_PER_DAY:  # noqa: PLR2004 (minutes)
        raise _hours_error(rule, "a span ends after it starts and by 24:00")
    return opens, closes


def _hours_error(text: str, why: str) -> RowRejectedError:
    return RowRejectedError("opening_hours", "INVALID_HOURS", f"opening hours {text[:60]!r}: {why}")
