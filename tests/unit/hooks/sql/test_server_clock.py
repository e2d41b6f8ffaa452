"""What the answer of a database's clock means, and how a column is compared with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_cdi.hooks.arrow.column_types import ColumnType
from airflow_provider_cdi.hooks.sql.dialects import ANSI, DIALECTS
from airflow_provider_cdi.hooks.sql.server_clock import ANSI_CLOCK, local_text

NOON = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("kind", list(DIALECTS))
def test_an_answer_without_a_zone_is_utc_whatever_the_worker_thinks(kind):
    clock = DIALECTS[kind].clock
    assert clock.read(NOON.replace(tzinfo=None), NOON + timedelta(days=3)) == NOON


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 14])
@pytest.mark.parametrize("skew", [timedelta(minutes=-7), timedelta(0), timedelta(minutes=7)])
def test_a_session_of_an_unknown_zone_is_found_out_though_the_worker_is_minutes_off(hours, skew):
    shown = (NOON + timedelta(hours=hours)).replace(tzinfo=None)
    assert ANSI_CLOCK.read(shown, NOON + skew) == NOON


def test_an_answer_with_a_zone_says_it_itself():
    seoul = NOON.astimezone(timezone(timedelta(hours=9)))
    assert ANSI_CLOCK.read(seoul, NOON + timedelta(days=3)) == NOON


def test_an_answer_as_text_is_read():
    assert DIALECTS["sqlite"].clock.read("2026-01-05 12:00:00.123456", NOON) == NOON


@pytest.mark.parametrize("dialect", [ANSI, *DIALECTS.values()], ids=lambda dialect: dialect.name)
def test_a_column_with_a_zone_is_compared_with_a_moment_and_others_with_what_a_clock_shows(dialect):
    clock = dialect.clock
    assert clock.like(ColumnType.TIMESTAMP_TZ, None) == clock.moment
    assert clock.like(ColumnType.TIMESTAMP, None) == clock.utc
    there = clock.like(ColumnType.TIMESTAMP, "America/New_York")
    assert "America/New_York" in there or dialect is ANSI
    assert "{" not in there


def test_sqlite_learns_what_a_clock_shows_elsewhere():
    assert local_text("2026-07-01 12:00:00.5", "America/New_York") == "2026-07-01 08:00:00.500000"
    assert local_text("no time", "America/New_York") is None
