"""Real DAG runs to Klaviyo: a deferral through Airflow's own hands, on every version."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.destinations.klaviyo.limits import KlaviyoLimits
from airflow_provider_cdi.engine import watch
from airflow_provider_cdi.transfers import warehouse_to_klaviyo
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

PROFILES = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, 'c' || i || '@acme-demo.io' as email from range(500) as numbers(i)"""
KLAVIYO = {
    "kind": WarehouseToKlaviyoOperator,
    "data_type": "profiles",
    "limits": KlaviyoLimits(import_profiles=100),
    "max_active_runs": 1,
    "poll_seconds": 0.1,
}


@pytest.fixture(autouse=True)
def _slow_jobs(airflow, monkeypatch):
    monkeypatch.setattr(warehouse_to_klaviyo, "PATIENCE", 0.05)
    monkeypatch.setattr(watch, "TICK", 0.05)
    airflow.sandbox.change(klaviyo={"job_polls": [1, 0], "rates": {"M": [1000, 9000]}})


@pytest.fixture
def deferrals(monkeypatch):
    """List the jobs for which the task was deferred."""
    found = []
    make = WarehouseToKlaviyoOperator.make_trigger

    def noted(self, jobs, until):
        found.append(list(jobs))
        return make(self, jobs, until)

    monkeypatch.setattr(WarehouseToKlaviyoOperator, "make_trigger", noted)
    return found


def test_a_deferred_task_goes_on_and_submits_nothing_twice(airflow, deferrals):
    airflow.sql(PROFILES)
    run = airflow.run(airflow.dag("deferred", **KLAVIYO, deferrable=True))
    assert (run.state, airflow.report(run)["accepted"]) == ("success", 500)
    assert deferrals
    assert len(airflow.sandbox.klaviyo.jobs()) == 5


def test_the_run_after_a_deferred_one_sends_what_is_new(airflow, deferrals):
    airflow.sql(PROFILES)
    dag = airflow.dag("deferred_twice", **KLAVIYO, deferrable=True)
    airflow.run(dag)
    airflow.sql("insert into users values (timestamp '2026-02-01', 'new', 'new@acme-demo.io')")
    run = airflow.run(dag)
    assert (run.state, airflow.report(run)["accepted"]) == ("success", 1)
    assert [job["total"] for job in airflow.sandbox.klaviyo.jobs()] == [100] * 5 + [1]


def test_a_task_that_is_not_deferrable_polls_itself(airflow, deferrals):
    airflow.sandbox.change(klaviyo={"job_polls": [0, 0]})
    airflow.sql(PROFILES)
    run = airflow.run(airflow.dag("polled", **KLAVIYO, deferrable=False))
    assert (run.state, airflow.report(run)["accepted"]) == ("success", 500)
    assert deferrals == []
