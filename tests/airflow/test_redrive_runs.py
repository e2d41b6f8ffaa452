"""Rejected rows again as a task of the sync's DAG, in real DAG runs: rejected, mended and sent in one run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from support.airflow_versions import airflow_version, register

from airflow_provider_cdi import RedriveRejectsOperator, WarehouseToBrazeOperator

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = "create table users (updated_at timestamp, external_id varchar, payload varchar)"
ROWS = """insert into users values ('2026-01-01', 'bad', '{'), ('2026-01-02', 'good', '{"n":1}')"""
MEND = """update users set payload = '{"n":2}' where external_id = 'bad'"""


def redriven(airflow: Any, dag_id: str, **sync: Any) -> DAG:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        usual = {"task_id": "sync", "warehouse_conn_id": "warehouse", "source": "users", "data_type": "attributes"}
        users = WarehouseToBrazeOperator(**{**usual, "rejects_path": f"{airflow.rejects}/", **sync})
        mend = PythonOperator(task_id="mend", python_callable=airflow.sql, op_args=[MEND])
        users >> mend >> RedriveRejectsOperator(task_id="again", sync=users)
    register(dag)
    return dag


def report(run: Any, task_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = XComModel.get_many(key="return_value", run_id=run.run_id, dag_ids=run.dag_id, task_ids=task_id)
        return XComModel.deserialize_value(session.scalars(found).one())


@pytest.mark.parametrize(
    "checkpoint",
    [
        pytest.param({}, marks=pytest.mark.skipif(airflow_version() < (3, 3), reason="3.3 brings state stores")),
        {"checkpoint": "variable"},
    ],
    ids=["asset", "variable"],
)
def test_a_row_that_is_rejected_and_mended_is_sent_by_the_task_behind(airflow, request, checkpoint):
    airflow.sql(USERS, ROWS)
    dag = redriven(airflow, f"redriven_{request.node.callspec.id}", **checkpoint)
    run = airflow.run(dag)
    assert run.state == "success"
    assert report(run, "sync")["rejected"] == 1
    assert report(run, "again")["redrive"]["accepted"] == 1
    assert airflow.sandbox.received()["received"] == {"external_id:good": 1, "external_id:bad": 1}
    run = airflow.run(dag)
    assert (report(run, "sync")["rows_read"], report(run, "again")["redrive"]["taken"]) == (0, 0)


@pytest.mark.skipif(airflow_version() >= (3, 3), reason="3.3 has state stores")
def test_without_a_store_that_tasks_share_it_names_the_form(airflow):
    airflow.sql(USERS, ROWS)
    run = airflow.run(redriven(airflow, "redriven_alone"))
    assert run.state == "failed"
    assert "external_id:bad" not in airflow.sandbox.received()["received"]
