"""A trouble is told where Airflow cannot count the successes of the task too."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_cdi.notifications.sync_error import _successes


def instance(answer):
    def count(**_):
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return SimpleNamespace(dag_id="d", task_id="t", map_index=-1, get_ti_count=count)


@pytest.mark.parametrize(
    ("answer", "successes"),
    [(3, 3), (ValueError("1 validation error"), None), (AirflowRuntimeError.__new__(AirflowRuntimeError), None)],
    ids=["a task", "the DAG processor", "a refusal"],
)
def test_successes_are_counted_where_that_is_possible(answer, successes):
    assert _successes(instance(answer)) == successes
