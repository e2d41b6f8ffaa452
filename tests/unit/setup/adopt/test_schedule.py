"""How often an integration runs, told from when it ran and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_cdi.setup.adopt.schedule import cron_of

DUE = datetime(2026, 1, 5, 14, 7, tzinfo=UTC)  # a Monday


def runs(gap, number=9):
    """The runs before the one that is due, each a few seconds late."""
    return [DUE - gap * back + timedelta(seconds=back % 3) for back in range(1, number + 1)]


@pytest.mark.parametrize(
    ("gap", "cron"),
    [
        (timedelta(minutes=5), "*/5 * * * *"),
        (timedelta(minutes=15), "*/15 * * * *"),
        (timedelta(minutes=30), "*/30 * * * *"),
        (timedelta(hours=1), "7 * * * *"),
        (timedelta(hours=3), "7 2-23/3 * * *"),
        (timedelta(hours=2), "7 */2 * * *"),
        (timedelta(days=1), "7 14 * * *"),
        (timedelta(days=7), "7 14 * * 1"),
        (timedelta(days=30), "7 14 5 * *"),
        (timedelta(days=11), None),
    ],
)
def test_the_gap_between_runs_tells_the_schedule(gap, cron):
    assert cron_of(runs(gap), DUE) == cron


def test_single_runs_by_hand_do_not_change_it():
    assert cron_of([*runs(timedelta(hours=1)), DUE - timedelta(minutes=90)], DUE) == "7 * * * *"


def test_what_is_not_due_has_no_schedule():
    assert cron_of(runs(timedelta(hours=1)), None) is None


def test_what_never_ran_shows_no_gap():
    assert cron_of([], DUE) is None


def test_times_of_other_zones_are_written_in_utc():
    seoul = DUE.astimezone(datetime.strptime("+0900", "%z").tzinfo)
    assert cron_of(runs(timedelta(days=1)), seoul) == "7 14 * * *"
