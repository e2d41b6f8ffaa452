"""Templates of a sync without a run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, Param, task

from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToKlaviyoOperator
from airflow_provider_cdi.cli.syncs.templates import fill_in
from airflow_provider_cdi.exceptions import UsageError
from airflow_provider_cdi.version_compat import database_asked_for_secrets

NOW = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)


def sync(**arguments):
    usual = {"warehouse_conn_id": "wh", "source": "S", "data_type": "attributes"}
    with DAG("a", schedule=None, params={"table": Param("USERS")}, user_defined_macros={"mine": "MINE"}):
        return WarehouseToBrazeOperator(task_id="one", **{**usual, **arguments})


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{ params.table }}", "USERS"),
        ("T_{{ ds_nodash }}", "T_20261130"),
        ("{{ logical_date.year }}", "2026"),
        ("{{ macros.ds_add(ds, 1) }}", "2026-12-01"),
        ("{{ mine }}", "MINE"),
        ("{{ dag.dag_id }}_{{ task.task_id }}", "a_one"),
        ("{% if params.table %}X{% endif %}{# why #}", "X"),
    ],
)
def test_what_is_known_without_a_run_is_filled_in_and_told(template, filled):
    operator = sync(source=template)
    told = fill_in(operator, now=NOW)
    assert operator.source == filled
    assert told == [f"source is {filled!r} by its template, for a run that is triggered now."]


def test_a_variable_of_the_environment_needs_no_database_and_is_not_shown(monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_TABLE", "SECRET")
    operator = sync(source="{{ var.value.table }}")
    with database_asked_for_secrets():
        told = fill_in(operator)
    assert told == ["source is filled in by its template, for a run that is triggered now."]
    assert operator.source == "SECRET"


@pytest.mark.parametrize("name", ["since", "until", "sync_mode", "dry_run"])
def test_a_choice_that_only_a_run_knows_is_left_out_and_told(name):
    operator = sync(**{name: "{{ dag_run.conf.get('x') }}"})
    assert fill_in(operator) == [f"{name} is left out: only a run knows dag_run."]
    assert getattr(operator, "is_dry_run" if name == "dry_run" else name) is None


def test_what_another_task_returns_is_asked_for():
    with DAG("a", schedule=None):
        table = task(lambda: "USERS", task_id="table")()
        operator = WarehouseToBrazeOperator(
            task_id="one", warehouse_conn_id="wh", source=table, data_type="attributes", same_source="x"
        )
    with pytest.raises(UsageError, match="only a run knows what another task returns"):
        fill_in(operator)


@pytest.mark.parametrize("template", ["{{ params.none }}", "{{ 1 / 0 }}", "{{ params.table"])
def test_a_template_that_fails_is_told_with_the_argument(template):
    with pytest.raises(UsageError, match="source has a template: it cannot be filled in"):
        fill_in(sync(source=template))


def test_the_place_of_the_rejects_stays_as_it_is_written():
    operator = sync(rejects_path="/rejects/{{ run_id }}.jsonl")
    assert fill_in(operator) == []
    assert operator.rejects_path == "/rejects/{{ run_id }}.jsonl"


def test_a_query_loses_its_last_line_end_as_in_a_run():
    operator = sync(source=None, sql="select 1\n")
    assert fill_in(operator) == []
    assert operator.sql == "select 1"


def test_the_templates_in_a_list_are_filled_in_too():
    with DAG("a", schedule=None, params={"list": Param("VipYes")}):
        operator = WarehouseToKlaviyoOperator(
            task_id="one",
            warehouse_conn_id="wh",
            source="S",
            data_type="profiles",
            list_ids=["Aa1bB2", "{{ params.list }}"],
        )
    assert fill_in(operator) == ["list_ids is ['Aa1bB2', 'VipYes'] by its template, for a run that is triggered now."]
    assert operator.list_ids == ["Aa1bB2", "VipYes"]


def test_the_text_of_a_file_is_filled_in_and_not_shown(tmp_path):
    (tmp_path / "rows.sql").write_text("select '{{ params.table }}'")
    with DAG("a", schedule=None, params={"table": Param("USERS")}, template_searchpath=str(tmp_path)):
        operator = WarehouseToBrazeOperator(
            task_id="one", warehouse_conn_id="wh", sql="rows.sql", data_type="attributes"
        )
    assert fill_in(operator) == []
    assert operator.sql == "select 'USERS'"
