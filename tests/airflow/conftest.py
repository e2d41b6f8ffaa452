"""A real Airflow in this process: its database, its execution API, its state stores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_cdi.sandbox.server import SandboxServer

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def airflow_database() -> None:
    from airflow.utils.db import initdb

    Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).mkdir(exist_ok=True)
    initdb()


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


class Airflow:
    """One DAG with one sync, run by Airflow itself."""

    def __init__(self, folder: Path, sandbox: SandboxServer) -> None:
        self.path = folder / "warehouse.duckdb"
        self.rejects = folder / "rejects"
        self.sandbox = sandbox
        self.days = 0

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def dag(self, dag_id: str, **arguments: Any) -> Any:
        from airflow.sdk import DAG

        from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

        with DAG(dag_id, schedule=None, start_date=FIRST_DAY, catchup=False) as dag:
            WarehouseToBrazeOperator(
                **{
                    "task_id": "sync",
                    "warehouse_conn_id": "warehouse",
                    "source": "users",
                    "data_type": "attributes",
                    "rejects_path": str(self.rejects / "{{ run_id }}.jsonl"),
                    **arguments,
                }
            )
        self._register(dag)
        return dag

    def _register(self, dag: Any) -> None:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        DagBundlesManager().sync_bundles_to_db()
        bag = BundleDagBag(
            dag_folder=os.devnull, bundle_path=Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]), bundle_name="dags-folder"
        )
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)

    def run(self, dag: Any, **conf: Any) -> Any:
        """Run the DAG on the next day; return the DAG run."""
        self.days += 1
        return dag.test(logical_date=FIRST_DAY + timedelta(days=self.days), run_conf=conf or None)

    def report(self, run: Any) -> dict[str, Any]:
        """Return the task's return value."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            (found,) = session.scalars(
                XComModel.get_many(key="return_value", run_id=run.run_id, dag_ids=run.dag_id)
            ).all()
            return XComModel.deserialize_value(found)


@pytest.fixture
def airflow(tmp_path: Path, sandbox: SandboxServer, airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    lab = Airflow(tmp_path, sandbox)
    warehouse = {"conn_type": "duckdb", "host": str(lab.path)}
    braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(braze))
    return lab
