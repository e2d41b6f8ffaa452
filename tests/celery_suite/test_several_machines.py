"""Tries of one run on several machines: nothing that counts is lost, and nothing is sent by who was given up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from celery_suite.workers import MACHINES
from scheduler.components import HEARTBEAT_TIMEOUT
from scheduler.stage import TASK, once
from scheduler.waiting import until
from support.reject_lines import lines_below, lines_of

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine.outcome.row_block import BLOCK_ROWS
from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy

pytestmark = pytest.mark.celery
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 9_000
BAD = set(range(1, ROWS, 3))
WINDOW = 512
IN_SMALL_STEPS = {
    "limits": BrazeLimits(track_objects=50),
    "delivery": DeliverySettings(max_in_flight=1, window_rows=WINDOW, retry=RetryPolicy(attempts=1)),
    "retry_delay": timedelta(seconds=1),
}
IMPATIENT = (
    "from airflow_provider_cdi.transfers import warehouse_to_klaviyo as module; module.PATIENCE = 1.0; "
    "module.WarehouseToKlaviyoOperator({arguments})"
)
UNAVAILABLE = {"kind": "answer", "status": 503, "path": "/users/track", "times": 1}
#: A scheduler that gives a task up, makes a new try and has it done.
GIVEN_UP = 8 * HEARTBEAT_TIMEOUT


@pytest.fixture
def workers(components):
    """Both workers; none of them takes anything before a scenario says so."""
    components.only()
    return components


def fill(stage, rows=ROWS, payload="""'{"n": 1}'"""):
    stage.sql(
        f"insert into {stage.dag_id} select timestamp '2026-01-01' + i * interval '1 second', "
        f"'{stage.dag_id}-' || i, {payload} from generate_series(0, {rows - 1}) as numbers(i)"
    )


def taken_by(workers, stage, run, worker, number, task=TASK):
    """Let one worker take the next try, and nobody what comes after it."""
    workers.only(worker)

    def has_begun():
        found = stage.instance(run, task)
        return found["try_number"] == number and found["hostname"] and found["state"] not in ("queued", "scheduled")

    until(has_begun, f"worker {worker} takes try {number}", seconds=GIVEN_UP)
    workers.only()
    assert stage.instance(run, task)["hostname"] == MACHINES[worker]


def hosts(report):
    return {part["host"] for part in report["rejects_files"]}


def numbers(stage, lines):
    return [int(line["identifier"]["EXTERNAL_ID"].removeprefix(f"{stage.dag_id}-")) for line in lines]


def test_tries_on_a_b_and_a_keep_every_reject_in_parts_that_the_report_names(make_stage, workers):
    stage = make_stage("a_b_a")
    fill(stage, payload="""case when i % 3 = 1 then 'bad' else '{"n": 1}' end""")
    stage.deploy(**IN_SMALL_STEPS, retries=2)
    stage.sandbox.set_faults({**UNAVAILABLE, "after": 40}, {**UNAVAILABLE, "after": 80})
    run = stage.trigger()
    for number, worker in enumerate("aba", 1):
        taken_by(workers, stage, run, worker, number)
    report = stage.finish(run)
    assert (report["rows_read"], report["rejected"]) == (ROWS, 3_000)
    found = numbers(stage, lines_of(report["rejects_files"]))
    assert (len(found), set(found)) == (3_000, BAD)
    assert hosts(report) == set(MACHINES.values())
    below = [line for worker in MACHINES for line in lines_below(workers.home_of(worker) / "cdi_rejects" / "a_b_a")]
    assert sorted(numbers(stage, below)) == sorted(BAD)
    assert stage.accepted() == once(set(range(ROWS)) - BAD)
    log = stage.task_log(run, end=0)
    assert log.count("CeleryExecutor uses more machines than this one") == 3  # once in each try
    assert "AIRFLOW__CDI__REJECTS_PATH" in log


def test_a_deferred_run_that_comes_back_elsewhere_goes_on_and_keeps_its_rejects(make_stage, workers):
    stage = make_stage("deferred_elsewhere")
    stage.sandbox.change(klaviyo={"job_seconds": [2, 4]})
    fill(stage, 1_000)
    stage.sql("alter table deferred_elsewhere add column email varchar(100)")
    stage.sql(
        "update deferred_elsewhere set email = case when replace(external_id, 'deferred_elsewhere-', '')::int % 10 = 3 "
        "then 'nonsense' else external_id || '@acme-demo.io' end"
    )
    small = {"limits": KlaviyoLimits(import_profiles=100), "delivery": DeliverySettings(window_rows=300)}
    stage.deploy(form=IMPATIENT, data_type="profiles", deferrable=True, poll_seconds=1, **small)
    run, seen = stage.trigger(), []
    while stage.instance(run)["state"] != "success":
        workers.only("ab"[len(seen) % 2])
        until(lambda: stage.instance(run)["state"] in ("running", "deferred", "success"), "the task goes on")
        until(
            lambda: stage.instance(run)["state"] in ("deferred", "success", "failed"), "the task gives its worker back"
        )
        workers.only()
        assert stage.instance(run)["state"] != "failed", stage.task_log(run)
        seen.append(stage.instance(run)["hostname"])
        until(lambda: stage.instance(run)["state"] in ("scheduled", "queued", "success"), "the task is due again")
    report = stage.finish(run)
    assert set(seen) == set(MACHINES.values())
    assert (report["accepted"], report["rejected"]) == (900, 100)
    assert len(lines_of(report["rejects_files"])) == 100
    assert stage.instance(run)["try_number"] == 1
    assert stage.sandbox.klaviyo.state()["profiles"] == 900


def test_a_worker_that_is_killed_is_replaced_by_the_other_and_nothing_is_lost(make_stage, workers):
    stage = make_stage("worker_gone")
    fill(stage, 4_000, payload="""case when i % 4 = 1 then 'bad' else '{"n": 1}' end""")
    stage.deploy(**IN_SMALL_STEPS, retries=1)
    stage.sandbox.change(latency=0.15)
    run = stage.trigger()
    taken_by(workers, stage, run, "a", 1)
    until(lambda: len(stage.accepted()) >= 1_500, "half of the rows arrive", every=0.1)
    workers.kill("a")
    stage.sandbox.change(latency=0)
    taken_by(workers, stage, run, "b", 2)
    report = stage.finish(run)
    bad = set(range(1, 4_000, 4))
    assert (report["rows_read"], report["rejected"]) == (4_000, 1_000)
    assert sorted(numbers(stage, lines_of(report["rejects_files"]))) == sorted(bad)
    accepted = stage.accepted()
    assert set(accepted) == set(range(4_000)) - bad
    assert accepted.total() - 3_000 <= WINDOW + BLOCK_ROWS


def test_rejects_of_one_worker_are_sent_once_by_others_one_of_which_is_killed_at_it(make_stage, workers):
    stage = make_stage("redriven_elsewhere")
    fill(stage, 4_000, payload="""case when i % 4 = 1 then '{"n": 1}' else 'bad' end""")
    good = set(range(1, 4_000, 4))
    again = 'RedriveRejectsOperator(task_id="again", sync="sync", retries=1, retry_delay=datetime.timedelta(seconds=1))'
    stage.deploy(
        **{**IN_SMALL_STEPS, "rejects_path": f"file://{workers.home}/mount/", "stop_if_all_rejected": None},
        form=f"{{name}}({{arguments}}) >> {again}",
    )
    run = stage.trigger()
    taken_by(workers, stage, run, "a", 1)
    until(lambda: stage.instance(run)["state"] == "success", "the sync ends")
    assert (stage.report(run)["accepted"], stage.report(run)["rejected"]) == (1_000, 3_000)
    assert stage.take_accepted() == once(good)
    stage.sql(f"""update {stage.dag_id} set payload = '{{"n": 2}}' where payload = 'bad'""")
    stage.sandbox.change(latency=0.15)
    taken_by(workers, stage, run, "b", 1, "again")
    until(lambda: len(stage.accepted()) >= 1_500, "half of the rejects arrive", every=0.1)
    workers.kill("b")
    stage.sandbox.change(latency=0)
    taken_by(workers, stage, run, "a", 2, "again")
    stage.finish(run)
    report = stage.report(run, task="again")
    arrived = stage.accepted()
    assert set(arrived) == set(range(4_000)) - good
    assert arrived.total() - 3_000 <= WINDOW + BLOCK_ROWS
    assert (report["rows_read"], report["accepted"], report["rejected"]) == (3_000, 3_000, 0)
    assert report["redrive"]["accepted"] == report["redrive"]["taken"] < 3_000
    workers.only("b")
    second = stage.trigger()
    assert stage.finish(second)["rows_read"] == 0
    assert stage.report(second, task="again")["redrive"]["taken"] == 0
    assert stage.accepted() == arrived


@pytest.mark.parametrize("data_type", ["attributes", "events"])
def test_a_worker_that_was_given_up_and_wakes_up_sends_nothing(make_stage, workers, data_type):
    stage = make_stage(f"frozen_{data_type}")
    payload = {"attributes": '{"n": 1}', "events": '{"name": "seen", "time": "2026-01-01T00:00:00Z"}'}[data_type]
    fill(stage, 4_000, payload=f"'{payload}'")
    stage.deploy(**{**IN_SMALL_STEPS, "delivery": DeliverySettings(window_rows=WINDOW)}, data_type=data_type, retries=1)
    stage.sandbox.change(latency=0.5)
    run = stage.trigger()
    taken_by(workers, stage, run, "a", 1)
    until(lambda: len(stage.accepted()) >= 500, "some rows arrive", every=0.1)
    process = workers.task_process(stage.instance(run)["id"])
    workers.freeze("a")
    try:
        stage.sandbox.change(latency=0)
        taken_by(workers, stage, run, "b", 2)
        assert stage.finish(run)["accepted"] == 4_000
        newer = payload.replace("1}", "2}")
        stage.sql(f"update {stage.dag_id} set payload = '{newer}', updated_at = timestamp '2026-06-01'")
        workers.only("b")
        assert stage.run()["accepted"] == 4_000
        before = stage.accepted()
    finally:
        workers.thaw("a")
    until(lambda: not process.is_running() or process.status() == "zombie", "the task that was given up ends")
    assert stage.accepted() == before
    assert set(before) == set(range(4_000))
    if data_type == "attributes":
        users = {user["external_id"]: user for user in stage.sandbox.users()}
        assert [user for user in users.values() if json.dumps(user).find('"n": 2') < 0] == []


def test_partitions_are_spread_over_the_workers_and_each_row_goes_out_once(make_stage, workers):
    stage = make_stage("spread")
    fill(stage, 2_000)
    mapped = f"**mapped_sync('{stage.dag_id}.{TASK}', at_once=4)"
    form = f"{{name}}.partial({{arguments}}, {mapped}).expand(partition=partitions(4))"
    stage.deploy(dag={"max_active_runs": 1}, form=form)
    workers.only("a", "b")
    run = stage.trigger()
    stage.finish(run)
    assert sum(stage.report(run, index)["accepted"] for index in range(len(partitions(4)))) == 2_000
    assert stage.accepted() == once(range(2_000))
