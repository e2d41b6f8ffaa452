"""A deferred task gives its worker back, and goes on as a resumed try of the same run: nothing is sent twice."""

from __future__ import annotations

import json

import pytest
from support.airflow_versions import TaskDeferred
from support.airflow_world import AirflowWorld

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine import watch
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.exceptions import RetryLater
from airflow_provider_cdi.transfers import warehouse_to_klaviyo

PROFILES = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, {email} as email, i as visits from range({rows}) as numbers(i)"""
EMAIL = "'c' || i || '@acme-demo.io'"
SMALL = KlaviyoLimits(import_profiles=100)


@pytest.fixture(autouse=True)
def _slow_jobs(klaviyo_lab, monkeypatch):
    """A task that only waits for jobs gives its worker back at once, and jobs end when somebody looks at them twice.

    No clock decides, so that it does not matter how busy the machine is.
    """
    monkeypatch.setattr(warehouse_to_klaviyo, "PATIENCE", 0.05)
    monkeypatch.setattr(warehouse_to_klaviyo, "counts_deferred_tasks", lambda: True)
    monkeypatch.setattr(watch, "TICK", 0.05)
    klaviyo_lab.sandbox.change(klaviyo={"job_polls": [1, 0], "rates": {"M": [1000, 9000]}})


@pytest.fixture(params=["3.3", "3.0"])
def version(request, klaviyo_lab):
    """With state stores, and with XComs alone."""
    klaviyo_lab.world = AirflowWorld(version=request.param)
    return request.param


@pytest.mark.usefixtures("version")
def test_a_deferred_run_goes_on_with_its_jobs_and_submits_none_twice(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=1_000, email=EMAIL))
    report = klaviyo_lab.run_to_its_end(limits=SMALL)
    assert klaviyo_lab.deferrals
    assert (report["accepted"], report["rows_read"]) == (1_000, 1_000)
    assert klaviyo_lab.submissions() == 10 == len(klaviyo_lab.klaviyo.jobs())
    assert klaviyo_lab.klaviyo.state()["profiles"] == 1_000


@pytest.mark.usefixtures("version")
def test_a_task_that_waits_says_so(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    with pytest.raises(TaskDeferred):
        klaviyo_lab.make(limits=SMALL, deferrable=True).execute(klaviyo_lab.world.context("run-1"))
    left = klaviyo_lab.world.xcoms["run-1", "report"]
    assert (left["status"], left["run_id"]) == ("deferred", "run-1")


@pytest.mark.usefixtures("version")
def test_a_run_that_ended_behind_a_deferral_says_no_longer_that_it_waits(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    report = klaviyo_lab.run_to_its_end("run-1", limits=SMALL)
    assert klaviyo_lab.deferrals
    assert klaviyo_lab.world.xcoms["run-1", "report"] == report
    assert report["status"] == "success"


@pytest.mark.usefixtures("version")
def test_the_next_run_begins_behind_a_deferred_one(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=200, email=EMAIL))
    klaviyo_lab.run_to_its_end("run-1", limits=SMALL)
    klaviyo_lab.sql("insert into users values (timestamp '2026-02-01', 'new', 'new@acme-demo.io', 1)")
    assert klaviyo_lab.run_to_its_end("run-2", limits=SMALL)["accepted"] == 1


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("mode", ["full", "window"])
def test_runs_that_keep_their_progress_in_the_plan_survive_a_deferral_too(klaviyo_lab, mode):
    klaviyo_lab.sql(PROFILES.format(rows=500, email=EMAIL))
    window = {"since": "2026-01-01", "until": "2026-01-02"} if mode == "window" else {}
    report = klaviyo_lab.run_to_its_end(sync_mode=mode, **window, limits=SMALL)
    assert klaviyo_lab.deferrals
    assert (report["mode"], report["accepted"], klaviyo_lab.submissions()) == (mode, 500, 5)


@pytest.mark.usefixtures("version")
def test_rows_written_meanwhile_wait_for_the_next_run(klaviyo_lab):
    """The upper bound is that of the first try."""
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    arguments = {"limits": SMALL, "deferrable": True}
    with pytest.raises(TaskDeferred) as deferred:
        klaviyo_lab.make(**arguments).execute(klaviyo_lab.world.context("run-1"))
    klaviyo_lab.sql("insert into users values (now()::timestamp, 'new', 'new@acme-demo.io', 1)")
    report = klaviyo_lab.after(deferred.value)(
        klaviyo_lab.make(**arguments), klaviyo_lab.world.context("run-1", goes_on=True)
    )
    assert (report["accepted"], report["skipped_because"]) == (100, {})
    assert klaviyo_lab.klaviyo.profile(external_id="new") is None


def test_rejects_of_all_parts_of_a_run_are_in_one_file(klaviyo_lab):
    email = f"case when i % 100 = 13 then 'nonsense' else {EMAIL} end"
    klaviyo_lab.sql(PROFILES.format(rows=1_000, email=email))
    report = klaviyo_lab.run_to_its_end(limits=SMALL)
    assert klaviyo_lab.deferrals
    assert (report["accepted"], report["rejected"], len(klaviyo_lab.rejected())) == (990, 10, 10)


def test_what_is_kept_with_a_deferral_holds_no_key_and_no_person(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    klaviyo_lab.run_to_its_end(limits=SMALL)
    kept = json.dumps([[one.trigger.serialize(), one.kwargs] for one in klaviyo_lab.deferrals])
    assert klaviyo_lab.klaviyo.key not in kept
    assert "acme-demo" not in kept
    assert '"c-' not in kept


def test_a_job_that_never_ends_fails_the_try_and_a_new_try_asks_for_it_again(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=200, email=EMAIL))
    with pytest.raises(RetryLater, match="have not ended within job_seconds=21600"):
        klaviyo_lab.run_to_its_end(limits=SMALL, events=[{"timed_out": True}])
    report = klaviyo_lab.run_to_its_end(limits=SMALL)
    assert (report["accepted"], klaviyo_lab.submissions()) == (200, 2)


def test_the_wait_for_the_same_jobs_has_one_end(klaviyo_lab):
    klaviyo_lab.sandbox.set_faults({"kind": "stall", "path": "/api/profile-bulk-import-jobs"})
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    settings = DeliverySettings(retry=RetryPolicy(job_seconds=100))
    answers = [{"timed_out": False}, {"timed_out": False}, {"timed_out": True}]
    with pytest.raises(RetryLater):
        klaviyo_lab.run_to_its_end(limits=SMALL, delivery=settings, events=answers)
    ends = {one.trigger.until for one in klaviyo_lab.deferrals}
    assert (len(klaviyo_lab.deferrals), len(ends)) == (3, 1)


def test_a_clear_while_the_task_is_deferred_asks_for_the_same_jobs(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=200, email=EMAIL))
    with pytest.raises(TaskDeferred):
        klaviyo_lab.make(limits=SMALL, deferrable=True).execute(klaviyo_lab.world.context("run-1"))
    context = klaviyo_lab.world.context("run-1", clear_number=1)
    report = klaviyo_lab.make(limits=SMALL).execute(context)
    assert (report["accepted"], klaviyo_lab.submissions()) == (200, 2)


def test_progress_that_is_kept_in_the_record_has_no_second_copy_in_the_plan(klaviyo_lab):
    """A new try would go on behind the older of the two."""
    klaviyo_lab.sql(PROFILES.format(rows=1_500, email=EMAIL))
    klaviyo_lab.run_to_its_end(limits=SMALL, delivery=DeliverySettings(max_in_flight=4, window_rows=300))
    assert len(klaviyo_lab.deferrals) > 1
    assert klaviyo_lab.world.runs["run-1"].get("cdi_plan")["checkpoint"] is None


def test_without_the_kept_plan_the_stores_tell_as_they_do_under_dag_test(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=200, email=EMAIL))
    with pytest.raises(TaskDeferred):
        klaviyo_lab.make(limits=SMALL, deferrable=True).execute(klaviyo_lab.world.context("run-1"))
    context = klaviyo_lab.world.context("run-1", goes_on=True)
    report = klaviyo_lab.make(limits=SMALL, deferrable=False).go_on(context, event={"timed_out": False})
    assert (report["accepted"], klaviyo_lab.submissions()) == (200, 2)


def test_a_task_that_is_not_deferrable_waits_in_its_worker(klaviyo_lab):
    klaviyo_lab.sandbox.change(klaviyo={"job_polls": [0, 0]})
    klaviyo_lab.sql(PROFILES.format(rows=200, email=EMAIL))
    assert klaviyo_lab.run(limits=SMALL, deferrable=False)["accepted"] == 200


def test_a_small_window_of_rows_is_filled_again_after_each_deferral(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=1_500, email=EMAIL))
    settings = DeliverySettings(max_in_flight=4, window_rows=300)
    report = klaviyo_lab.run_to_its_end(limits=SMALL, delivery=settings)
    assert len(klaviyo_lab.deferrals) > 1
    assert report["accepted"] == 1_500 == klaviyo_lab.klaviyo.state()["profiles"]
    assert klaviyo_lab.klaviyo.state()["job_overlaps"] == {}
    assert klaviyo_lab.klaviyo.state()["job_repeats"] == {}


def test_before_airflow_counted_deferred_tasks_a_dag_of_overlapping_runs_is_not_deferred(
    klaviyo_lab, monkeypatch, caplog
):
    klaviyo_lab.sandbox.change(klaviyo={"job_polls": [0, 0]})
    monkeypatch.setattr(warehouse_to_klaviyo, "counts_deferred_tasks", lambda: False)
    klaviyo_lab.sql(PROFILES.format(rows=100, email=EMAIL))
    assert klaviyo_lab.run_to_its_end(limits=SMALL)["accepted"] == 100
    assert klaviyo_lab.deferrals == []


@pytest.mark.usefixtures("version")
def test_a_deferred_run_goes_on_with_the_jobs_of_rows_that_the_query_stamps(klaviyo_lab):
    klaviyo_lab.sql(
        "create view users as select current_timestamp as updated_at, 'c-' || i as external_id from range(500) t(i)"
    )
    report = klaviyo_lab.run_to_its_end(limits=SMALL)
    assert klaviyo_lab.deferrals
    assert (report["accepted"], report["rows_read"], klaviyo_lab.submissions()) == (500, 500, 5)


@pytest.mark.usefixtures("version")
def test_a_run_that_passed_its_gates_is_not_asked_again_when_it_goes_on(klaviyo_lab):
    klaviyo_lab.sql(PROFILES.format(rows=300, email=EMAIL))
    operator = klaviyo_lab.make(limits=SMALL, deferrable=True, max_rows=300, max_new_profiles=300)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(klaviyo_lab.world.context("run-1"))
    klaviyo_lab.sql("insert into users select updated_at, 'd-' || external_id, 'd' || email, 1 from users")
    go_on = klaviyo_lab.after(deferred.value)
    klaviyo_lab.deferrals.clear()
    report = None
    while report is None:
        operator = klaviyo_lab.make(limits=SMALL, deferrable=True, max_rows=300, max_new_profiles=300)
        try:
            report = go_on(operator, klaviyo_lab.world.context("run-1", goes_on=True))
        except TaskDeferred as again:
            go_on = klaviyo_lab.after(again)
    assert report["accepted"] >= 300
