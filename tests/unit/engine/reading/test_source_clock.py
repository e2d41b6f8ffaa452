"""An UPDATED_AT that shows the clock of a place, summer time and all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.exceptions import ConfigurationError

NEW_YORK = SourceClock.of("America/New_York")
#: Lord Howe puts its clock back by half an hour, Dublin has its summer time the other way round.
ZONES = st.sampled_from(["America/New_York", "Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe", "Asia/Tokyo"])
#: A year with both turns, to the second.
SECONDS = st.integers(0, 365 * 86_400)
#: Around the night in which New York has two hours between one and two.
NIGHT = st.integers(0, 4 * 3600).map(lambda seconds: datetime(2026, 11, 1, 4, tzinfo=UTC) + timedelta(seconds=seconds))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def in_2026(seconds: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def stamp_written_at(when: datetime, zone: str) -> str:
    from zoneinfo import ZoneInfo

    return when.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_without_a_zone_a_position_is_utc():
    noon = moment("2026-06-01T12:00")
    assert SourceClock().bound(noon) == SourceClock().up_to(noon) == "2026-06-01T12:00:00.000000Z"


def test_a_moment_is_what_the_clock_of_the_place_shows():
    assert NEW_YORK.up_to(moment("2026-06-01T12:00")) == "2026-06-01T08:00:00.000000Z"
    assert NEW_YORK.up_to(moment("2026-12-01T12:00")) == "2026-12-01T07:00:00.000000Z"


@pytest.mark.parametrize("now", ["2026-11-01T05:00", "2026-11-01T05:59:59", "2026-11-01T06:00", "2026-11-01T06:59:59"])
def test_nothing_of_the_repeated_hour_is_read_before_it_has_passed_twice(now):
    assert NEW_YORK.up_to(moment(now)) == "2026-11-01T00:59:59.999999Z"


def test_the_repeated_hour_is_read_once_it_has_passed_twice():
    assert NEW_YORK.up_to(moment("2026-11-01T07:00")) == "2026-11-01T02:00:00.000000Z"


@given(ZONES, SECONDS, SECONDS)
def test_no_row_is_ever_written_behind_what_was_read(zone, one, other):
    now, written = sorted((in_2026(one), in_2026(other)))
    assert SourceClock.of(zone).up_to(now) <= stamp_written_at(written, zone)


@given(NIGHT, NIGHT)
def test_no_row_of_that_night_is_written_behind_what_was_read(one, other):
    now, written = sorted((one, other))
    assert NEW_YORK.up_to(now) <= stamp_written_at(written, "America/New_York")


@given(NIGHT, NIGHT)
def test_a_later_moment_never_has_an_earlier_bound(one, other):
    earlier, later = sorted((one, other))
    assert NEW_YORK.bound(earlier) <= NEW_YORK.bound(later)


def test_hourly_windows_of_that_night_share_the_rows_among_them():
    bounds = [NEW_YORK.bound(moment(f"2026-11-01T{hour:02d}:00")) for hour in (4, 5, 6, 7)]
    assert [bound[11:16] for bound in bounds] == ["00:00", "01:00", "02:00", "02:00"]


def test_text_without_an_offset_is_what_the_clock_shows():
    assert NEW_YORK.parse("2026-06-01 09:00") == "2026-06-01T09:00:00.000000Z"


def test_text_with_an_offset_is_turned_into_what_the_clock_shows():
    assert NEW_YORK.parse("2026-06-01T12:00:00Z") == NEW_YORK.parse("2026-06-01T14:00+02:00")
    assert NEW_YORK.parse("2026-06-01T12:00:00Z") == "2026-06-01T08:00:00.000000Z"


def test_nanoseconds_survive():
    assert NEW_YORK.parse("2026-06-01T12:00:00.123456789Z") == "2026-06-01T08:00:00.123456789Z"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc"])
def test_an_unknown_zone_is_refused_by_name(zone):
    with pytest.raises(ConfigurationError, match=r"watermark_timezone is .*America/New_York"):
        SourceClock.of(zone)
