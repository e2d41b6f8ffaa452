"""The syncs among the tasks of a DAG, and the connections that they name."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, BaseOperator, TaskGroup, task_group

from airflow_provider_cdi import (
    WarehouseToBrazeOperator,
    WarehouseToHttpOperator,
    WarehouseToKlaviyoOperator,
    mapped_sync,
)
from airflow_provider_cdi.transfers.sync_tasks import sync_tasks

GIVEN = {"warehouse_conn_id": "wh", "data_type": "attributes"}


@pytest.fixture
def dag():
    with DAG("a", schedule=None) as one:
        yield one


def test_tasks_that_are_no_syncs_are_left_out(dag):
    BaseOperator(task_id="other")
    BaseOperator.partial(task_id="mapped").expand(params=[{}, {}])
    with TaskGroup("g"):
        WarehouseToBrazeOperator(task_id="one", source="S", **GIVEN)
    assert [(one.task_id, one.sync_id, one.name) for one in sync_tasks([dag])] == [("g.one", "a.g.one", "a g.one")]


def test_each_instance_that_the_file_says_is_one(dag):
    WarehouseToBrazeOperator.partial(task_id="one", **GIVEN, **mapped_sync("s")).expand(
        source=["S", "T"], partition=["0/2", "1/2"]
    )
    found = [(one.map_index, one.argument("source"), one.argument("partition")) for one in sync_tasks([dag])]
    assert found == [(0, "S", "0/2"), (1, "S", "1/2"), (2, "T", "0/2"), (3, "T", "1/2")]


def test_an_instance_is_the_one_that_airflow_makes_of_its_index(dag):
    task = WarehouseToBrazeOperator.partial(task_id="one", **GIVEN, **mapped_sync("s"))
    task = task.expand(source=["S", "T"], partition=["0/3", "1/3", "2/3"])
    expand, lengths = task._get_specified_expand_input(), {"source": 2, "partition": 3}
    for one in sync_tasks([dag]):
        airflows = {
            name: expand._expand_mapped_field(name, value, one.map_index, lengths)
            for name, value in expand.value.items()
        }
        assert one.instance == airflows


def test_expand_kwargs_gives_each_instance_its_own(dag):
    WarehouseToBrazeOperator.partial(task_id="one", data_type="attributes", **mapped_sync("s")).expand_kwargs(
        [{"source": "S", "warehouse_conn_id": "one"}, {"source": "T", "warehouse_conn_id": "other"}]
    )
    assert [one.argument("warehouse_conn_id") for one in sync_tasks([dag])] == ["one", "other"]


def part_of(expand):
    """Make a mapped group with one sync, whose instances differ by partition."""

    @task_group
    def part(which):
        WarehouseToBrazeOperator(task_id="one", source="S", partition=which, **GIVEN)

    expand(part)


def test_each_instance_of_a_mapped_group_that_the_file_says_is_one(dag):
    part_of(lambda part: part.expand(which=["0/2", "1/2"]))
    found = sync_tasks([dag])
    assert [(one.name, one.argument("partition"), one.missing) for one in found] == [
        ("a part.one[0]", "0/2", None),
        ("a part.one[1]", "1/2", None),
    ]
    assert [one.operator({}).partition for one in found] == ["0/2", "1/2"]
    assert found[1].names == {"a.part.one", "a.part.one:S:1/2"}


def test_of_a_mapped_group_over_what_a_task_returns_only_a_run_knows_the_instances(dag):
    part_of(lambda part: part.expand(which=BaseOperator(task_id="other").output))
    (one,) = sync_tasks([dag])
    assert (one.map_index, one.missing) == (None, "partition")
    assert one.operator({"partition": "1/2"}).partition == "1/2"


@pytest.mark.parametrize(
    ("kind", "arguments", "connections"),
    [
        (WarehouseToBrazeOperator, {}, [("warehouse", "wh"), ("destination", "braze_default")]),
        (
            WarehouseToKlaviyoOperator,
            {"data_type": "profiles", "klaviyo_conn_id": "{{ params.k }}"},
            [("warehouse", "wh"), ("destination", "{{ params.k }}")],
        ),
        (
            WarehouseToHttpOperator,
            {"data_type": "rows", "endpoint": "/r", "rejects_path": "s3://aws@bucket/r"},
            [("warehouse", "wh"), ("destination", "http_default"), ("reject storage", "aws")],
        ),
    ],
)
def test_a_sync_names_its_connections_those_that_nobody_gave_included(dag, kind, arguments, connections):
    kind(task_id="one", **{**GIVEN, "source": "S", **arguments})
    assert list(sync_tasks([dag])[0].connections()) == connections


def test_a_mapped_sync_names_the_connection_that_nobody_gave(dag):
    WarehouseToBrazeOperator.partial(task_id="one", **GIVEN, **mapped_sync("s")).expand(source=["S"])
    assert list(sync_tasks([dag])[0].connections()) == [("warehouse", "wh"), ("destination", "braze_default")]


def test_the_place_of_all_rejects_has_a_connection_too(dag, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CDI__REJECTS_PATH", "gs://google@bucket/rejects")
    WarehouseToBrazeOperator(task_id="one", source="S", **GIVEN)
    assert ("reject storage", "google") in list(sync_tasks([dag])[0].connections())
