"""Where rejects go, and when the log says that this is one machine of several."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.rejects.file import RejectFile
from airflow_provider_cdi.transfers.rejects.places import (
    executor_name,
    literal_root,
    rejects_path,
    rejects_top,
    warn_of_several_machines,
)
from airflow_provider_cdi.transfers.warehouse_to_braze import WarehouseToBrazeOperator


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


@pytest.mark.parametrize("name", [".", ".."])
def test_names_that_lead_elsewhere_are_names_of_folders(name):
    assert rejects_path("/data/", instance(dag_id=name)) == f"/data/{'_' * len(name)}/a_task/run-1.jsonl"


@pytest.mark.parametrize(
    ("given", "written", "top"),
    [
        (None, None, "/home/airflow/cdi_rejects"),
        ("/data/", "/data/", "/data"),
        ("file:///mnt/r/", "file:///mnt/r/", "/mnt/r"),
        ("/data/x.jsonl", "/data/x.jsonl", None),
        ("/data/a/run-1.jsonl", "/data/{{ params.team }}/{{ run_id }}.jsonl", "/data"),
        ("/home/airflow/cdi_rejects/x", "{{ params.path }}", "/home/airflow/cdi_rejects"),
        ("s3://bucket/r/run-1.jsonl", "s3://bucket/r/{{ run_id }}.jsonl", None),
    ],
)
def test_folders_are_ours_below_the_place_that_somebody_named(given, written, top):
    assert rejects_top(given, written) == top


# --- what a template may lead to --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("/srv/rejects/{{ run_id }}.jsonl", "/srv/rejects/"),
        ("/srv/rejects-{{ params.team }}/x.jsonl", "/srv/"),
        ("/srv/{% if x %}a{% endif %}/x", "/srv/"),
        ("/srv/r/{# words #}x", "/srv/r/"),
        ("~/rejects/{{ run_id }}", "~/rejects/"),
        ("s3://aws_default@bucket/{{ run_id }}", "s3://aws_default@bucket/"),
        ("s3://bucket/rejects/{{ run_id }}", "s3://bucket/rejects/"),
        ("file:///mnt/{{ run_id }}", "file:///mnt/"),
        ("{{ dag_run.conf['path'] }}", None),
        ("/{{ dag_run.conf['path'] }}", None),
        ("file:///{{ dag_run.conf['path'] }}", None),
        ("s3://{{ dag_run.conf['bucket'] }}/x", None),
        ("s3://bucket-{{ dag_run.conf['team'] }}/x", None),
        ("{{ params.scheme }}://bucket/x", None),
        ("rejects{{ run_id }}", None),
    ],
)
def test_the_root_is_what_stands_before_the_first_template(written, root):
    assert literal_root(written) == root


def rejects_of(conf, written, **arguments):
    """The reject file of a run whose template is filled in from its ``conf``, as Airflow does it."""
    operator = WarehouseToBrazeOperator(
        task_id="a_task", warehouse_conn_id="w", source="t", data_type="attributes", rejects_path=written, **arguments
    )
    context = {"ti": instance(try_number=1, hostname="worker"), "dag_run": SimpleNamespace(conf=conf)}
    operator.render_template_fields(context)
    return operator._rejects(context, SimpleNamespace(checkpoint=None))


LEADING_OUT = [
    ("/srv/rejects/{{ dag_run.conf.x }}", "../other/run.jsonl"),
    ("/srv/rejects/{{ dag_run.conf.x }}", "a/../../../etc/run.jsonl"),
    ("/srv/rejects/{{ dag_run.conf.x }}", ".."),
    ("/srv/rejects/{{ dag_run.conf.x }}", "a\0b"),
    ("/srv/rejects-{{ dag_run.conf.x }}/run", "a/../../etc"),
    ("file:///mnt/rejects/{{ dag_run.conf.x }}", "../other/"),
    ("s3://bucket/rejects/{{ dag_run.conf.x }}/run", "../other"),
    ("{{ dag_run.conf.x }}", "/etc/run.jsonl"),
    ("{{ dag_run.conf.x }}", "run.jsonl"),
    ("{{ dag_run.conf.x }}", "s3://elsewhere/run.jsonl"),
    ("{{ dag_run.conf.x }}", "file:///etc/run.jsonl"),
    ("{{ dag_run.conf.x }}", "/home/airflow/cdi_rejects/../x"),
    ("{{ dag_run.conf.x }}", "/home/airflow/cdi_rejects_of_others/x"),
    ("/{{ dag_run.conf.x }}", "etc/run.jsonl"),
    ("s3://{{ dag_run.conf.x }}/run", "elsewhere"),
    ("~{{ dag_run.conf.x }}/run", "root"),
]


@pytest.mark.parametrize(("written", "chosen"), LEADING_OUT)
def test_what_a_run_is_triggered_with_leads_its_rejects_nowhere_else(written, chosen):
    with pytest.raises(ConfigurationError, match=r"does not stay below '.*Nothing was sent.*allow_rejects_anywhere"):
        rejects_of({"x": chosen}, written)


@pytest.mark.parametrize(("written", "chosen"), LEADING_OUT)
def test_it_may_where_the_task_trusts_it(written, chosen):
    assert rejects_of({"x": chosen}, written, allow_rejects_anywhere=True).path


@pytest.mark.parametrize(
    ("written", "chosen", "path"),
    [
        ("/srv/rejects/{{ dag_run.conf.x }}.jsonl", "team/a", "/srv/rejects/team/a.jsonl"),
        ("/srv/rejects/{{ dag_run.conf.x }}.jsonl", "/etc/a", "/srv/rejects/etc/a.jsonl"),
        ("/srv/rejects/{{ dag_run.conf.x }}.jsonl", "a..b", "/srv/rejects/a..b.jsonl"),
        ("/srv/../srv/{{ dag_run.conf.x }}", "a", "/srv/a.jsonl"),
        ("s3://bucket/{{ dag_run.conf.x }}/run.jsonl", "a", "s3://bucket/a/run.jsonl"),
        ("{{ dag_run.conf.x }}", "/home/airflow/cdi_rejects/a.jsonl", "/home/airflow/cdi_rejects/a.jsonl"),
        ("/srv/../fixed.jsonl", "unused", "/fixed.jsonl"),
    ],
)
def test_below_its_root_a_run_may_choose(written, chosen, path):
    assert rejects_of({"x": chosen}, written).path == path


def test_a_configured_address_is_a_root_too(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_PATH", "s3://aws_default@bucket/rejects/")
    below = "s3://aws_default@bucket/rejects/a.jsonl"
    assert rejects_of({"x": below}, "{{ dag_run.conf.x }}").path == below
    with pytest.raises(ConfigurationError, match="does not stay below"):
        rejects_of({"x": "s3://other@bucket/rejects/a.jsonl"}, "{{ dag_run.conf.x }}")


# --- machines ---------------------------------------------------------------------------------------------------------


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
