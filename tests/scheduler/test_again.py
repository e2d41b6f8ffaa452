"""Sending again on purpose: clears, backfills, windows, everything. Only what was asked for goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from scheduler.stage import Code, once
from scheduler.waiting import until

from airflow_provider_cdi.engine.settings import DeliverySettings

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LAST_MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
EVERY_MIDNIGHT = Code("CronDataIntervalTimetable('0 0 * * *', timezone='UTC')")


def backfill(stage, first, last, **how):
    """Backfill the runs with a logical date from the first to the last, and return them when they have ended."""
    span = {"from_date": first.isoformat(), "to_date": last.isoformat()}
    stage.rest.post("/backfills", {"dag_id": stage.dag_id, **span, **how})
    runs = stage.runs("backfill")
    for run in runs:
        stage.finish(run["dag_run_id"])
    return runs


def sent_by(stage, runs):
    """Return how many rows each run sent, by the day of its interval."""
    return {run["data_interval_start"][:10]: stage.report(run["dag_run_id"])["accepted"] for run in runs}


def test_clearing_a_finished_run_sends_its_own_rows_again_and_leaves_the_watermark(make_stage):
    stage = make_stage("finished_cleared")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy()
    stage.run()
    stage.insert(range(5, 8), at=NEW_YEAR + DAY)
    second = stage.trigger()
    stage.finish(second)
    stage.insert([8], at=NEW_YEAR + 2 * DAY)
    stage.run()
    assert stage.take_accepted() == once(range(9))

    stage.clear(second)
    assert stage.finish(second)["moves_watermark"] is False
    assert stage.take_accepted() == once([5, 6, 7])
    assert stage.watermark() == NEW_YEAR + 2 * DAY
    assert stage.run()["requests"] == 0


def test_a_finished_run_can_be_cleared_twice(make_stage):
    stage = make_stage("cleared_twice")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy()
    run = stage.trigger()
    stage.finish(run)
    stage.insert([5], at=NEW_YEAR + DAY)
    stage.run()
    for _ in range(2):
        stage.sandbox.reset()
        stage.clear(run)
        stage.finish(run)
        assert stage.accepted() == once(range(5))
    assert stage.watermark() == NEW_YEAR + DAY


def test_a_backfill_of_past_days_sends_the_rows_of_those_days_and_leaves_the_watermark(make_stage):
    stage = make_stage("past_days")
    stage.insert(range(20), at=NEW_YEAR, step=DAY / 2)
    stage.deploy(dag={"schedule": EVERY_MIDNIGHT, "start_date": LAST_MIDNIGHT - DAY})
    until(stage.watermark, "the first scheduled run has sent everything")
    stage.finish(stage.runs("scheduled")[-1]["dag_run_id"])
    assert stage.take_accepted() == once(range(20))

    runs = backfill(stage, NEW_YEAR + 2 * DAY, NEW_YEAR + 4 * DAY)
    assert sent_by(stage, runs) == {"2026-01-03": 2, "2026-01-04": 2, "2026-01-05": 2}
    assert stage.take_accepted() == once(range(4, 10))
    assert stage.watermark() == NEW_YEAR + 19 * DAY / 2
    assert stage.run()["requests"] == 0


def test_a_backfill_over_existing_runs_sends_the_rows_of_their_days_and_leaves_the_watermark(make_stage):
    stage = make_stage("existing_runs")
    start = LAST_MIDNIGHT - 4 * DAY
    stage.insert(range(8), at=start, step=DAY / 2)
    stage.deploy(dag={"schedule": EVERY_MIDNIGHT, "start_date": start, "catchup": True})
    runs = until(lambda: len(found := stage.runs("scheduled")) == 4 and found, "Airflow makes a run for each day")
    assert sorted(stage.finish(run["dag_run_id"])["accepted"] for run in runs) == [0, 0, 0, 8]
    assert stage.take_accepted() == once(range(8))

    again = backfill(stage, start + DAY, start + 2 * DAY, reprocess_behavior="completed")
    assert {run["dag_run_id"] for run in again} == {run["dag_run_id"] for run in runs[1:3]}
    assert sent_by(stage, again) == {f"{start + n * DAY:%Y-%m-%d}": 2 for n in (1, 2)}
    assert stage.take_accepted() == once(range(2, 6))
    assert stage.watermark() == start + 7 * DAY / 2
    assert stage.run()["requests"] == 0


def test_a_backfill_with_intervals_of_no_length_sends_what_came_since_the_tick_before(make_stage):
    stage = make_stage("no_length")
    stage.insert(range(10), at=NEW_YEAR, step=DAY / 2)
    stage.deploy(dag={"schedule": "@daily", "start_date": LAST_MIDNIGHT + DAY})
    backfill(stage, NEW_YEAR + 2 * DAY, NEW_YEAR + 3 * DAY)
    assert stage.accepted() == once(range(2, 6))


@pytest.mark.parametrize("declared", [True, False], ids=["params declared", "conf alone"])
def test_the_trigger_form_asks_for_a_window_for_everything_and_for_a_dry_run(make_stage, declared):
    stage = make_stage(f"form_{'declared' if declared else 'conf'}")
    stage.insert(range(10), at=NEW_YEAR, step=DAY)
    stage.deploy(dag={"params": Code("sync_params()")} if declared else {})
    dry = stage.run(conf={"dry_run": True})
    assert (dry["accepted"], stage.accepted()) == (10, once([]))
    stage.run()
    assert stage.take_accepted() == once(range(10))
    watermark = NEW_YEAR + 9 * DAY

    window = {"sync_mode": "window", "since": "2026-01-03T00:00:00+00:00", "until": "2026-01-05T00:00:00+00:00"}
    for dated in (True, False):
        assert stage.run(conf=window, dated=dated)["moves_watermark"] is False
        assert (stage.take_accepted(), stage.watermark()) == (once([2, 3]), watermark)

    stage.run(conf={"sync_mode": "full"})
    assert (stage.take_accepted(), stage.watermark()) == (once(range(10)), watermark)
    assert stage.run(dated=False)["requests"] == 0


def test_a_watermark_that_a_person_writes_on_the_asset_page_is_where_the_next_run_starts(make_stage):
    stage = make_stage("by_hand")
    stage.insert(range(10), at=NEW_YEAR, step=DAY)
    stage.deploy()
    stage.run()
    stage.sandbox.reset()
    record = {**stage.record(), "watermark": "2026-01-08T00:00:00Z"}
    stage.rest.put(stage.state_path(), {"value": record})
    stage.run()
    # No row at that time counts as delivered, because a person wrote no hashes of them.
    assert stage.take_accepted() == once([7, 8, 9])
    assert stage.watermark() == NEW_YEAR + 9 * DAY
    assert stage.run()["requests"] == 0


def test_what_a_full_run_left_when_it_was_cut_short_is_sent_by_its_clear(make_stage):
    stage = make_stage("full_cut_short")
    stage.insert(range(600), at=NEW_YEAR)
    stage.deploy(delivery=DeliverySettings(max_in_flight=1))
    stage.run()
    stage.sandbox.reset()
    stage.sandbox.set_faults({"kind": "answer", "status": 401, "path": "/users/track", "after": 4})
    run = stage.trigger(conf={"sync_mode": "full"})
    stage.finish(run, state="failed")
    assert stage.watermark() == NEW_YEAR + timedelta(seconds=599)
    stage.sandbox.clear_faults()
    stage.clear(run)
    stage.finish(run)
    assert stage.accepted() == once(range(600))
    assert stage.watermark() == NEW_YEAR + timedelta(seconds=599)
