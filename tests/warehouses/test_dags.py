"""The example DAG of each warehouse, run by Airflow itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.airflow_versions import DagBag, register
from warehouses.conftest import Worlds
from warehouses.syncs import ROWS, SYNCS

from airflow_provider_cdi.sandbox.server import SandboxServer

FOLDER = Path(__file__).parents[2] / "dags"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        server.create_catalog("products", n="number")
        connection = {"conn_type": "braze", "host": server.url, "password": server.key}
        monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(connection))
        yield server


@pytest.mark.parametrize("name", ["snowflake", "redshift", "bigquery", "databricks"])
def test_the_warehouses_dag_sends_all_data_types(
    name: str,
    worlds: Worlds,
    sandbox: SandboxServer,
    airflow_database: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = worlds[name]
    world.begin(monkeypatch)
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_DEFAULT", json.dumps(world.connection()))
    dag: Any = DagBag(dag_folder=str(FOLDER / f"{name}_to_braze.py")).dags[f"{name}_to_braze"]
    for task in dag.tasks:
        task.retries = 0  # a failure shows at once
        world.load_into_schema(*task.source.split("."), SYNCS[task.data_type].table)
    register(dag)
    assert dag.test(logical_date=None).state == "success"
    paths = ("/users/track", "/users/delete", "/catalogs/products/items")
    assert [sandbox.received(path, brief=True)["accepted_objects"] for path in paths] == [3 * ROWS, ROWS, ROWS]
