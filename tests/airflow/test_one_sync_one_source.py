"""Real DAG runs: whose watermark it is, who else sends the same rows, and what a good run leaves in the log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.airflow_versions import register

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend


def table(name, count=20, day=1):
    return f"""create table {name} as select timestamp '2026-01-{day:02}' + interval (i) second as updated_at,
        '{name}-' || i as external_id, '{{"n":1}}' as payload from range({count}) as numbers(i)"""


def received(airflow):
    return set(airflow.sandbox.received()["received"])


def test_another_table_in_a_templated_source_stops_the_run_and_the_first_one_goes_on(airflow):
    airflow.sql(table("users", day=5), table("people", day=1))
    dag = airflow.dag("templated", source="{{ dag_run.conf.get('table', 'users') }}")
    airflow.run(dag)
    airflow.sandbox.reset()
    assert airflow.run(dag, table="people").state == "failed"
    assert received(airflow) == set()
    assert airflow.run(dag, table='"USERS"').state == "success"


def test_starting_over_takes_another_table(airflow):
    airflow.sql(table("users", day=5), table("people", day=1))
    dag = airflow.dag("over", source="{{ dag_run.conf.get('table', 'users') }}")
    airflow.run(dag)
    airflow.sandbox.reset()
    assert airflow.run(dag, table="people", sync_mode="full").state == "success"
    assert len(received(airflow)) == 20
    assert airflow.run(dag, table="people").state == "success"
    assert airflow.run(dag).state == "failed"


def test_a_query_whose_text_changes_is_one_sync_once_it_has_a_word(airflow):
    airflow.sql(table("users"))
    query = "select * from users where '{{ dag_run.conf.get('day', '1') }}' <> ''"
    plain = airflow.dag("plain_query", source=None, sql=query)
    airflow.run(plain)
    assert airflow.run(plain, day="2").state == "failed"
    dag = airflow.dag("word", source=None, sql=query, sync_id="by_day", same_source="users by day")
    airflow.run(dag)
    airflow.sandbox.reset()
    assert airflow.run(dag, day="2").state == "success"
    assert received(airflow) == set()


def test_two_dags_whose_dotted_ids_meet_have_a_watermark_each(airflow):
    airflow.sql(table("users", day=5), table("people", day=1))
    one, other = airflow.dag("crm", task_id="old.sync"), airflow.dag("crm.old", source="people")
    assert (airflow.run(one).state, airflow.run(other).state) == ("success", "success")
    assert len(received(airflow)) == 40


def test_two_tasks_that_send_the_same_events_stop_before_anything_is_sent(airflow):
    from airflow.sdk import DAG

    from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

    airflow.sql(table("events"))
    with DAG("twice", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
        for name in ("one", "other"):
            WarehouseToBrazeOperator(task_id=name, warehouse_conn_id="warehouse", source="events", data_type="events")
    register(dag)
    assert airflow.run(dag).state == "failed"
    assert received(airflow) == set()


def test_mapped_instances_with_one_name_stop(airflow):
    airflow.sql(table("users"))
    dag = airflow.mapped_dag("equal", payload_columns=[["a"], ["b"]])
    assert airflow.run(dag).state == "failed"


def test_a_good_run_leaves_no_error_in_the_log(airflow, capsys):
    airflow.sql(table("users"))
    dag = airflow.dag("quiet")
    capsys.readouterr()
    assert airflow.run(dag).state == "success"
    assert airflow.run(dag).state == "success"
    said = capsys.readouterr()
    assert "XCom not found" not in said.out + said.err
    assert "[error" not in said.out + said.err
