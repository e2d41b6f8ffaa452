"""Where rejects go, and when the log says that this is one machine of several."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from airflow_provider_cdi.reject_file import RejectFile
from airflow_provider_cdi.transfers.reject_places import executor_name, rejects_path, warn_of_several_machines


def instance(**changed):
    return SimpleNamespace(**{"dag_id": "a_dag", "task_id": "a_task", "run_id": "run-1", "map_index": -1} | changed)


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/home/airflow")


def test_by_default_below_airflow_home():
    assert rejects_path(None, instance()) == "/home/airflow/cdi_rejects/a_dag/a_task/run-1.jsonl"


@pytest.mark.parametrize(
    "root", ["s3://aws_default@bucket/rejects", "s3://aws_default@bucket/rejects/", "/mnt/rejects"]
)
def test_the_option_of_the_configuration_holds_for_all_syncs(monkeypatch, root):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_PATH", root)
    assert rejects_path(None, instance()) == f"{root.rstrip('/')}/a_dag/a_task/run-1.jsonl"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/data/x.jsonl", "/data/x.jsonl"),
        ("/data/run-1", "/data/run-1.jsonl"),
        ("/data/", "/data/a_dag/a_task/run-1.jsonl"),
        ("gs://bucket/r/", "gs://bucket/r/a_dag/a_task/run-1.jsonl"),
        ("file:///mnt/r/x.jsonl", "file:///mnt/r/x.jsonl"),
    ],
)
def test_the_task_can_say_it(monkeypatch, given, path):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_PATH", "/elsewhere")
    assert rejects_path(given, instance()) == path


def test_a_folder_that_exists_gets_the_runs_names_below_it(tmp_path):
    assert rejects_path(str(tmp_path), instance()) == f"{tmp_path}/a_dag/a_task/run-1.jsonl"


def test_instances_of_a_mapped_task_have_names_of_their_own():
    assert rejects_path("/data/x.jsonl", instance(map_index=3)) == "/data/x.3.jsonl"


def test_a_run_id_is_no_suffix():
    path = rejects_path("/data/manual__2026-01-05T00:00:00.123456+00:00", instance())
    assert path == "/data/manual__2026-01-05T00:00:00.123456+00:00.jsonl"


def test_the_longest_names_that_airflow_takes_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    one, other = (instance(dag_id="ä" * 250, task_id="t" * 250, run_id="r" * 249 + end) for end in "12")
    assert rejects_path(None, one) != rejects_path(None, other)
    RejectFile(rejects_path(None, one), try_number=1_000).prove()


@pytest.mark.parametrize(
    ("chosen", "configured", "name"),
    [
        (None, "LocalExecutor", "LocalExecutor"),
        (None, "", "LocalExecutor"),
        (None, "CeleryExecutor", "CeleryExecutor"),
        (None, "airflow.providers.celery.executors.celery_executor.CeleryExecutor", "CeleryExecutor"),
        (None, "LocalExecutor,CeleryExecutor", "LocalExecutor"),
        ("CeleryExecutor", "LocalExecutor,CeleryExecutor", "CeleryExecutor"),
        ("far", "LocalExecutor,far:airflow.providers.edge3.executors.EdgeExecutor", "EdgeExecutor"),
        (None, "KubernetesExecutor;team_a=CeleryExecutor", "KubernetesExecutor"),
    ],
)
def test_the_executor_is_told_from_the_configuration_and_the_task(chosen, configured, name):
    assert executor_name(chosen, configured) == name


@pytest.mark.parametrize(
    ("path", "executor", "warns"),
    [
        ("/data/x.jsonl", "CeleryExecutor", True),
        ("/data/x.jsonl", "KubernetesExecutor", True),
        ("/data/x.jsonl", "LocalExecutor", False),
        ("s3://bucket/x.jsonl", "CeleryExecutor", False),
        ("file:///mnt/shared/x.jsonl", "CeleryExecutor", False),
    ],
)
def test_a_local_path_and_several_machines_are_told(monkeypatch, caplog, path, executor, warns):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    warn_of_several_machines(RejectFile(path, host="worker-a"), None, logging.getLogger(__name__))
    assert len(caplog.records) == warns
    assert all(word in caplog.text for word in ("worker-a", executor, "AIRFLOW__CDI__REJECTS_PATH")) == warns
