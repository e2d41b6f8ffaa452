"""State that goes missing: one copy is enough, and without any the run refuses to send everything again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from scheduler.stage import once
from scheduler.waiting import until

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

#: Beside the sync: an asset that is only an outlet, whose state Airflow removes when the file is gone.
OUTLET_ONLY = """
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("outlet_only", schedule=None, start_date=datetime.datetime(2026, 1, 1)):
    EmptyOperator(task_id="task", outlets=[Asset(name="outlet_only", uri="x-outlet-only://asset")])
"""


def delete_asset_state(stage):
    stage.rest.delete(stage.state_path())
    assert stage.record() is None


def purge_xcoms(stage):
    tomorrow = (datetime.now(UTC) + DAY).isoformat()
    stage.components.airflow(
        *("db", "clean", "--tables", "xcom", "--clean-before-timestamp", tomorrow),
        *("--dag-ids", stage.dag_id, "--skip-archive", "--yes", "--error-on-cleanup-failure"),
    )
    assert stage.report(stage.runs()[0]["dag_run_id"]) is None


def test_without_the_asset_state_the_newest_xcom_is_taken_also_after_runs_without_a_date(make_stage):
    stage = make_stage("asset_state_deleted")
    stage.deploy()
    # PostgreSQL puts the run without a date first for ever after, so the newest copy is not where Airflow looks.
    for number, dated in enumerate((True, False, True, True)):
        stage.insert([number], at=NEW_YEAR + number * DAY)
        assert stage.run(dated=dated)["accepted"] == 1
    assert stage.take_accepted() == once(range(4))
    generation = stage.record()["gen"]
    delete_asset_state(stage)
    stage.insert([4, 5], at=NEW_YEAR + 4 * DAY)
    assert stage.run()["accepted"] == 2
    assert stage.accepted() == once([4, 5])
    assert stage.record()["gen"] > generation
    assert stage.watermark() == NEW_YEAR + 4 * DAY + timedelta(seconds=1)


def test_without_any_xcom_the_asset_state_carries_on(make_stage):
    stage = make_stage("xcoms_purged")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy()
    stage.run()
    stage.sandbox.reset()
    purge_xcoms(stage)
    stage.insert([5], at=NEW_YEAR + DAY)
    assert stage.run()["accepted"] == 1
    assert (stage.accepted(), stage.watermark()) == (once([5]), NEW_YEAR + DAY)


def test_without_any_copy_the_run_refuses_and_full_starts_over(make_stage):
    stage = make_stage("nothing_left")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy(retries=2)
    stage.run()
    stage.sandbox.reset()
    purge_xcoms(stage)
    delete_asset_state(stage)
    run = stage.trigger()
    stage.finish(run, state="failed")
    assert stage.instance(run)["try_number"] == 1
    assert "sync_mode=full" in stage.task_log(run)
    assert (stage.accepted(), stage.record()) == (once([]), None)

    stage.run(conf={"sync_mode": "full"})
    assert stage.take_accepted() == once(range(5))
    assert stage.run()["requests"] == 0
    assert stage.watermark() == NEW_YEAR + timedelta(seconds=4)


def test_the_state_outlives_a_dag_file_that_is_gone_for_a_while(make_stage):
    stage = make_stage("file_gone")
    stage.insert(range(5), at=NEW_YEAR)
    stage.deploy()
    stage.run()
    stage.sandbox.reset()
    record, text = stage.record(), stage.file.read_text()
    stage.write(text + OUTLET_ONLY)
    (control,) = until(lambda: stage.rest.get("/assets", name_pattern="outlet_only")["assets"], "the asset is known")
    others_state = f"/assets/{control['id']}/state-store/some_key"
    stage.rest.put(others_state, {"value": 1})

    stage.file.unlink()
    until(lambda: stage.rest.get(f"/dags/{stage.dag_id}")["is_stale"], "Airflow misses the DAG")
    until(lambda: stage.rest.find(others_state) is None, "Airflow removes the state of the asset that is no inlet")
    assert stage.record() == record

    stage.write(text)
    stage.insert([5], at=NEW_YEAR + DAY)
    assert stage.run()["accepted"] == 1
    assert (stage.accepted(), stage.watermark()) == (once([5]), NEW_YEAR + DAY)


def test_a_second_dag_with_the_same_sync_id_is_refused_and_both_are_named(make_stage):
    first, second = make_stage("same_id_first"), make_stage("same_id_second")
    for stage in (first, second):
        stage.insert(range(5), at=NEW_YEAR)
    first.deploy()
    first.run()
    assert first.take_accepted() == once(range(5))
    record = first.record()
    second.deploy(sync_id=record["sync_id"], retries=2)
    run = second.trigger()
    second.finish(run, state="failed")
    assert second.instance(run)["try_number"] == 1
    assert all(name in second.task_log(run) for name in ("'same_id_first.sync'", "'same_id_second.sync'"))
    assert (second.accepted(), first.record()) == (once([]), record)
