"""What the callbacks' context tells, in the task's process and in the DAG processor."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from airflow_provider_cdi import WarehouseToBrazeOperator, WarehouseToKlaviyoOperator
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.notifications import happening
from airflow_provider_cdi.notifications.happening import Happening
from airflow_provider_cdi.transfers.runs.reporting import SyncStopped

AT = datetime(2026, 1, 1, tzinfo=UTC)


def instance(task=None, xcom=None, map_index=-1):
    return SimpleNamespace(
        dag_id="a dag",
        task_id="t",
        run_id="run/1",
        map_index=map_index,
        try_number=2,
        max_tries=3,
        task=task or SimpleNamespace(name_of=lambda ti: "s", destination_name=lambda: "https://braze", sync_id="s"),
        xcom_pull=lambda **_: xcom,
    )


def failed(error=None, **of):
    return Happening.of({"ti": instance(**of), "exception": error}, has_failed=True, at=AT)


def test_an_exception_of_ours_gives_kind_sentence_and_report():
    error = SourceError("No such table.").of_kind("missing")
    error.report = {"sync_id": "s", "status": "config_error", "rejects": {"x": 2}, "unknown": 1, "rows_read": 9}
    seen = failed(SyncStopped(error))
    assert (seen.kind, seen.sentence, seen.counts) == ("missing", "No such table.", {"rows_read": 9, "unknown": 1})
    assert seen.codes == {"x": 2, "unknown": 1}


def test_an_exception_of_nobody_is_told_without_its_text():
    seen = failed(ValueError("anna@example.com"))
    assert seen.kind == "unforeseen"
    assert "anna" not in seen.sentence


def test_a_killed_task_has_the_numbers_that_it_left():
    seen = failed(None, xcom={"sync_id": "s", "rows_read": 5})
    assert (seen.kind, seen.counts) == ("unforeseen", {"rows_read": 5})
    assert "from outside" in seen.sentence


def test_a_killed_mapped_task_that_left_nothing_is_named_by_its_place():
    task = SimpleNamespace(partial_kwargs={"sync_id": "many"})
    assert failed(None, task=task, map_index=3).sync_id == "many[3]"


@pytest.mark.parametrize(
    ("base", "begin"), [("https://me:secret@airflow.example.com/x/", "https://airflow.example.com/x/dags/"), ("", None)]
)
def test_links_lead_to_the_log_and_hold_no_login(monkeypatch, base, begin):
    monkeypatch.setattr(happening, "airflow_option", lambda section, name: base)
    links = dict(failed(map_index=4).links())
    if begin is None:
        assert links == {}
    else:
        assert links["Log"] == f"{begin}a%20dag/runs/run%2F1/tasks/t/mapped/4?try_number=2"


def test_the_most_frequent_code_comes_first_with_its_cure():
    error = SourceError("no")
    error.report = {"rejects": {"time_invalid": 1, "payload_not_json": 7}}
    told = failed(error).codes_told()
    assert [one.code for one in told] == ["payload_not_json", "time_invalid"]
    assert told[0].cure == "Mend the text at the place that the reason names."


@pytest.mark.parametrize("is_mapped", [False, True])
@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        (WarehouseToBrazeOperator, "Shorten the id; Braze cannot hold it."),
        (WarehouseToKlaviyoOperator, "Klaviyo cannot hold it."),
    ],
)
def test_a_code_is_told_in_the_words_of_its_destination_also_of_a_task_that_is_not_expanded(kind, cure, is_mapped):
    of_both = {"task_id": "t", "data_type": "events", "warehouse_conn_id": "w"}
    with DAG("a", schedule=None):
        task = kind.partial(**of_both).expand(source=["A"]) if is_mapped else kind(**of_both, source="A")
    seen = failed(
        None, task=getattr(task, "operator", task), xcom={"sync_id": "s", "rejects": {"identifier_too_long": 1}}
    )
    assert [one.cure for one in seen.codes_told()] == [cure]
