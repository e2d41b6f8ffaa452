"""Which rows a window holds: what a person gave, the run's interval, or the time since the schedule's tick before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import DAG
from dateutil.relativedelta import relativedelta

from airflow_provider_cdi.engine.reading.source_clock import SourceClock
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.transfers.runs.plan import RunRequest
from airflow_provider_cdi.transfers.runs.ticks import previous_tick
from airflow_provider_cdi.transfers.runs.windows import window_bounds
from airflow_provider_cdi.version_compat import core_timetable

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def context(schedule: Any, start: datetime | None, end: datetime | None = None, run_type: str = "backfill") -> dict:
    dag = DAG("windows", schedule=schedule, start_date=datetime(2020, 1, 1, tzinfo=UTC))
    interval = {"data_interval_start": start, "data_interval_end": end or start}
    return {"dag": dag, "dag_run": SimpleNamespace(run_type=run_type), **interval}


def bounds(since: str = "", until: str = "", **run: Any) -> tuple[str, str | None]:
    return window_bounds(RunRequest("window", since, until), context(**{"schedule": None, "start": None} | run))


def refused(words: str, *args: Any, **more: Any) -> str:
    with pytest.raises(ConfigurationError, match=words) as caught:
        bounds(*args, **more)
    return str(caught.value)


def local(*parts: int, zone: str = "America/New_York") -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("schedule", "tick", "before"),
    [
        ("@daily", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)),
        ("@hourly", NOON, NOON - timedelta(hours=1)),
        ("*/15 * * * *", NOON, NOON - timedelta(minutes=15)),
        ("0 5 1 * *", datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 2, 1, 5, tzinfo=UTC)),
        ("0 4 * * 1", datetime(2026, 1, 5, 4, tzinfo=UTC), datetime(2025, 12, 29, 4, tzinfo=UTC)),
        ("0 9-17 * * 1-5", datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 1, 2, 17, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
        (timedelta(minutes=90), NOON, NOON - timedelta(minutes=90)),
        (relativedelta(months=1), datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("run_type", ["backfill", "scheduled"])
def test_an_interval_without_length_reaches_back_to_the_tick_before(schedule, tick, before, run_type):
    expected = tuple(moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in (before, tick))
    assert bounds(schedule=schedule, start=tick, run_type=run_type) == expected


@pytest.mark.parametrize(
    ("cron", "tick", "before"),
    [
        # The clock is put forward on 8 March 2026 at 2:00, and back on 1 November at 2:00.
        ("0 0 * * *", local(2026, 3, 9), local(2026, 3, 8)),
        ("0 0 * * *", local(2026, 11, 2), local(2026, 11, 1)),
        ("0 * * * *", local(2026, 3, 8, 3), local(2026, 3, 8, 1)),
        ("30 2 * * *", local(2026, 3, 9, 2, 30), local(2026, 3, 8, 3, 30)),
        ("30 2 * * *", local(2026, 3, 8, 3, 30), local(2026, 3, 7, 2, 30)),
    ],
)
def test_ticks_keep_to_the_clock_of_the_schedule(cron, tick, before):
    from airflow.timetables.trigger import CronTriggerTimetable

    found = previous_tick(CronTriggerTimetable(cron, timezone="America/New_York"), tick.astimezone(UTC))
    assert found == before


@pytest.mark.parametrize("cron", ["0 0 * * *", "30 2 * * *", "*/20 * * * *", "15 1 * * 0", "0 12 1,15 * *"])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])
def test_the_windows_of_ticks_in_a_row_leave_out_nothing_and_overlap_nowhere(cron, zone):
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    for start in (pendulum.datetime(2026, 3, 6), pendulum.datetime(2026, 4, 2), pendulum.datetime(2026, 10, 23)):
        timetable = CronTriggerTimetable(cron, timezone=zone)
        last, interval = None, None
        for _ in range(120):
            info = timetable.next_dagrun_info(
                last_automated_data_interval=interval, restriction=TimeRestriction(start, None, True)
            )
            if last is not None and info.logical_date != last:
                assert previous_tick(timetable, info.logical_date) == last
            last, interval = info.logical_date, info.data_interval
            if last > start.add(days=40):
                break


def test_other_timetables_say_when_they_were_due_too():
    from airflow.timetables.events import EventsTimetable
    from airflow.timetables.trigger import MultipleCronTriggerTimetable

    several = MultipleCronTriggerTimetable("0 6 * * *", "0 18 * * *", timezone="UTC")
    assert previous_tick(several, datetime(2026, 1, 5, 18, tzinfo=UTC)) == datetime(2026, 1, 5, 6, tzinfo=UTC)
    assert previous_tick(several, datetime(2026, 1, 5, 6, tzinfo=UTC)) == datetime(2026, 1, 4, 18, tzinfo=UTC)
    events = EventsTimetable([pendulum.datetime(2026, 1, day) for day in (1, 4, 9)])
    assert previous_tick(events, datetime(2026, 1, 9, tzinfo=UTC)) == datetime(2026, 1, 4, tzinfo=UTC)


def test_a_schedule_that_says_nothing_is_an_error_with_the_cure():
    assert "Give since and until" in refused("does not say when", schedule=None, start=NOON)


def test_a_run_by_hand_has_no_tick():
    assert "Give since and until" in refused("has no length", schedule="@hourly", start=NOON, run_type="manual")
    assert "Give since and until" in refused("no data interval", run_type="manual")


def test_an_interval_with_a_length_is_the_window():
    assert bounds(start=NOON, end=NOON + timedelta(hours=1)) == (
        "2026-01-05T12:00:00.000000Z",
        "2026-01-05T13:00:00.000000Z",
    )


def test_a_window_that_only_begins_ends_with_the_interval_or_now():
    assert bounds("2026-01-05T12:30") == ("2026-01-05T12:30:00.000000Z", None)
    assert bounds("2026-01-05", start=NOON, end=NOON + timedelta(hours=1))[1] == "2026-01-05T13:00:00.000000Z"


def test_a_window_that_only_ends_begins_with_the_interval_or_is_an_error():
    assert bounds(until="2026-01-05T12:30", start=NOON, end=NOON + timedelta(hours=1))[0].startswith("2026-01-05T12:00")
    refused("until is '2026-01-05', and nothing says where", until="2026-01-05")


def test_a_reversed_window_is_blamed_on_what_the_person_typed():
    text = refused(r"since \('2026-01-06'\) comes after until \('2026-01-05'\)", "2026-01-06", "2026-01-05")
    assert "Exchange the two" in text
    assert "cron" not in text
    refused(r"since \('2026-01-05'\) is the same moment as until", "2026-01-05", "2026-01-05T00:00:00Z")
    late = {"start": NOON, "end": NOON + timedelta(hours=1)}
    refused(r"since \('2026-01-09'\) comes after the end of the run's data interval", "2026-01-09", **late)
    refused(r"the start of the run's data interval .* comes after until \('2026-01-01'\)", until="2026-01-01", **late)


def test_the_timetable_of_a_dag_file_can_be_asked():
    assert hasattr(core_timetable(DAG("t", schedule="@daily").timetable), "_get_prev")


@pytest.mark.parametrize(
    ("zone", "since", "until", "first", "last"),
    [
        # The second pass of the hour that comes twice, in whatever offset it is written.
        ("America/New_York", "2026-11-01T01:10:00-05:00", "2026-11-01T01:40:00-05:00", "01:10", "01:40"),
        ("America/New_York", "2026-11-01T06:10:00Z", "2026-11-01T06:40:00Z", "01:10", "01:40"),
        ("America/New_York", "2026-11-01T06:10:00Z", "2026-11-01T07:00:00Z", "01:10", "02:00"),
        # The first pass, and what the clock itself shows.
        ("America/New_York", "2026-11-01T05:10:00Z", "2026-11-01T05:40:00Z", "01:10", "01:40"),
        ("America/New_York", "2026-11-01T01:10:00", "2026-11-01T01:40:00", "01:10", "01:40"),
        # From the first pass into the second: the rest of the hour.
        ("America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:10:00Z", "01:30", "02:00"),
        # Half an hour that comes twice.
        ("Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T15:20:00Z", "01:40", "01:50"),
    ],
)
def test_a_window_inside_the_hour_that_comes_twice_holds_what_the_clock_shows_in_it(zone, since, until, first, last):
    request = RunRequest("window", since, until, clock=SourceClock.of(zone))
    found = window_bounds(request, context(None, None, run_type="manual"))
    assert [position[11:16] for position in found] == [first, last]


def test_a_window_in_the_hour_that_comes_twice_is_still_refused_when_it_is_the_wrong_way_round():
    clock = SourceClock.of("America/New_York")
    request = RunRequest("window", "2026-11-01T06:40:00Z", "2026-11-01T06:10:00Z", clock=clock)
    with pytest.raises(ConfigurationError):
        window_bounds(request, context(None, None, run_type="manual"))
