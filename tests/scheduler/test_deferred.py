"""A sync that waits for Klaviyo's jobs in the triggerer: it gives its worker back, and nothing is sent twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from scheduler.stage import TASK
from scheduler.waiting import until

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 500
#: Five jobs, which end when the test says so; a task that saw nothing move for a second gives its worker back.
IN_JOBS = {"data_type": "profiles", "limits": KlaviyoLimits(import_profiles=100), "deferrable": True, "poll_seconds": 5}
IMPATIENT = (
    "from airflow_provider_cdi.transfers import warehouse_to_klaviyo as module; module.PATIENCE = 1.0; "
    "module.WarehouseToKlaviyoOperator({arguments})"
)


@pytest.fixture
def make_slow_stage(make_stage):
    """Make a sync to Klaviyo of 500 rows."""

    def make(dag_id, **task):
        stage = make_stage(dag_id)
        stage.sandbox.change(klaviyo={"job_seconds": [3600, 0]})
        stage.insert(range(ROWS), at=NEW_YEAR)
        return stage.deploy(form=IMPATIENT, **IN_JOBS, **task)

    return make


def wait_for_state(stage, run, state):
    until(lambda: stage.instance(run)["state"] == state, f"the task is {state}", every=0.2)


def end_jobs(stage):
    """Let all jobs end, those that come later too."""
    stage.sandbox.change(klaviyo={"job_seconds": [0, 0]})
    stage.sandbox.settle()


def totals(stage):
    return [job["total"] for job in stage.sandbox.klaviyo.jobs()]


def test_a_deferred_task_goes_on_when_its_jobs_have_ended(make_slow_stage):
    stage = make_slow_stage("deferred")
    run = stage.trigger()
    wait_for_state(stage, run, "deferred")
    end_jobs(stage)
    assert stage.finish(run)["accepted"] == ROWS
    assert stage.instance(run)["try_number"] == 1
    assert totals(stage) == [100] * 5


def test_the_next_run_waits_until_the_deferred_one_has_ended(make_slow_stage):
    stage = make_slow_stage("deferred_queue")
    first = stage.trigger()
    wait_for_state(stage, first, "deferred")
    stage.insert([ROWS], at=datetime.now(UTC))
    second = stage.trigger()
    until(lambda: stage.instance(second)["state"] == "scheduled", "the second run's task is scheduled")
    end_jobs(stage)
    assert stage.finish(first)["accepted"] == ROWS
    assert stage.finish(second)["accepted"] == 1
    assert totals(stage) == [100] * 5 + [1]


def test_clearing_a_deferred_task_asks_for_the_same_jobs(make_slow_stage):
    stage = make_slow_stage("deferred_cleared")
    run = stage.trigger()
    wait_for_state(stage, run, "deferred")
    stage.clear(run)
    end_jobs(stage)
    assert stage.finish(run)["accepted"] == ROWS
    assert totals(stage) == [100] * 5


def test_a_deferred_task_that_a_person_sets_to_failed_leaves_its_jobs_to_the_next_run(make_slow_stage):
    stage = make_slow_stage("deferred_failed")
    run = stage.trigger()
    wait_for_state(stage, run, "deferred")
    stage.rest.patch(f"/dags/{stage.dag_id}/dagRuns/{run}/taskInstances/{TASK}", {"new_state": "failed"})
    stage.finish(run, state="failed")
    end_jobs(stage)
    assert stage.run()["accepted"] == ROWS
    assert totals(stage) == [100] * 5
