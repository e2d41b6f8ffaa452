"""Rejected rows again as a task of the sync's DAG, in real DAG runs: rejected, mended and sent in one run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, task_group
from support.airflow_versions import airflow_version, register

from airflow_provider_cdi import RedriveRejectsOperator, WarehouseToBrazeOperator

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = "create table users (updated_at timestamp, external_id varchar, payload varchar)"
ROWS = """insert into users values ('2026-01-01', 'bad', '{'), ('2026-01-02', 'good', '{"n":1}')"""
MEND = """update users set payload = '{"n":2}' where external_id = 'bad'"""

#: Also before Airflow 3.3 another task may work on such a sync.
SYNC: dict[str, Any] = {
    "warehouse_conn_id": "warehouse",
    "source": "users",
    "data_type": "attributes",
    "checkpoint": "auto" if airflow_version() >= (3, 3) else "variable",
}


def redriven(airflow: Any, dag_id: str, **sync: Any) -> DAG:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        usual = {"task_id": "sync", "warehouse_conn_id": "warehouse", "source": "users", "data_type": "attributes"}
        users = WarehouseToBrazeOperator(**{**usual, "rejects_path": f"{airflow.rejects}/", **sync})
        mend = PythonOperator(task_id="mend", python_callable=lambda: airflow.sql(MEND))
        users >> mend >> RedriveRejectsOperator(task_id="again", sync=users)
    register(dag)
    return dag


def report(run: Any, task_id: str, map_index: int = -1) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = XComModel.get_many(
            key="return_value", run_id=run.run_id, dag_ids=run.dag_id, task_ids=task_id, map_indexes=map_index
        )
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


CODES = """insert into users values ('2026-01-03', 'list', '[1]')"""


def test_a_mapped_one_sends_each_code_by_an_instance_of_its_own(airflow):
    airflow.sql(USERS, ROWS, CODES)
    dag = mapped_dag(airflow, "redriven_by_code")
    assert airflow.run(dag).state == "success"
    airflow.sql("""update users set payload = '{"n":2}'""")
    run = airflow.run(dag)
    assert run.state == "success"
    assert [report(run, "again", index)["redrive"]["accepted"] for index in (0, 1)] == [1, 1]
    assert airflow.sandbox.received()["received"] == {f"external_id:{who}": 1 for who in ("good", "bad", "list")}


def mapped_dag(airflow: Any, dag_id: str) -> DAG:
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        users = WarehouseToBrazeOperator(task_id="sync", rejects_path=f"{airflow.rejects}/", **SYNC)
        again = RedriveRejectsOperator.partial(task_id="again", sync=users)
        users >> again.expand(codes=["payload_not_json", "payload_not_object"])
    register(dag)
    return dag


def test_in_a_mapped_group_each_instance_sends_the_rejects_of_its_own_sync(airflow):
    airflow.sql(USERS, ROWS, CODES)
    with DAG("redriven_in_a_group", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task_group
        def part(which):
            users = WarehouseToBrazeOperator(
                task_id="sync", partition=which, sync_id="parts", rejects_path=f"{airflow.rejects}/", **SYNC
            )
            users >> RedriveRejectsOperator(task_id="again", sync=users)

        part.expand(which=["0/2", "1/2"])
    register(dag)
    assert airflow.run(dag).state == "success"
    airflow.sql("""update users set payload = '{"n":2}'""")
    run = airflow.run(dag)
    reports = [report(run, "part.again", index) for index in (0, 1)]
    assert [one["sync_id"] for one in reports] == ["parts:users:0/2", "parts:users:1/2"]
    assert sum(one["redrive"]["accepted"] for one in reports) == 2
    assert airflow.sandbox.received()["received"] == {f"external_id:{who}": 1 for who in ("good", "bad", "list")}


@pytest.mark.skipif(airflow_version() >= (3, 3), reason="3.3 has state stores")
def test_without_a_store_that_tasks_share_it_names_the_form(airflow):
    airflow.sql(USERS, ROWS)
    run = airflow.run(redriven(airflow, "redriven_alone"))
    assert run.state == "failed"
    assert "external_id:bad" not in airflow.sandbox.received()["received"]
