"""Runs that were cut short: nothing is lost, and no more is sent again than was in flight."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from scheduler.components import HEARTBEAT_TIMEOUT
from scheduler.stage import TASK, once
from scheduler.waiting import until

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 4_000
WINDOW = 512
LAST = NEW_YEAR + timedelta(seconds=ROWS - 1)
#: 80 requests of 50 rows, one after the other; progress is saved at half of the window at the latest.
IN_SMALL_STEPS = {
    "limits": BrazeLimits(track_objects=50),
    "delivery": DeliverySettings(max_in_flight=1, window_rows=WINDOW, retry=RetryPolicy(attempts=1)),
    "retry_delay": timedelta(seconds=1),
}
UNAVAILABLE = {"kind": "answer", "status": 503, "path": "/users/track"}


def sent_again(accepted: Counter[int]) -> int:
    """Check that nothing is missing, and return how many rows too many were accepted."""
    assert set(accepted) == set(range(ROWS))
    return accepted.total() - ROWS


def slow_stage(make_stage, dag_id, **task):
    """A sync whose run takes about 24 seconds, so that a busy machine sees it at work too."""
    stage = make_stage(dag_id)
    stage.insert(range(ROWS), at=NEW_YEAR)
    stage.deploy(**IN_SMALL_STEPS, **task)
    stage.sandbox.change(latency=0.3)
    return stage


def run_a_part(stage):
    """Trigger a run and return it when a quarter of the rows have arrived."""
    run = stage.trigger()
    until(lambda: len(stage.accepted()) >= ROWS / 4, "a quarter of the rows arrives", every=0.1)
    return run


def test_a_retry_goes_on_where_the_failed_try_stopped(make_stage):
    stage = make_stage("retried")
    stage.insert(range(ROWS), at=NEW_YEAR)
    stage.deploy(**IN_SMALL_STEPS, retries=1)
    stage.sandbox.set_faults({**UNAVAILABLE, "after": 40, "times": 1})
    run = stage.trigger()
    report = stage.finish(run)
    assert stage.instance(run)["try_number"] == 2
    assert stage.accepted() == once(range(ROWS))
    assert (report["rows_read"], report["accepted"]) == (ROWS, ROWS)
    assert stage.watermark() == LAST


def test_when_all_tries_are_used_up_the_next_run_goes_on(make_stage):
    stage = make_stage("used_up")
    stage.insert(range(ROWS), at=NEW_YEAR)
    stage.deploy(**IN_SMALL_STEPS, retries=1)
    stage.sandbox.set_faults({**UNAVAILABLE, "after": 20, "times": 1}, {**UNAVAILABLE, "after": 40})
    run = stage.trigger()
    stage.finish(run, state="failed")
    assert stage.instance(run)["try_number"] == 2
    reached = stage.watermark()
    assert NEW_YEAR < reached < LAST
    stage.sandbox.clear_faults()
    assert stage.run()["accepted"] == (LAST - reached).total_seconds()
    assert stage.accepted() == once(range(ROWS))
    assert stage.watermark() == LAST


def test_when_the_task_is_killed_its_next_try_goes_on(make_stage):
    stage = slow_stage(make_stage, "task_killed", retries=1)
    run = run_a_part(stage)
    stage.components.task_process(stage.instance(run)["id"]).kill()
    stage.sandbox.change(latency=0)
    assert stage.finish(run)["accepted"] == ROWS
    assert stage.instance(run)["try_number"] == 2
    assert sent_again(stage.accepted()) <= WINDOW + BLOCK_ROWS
    assert stage.watermark() == LAST


@pytest.mark.parametrize("leaves_orphan", [False, True], ids=["with its task", "alone"])
def test_when_a_worker_is_killed_the_scheduler_notices_and_the_next_try_goes_on(make_stage, leaves_orphan):
    stage = slow_stage(make_stage, f"worker_killed_{'alone' if leaves_orphan else 'with_task'}", retries=1)
    run = run_a_part(stage)
    task = stage.components.task_process(stage.instance(run)["id"])
    task.parent().kill()
    if not leaves_orphan:
        task.kill()
    until(lambda: not task.is_running(), "the task ends: it can save nothing any more")
    stage.sandbox.change(latency=0)
    assert stage.finish(run, seconds=6 * HEARTBEAT_TIMEOUT)["accepted"] == ROWS
    assert stage.instance(run)["try_number"] == 2
    assert sent_again(stage.accepted()) <= WINDOW + BLOCK_ROWS
    assert stage.watermark() == LAST


def test_a_worker_that_is_told_to_end_saves_what_was_acknowledged_and_the_next_try_goes_on(make_stage):
    stage = slow_stage(make_stage, "worker_told", retries=1)
    run = run_a_part(stage)
    supervisor = stage.components.task_process(stage.instance(run)["id"]).parent()
    os.kill(supervisor.pid, signal.SIGTERM)
    stage.sandbox.change(latency=0)
    assert stage.finish(run)["accepted"] == ROWS
    assert stage.instance(run)["try_number"] == 2
    assert stage.accepted() == once(range(ROWS))
    assert stage.watermark() == LAST


def test_a_task_that_a_person_sets_to_failed_saves_what_was_acknowledged_and_the_next_run_goes_on(make_stage):
    stage = slow_stage(make_stage, "set_to_failed")
    run = run_a_part(stage)
    process = stage.components.task_process(stage.instance(run)["id"])
    stage.rest.patch(f"/dags/{stage.dag_id}/dagRuns/{run}/taskInstances/{TASK}", {"new_state": "failed"})
    until(lambda: not process.is_running(), "the task ends")
    delivered, reached = len(stage.accepted()), stage.watermark()
    stage.sandbox.change(latency=0)
    assert delivered == (reached - NEW_YEAR).total_seconds() + 1
    assert stage.run()["accepted"] == (LAST - reached).total_seconds()
    assert stage.accepted() == once(range(ROWS))
    assert stage.watermark() == LAST


def test_clearing_a_failed_run_goes_on_where_it_stopped(make_stage):
    stage = make_stage("failed_cleared")
    stage.insert(range(ROWS), at=NEW_YEAR)
    stage.deploy(**IN_SMALL_STEPS)
    stage.sandbox.set_faults({**UNAVAILABLE, "after": 40})
    run = stage.trigger()
    stage.finish(run, state="failed")
    stage.sandbox.clear_faults()
    stage.clear(run)
    assert stage.finish(run)["accepted"] == ROWS
    assert stage.accepted() == once(range(ROWS))
    assert stage.watermark() == LAST


def test_clearing_a_failed_run_whose_rest_a_later_run_has_sent_sends_nothing(make_stage):
    stage = make_stage("overtaken")
    stage.insert(range(ROWS), at=NEW_YEAR)
    stage.deploy(**IN_SMALL_STEPS)
    stage.sandbox.set_faults({**UNAVAILABLE, "after": 40})
    run = stage.trigger()
    stage.finish(run, state="failed")
    stage.sandbox.clear_faults()
    stage.run()
    assert stage.take_accepted() == once(range(ROWS))
    stage.clear(run)
    assert stage.finish(run)["requests"] == 0
    assert stage.accepted() == once([])
    assert stage.watermark() == LAST


def test_a_task_that_is_ended_while_braze_is_silent_has_saved_what_was_acknowledged(make_stage):
    stage = make_stage("ended_in_silence")
    stage.insert(range(ROWS), at=NEW_YEAR)
    seldom = DeliverySettings(max_in_flight=1, checkpoint_seconds=600)
    stage.deploy(limits=BrazeLimits(track_objects=50), delivery=seldom)
    stage.sandbox.set_faults({"kind": "delay", "seconds": 600, "path": "/users/track", "after": 40})
    run = stage.trigger()
    until(lambda: len(stage.arrived()) > 2_000, "the request arrives that is not answered")
    process = stage.components.task_process(stage.instance(run)["id"])
    # Airflow gives a task 5 seconds between SIGTERM and SIGKILL.
    stage.rest.patch(f"/dags/{stage.dag_id}/dagRuns/{run}/taskInstances/{TASK}", {"new_state": "failed"})
    until(lambda: not process.is_running(), "the task ends")
    assert stage.watermark() == NEW_YEAR + timedelta(seconds=1_999)
