"""Two tasks of one DAG that send the same rows to the same place."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG

from airflow_provider_cdi.engine.reading.partition import partitions
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.state.assets import mapped_sync
from airflow_provider_cdi.transfers.runs.repeats import look_for_repeats
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator

CONTEXT = {"params": {"table": "users"}}


@pytest.fixture
def dag():
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as one:
        yield one


def task(task_id, kind=WarehouseToBrazeOperator, **arguments):
    usual = {"warehouse_conn_id": "warehouse", "source": "users", "data_type": "events"}
    return kind(task_id=task_id, **usual | arguments)


@pytest.mark.parametrize("data_type", ["events", "purchases"])
@pytest.mark.parametrize("other", [{"source": '"USERS"'}, {"source": "{{ params.table }}"}])
def test_what_counts_twice_is_an_error_that_names_both_tasks(dag, data_type, other):
    one, _ = task("one", data_type=data_type), task("other", data_type=data_type, **other)
    with pytest.raises(ConfigurationError, match=r"'one' and 'other' .* allow_repeats"):
        look_for_repeats(one, CONTEXT)


def test_events_that_klaviyo_keeps_once_by_their_unique_id_are_a_warning(dag, capsys):
    one, _ = (task(name, WarehouseToKlaviyoOperator) for name in ("one", "other"))
    look_for_repeats(one, CONTEXT)
    assert "each row is sent twice" in capsys.readouterr().out


def test_a_harmless_repeat_is_a_warning(dag, capsys):
    one, _ = (task(name, data_type="attributes") for name in ("one", "other"))
    look_for_repeats(one, CONTEXT)
    assert "'one' and 'other' of this DAG read the same rows (users)" in capsys.readouterr().out


def test_a_query_with_other_blanks_is_the_same_query(dag):
    one = task("one", source=None, sql="select * from users")
    task("other", source=None, sql="SELECT *\nFROM users;")
    with pytest.raises(ConfigurationError, match="by the same query"):
        look_for_repeats(one, CONTEXT)


def test_a_mapped_task_is_seen(dag):
    one = task("one")
    WarehouseToBrazeOperator.partial(
        task_id="other", warehouse_conn_id="warehouse", source="users", data_type="events", **mapped_sync("other")
    ).expand(payload_columns=[["a"], ["b"]])
    with pytest.raises(ConfigurationError, match="'other'"):
        look_for_repeats(one, CONTEXT)


def test_it_can_be_allowed(dag, capsys):
    one, _ = (task(name, allow_repeats=True) for name in ("one", "other"))
    look_for_repeats(one, CONTEXT)
    assert "this DAG" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "other",
    [
        {"source": "orders"},
        {"data_type": "attributes"},
        {"warehouse_conn_id": "elsewhere"},
        {"braze_conn_id": "another_workspace"},
        {"partition": partitions(2)[1]},
    ],
)
def test_other_rows_or_another_place_are_no_repeat(dag, capsys, other):
    one, _ = task("one"), task("other", **other)
    look_for_repeats(one, CONTEXT)
    assert "this DAG" not in capsys.readouterr().out


def test_another_destination_is_no_repeat(dag, capsys):
    one, _ = task("one"), task("other", WarehouseToKlaviyoOperator)
    look_for_repeats(one, CONTEXT)
    assert "this DAG" not in capsys.readouterr().out


def test_a_task_without_a_dag_has_no_neighbours(capsys):
    look_for_repeats(task("one"), CONTEXT)
    assert "this DAG" not in capsys.readouterr().out
