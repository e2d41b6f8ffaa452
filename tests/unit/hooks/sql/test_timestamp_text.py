from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_cdi.hooks.sql.timestamp_text import literal, sortable, utc_text

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
YEARS = [datetime.fromisoformat(day) for day in ("0002-01-01", "9998-12-31")]
MOMENTS = st.datetimes(*YEARS, timezones=st.none() | ZONES)


@pytest.mark.parametrize(
    ("position", "digits", "zone", "text"),
    [
        ("2026-01-05T09:00:00.123456Z", 6, "", "2026-01-05 09:00:00.123456"),
        ("2026-01-05T09:00:00.123456Z", 9, "", "2026-01-05 09:00:00.123456000"),
        ("2026-01-05T09:00:00.123456789Z", 6, "+00:00", "2026-01-05 09:00:00.123456+00:00"),
    ],
)
def test_a_position_is_spelled_at_the_columns_precision_and_never_rounded(
    position: str, digits: int, zone: str, text: str
) -> None:
    assert literal(position, digits=digits, zone=zone) == text


def test_positions_of_six_and_of_nine_digits_sort_together() -> None:
    later, earlier = "2026-01-05T09:00:00.123456001Z", "2026-01-05T09:00:00.123456Z"
    assert sorted([later, earlier], key=sortable) == [earlier, later]


@given(MOMENTS, st.sampled_from("T "))
def test_iso_text_of_any_zone_becomes_utc(moment: datetime, separator: str) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    expected = aware.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    assert utc_text(moment.isoformat(separator)) == expected


@given(st.one_of(st.text(), st.integers(), st.none(), st.binary()))
def test_whatever_it_is_given_it_returns_a_time_or_nothing(value: object) -> None:
    found = utc_text(value)
    assert found is None or datetime.fromisoformat(found)


@pytest.mark.parametrize(
    "value",
    ["2026-01-05", "2026-02-31 00:00:00", "2026-01-05 09:00:00.1234567", "20260105T090000", 1767225600, None],
)
def test_what_is_no_date_and_time_is_no_time(value: object) -> None:
    assert utc_text(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-01-05T09:00+00", "2026-01-05 09:00:00.000000"),
        ("2026-01-05t09:00:00.5 z", "2026-01-05 09:00:00.500000"),
        ("2026-01-05 09:00:00-0530", "2026-01-05 14:30:00.000000"),
    ],
)
def test_the_less_usual_spellings_are_read_too(value: str, text: str) -> None:
    assert utc_text(value) == text
