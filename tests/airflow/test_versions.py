"""Real DAG runs of what depends on the version of Airflow: XComs alone, or Variables in the place of state stores."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest
from support.airflow_versions import airflow_version

from airflow_provider_cdi.destinations.braze.limits import BrazeLimits
from airflow_provider_cdi.engine.settings import DeliverySettings, RetryPolicy
from airflow_provider_cdi.state import sync_state
from airflow_provider_cdi.transfers import live_report

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(1000) as numbers(i)"""

#: 50 requests of 20 rows, one after the other; none is tried again.
STEP_BY_STEP = {
    "delivery": DeliverySettings(max_in_flight=1, retry=RetryPolicy(attempts=1)),
    "limits": BrazeLimits(track_objects=20),
    "retries": 1,
    "retry_delay": timedelta(0),
}
#: Refuses the request of the rows 600 to 619.
STOPS_HALF_WAY = {"kind": "answer", "status": 503, "path": "/users/track", "after": 30, "times": 1}


def received(airflow):
    return airflow.sandbox.received()["received"]


def sent_again(airflow):
    return {name for name, times in received(airflow).items() if times > 1}


def test_three_runs_follow_one_another_by_xcom_alone(airflow):
    """With two earlier runs Airflow 3 returns a list of XComs, in no order."""
    airflow.sql(USERS)
    dag = airflow.dag("by_xcom")
    airflow.run(dag)
    for day in (2, 3, 4):
        airflow.sandbox.reset()
        airflow.sql(f"insert into users values (timestamp '2026-01-0{day}', 'on-{day}', '{{}}')")
        assert airflow.run(dag).state == "success"
        assert set(received(airflow)) == {f"external_id:on-{day}"}


def test_a_retry_resumes_by_the_variable_where_its_first_try_stopped(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("variable_retry", checkpoint="variable", **STEP_BY_STEP)
    airflow.sandbox.set_faults(STOPS_HALF_WAY)
    run = airflow.run(dag)
    report = airflow.report(run)
    assert (run.state, report["rows_read"], report["accepted"]) == ("success", 1000, 1000)
    assert sent_again(airflow) == {f"external_id:c-{n}" for n in range(600, 620)}


@pytest.mark.skipif(airflow_version() >= (3, 3), reason="3.3 has state stores")
def test_a_retry_without_state_stores_sends_the_slice_again_and_loses_nothing(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("xcom_retry", **STEP_BY_STEP)
    airflow.sandbox.set_faults(STOPS_HALF_WAY)
    assert airflow.run(dag).state == "success"
    assert len(airflow.sandbox.received()["accepted"]) == 1000
    assert sent_again(airflow) == {f"external_id:c-{n}" for n in range(620)}


def test_by_the_variable_a_dated_run_sees_what_a_run_without_a_date_sent(airflow):
    airflow.sql(USERS)
    dag = airflow.dag("variable_dateless", checkpoint="variable")
    airflow.run(dag)
    airflow.sql("insert into users values (timestamp '2026-02-01', 'new', '{}')")
    assert dag.test(logical_date=None).state == "success"
    airflow.sandbox.reset()
    assert airflow.run(dag).state == "success"
    assert received(airflow) == {}


@pytest.mark.skipif(airflow_version() >= (3, 3), reason="3.3 has state stores and writes no Variable")
def test_a_variable_hidden_by_the_environment_stops_the_run_before_anything_is_sent(airflow, monkeypatch):
    airflow.sql(USERS)
    monkeypatch.setenv("AIRFLOW_VAR_CDI_PLAN__HIDDEN.SYNC", '{"run_id": "another"}')
    run = airflow.run(airflow.dag("hidden", checkpoint="variable"))
    assert (run.state, received(airflow)) == ("failed", {})


@pytest.mark.parametrize("checkpoint", ["auto", "variable"])
def test_one_thread_at_a_time_talks_to_airflow(airflow, monkeypatch, checkpoint):
    """Before 3.2, and here in every version, two requests at once would take each other's answers: nothing locks."""
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    talking, overlaps, threads, died = threading.Lock(), [], set(), []
    send = InProcessSupervisorComms.send

    def watched(comms, msg):
        threads.add(threading.get_ident())
        if not talking.acquire(blocking=False):
            overlaps.append(type(msg).__name__)
            return send(comms, msg)
        try:
            return send(comms, msg)
        finally:
            talking.release()

    monkeypatch.setattr(InProcessSupervisorComms, "send", watched)
    monkeypatch.setattr(sync_state, "Heartbeat", partial(sync_state.Heartbeat, every=0.001))
    monkeypatch.setattr(live_report, "TELL_EVERY", 0.0)
    monkeypatch.setattr(threading, "excepthook", died.append)
    airflow.sql(USERS)
    dag = airflow.dag(f"threads_{checkpoint}", checkpoint=checkpoint, **STEP_BY_STEP)
    assert airflow.run(dag).state == "success"
    assert (overlaps, died) == ([], [])
    assert len(threads) > 1, "checkpoints are no longer saved beside the event loop: this test proves nothing"
