"""The days on which a clock is put forward or back: each has one run, and each row arrives once, a sync now between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

DAGS = Path(__file__).parents[2] / "dags"
BERLIN, HALF_PAST_TWO = "Europe/Berlin", "30 2 * * *"
TIMETABLES = {
    "trigger": lambda cron=HALF_PAST_TWO: CronTriggerTimetable(cron, timezone=BERLIN),
    "data interval": lambda cron=HALF_PAST_TWO: CronDataIntervalTimetable(cron, timezone=BERLIN),
}
#: The last Sundays of March and October.
FORWARD, BACK = datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)

either_timetable = pytest.mark.parametrize("timetable", TIMETABLES)
both_changes = pytest.mark.parametrize("change", [FORWARD, BACK], ids=["forward", "back"])


@dataclass
class Tick:
    """One run of the schedule."""

    at: datetime
    start: datetime
    end: datetime

    @property
    def local(self):
        return pendulum.instance(self.at).in_timezone(BERLIN).strftime("%m-%d %H:%M %Z")

    @property
    def utc(self):
        return self.at.astimezone(UTC).strftime("%H:%M")


def ticks(timetable, change, *, before=timedelta(hours=30), after=timedelta(days=2, hours=12)):
    """Ask Airflow's timetable, as its scheduler does, for the runs around a change."""
    start, stop = pendulum.instance(change - before), change + after
    found, interval = [], None
    while True:
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=TimeRestriction(start, None, True)
        )
        if info.run_after > stop:
            return found
        interval = info.data_interval
        found.append(Tick(info.run_after, interval.start, interval.end))


class LocalWorld:
    """A table into which rows come every half hour, and a sync that is run at moments of that time."""

    def __init__(self, lab, timetable, begin):
        self.lab, self.timetable, self.now = lab, timetable, begin
        self.written = []
        lab.sql("create table users (updated_at timestamptz, external_id varchar, payload varchar)")

    def let_time_pass(self, until):
        """Write the rows of the time up to a moment, those of that very moment included."""
        rows = []
        while self.now <= until:
            rows.append((self.now.isoformat(), f"{self.now:%m-%dT%H:%M}"))
            self.now += timedelta(minutes=30)
        if rows:
            with duckdb.connect(str(self.lab.path)) as warehouse:
                warehouse.executemany("insert into users values (?, ?, '{}')", rows)
        self.written += [name for _, name in rows]

    def run(self, run_id, tick=None, run_type="scheduled"):
        interval = {} if tick is None else {"data_interval_start": tick.start, "data_interval_end": tick.end}
        context = {**interval, "run_type": run_type, "dag": SimpleNamespace(timetable=self.timetable, params={})}
        return self.lab.run(run_id=run_id, context=context)

    @property
    def arrived(self):
        return {name.removeprefix("external_id:"): times for name, times in self.lab.arrivals()["received"].items()}


@either_timetable
@both_changes
def test_each_row_arrives_once_over_a_change_of_the_clock_with_a_sync_now_within_it(lab, timetable, change):
    schedule = TIMETABLES[timetable]()
    world = LocalWorld(lab, schedule, change - timedelta(hours=30))
    # Within the hour that does not exist in March, and between the two 02:30 of October.
    sync_now = change + timedelta(hours=1)
    moments = [(tick.at, tick) for tick in ticks(schedule, change)] + [(sync_now, None)]
    for number, (at, tick) in enumerate(sorted(moments, key=lambda one: one[0])):
        world.let_time_pass(at)
        world.run(f"run-{number}", tick, "scheduled" if tick else "manual")
    assert world.arrived == dict.fromkeys(world.written, 1)


@either_timetable
@both_changes
def test_a_backfill_over_a_change_of_the_clock_holds_each_row_once(lab, timetable, change):
    schedule = TIMETABLES[timetable]()
    runs = ticks(schedule, change)
    world = LocalWorld(lab, schedule, change - timedelta(hours=30))
    world.let_time_pass(change + timedelta(days=3))
    for number, tick in enumerate(runs):
        world.run(f"backfill-{number}", tick, "backfill")
    assert set(world.arrived.values()) == {1}
    first, last = min(world.arrived), max(world.arrived)
    assert list(world.arrived) == [name for name in world.written if first <= name <= last]
    assert last == (runs[-1].at - timedelta(minutes=30)).strftime("%m-%dT%H:%M")


@either_timetable
def test_half_past_two_is_half_past_three_on_the_day_without_it(timetable):
    found = ticks(TIMETABLES[timetable](), FORWARD)
    assert [(one.local, one.utc) for one in found][-3:] == [
        ("03-29 03:30 CEST", "01:30"),
        ("03-30 02:30 CEST", "00:30"),
        ("03-31 02:30 CEST", "00:30"),
    ]


@either_timetable
def test_of_two_half_past_two_the_second_has_the_run(timetable):
    found = ticks(TIMETABLES[timetable](), BACK)
    assert [(one.local, one.utc) for one in found][-3:] == [
        ("10-25 02:30 CET", "01:30"),
        ("10-26 02:30 CET", "01:30"),
        ("10-27 02:30 CET", "01:30"),
    ]


@pytest.mark.parametrize(("change", "hours"), [(FORWARD, [24, 23]), (BACK, [25, 24])], ids=["forward", "back"])
def test_only_the_timetable_with_intervals_says_how_long_a_day_was(change, hours):
    def lengths(timetable):
        found = ticks(TIMETABLES[timetable](), change)
        return [(one.end - one.start).total_seconds() / 3600 for one in found if one.at >= change][:2]

    assert lengths("data interval") == hours
    assert lengths("trigger") == [0, 0]


@either_timetable
@pytest.mark.parametrize(
    ("change", "local"),
    [(FORWARD, ["00:30", "01:30", "03:30", "04:30"]), (BACK, ["01:30", "02:30", "02:30", "03:30"])],
    ids=["forward", "back"],
)
def test_an_hourly_schedule_has_one_run_an_hour_that_passes(timetable, change, local):
    found = ticks(TIMETABLES[timetable]("30 * * * *"), change, before=timedelta(hours=3), after=timedelta(hours=3))
    times = [one.local[6:11] for one in found]
    place = times.index(local[0])
    assert times[place : place + 4] == local


def test_the_example_is_scheduled_so():
    from support.airflow_versions import DagBag

    from airflow_provider_cdi.version_compat import core_timetable

    dag = DagBag(dag_folder=str(DAGS / "braze_half_past_two_daily.py")).dags["braze_half_past_two_daily"]
    for change in (FORWARD, BACK):
        assert ticks(core_timetable(dag.timetable), change) == ticks(TIMETABLES["trigger"](), change)
