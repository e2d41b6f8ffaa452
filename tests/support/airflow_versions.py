"""Airflow's own places, for tests: where each version keeps what is not part of its public face."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before 3.2
    from airflow.models.dagbag import DagBag

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # before 3.2
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

try:
    from airflow.sdk.exceptions import ParamValidationError
except ImportError:  # before 3.2
    from airflow.exceptions import ParamValidationError

__all__ = ["DagBag", "DagSerialization", "ParamValidationError", "airflow_version", "register"]


def airflow_version() -> tuple[int, int]:
    """Return the major and the minor number of the installed Airflow."""
    from airflow import __version__

    major, minor = __version__.split(".")[:2]
    return int(major), int(minor)


def register(dag: Any) -> None:
    """Make a DAG that a test has built known to Airflow's database, as if it came from a file."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    if airflow_version() < (3, 1):
        _write_to_database(dag)
    else:
        _sync_bag(dag)


def _write_to_database(dag: Any) -> None:
    """In 3.0 a bag holds the SDK's DAGs, and one that is in no bag is written by these two calls."""
    from airflow.models.dag import DAG as SchedulerDAG
    from airflow.models.serialized_dag import SerializedDagModel

    serialized = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    SchedulerDAG.bulk_write_to_db("dags-folder", None, [serialized])
    SerializedDagModel.write_dag(serialized, bundle_name="dags-folder")


def _sync_bag(dag: Any) -> None:
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if airflow_version() < (3, 2):
        from airflow.models.dagbag import BundleDagBag, sync_bag_to_db

        bag = BundleDagBag(dag_folder=os.devnull, bundle_path=folder)
    else:
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        bag = BundleDagBag(dag_folder=os.devnull, bundle_path=folder, bundle_name="dags-folder")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
