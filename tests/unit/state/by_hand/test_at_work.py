"""Whose lease it is: which task instance holds it, and which has left it behind."""

from __future__ import annotations

import pytest

from airflow_provider_cdi.state.by_hand.at_work import TaskAtWork, holder
from airflow_provider_cdi.state.lease import Lease

OWN, OTHER = ("dag", "sync"), ("dag", "again")


def task(ids=OWN, *, run_id="r", map_index=-1, try_number=1, state="running"):
    return TaskAtWork(*ids, run_id, map_index, try_number, state, "")


def lease(ids=OWN, *, run_id="r", try_number=1, map_index=-1):
    return Lease("dag.sync", run_id, try_number, map_index, "host", 7, dag_id=ids[0], task_id=ids[1])


def test_a_lease_is_held_by_the_task_that_it_names():
    assert holder([lease(OTHER)], "dag.sync", [task(OTHER)]) == lease(OTHER).describe()
    assert holder([lease(OTHER)], "dag.sync", [task(OWN)]).startswith("left behind by ")


def test_a_lease_that_names_no_task_is_held_by_the_task_of_the_sync():
    assert holder([lease(("", ""))], "dag.sync", [task(OWN)]) == lease(("", "")).describe()
    assert holder([lease(("", ""))], "dag.sync", [task(OTHER)]).startswith("left behind by ")


@pytest.mark.parametrize(
    "other", [{"run_id": "s"}, {"map_index": 1}, {"try_number": 2}, {"state": "up_for_retry"}, {"state": "queued"}]
)
def test_another_instance_or_try_has_not_got_the_lease_of_an_earlier_one(other):
    assert holder([lease()], "dag.sync", [task(**other)]).startswith("left behind by ")


def test_of_several_leases_the_one_that_is_held_is_told():
    assert holder([lease(), lease(run_id="killed")], "dag.sync", [task()]) == lease().describe()


def test_there_is_no_holder_without_a_lease():
    assert holder([], "dag.sync", [task()]) is None
