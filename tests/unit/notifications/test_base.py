"""Whoever is to hear hears, also where Airflow keeps nothing; what is no notifier is refused when the DAG is read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseNotifier
from support.airflow_world import MemoryStore, NoAsset

from airflow_provider_cdi import RecoveredNotifier, RowErrorNotifier, SyncErrorNotifier, WarehouseToBrazeOperator
from airflow_provider_cdi.exceptions import ConfigurationError
from airflow_provider_cdi.notifications import memory

NOTIFIERS = (SyncErrorNotifier, RecoveredNotifier, RowErrorNotifier)


class Told(BaseNotifier):
    """Keeps who was told what."""

    def __init__(self, who, log, error=None):
        super().__init__()
        self.who, self._log_of_all, self._error = who, log, error

    def notify(self, context):
        if self._error:
            raise self._error
        self._log_of_all.append((self.who, context["cdi_message"].subject))


class Broken:
    """A store that cannot be read."""

    def get(self, key):
        raise OSError("away")


@pytest.fixture
def log():
    return []


@pytest.fixture
def store(monkeypatch):
    kept = MemoryStore()
    monkeypatch.setattr(memory, "VariableStore", lambda sync_id: kept)
    return kept


def context(run_id="r", **more):
    task = SimpleNamespace(sync_id="s", name_of=lambda ti: "s", destination_name=lambda: "d")
    ti = SimpleNamespace(
        dag_id="d", task_id="t", run_id=run_id, map_index=-1, try_number=1, max_tries=0, task=task,
        xcom_pull=lambda **_: None, get_ti_count=lambda **_: 0,
    )  # fmt: skip
    return {"ti": ti, "dag": DAG("d"), "outlet_events": NoAsset(), **more}


def fails(notifier, run_id="r"):
    notifier.notify(context(run_id, exception=ValueError("x")))


def test_one_contact_that_cannot_be_told_takes_nothing_from_the_others(store, log):
    contacts = [Told("a", log, OSError("no way")), Told("b", log)]
    for run_id in ("1", "2"):
        fails(SyncErrorNotifier(contacts), run_id)
    assert [who for who, _ in log] == ["b"]
    fails(SyncErrorNotifier([Told("a", log), Told("b", log)]), "3")
    assert [who for who, _ in log] == ["b", "a"]


def test_a_trouble_is_told_where_nothing_can_be_read(monkeypatch, log):
    monkeypatch.setattr(memory, "VariableStore", lambda sync_id: Broken())
    fails(SyncErrorNotifier([Told("a", log), Told("b", log)]))
    assert [who for who, _ in log] == ["a", "b"]


def test_where_nothing_can_be_written_a_trouble_is_told_and_its_end_is_not(store, log):
    fails(SyncErrorNotifier(Told("a", log)), "1")
    store.refuses_with = OSError("read-only")
    fails(SyncErrorNotifier(Told("b", log)), "2")
    for run_id in ("3", "4"):
        RecoveredNotifier(Told("a", log)).notify(context(run_id))
    assert [who for who, _ in log] == ["a", "b"]
    store.refuses_with = None
    for run_id in ("5", "6"):
        RecoveredNotifier(Told("a", log)).notify(context(run_id))
    assert log[2:] == [("a", "Sync s runs again")]


@pytest.mark.parametrize("kind", NOTIFIERS)
@pytest.mark.parametrize(
    "wrong", [print, Told, SyncErrorNotifier(()), "mail", None], ids=lambda one: type(one).__name__
)
def test_what_is_no_notifier_of_airflow_is_refused_when_the_dag_is_read(kind, wrong):
    with pytest.raises(ConfigurationError, match=f"^{kind.__name__} tells through"):
        kind([wrong])


@pytest.mark.parametrize("of_a_dag", [{"run_id": "r", "reason": "task_failure"}, context(reason="task_failure")])
def test_a_callback_of_a_dag_says_that_it_tells_nobody(of_a_dag, log):
    with pytest.raises(ConfigurationError, match="default_args"):
        SyncErrorNotifier(Told("a", log)).notify({"dag": DAG("d"), **of_a_dag})


@pytest.mark.parametrize("name", ["on_failure_callback", "on_success_callback"])
@pytest.mark.parametrize("in_a_list", [True, False])
def test_a_callback_of_a_dag_is_refused_when_the_dag_is_read(name, in_a_list, log):
    told = SyncErrorNotifier(Told("a", log))
    with DAG("d", **{name: [told] if in_a_list else told}), pytest.raises(ConfigurationError, match="default_args"):
        WarehouseToBrazeOperator(task_id="t", warehouse_conn_id="w", source="s", data_type="attributes")
