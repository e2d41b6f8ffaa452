"""Airflow in this process: real DAG runs without a scheduler, which start in a second."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from demo.places import PROJECT

BUNDLE = "dags-folder"


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a DAG run.

    :param state: ``success`` or ``failed``.
    :param report: of its one task; empty when there is none.
    """

    state: str
    report: Mapping[str, Any]


class InProcessAirflow:
    """An Airflow that lives as long as this process.

    :param environment: everything that it is told; see :func:`demo.places.airflow_environment`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Airflow reads its settings once, when it is imported first.
        os.environ.clear()
        os.environ.update(environment)
        self._dags: dict[str, Any] = {}

    def prepare(self) -> str:
        """Make the database and load the DAGs.

        :return: Airflow's version.
        :raises RuntimeError: when a DAG cannot be imported.
        """
        from airflow import __version__
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
        from airflow.utils.db import initdb

        initdb()
        DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]  # Airflow has no types here
        folder = PROJECT / "dags"
        bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name=BUNDLE)
        if bag.import_errors:
            raise RuntimeError(f"DAGs that cannot be imported: {bag.import_errors}")
        sync_bag_to_db(bag, BUNDLE, None)
        self._dags = dict(bag.dags)
        return __version__

    def run(self, dag_id: str, logical_date: datetime) -> Run:
        """Run a DAG to its end.

        :param logical_date: each run of a DAG needs one of its own.
        """
        dag = self._dags[dag_id]
        (task,) = dag.tasks
        task.retries = 0  # nobody wants to wait here for ten minutes
        run = dag.test(logical_date=logical_date)
        return Run(str(run.state), _report(dag_id, task.task_id, run.run_id))


def _report(dag_id: str, task_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(run_id=run_id, dag_ids=dag_id, task_ids=task_id, key="return_value")
        found = session.scalars(query).first()
        return dict(XComModel.deserialize_value(found)) if found else {}
