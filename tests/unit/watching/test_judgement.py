"""What is wrong with a sync, by its past runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi.watching.history import PastRun
from airflow_provider_cdi.watching.judgement import Bounds, Seen, alarms

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def run(hours_ago, *, failed=False, **report):
    return PastRun(f"run-{hours_ago}", failed, NOON - timedelta(hours=hours_ago), report)


def names(runs, since=100, **bounds):
    bound = Bounds(**{name: timedelta(hours=hours) for name, hours in bounds.items()})
    return [one.name for one in alarms(Seen.of(runs, bound, NOON), bound, NOON, NOON - timedelta(hours=since))]


def test_a_sync_is_silent_when_its_last_success_is_too_long_ago():
    runs = [run(1, failed=True), run(4)]
    assert names(runs, no_success_for=3) == ["no_success"]
    assert names(runs, no_success_for=5) == []


def test_a_sync_that_never_ran_is_silent_from_the_first_look_on():
    assert names([], since=2, no_success_for=3) == []
    assert names([], since=4, no_success_for=3) == ["no_success"]


@pytest.mark.parametrize("report", [{"dry_run": True}, {"moves_watermark": False}])
def test_dry_runs_and_windows_are_no_success(report):
    assert names([run(1, **report)], no_success_for=3) == ["no_success"]


def test_rows_that_stopped_to_come_are_told_although_runs_end_well():
    runs = [run(hour, accepted=0) for hour in range(1, 30)] + [run(30, accepted=7)]
    assert names(runs, no_success_for=3, no_rows_for=24) == ["no_rows"]
    assert names(runs, no_success_for=3, no_rows_for=31) == []


def test_rows_of_a_run_that_failed_later_have_arrived():
    assert names([run(1, failed=True, accepted=5), run(30, accepted=7)], no_rows_for=24) == []


def test_a_sync_lags_by_what_its_last_good_run_did_not_read():
    runs = [run(1, failed=True), run(2, read_up_to="2026-01-05T06:00:00+00:00")]
    assert names(runs, lag_over=5) == ["lag"]
    assert names(runs, lag_over=7) == []


def test_a_source_in_which_nothing_changed_for_days_does_not_lag():
    runs = [run(1, read_up_to="2026-01-05T11:00:00+00:00", watermark="2025-12-24T00:00:00.000000Z", accepted=0)]
    assert names(runs, lag_over=2) == []


def test_a_report_of_an_earlier_version_lags_by_its_end():
    assert [names([run(3)], lag_over=hours) for hours in (2, 4)] == [["lag"], []]


def test_a_sync_that_never_ran_well_lags_from_the_first_look_on():
    assert [names([], since=hours, lag_over=3) for hours in (2, 4)] == [[], ["lag"]]


def test_the_runs_are_looked_at_no_further_back_than_needed():
    looked = []

    def runs():
        for hour in range(1, 1000):
            looked.append(hour)
            yield run(hour, accepted=0)

    names(runs(), no_rows_for=24)
    assert len(looked) <= 26


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (timedelta(days=2, minutes=4), "2 d 4 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(seconds=61), "1 min"),
        (timedelta(seconds=59), "59 s"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(length, said):
    bounds = Bounds(lag_over=timedelta(seconds=1))
    (alarm,) = alarms(Seen.of([], bounds, NOON), bounds, NOON, NOON - length)
    assert alarm.headline == f"it lags by {said} (more than 1 s)"
