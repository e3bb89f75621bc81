"""Opening hours: a weekly table of local times, read in a location's IANA time zone.

A local time that a clock change skips counts with the offset before the change; one that it repeats means its
first occurrence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from routing.errors import RoutingInputError

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_ONE_DAY = timedelta(days=1)
_HORIZON_DAYS = 8


@dataclass(frozen=True, slots=True, order=True)
class OpeningInterval:
    """Open from `opens` until just before `closes`, local time. `closes` ≤ `opens` is on the next day."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """The intervals that begin on each weekday, Monday first; a day without any is closed."""

    days: tuple[tuple[OpeningInterval, ...], ...]

    def __post_init__(self) -> None:
        if len(self.days) != len(WEEKDAYS):
            raise RoutingInputError(f"opening hours name {len(self.days)} weekdays; give all seven, Monday first")

    @classmethod
    def parse(cls, table: Mapping[str, Sequence[Sequence[str]]]) -> "WeeklyHours":
        """Read `{"MON": [["09:00", "18:00"]], …}`. A missing day is closed, "24:00" is the end of the day."""
        unknown = sorted(set(table) - set(WEEKDAYS))
        if unknown:
            raise RoutingInputError(f"weekday {unknown[0]!r} is not one of {', '.join(WEEKDAYS)}")
        return cls(tuple(tuple(_interval(pair) for pair in table.get(day, ())) for day in WEEKDAYS))


def wait_until_open(hours: WeeklyHours | None, zone: ZoneInfo, at: datetime) -> timedelta | None:
    """How long after `at` the location is open: zero when it is now, None when it never opens.

    No table means always open.
    """
    if hours is None:
        return timedelta(0)
    for opens, closes in _instants(hours, zone, at.astimezone(zone).date() - _ONE_DAY):
        if closes > at and closes > opens:
            return max(opens - at, timedelta(0))
    return None


def _instants(hours: WeeklyHours, zone: ZoneInfo, first: date) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing instants in order, from the day `first` on, for just over a week."""
    for offset in range(_HORIZON_DAYS + 2):
        day = first + offset * _ONE_DAY
        for interval in sorted(hours.days[day.weekday()]):
            last_day = day if interval.closes > interval.opens else day + _ONE_DAY
            yield _instant(day, interval.opens, zone), _instant(last_day, interval.closes, zone)


def _instant(day: date, local: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, local, zone).astimezone(UTC)


def _interval(pair: Sequence[str]) -> OpeningInterval:
    try:
        opens, closes = pair
        return OpeningInterval(time.fromisoformat(opens), _closing_time(closes))
    except (ValueError, TypeError):
        raise RoutingInputError(f"opening interval {pair!r} must be two local times like 09:00, 18:00") from None


def _closing_time(text: str) -> time:
    return time(0) if text in {"24:00", "24:00:00"} else time.fromisoformat(text)
