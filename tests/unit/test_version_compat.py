"""What differs between versions of Airflow, asked of the one that is installed."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.airflow_versions import airflow_version

from airflow_provider_cdi.version_compat import (
    BaseHook,
    cdi_command,
    counts_deferred_tasks,
    default_deferrable,
    get_connection_async,
    has_thread_safe_calls,
)


def test_deferred_tasks_are_counted_where_the_scheduler_counts_them():
    from airflow.jobs.scheduler_job_runner import ConcurrencyMap

    names = ConcurrencyMap.load.__code__.co_names
    assert ("ACTIVE_STATES" in names) == counts_deferred_tasks() == (airflow_version() >= (3, 2))


def test_a_command_is_named_as_the_installed_airflow_has_it():
    way = "airflow cdi" if airflow_version() >= (3, 2) else "python -m airflow_provider_cdi"
    assert cdi_command("state show") == f"{way} state show"


def test_threads_may_call_airflow_where_its_line_has_a_lock():
    from airflow.sdk.execution_time.comms import CommsDecoder

    assert hasattr(CommsDecoder, "_thread_lock") == has_thread_safe_calls() == (airflow_version() >= (3, 2))


def test_no_thread_may_call_airflow_in_dag_test_which_has_no_lock(monkeypatch):
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    line = object.__new__(InProcessSupervisorComms)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", line, raising=False)
    assert not has_thread_safe_calls()


@pytest.mark.parametrize("chosen", [True, False])
def test_the_option_for_deferrable_tasks_is_read(chosen, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", str(chosen))
    assert default_deferrable() is chosen


@pytest.mark.parametrize("has_async_lookup", [True, False])
def test_a_connection_is_found_from_within_an_event_loop(has_async_lookup, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ITS_TEST", json.dumps({"conn_type": "klaviyo", "password": "pk_x"}))
    if not has_async_lookup and hasattr(BaseHook, "aget_connection"):
        monkeypatch.delattr(BaseHook, "aget_connection")
    assert asyncio.run(get_connection_async("its_test")).password == "pk_x"
