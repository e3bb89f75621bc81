from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import RoutingInputError, WeeklyHours, wait_until_open
from tests.routing.factories import SUNDAY_NOON, weekly_hours

BERLIN_ZONE = ZoneInfo("Europe/Berlin")
NINE_TO_SIX = WeeklyHours.parse({day: [["09:00", "18:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI")})


def _wait(hours: WeeklyHours | None, at: datetime, zone: ZoneInfo = BERLIN_ZONE) -> timedelta | None:
    return wait_until_open(hours, zone, at)


def test_a_location_without_a_table_is_always_open():
    assert _wait(None, SUNDAY_NOON) == timedelta(0)


def test_a_table_without_any_interval_never_opens():
    assert _wait(WeeklyHours.parse({}), SUNDAY_NOON) is None


def test_on_a_sunday_the_wait_lasts_until_monday_morning_local_time():
    assert _wait(NINE_TO_SIX, SUNDAY_NOON) == timedelta(hours=21)


def test_a_location_is_open_at_its_opening_instant_and_closed_at_its_closing_instant():
    monday_nine = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert _wait(NINE_TO_SIX, monday_nine) == timedelta(0)
    assert _wait(NINE_TO_SIX, monday_nine + timedelta(hours=9)) == timedelta(hours=15)


def test_the_same_instant_is_judged_in_each_locations_own_zone():
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert _wait(NINE_TO_SIX, monday) == timedelta(0)
    assert _wait(NINE_TO_SIX, monday, ZoneInfo("America/New_York")) == timedelta(hours=5)


def test_an_interval_over_midnight_belongs_to_the_day_it_begins_on():
    night = WeeklyHours.parse({"SAT": [["22:00", "02:00"]]})
    assert _wait(night, datetime(2026, 11, 22, 0, 30, tzinfo=UTC)) == timedelta(0)
    assert _wait(night, datetime(2026, 11, 22, 1, 0, tzinfo=UTC)) == timedelta(days=6, hours=20)


def test_midnight_to_midnight_is_the_whole_day():
    hours = WeeklyHours.parse({"SUN": [["00:00", "24:00"]]})
    assert _wait(hours, datetime(2026, 11, 22, 22, 59, tzinfo=UTC)) == timedelta(0)
    assert _wait(hours, datetime(2026, 11, 22, 23, 0, tzinfo=UTC)) == timedelta(days=6)


def test_the_night_of_the_spring_change_is_one_hour_shorter():
    saturday_noon = datetime(2026, 3, 28, 11, 0, tzinfo=UTC)
    sunday = WeeklyHours.parse({"SUN": [["12:00", "13:00"]]})
    assert _wait(sunday, saturday_noon) == timedelta(hours=23)


def test_the_night_of_the_autumn_change_is_one_hour_longer():
    saturday_noon = datetime(2026, 10, 24, 10, 0, tzinfo=UTC)
    sunday = WeeklyHours.parse({"SUN": [["12:00", "13:00"]]})
    assert _wait(sunday, saturday_noon) == timedelta(hours=25)


def test_an_interval_that_the_spring_change_skips_does_not_open():
    skipped = WeeklyHours.parse({"SUN": [["02:00", "03:00"]]})
    assert _wait(skipped, datetime(2026, 3, 29, 0, 59, tzinfo=UTC)) == timedelta(days=7, minutes=-59)


def test_a_repeated_local_time_means_its_first_occurrence():
    repeated = WeeklyHours.parse({"SUN": [["02:15", "02:45"]]})
    assert _wait(repeated, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == timedelta(0)
    assert _wait(repeated, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == timedelta(days=6, hours=23, minutes=45)


@pytest.mark.parametrize(
    "table",
    [{"MONDAY": []}, {"MON": [["09:00"]]}, {"MON": [["nine", "18:00"]]}, {"MON": [["25:00", "26:00"]]}],
)
def test_a_table_that_is_not_weekly_hours_is_refused(table: dict[str, list[list[str]]]):
    with pytest.raises(RoutingInputError):
        WeeklyHours.parse(table)


def test_hours_need_all_seven_days():
    with pytest.raises(RoutingInputError, match="seven"):
        WeeklyHours(((),))


@given(weekly_hours, st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 (Hypothesis adds the zone)
def test_once_the_wait_is_over_the_location_is_open(hours: WeeklyHours, at: datetime):
    wait = _wait(hours, at)
    if wait is not None:
        assert wait >= timedelta(0)
        assert _wait(hours, at + wait) == timedelta(0)
