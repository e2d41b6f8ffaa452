"""Whether the syncs of a DAG take the choices of a run, before it is triggered."""

from __future__ import annotations

import pytest
from support.command_line import write_dags

from airflow_provider_cdi.cli.syncs.dag_files import read_dag_files
from airflow_provider_cdi.cli.syncs.triggered_run import other_tasks, refusal
from airflow_provider_cdi.transfers.sync_tasks import sync_tasks

REJECTS = {"sync_mode": "rejects", "reject_codes": "a,b", "reject_older_than": "2026-01-05T10:00:00+00:00"}


@pytest.fixture
def dag_of(tmp_path):
    def read(body, head=""):
        file = write_dags(tmp_path, users=body)
        file.write_text(file.read_text().replace("schedule=None", f"schedule=None{head}"))
        return read_dag_files(str(file)).dags["users"]

    return read


def refused(dag):
    (sync,) = sync_tasks([dag])
    return refusal(sync, REJECTS)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("braze('a', source='S')", ""),
        ("braze('a', source='S')", ", params=sync_params()"),
        ("braze('a', source='S')", ", params=sync_params(sync_mode='full')"),
        ("braze('a', source='S', sync_mode='auto')", ""),
        ("braze('a', source='S', since='{{ data_interval_start }}')", ""),
        ("braze('a', source='S', data_type='user_deletes', lock_run_choices=False)", ""),
        ("WarehouseToBrazeOperator.partial(task_id='a', warehouse_conn_id='w', data_type='attributes')"
         ".expand(source=['S', 'T'])", ""),
    ],
)  # fmt: skip
def test_a_sync_that_leaves_the_kind_of_run_open_takes_a_run_for_rejects(dag_of, body, head):
    dag = dag_of(body, head)
    assert [refusal(sync, REJECTS) for sync in sync_tasks([dag])] == [None] * len(sync_tasks([dag]))


@pytest.mark.parametrize(
    ("body", "head", "said"),
    [
        ("braze('a', source='S', lock_run_choices=True)", "", "lock_run_choices"),
        ("braze('a', source='S', data_type='user_deletes')", "", "lock_run_choices"),
        ("braze('a', source='S', sync_mode='full')", "", "sync_mode='full' itself"),
        ("braze('a', source='S', dry_run=True)", "", "dry run"),
        ("braze('a', source='S')", ", params=sync_params(dry_run=True)", "dry run"),
        ("braze('a', source='S')", ", params={'sync_mode': 'x'}", None),
        ("braze('a', source='S')", ", params={'reject_codes': 'x'}", "Params of its own named reject_codes"),
    ],
)
def test_a_sync_that_would_refuse_the_run_or_read_it_otherwise_says_why(dag_of, body, head, said):
    found = refused(dag_of(body, head))
    assert found is None if said is None else said in found


def test_what_airflow_does_not_hand_on_is_told_before_a_run(dag_of, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", "False")
    assert "dag_run_conf_overrides_params" in refused(dag_of("braze('a', source='S')", ", params=sync_params()"))


def test_what_else_the_run_does_is_named(dag_of):
    body = """
    for name in ("a", "b"):
        braze(name, source="S")
    braze("c", source="S", lock_run_choices=True)
    task(lambda: None).override(task_id="mail")()"""
    dag = dag_of(body)
    sending, refusing, others = other_tasks(dag, "a", REJECTS)
    assert (sending.endswith(": b."), refusing.endswith("red: c."), others.endswith(": mail.")) == (True,) * 3
