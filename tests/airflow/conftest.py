"""A real Airflow in this process: its database, its execution API, its state stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.airflow_versions import DagSerialization, register, run_task

from cdi_sandbox.server import SandboxServer

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(klaviyo={"strict": True}) as server:
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
            connection.execute("set timezone = 'UTC'")  # now() without a zone would be the machine's
            for statement in statements:
                connection.execute(statement)

    def dag(
        self,
        dag_id: str,
        *,
        kind: type | None = None,
        max_active_runs: int = 16,
        schedule: Any = None,
        params: dict | None = None,
        **arguments: Any,
    ) -> Any:
        from airflow.sdk import DAG

        from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

        with DAG(
            dag_id,
            schedule=schedule,
            start_date=FIRST_DAY,
            catchup=False,
            max_active_runs=max_active_runs,
            params=params,
        ) as dag:
            (kind or WarehouseToBrazeOperator)(
                **{
                    "task_id": "sync",
                    "warehouse_conn_id": "warehouse",
                    "source": "users",
                    "data_type": "attributes",
                    "rejects_path": str(self.rejects / "{{ run_id }}.jsonl"),
                    **arguments,
                }
            )
        register(dag)
        return dag

    def mapped_dag(self, dag_id: str, **expanded: Any) -> Any:
        from airflow.sdk import DAG

        from airflow_provider_cdi.state.assets import mapped_sync
        from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator

        fixed = {"source": "users"} if "source" not in expanded else {}
        with DAG(dag_id, schedule=None, start_date=FIRST_DAY, catchup=False, max_active_runs=1) as dag:
            WarehouseToBrazeOperator.partial(
                task_id="sync",
                warehouse_conn_id="warehouse",
                data_type="attributes",
                rejects_path=str(self.rejects / "{{ run_id }}.jsonl"),
                **mapped_sync(dag_id),
                **fixed,
            ).expand(**expanded)
        register(dag)
        return dag

    def clear_and_run(self, dag: Any, run: Any) -> str:
        """Clear the only task of a finished run and run it again; return its state."""
        from airflow.models.taskinstance import clear_task_instances
        from airflow.utils.session import create_session

        with create_session() as session:
            instance = run.get_task_instance("sync", session=session)
            clear_task_instances([instance], session)
        return self._run_task(dag, run.run_id)

    def backfill(self, dag: Any, start: datetime, end: datetime, conf: dict[str, Any] | None = None) -> str:
        """Run the DAG as a backfill of one interval; return the task's state."""
        from airflow.timetables.base import DataInterval
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        run_id = f"backfill__{start.isoformat()}"
        with create_session() as session:
            DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).create_dagrun(
                run_id=run_id,
                logical_date=start,
                data_interval=DataInterval(start, end),
                run_after=end,
                conf=conf,
                run_type=DagRunType.BACKFILL_JOB,
                triggered_by=DagRunTriggeredByType.BACKFILL,
                state=DagRunState.RUNNING,
                session=session,
            )
        return self._run_task(dag, run_id)

    def _run_task(self, dag: Any, run_id: str) -> str:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.state import TaskInstanceState

        with create_session() as session:
            run = session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id=run_id).one()
            instance = run.get_task_instance("sync", session=session)
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
            session.flush()
            session.expunge_all()
        run_task(instance, dag.get_task("sync"))
        with create_session() as session:
            run = session.query(DagRun).filter_by(dag_id=dag.dag_id, run_id=run_id).one()
            return str(run.get_task_instance("sync", session=session).state)

    def run(self, dag: Any, **conf: Any) -> Any:
        """Run the DAG on the next day; return the DAG run."""
        self.days += 1
        return dag.test(logical_date=FIRST_DAY + timedelta(days=self.days), run_conf=conf or None)

    def report(self, run: Any, key: str = "return_value") -> dict[str, Any]:
        """Return the task's return value, or another of its XComs."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            (found,) = session.scalars(XComModel.get_many(key=key, run_id=run.run_id, dag_ids=run.dag_id)).all()
            return XComModel.deserialize_value(found)


@pytest.fixture
def airflow(tmp_path: Path, sandbox: SandboxServer, airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    lab = Airflow(tmp_path, sandbox)
    warehouse = {"conn_type": "duckdb", "host": str(lab.path)}
    braze = {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    monkeypatch.setenv("AIRFLOW_CONN_BRAZE_DEFAULT", json.dumps(braze))
    klaviyo = {"conn_type": "klaviyo", "host": sandbox.url, "password": sandbox.klaviyo.key}
    monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO_DEFAULT", json.dumps(klaviyo))
    return lab
