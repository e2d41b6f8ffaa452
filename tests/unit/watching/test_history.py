"""The past runs of a sync, as states and reports tell them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_cdi.watching.history import instances, past_runs, time_of

OLD, NEW = "scheduled__2026-01-01T10:00:00+00:00", "manual__2026-01-01T11:00:00.5+00:00_aBc"


def listed(states, reports=None, task_id="sync", map_index=-1):
    found = past_runs(states, task_id, map_index, lambda run, index: (reports or {}).get((run, index), {}))
    return [(run.run_id, run.has_failed) for run in found]


def test_runs_come_newest_first_whatever_kind_of_run_they_are():
    states = {OLD: {"sync": "success"}, NEW: {"sync": "failed"}}
    assert listed(states) == [(NEW, True), (OLD, False)]


@pytest.mark.parametrize("state", ["running", "deferred", "up_for_retry", "queued", None, "skipped"])
def test_a_run_that_has_not_ended_is_none(state):
    assert listed({OLD: {"sync": "success"}, NEW: {"sync": state}}) == [(OLD, False)]


def test_a_run_whose_id_has_no_time_counts_as_the_oldest():
    assert listed({"by hand": {"sync": "failed"}, OLD: {"sync": "success"}}) == [(OLD, False), ("by hand", True)]


def test_the_time_of_a_run_is_that_of_its_report_and_else_that_of_its_id():
    states = {OLD: {"sync": "success"}, NEW: {"sync": "failed"}}
    reports = {(OLD, -1): {"at": "2026-01-01T10:07:00+00:00"}}
    new, old = past_runs(states, "sync", -1, lambda run, index: reports.get((run, index), {}))
    assert old.at == datetime(2026, 1, 1, 10, 7, tzinfo=UTC)
    assert new.at == datetime(2026, 1, 1, 11, 0, 0, 500_000, tzinfo=UTC)


def test_the_instances_of_a_mapped_task_are_told_apart():
    states = {OLD: {"sync_0": "success", "sync_1": "failed", "sync_later_3": "failed"}}
    assert instances(states, "sync") == [0, 1]
    assert listed(states, map_index=1) == [(OLD, True)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-05 00:00:00.123456789", datetime(2026, 1, 5, 0, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-01-05T02:00:00+02:00", datetime(2026, 1, 5, tzinfo=UTC)),
        ("no time", None),
        (None, None),
    ],
)
def test_times_of_warehouses_are_read(text, found):
    assert time_of(text) == found
