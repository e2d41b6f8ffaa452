"""A try that Airflow ends for its ``execution_timeout`` leaves its report, and an error that says what to do."""

from __future__ import annotations

import pytest
from support.airflow_world import AirflowWorld, make_operator

from airflow_provider_cdi.notifications.happening import Happening
from airflow_provider_cdi.transfers.runs.reporting import REPORT_KEY, kind_of
from airflow_provider_cdi.version_compat import AirflowTaskTimeout


def test_a_task_that_took_too_long_leaves_its_report_and_says_what_to_do(monkeypatch):
    def out_of_time(context, waited):
        raise AirflowTaskTimeout("Timeout, PID: 7")

    world, operator = AirflowWorld(), make_operator()
    context = world.context()
    monkeypatch.setattr(operator, "_run", out_of_time)
    with pytest.raises(AirflowTaskTimeout, match="Raise execution_timeout") as caught:
        operator.execute(context)
    left = world.xcoms["run-1", REPORT_KEY]
    assert (left["kind"], left["status"]) == ("transient", "error")
    assert kind_of(caught.value) == "transient"
    context["ti"].task = operator
    seen = Happening.of({**context, "exception": caught.value}, has_failed=True)
    assert (seen.kind, seen.sentence, seen.report) == ("transient", str(caught.value), left)
