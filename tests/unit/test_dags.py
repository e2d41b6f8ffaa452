"""The example DAGs: people copy them, so they load, say what they do, and cost nothing to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG
from support.airflow_versions import DagBag, DagSerialization

from airflow_provider_cdi.destinations import braze, klaviyo
from airflow_provider_cdi.transfers.base import WarehouseSyncOperator
from airflow_provider_cdi.transfers.params import CHOICES
from airflow_provider_cdi.transfers.runs.plan import RunRequest
from airflow_provider_cdi.transfers.runs.windows import window_bounds
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator
from airflow_provider_cdi.transfers.warehouse_to_klaviyo import WarehouseToKlaviyoOperator
from airflow_provider_cdi.version_compat import core_timetable

FOLDER = Path(__file__).parents[2] / "dags"
FILES = sorted(FOLDER.glob("*.py"))
#: Those that send; the others look after them.
SENDING = [path for path in FILES if not path.stem.startswith("watch_")]
#: What no DAG file may import, because it costs time and memory each time the file is parsed.
VENDORS = {
    *("aiohttp", "databricks", "duckdb", "google", "orjson", "phonenumbers", "psycopg", "psycopg2", "pyarrow"),
    *("redshift_connector", "requests", "snowflake", "starlette"),
}
SHOWS_IMPORTS = """
import json, runpy, sys
import airflow.timetables.interval
from airflow.sdk import DAG, Asset, BaseOperator, Param
from airflow_provider_cdi.version_compat import BaseHook
with DAG("plain", schedule="@hourly", params={"p": Param(1)}):  # what Airflow loads for any DAG
    BaseOperator(task_id="t", outlets=[Asset("a")])
airflow_itself = set(sys.modules)
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps(sorted(set(sys.modules) - airflow_itself)))
"""


@cache
def bag() -> DagBag:
    return DagBag(dag_folder=str(FOLDER))


def dag_of(path: Path) -> DAG:
    return bag().dags[path.stem]


def operators(kind: type[WarehouseSyncOperator] = WarehouseSyncOperator) -> list[WarehouseSyncOperator]:
    tasks = [task for path in FILES for task in dag_of(path).tasks]
    return [task for task in tasks if isinstance(task, kind)]


def destination_of(dag: DAG) -> str:
    return type(dag.tasks[0]).__module__.rpartition("_")[2]


def every_file(test):
    return pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)(test)


def every_sending_file(test):
    return pytest.mark.parametrize("path", SENDING, ids=lambda path: path.stem)(test)


def test_every_file_is_imported_and_holds_one_dag_of_its_name():
    assert bag().import_errors == {}
    assert set(bag().dags) == {path.stem for path in FILES}


@every_file
def test_dag_says_what_it_does(path):
    text = dag_of(path).doc_md
    assert text.startswith("### ")
    assert len(text.split()) > 20


@every_sending_file
def test_dag_is_tagged_with_its_destination_and_its_data_type_or_its_warehouse(path):
    dag = dag_of(path)
    destination = destination_of(dag)
    assert dag.tags in ({destination, dag.tasks[0].data_type}, {destination, dag.dag_id.partition("_")[0]})


@every_file
def test_schedule_is_valid_and_the_dag_survives_serialization(path):
    DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag_of(path))).timetable.validate()


@every_sending_file
def test_trigger_form_offers_the_kinds_of_runs_that_a_task_takes(path):
    dag = dag_of(path)
    syncs = [task for task in dag.tasks if isinstance(task, WarehouseSyncOperator)]
    deletes_alone = {task.data_type for task in syncs} == {"user_deletes"}
    assert set(dag.params) == ({"dry_run"} if deletes_alone else set(CHOICES))


@every_file
def test_dag_does_not_catch_up_and_retries(path):
    dag = dag_of(path)
    assert dag.catchup is False
    assert all(task.retries > 0 for task in dag.tasks)


@pytest.mark.parametrize(
    ("kind", "data_types"),
    [(WarehouseToBrazeOperator, braze.DATA_TYPES), (WarehouseToKlaviyoOperator, klaviyo.DATA_TYPES)],
    ids=["braze", "klaviyo"],
)
def test_every_data_type_has_an_example(kind, data_types):
    assert {operator.data_type for operator in operators(kind)} == set(data_types)


def test_a_dag_whose_tasks_defer_has_one_run_at_a_time_and_says_what_deferring_is():
    deferring = [operator for operator in operators(WarehouseToKlaviyoOperator) if operator.deferrable]
    assert deferring
    for operator in deferring:
        assert operator.dag.max_active_runs == 1
        assert "`deferrable`" in operator.dag.doc_md


def test_schedules_reach_from_15_minutes_to_monthly():
    schedules = {path.stem.rpartition("_")[2] for path in FILES if path.stem.startswith("braze_")}
    assert schedules == {"minutes", "hourly", "daily", "weekly", "monthly"}


@pytest.mark.parametrize("argument", ["source", "sql", "columns", "payload_columns", "max_reject_percent"])
def test_every_way_to_describe_a_source_has_an_example(argument):
    assert any(getattr(operator, argument) not in (None, (), {}) for operator in operators())


@every_file
def test_every_dag_can_be_backfilled_without_a_gap(path):
    from airflow.timetables.base import TimeRestriction

    timetable, start = core_timetable(dag_of(path).timetable), pendulum.datetime(2026, 1, 1)
    windows, interval = [], None
    for _ in range(3):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=TimeRestriction(start, None, True)
        )
        interval = info.data_interval
        context = {"dag": dag_of(path), "dag_run": SimpleNamespace(run_type="backfill")}
        context |= {"data_interval_start": interval.start, "data_interval_end": interval.end}
        windows.append(window_bounds(RunRequest("window"), context))
    assert all(since < until for since, until in windows)
    assert [until for _, until in windows[:-1]] == [since for since, _ in windows[1:]]


def test_dag_files_import_no_vendor_library():
    # In a process of its own: this one has long imported everything.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", SHOWS_IMPORTS, *map(str, FILES)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert {f"airflow_provider_cdi.transfers.warehouse_to_{name}" for name in ("braze", "klaviyo", "http")} <= imported
    assert {name for name in imported if name.partition(".")[0] in VENDORS} == set()


def test_guide_from_databricks_to_klaviyo_shows_the_task_of_the_example():
    guide = (FOLDER.parent / "docs" / "klaviyo-from-databricks.md").read_text()
    code = guide.partition("```python\n")[2].partition("```")[0].replace("\nWarehouse", "\nshown = Warehouse")
    names: dict[str, Any] = {}
    exec(code, names)
    task = bag().dags["databricks_to_klaviyo"].get_task("send_events")
    for argument in ("task_id", "warehouse_conn_id", "source", "data_type", "klaviyo_conn_id", "metric", "columns"):
        assert getattr(names["shown"], argument) == getattr(task, argument)
    for column in task.columns.values():
        assert f"\n  {column.lower()} " in guide


def test_dag_of_the_readme_works_as_it_stands(tmp_path):
    readme = (FOLDER.parent / "README.md").read_text()
    code = readme.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "readme.py").write_text(code)
    copied = DagBag(dag_folder=str(tmp_path))
    assert copied.import_errors == {}
    assert [type(task) for task in copied.dags["users_to_braze"].tasks] == [WarehouseToBrazeOperator]


def test_the_watch_names_tasks_that_are_there():
    (watch,) = dag_of(FOLDER / "watch_syncs_every_15_minutes.py").tasks
    for dag_id, task_id, _ in watch.watched:
        assert task_id in bag().dags[dag_id].task_ids
