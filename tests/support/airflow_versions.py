"""Airflow's own places, for tests: where each version keeps what is not part of its public face."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before 3.2
    from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

try:
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # before 3.2
    from airflow.serialization.serialized_objects import (  # type: ignore[attr-defined, assignment]
        SerializedDAG as DagSerialization,
    )

try:
    from airflow.sdk.exceptions import ParamValidationError, TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import ParamValidationError, TaskDeferred  # type: ignore[no-redef]

__all__ = [
    "DagBag",
    "DagSerialization",
    "ParamValidationError",
    "TaskDeferred",
    "airflow_version",
    "keep_one_api_server",
    "register",
    "run_task",
    "with_state_stores",
]


def airflow_version() -> tuple[int, int]:
    """Return the major and the minor number of the installed Airflow."""
    from airflow import __version__

    major, minor = __version__.split(".")[:2]
    return int(major), int(minor)


#: Before 3.3 a task keeps no plan, and a run sees only the XComs of runs with an earlier logical date.
with_state_stores = pytest.mark.skipif(airflow_version() < (3, 3), reason="needs the state stores of Airflow 3.3")


def keep_one_api_server() -> None:
    """Let runs in this process share one execution API, as they do since 3.3: to make one takes two seconds."""
    from airflow.sdk.execution_time import supervisor

    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        supervisor.in_process_api_server = functools.lru_cache(maxsize=1)(supervisor.in_process_api_server)


def register(dag: Any) -> None:
    """Make a DAG that a test has built known to Airflow's database, as if it came from a file."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    bag: Any
    version, folder = airflow_version(), Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if version >= (3, 2):
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

        bag = BundleDagBag(dag_folder=os.devnull, bundle_path=folder, bundle_name="dags-folder")
    elif version == (3, 1):
        from airflow.models.dagbag import BundleDagBag, sync_bag_to_db  # type: ignore[no-redef]

        bag = BundleDagBag(dag_folder=os.devnull, bundle_path=folder)
    else:
        bag = DagBag(dag_folder=os.devnull)
        sync_bag_to_db = type(bag).sync_to_db
        dag.relative_fileloc = "made_by_a_test.py"  # the database wants to know
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def run_task(instance: Any, task: Any) -> None:
    """Run one task of an existing run in this process; there is no public way to do so."""
    from airflow.sdk.definitions.dag import _run_task

    if airflow_version() < (3, 1):
        instance.task = task
        _run_task(ti=instance)  # type: ignore[call-arg]
    else:
        _run_task(ti=instance, task=task)
