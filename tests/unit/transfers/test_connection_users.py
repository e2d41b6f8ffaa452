"""A run whose connection is gone says which syncs use it, as far as a task can know."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToKlaviyoOperator
from airflow_provider_cdi.exceptions import MissingConnection
from airflow_provider_cdi.hooks.connections import find_connection
from airflow_provider_cdi.transfers.runs.connection_users import naming_its_users
from airflow_provider_cdi.version_compat import cdi_command


@pytest.fixture
def dag():
    with DAG("a", schedule=None) as one:
        WarehouseToBrazeOperator(task_id="one", warehouse_conn_id="gone", source="S", data_type="attributes")
        WarehouseToKlaviyoOperator(task_id="two", warehouse_conn_id="wh", source="S", data_type="profiles")
        WarehouseToKlaviyoOperator(
            task_id="three",
            warehouse_conn_id="{{ params.wh }}",
            klaviyo_conn_id="gone",
            source="S",
            data_type="profiles",
        )
        yield one


def told(conn_id, **context):
    with pytest.raises(MissingConnection) as error, naming_its_users(context):
        find_connection(conn_id)
    return str(error.value)


def test_the_syncs_of_the_dag_that_use_it_are_named_with_what_for(dag):
    text = told("gone", dag=dag, params={"wh": "gone"})
    assert text.startswith("There is no Airflow connection 'gone'. Add it under Admin > Connections")
    assert "In this DAG it is used by one (warehouse), three (warehouse, destination)." in text


def test_a_template_that_this_run_cannot_fill_in_hides_no_other_sync(dag):
    assert "used by one (warehouse), three (destination)." in told("gone", dag=dag, params={})


def test_an_ssh_server_that_the_warehouse_s_connection_names_has_its_users(dag, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_WH", '{"conn_type": "postgres", "extra": {"ssh_conn_id": "bastion"}}')
    assert "used by two (ssh tunnel)." in told("bastion", dag=dag, params={})


def test_it_says_that_other_dags_cannot_be_seen_and_which_command_sees_them(dag):
    text = told("gone", dag=dag, params={})
    assert f"A task cannot see other DAGs: `{cdi_command('connections')} --conn-id gone`" in text


def test_a_connection_that_no_sync_names_has_no_users(dag):
    assert "In this DAG" not in told("elsewhere", dag=dag, params={})
