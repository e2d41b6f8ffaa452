"""The system tests, which people run with accounts of theirs, work: here with DuckDB and the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.airflow_versions import DagBag, register

FOLDER = Path(__file__).parents[1] / "system"
NAMES = sorted(path.stem.removeprefix("example_") for path in FOLDER.glob("example_*.py"))


@pytest.fixture
def warehouse(tmp_path, sandbox, airflow_database, monkeypatch) -> Path:
    path = tmp_path / "warehouse.duckdb"
    keys = {"braze": sandbox.key, "klaviyo": sandbox.klaviyo.key}
    connections = {f"{name}_default": {"conn_type": name, "host": sandbox.url, "password": keys[name]} for name in keys}
    connections["cdi_system_warehouse"] = {"conn_type": "duckdb", "host": str(path)}
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    return path


def loaded(name: str) -> Any:
    bag = DagBag(dag_folder=str(FOLDER / f"example_{name}.py"))
    assert bag.import_errors == {}
    dag: Any = bag.dags[f"cdi_system_{name}"]
    register(dag)
    return dag


def tables(warehouse: Path) -> list[Any]:
    with duckdb.connect(str(warehouse)) as connection:
        return connection.sql("show tables").fetchall()


def held(sandbox: Any, name: str) -> int:
    return sandbox.state()["users"] if name == "braze" else sandbox.klaviyo.state()["profiles"]


def test_there_is_one_for_each_vendor():
    assert NAMES == ["braze", "klaviyo"]


@pytest.mark.parametrize("name", NAMES)
def test_it_succeeds_and_leaves_no_table_behind(name, warehouse, sandbox):
    assert loaded(name).test().state == "success"
    assert held(sandbox, name) == 2
    assert tables(warehouse) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_fails_when_rows_are_not_accepted_and_leaves_no_table_behind(name, warehouse, sandbox, monkeypatch):
    connection = {"conn_type": name, "host": sandbox.url, "password": "pk_wrong"}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_DEFAULT", json.dumps(connection))
    assert loaded(name).test().state == "failed"
    assert tables(warehouse) == []
