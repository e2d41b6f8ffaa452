"""The check as a task: what it takes, what it leaves, when it fails and when it is tried again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from airflow.sdk import DAG

from airflow_provider_cdi import CheckSyncOperator, WarehouseToHttpOperator
from airflow_provider_cdi.exceptions import ConfigurationError, RetryLater
from airflow_provider_cdi.version_compat import AirflowFailException


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse with a table of people, and a service that nobody runs."""
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table people (updated_at timestamp, id varchar, payload varchar)")
        connection.execute("""insert into people values ('2026-01-01', 'a', '{}'), ('2026-01-01', 'b', '{}')""")
    monkeypatch.setenv("AIRFLOW_CONN_W", json.dumps({"conn_type": "duckdb", "host": str(path)}))
    service = {"conn_type": "http", "schema": "http", "host": "127.0.0.1", "port": 9}
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(service))
    return path


def dag_with(check: dict[str, Any], **sync: Any) -> CheckSyncOperator:
    with DAG("d", schedule=None):
        usual = {"task_id": "users", "warehouse_conn_id": "w", "source": "people", "endpoint": "/rows"}
        WarehouseToHttpOperator(**{**usual, **sync})
        return CheckSyncOperator(**{"task_id": "check", "sync": "users", **check})


def run(check: CheckSyncOperator) -> tuple[Exception | None, dict[str, Any]]:
    left: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: left.update({key: value}), task_id="check", dag_id="d")
    try:
        return None, check.execute({"ti": ti, "params": {"table": "people"}})
    except Exception as error:  # what the task ends with
        return error, left["return_value"]


@pytest.mark.usefixtures("source")
def test_a_failure_that_may_pass_is_left_to_a_retry_and_its_findings_are_kept() -> None:
    error, told = run(dag_with({}))
    assert isinstance(error, RetryLater)
    assert "127.0.0.1:9 refused the connection" in str(error)
    assert told["state"] == "failed"
    assert next(one for one in told["findings"] if one["step"] == "destination network")["cure"]


@pytest.mark.usefixtures("source")
def test_a_failure_that_a_person_must_mend_fails_the_task_at_once() -> None:
    error, told = run(dag_with({}, source="nobody"))
    assert isinstance(error, AirflowFailException)
    assert "source table" in str(error)
    assert told["sync_id"] == "d.users"


@pytest.mark.usefixtures("source")
def test_a_check_that_fails_for_nothing_returns_what_it_found() -> None:
    error, told = run(dag_with({"fail_on": "never"}))
    assert (error, told["state"]) == (None, "failed")


@pytest.mark.usefixtures("source")
def test_warnings_fail_the_task_only_where_it_says_so() -> None:
    error, _ = run(dag_with({"fail_on": "warning"}))
    assert "UPDATED_AT ties" in str(error)
    error, _ = run(dag_with({}))
    assert "UPDATED_AT ties" not in str(error)


@pytest.mark.usefixtures("source")
def test_templates_of_the_sync_are_rendered_with_the_run_of_the_check() -> None:
    _, told = run(dag_with({"fail_on": "never"}, source="{{ params.table }}"))
    assert next(one for one in told["findings"] if one["step"] == "source table")["state"] == "ok"


@pytest.mark.usefixtures("source")
def test_an_operator_without_a_dag_is_taken_as_it_is() -> None:
    sync = WarehouseToHttpOperator(task_id="users", warehouse_conn_id="w", source="people", endpoint="/rows")
    _, told = run(CheckSyncOperator(task_id="check", sync=sync, fail_on="never"))
    assert next(one for one in told["findings"] if one["step"] == "source table")["state"] == "ok"


@pytest.mark.parametrize("named", ["nowhere", "check"])
def test_a_task_id_that_names_no_sync_is_refused(named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"sync= names '{named}'"):
        dag_with({"sync": named}).execute({})


def test_a_word_for_fail_on_that_makes_no_sense_is_an_import_error() -> None:
    with pytest.raises(ConfigurationError, match="give one of failure, warning, never"):
        dag_with({"fail_on": "sometimes"})
