"""The check as the first task of a DAG, in real DAG runs: what it leaves, and what it holds back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from support.airflow_versions import register

from airflow_provider_cdi import CheckSyncOperator, WarehouseToBrazeOperator

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend


def checked(dag_id: str, **sync: Any) -> DAG:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), params={"table": "users"}) as dag:
        usual = {"task_id": "sync", "warehouse_conn_id": "warehouse", "data_type": "attributes"}
        users = WarehouseToBrazeOperator(**{**usual, "source": "{{ params.table }}", **sync})
        CheckSyncOperator(task_id="check", sync=users) >> users
    register(dag)
    return dag


def findings(run: Any) -> dict[str, str]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = XComModel.get_many(key="return_value", run_id=run.run_id, dag_ids=run.dag_id, task_ids="check")
        told = XComModel.deserialize_value(session.scalars(found).one())
    return {one["step"]: one["state"] for one in told["findings"]}


def test_a_good_check_lets_the_sync_run_and_keeps_its_findings(airflow):
    airflow.sql("create table users as select timestamp '2026-01-01' as updated_at, 'u1' as external_id, '{}' payload")
    run = airflow.run(checked("checked_well"))
    assert run.state == "success"
    assert findings(run)["source table"] == findings(run)["destination key"] == "ok"
    assert set(airflow.sandbox.received()["received"]) == {"external_id:u1"}


def test_a_check_that_fails_holds_the_sync_back_and_keeps_its_findings(airflow):
    airflow.sql("create table users as select timestamp '2026-01-01' as changed_at, 'u1' as external_id, '{}' payload")
    run = airflow.run(checked("checked_badly"))
    assert run.state == "failed"
    assert findings(run)["source columns"] == "failed"
    assert set(airflow.sandbox.received()["received"]) == set()
