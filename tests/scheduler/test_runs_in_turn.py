"""Scheduled runs, the button between them, and several at once: every row goes out once, whoever takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from scheduler.stage import Code, once
from scheduler.waiting import until

from airflow_provider_cdi.engine.settings import DeliverySettings

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)
#: A schedule whose next run is half a year away, however long the tests take.
HALF_A_YEAR_AWAY = Code(f"CronDataIntervalTimetable('0 0 1 {(NOW.month + 5) % 12 + 1} *', timezone='UTC')")
LAST_MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def test_after_missed_days_the_first_run_sends_all_and_the_others_nothing(make_stage):
    stage = make_stage("missed_days")
    start = LAST_MIDNIGHT - timedelta(days=4)
    stage.insert(range(21), at=start, step=timedelta(hours=4))
    stage.deploy(dag={"schedule": "@daily", "start_date": start, "catchup": True, "max_active_runs": 3})
    runs = until(lambda: len(found := stage.runs("scheduled")) == 5 and found, "Airflow makes a run for each day")
    accepted = [stage.finish(run["dag_run_id"])["accepted"] for run in runs]
    assert sorted(accepted) == [0, 0, 0, 0, 21]
    assert stage.accepted() == once(range(21))
    assert stage.watermark() == start + 20 * timedelta(hours=4)


def test_sync_now_between_two_scheduled_runs_takes_what_is_new_and_leaves_the_schedule_alone(make_stage):
    stage = make_stage("sync_now")
    stage.insert(range(10), at=NEW_YEAR)
    dag = {"schedule": HALF_A_YEAR_AWAY, "start_date": NOW - timedelta(days=1_100), "catchup": True}
    stage.deploy(dag=dag)

    def scheduled_runs(number):
        return until(lambda: len(found := stage.runs("scheduled")) >= number and found, f"{number} scheduled runs")

    reports = [stage.finish(run["dag_run_id"]) for run in scheduled_runs(2)]
    assert sorted(report["accepted"] for report in reports)[-2:] == [0, 10]
    seen = len(stage.runs("scheduled"))
    assert stage.take_accepted() == once(range(10))

    stage.insert([10, 11, 12], at=NEW_YEAR + timedelta(days=1))
    assert stage.run(dated=True)["accepted"] == 3
    stage.insert([13, 14], at=NEW_YEAR + timedelta(days=2))
    assert stage.run(dated=False)["accepted"] == 2
    assert stage.take_accepted() == once(range(10, 15))

    # The next scheduled run is due at once. Its logical date is the start of its interval, before the runs by hand.
    stage.deploy(
        dag={**dag, "schedule": Code("CronDataIntervalTimetable('0 0 * * *', timezone='UTC')"), "catchup": False}
    )
    after = scheduled_runs(seen + 1)[-1]
    assert stage.finish(after["dag_run_id"])["requests"] == 0
    stage.deploy(dag={**dag, "catchup": False})
    stage.insert([15], at=NEW_YEAR + timedelta(days=3))
    assert stage.run(dated=True)["accepted"] == 1
    assert stage.accepted() == once([15])
    assert stage.watermark() == NEW_YEAR + timedelta(days=3)


def test_of_three_triggers_at_once_the_first_sends_all_and_the_others_wait_for_it(make_stage):
    stage = make_stage("three_at_once")
    stage.insert(range(800), at=NEW_YEAR)
    stage.deploy(dag={"max_active_runs": 3}, delivery=DeliverySettings(max_in_flight=1))
    stage.sandbox.change(latency=0.3)  # 11 requests: more than three seconds
    runs = [stage.trigger(dated=dated) for dated in (True, False, True)]
    assert sorted(stage.finish(run)["accepted"] for run in runs) == [0, 0, 800]
    assert stage.accepted() == once(range(800))
    times = sorted((found["start_date"], found["end_date"]) for found in map(stage.instance, runs))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))
    assert stage.watermark() == NEW_YEAR + timedelta(seconds=799)


def test_a_row_stamped_in_the_future_is_sent_by_the_first_run_after_its_time(make_stage):
    stage = make_stage("future_row")
    stage.insert([1], at=NEW_YEAR)
    stage.deploy()
    stage.run()
    assert stage.take_accepted() == once([1])
    # The run has to begin before the row's time comes: on a busy machine the row is put off once more.
    for seconds in (10, 40, 160):
        soon = datetime.now(UTC) + timedelta(seconds=seconds)
        stage.sql("delete from future_row where external_id = 'future_row-2'")
        stage.insert([2], at=soon)
        report = stage.run()
        if report["skipped_because"].get("future"):
            break
        stage.sandbox.reset()
    assert (report["accepted"], report["skipped_because"]["future"]) == (0, 1)
    assert (stage.take_accepted(), stage.watermark() < soon) == (once([]), True)
    until(lambda: datetime.now(UTC) > soon, "the row's time comes", seconds=seconds + 1)
    assert stage.run()["accepted"] == 1
    assert (stage.accepted(), stage.watermark()) == (once([2]), soon)


def test_a_dag_that_is_scheduled_on_the_syncs_asset_runs_after_it_and_sees_the_numbers(make_stage):
    stage = make_stage("event_source")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy()
    listener = make_stage("event_listener").deploy(dag={"schedule": Code("[sync_asset('event_source.sync')]")})
    run = stage.trigger()
    stage.finish(run)
    (heard,) = until(lambda: listener.runs("asset_triggered"), "the other DAG runs")
    listener.finish(heard["dag_run_id"])
    (event,) = stage.rest.get("/assets/events", source_dag_id="event_source", source_run_id=run)["asset_events"]
    assert (event["extra"]["accepted"], event["extra"]["run_id"]) == (5, run)
