"""Rejected rows again as a task: which arguments make sense, before any run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup

from airflow_provider_cdi import RedriveRejectsOperator, WarehouseToHttpOperator, sync_asset
from airflow_provider_cdi.exceptions import ConfigurationError

SYNC = {"task_id": "users", "warehouse_conn_id": "w", "source": "people", "endpoint": "/rows"}


def again(**arguments: Any) -> RedriveRejectsOperator:
    with DAG("d", schedule=None):
        WarehouseToHttpOperator(**SYNC)
        return RedriveRejectsOperator(**{"task_id": "again", "sync": "users"} | arguments)


def test_it_declares_the_asset_of_the_sync_whose_state_it_needs() -> None:
    task = again()
    assert sync_asset("d.users") in task.inlets
    assert sync_asset("d.users") in task.outlets


@pytest.mark.parametrize("named", ["nobody", "again"])
def test_a_task_id_that_names_no_sync_is_an_import_error(named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Task 'again': sync= names '{named}', which is no sync of this DAG"):
        again(sync=named)


def test_who_names_a_task_without_its_group_is_told_the_syncs_that_there_are() -> None:
    with DAG("d", schedule=None), TaskGroup("g"):
        WarehouseToHttpOperator(**SYNC)
        with pytest.raises(ConfigurationError, match=r"names 'users', .* up to here \(there are 'g\.users'\)"):
            RedriveRejectsOperator(task_id="again", sync="users")
        assert RedriveRejectsOperator(task_id="once_more", sync="g.users").sync_task_id == "g.users"


@pytest.mark.parametrize("by_id", [True, False])
def test_a_mapped_one_declares_the_asset_where_airflow_can_see_it_and_its_instances_take_turns(by_id: bool) -> None:
    with DAG("d", schedule=None):
        sync = WarehouseToHttpOperator(**SYNC)
        named = "users" if by_id else sync
        task: Any = RedriveRejectsOperator.partial(task_id="again", sync=named).expand(codes=["a", "b"])
    assert task.partial_kwargs["inlets"] == task.partial_kwargs["outlets"] == [sync_asset("d.users")]
    assert task.max_active_tis_per_dagrun == 1
    one = task.unmap({"codes": "a"})
    assert (one.codes, one.sync_task_id, one.inlets) == ("a", "users", [sync_asset("d.users")])


def test_a_mapped_one_says_in_partial_whose_rejects_it_sends() -> None:
    with DAG("d", schedule=None), pytest.raises(ConfigurationError, match=r"'again': give sync= in \.partial\(\)"):
        RedriveRejectsOperator.partial(task_id="again")


def test_a_sync_of_another_dag_is_left_to_its_own_trigger_form() -> None:
    with DAG("other", schedule=None):
        other = WarehouseToHttpOperator(**SYNC)
    with pytest.raises(ConfigurationError, match=r'sync of another DAG .* "Rejected rows again" in its trigger form'):
        again(sync=other)


def test_without_a_dag_it_says_where_it_belongs() -> None:
    with pytest.raises(ConfigurationError, match="in the same DAG"):
        RedriveRejectsOperator(task_id="again", sync="users")


def test_an_age_that_makes_no_sense_is_an_import_error_of_the_task() -> None:
    with pytest.raises(ConfigurationError, match=r"Task 'again': .*older_than is 'soon'.* 90m, 12h, 7d"):
        again(older_than="soon")


@pytest.mark.parametrize(
    ("older_than", "text"),
    [
        (timedelta(hours=12), "720m"),
        (timedelta(days=900), "900d"),
        (datetime(2026, 1, 5, 9, tzinfo=UTC), "2026-01-05T09:00:00+00:00"),
        ("7d", "7d"),
        (None, ""),
    ],
)
def test_an_age_may_be_a_duration_or_a_moment(older_than: Any, text: str) -> None:
    assert again(older_than=older_than).older_than == text
