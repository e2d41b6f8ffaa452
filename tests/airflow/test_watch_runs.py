"""The watch as a task of another DAG, by mail over a real socket: each trouble is told once, and so is its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG
from support.airflow_versions import register
from support.mail_sink import MailSink

from airflow_provider_cdi import SyncErrorNotifier, WatchSyncsOperator
from airflow_provider_cdi.state.stores.variable_store import VariableStore
from airflow_provider_cdi.watching.memory import WATCH_KEY

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(20) as numbers(i)"""


@pytest.fixture
def mails(monkeypatch):
    with MailSink() as sink:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", sink.connection)
        yield sink


def subjects(sink):
    return [mail["Subject"] for mail in sink.mails]


def to(address):
    return SmtpNotifier(to=address)


def watching(airflow, name, task_id="sync", **arguments):
    """Make a DAG that watches the sync of another one, and return what runs it."""
    with DAG(f"watch_{name}_{task_id}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        WatchSyncsOperator(task_id=task_id, syncs=[(name, "sync")], notify=to("oncall@example.com"), **arguments)
    register(dag)
    return lambda: airflow.run(dag)


def test_a_failure_without_a_callback_is_told_once_by_the_watch_of_another_dag_and_so_is_its_end(airflow, mails):
    dag = airflow.dag("watched")
    watch = watching(airflow, "watched")
    airflow.run(dag)
    assert [watch().state for _ in range(2)] == ["success"] * 2
    assert subjects(mails) == ["Sync watched.sync failed: missing"]
    airflow.sql(USERS)
    airflow.run(dag)
    assert [watch().state for _ in range(2)] == ["success"] * 2
    assert subjects(mails)[1:] == ["Sync watched.sync runs again"]


def test_a_failure_of_which_a_callback_told_is_not_told_again(airflow, mails):
    airflow.run(airflow.dag("told", on_failure_callback=SyncErrorNotifier(to("team@example.com"))))
    watching(airflow, "told")()
    assert [mail["To"] for mail in mails.mails] == ["team@example.com"]


def test_silence_is_told_once_with_its_end(airflow, mails):
    airflow.sql(USERS)
    dag = airflow.dag("quiet_users")
    watch = watching(airflow, "quiet_users", no_success_for=timedelta(microseconds=1))
    airflow.run(dag)
    assert [watch().state for _ in range(2)] == ["success"] * 2
    assert len(mails.mails) == 1
    assert subjects(mails)[0].startswith("Sync quiet_users.sync: no success for")
    calm = watching(airflow, "quiet_users", no_success_for=timedelta(hours=1))
    calm()
    assert subjects(mails)[1:] == ["Sync quiet_users.sync: no success is over"]


def test_a_source_whose_rows_are_old_does_not_lag_after_a_run_that_read_it(airflow, mails):
    airflow.sql(USERS)
    airflow.run(airflow.dag("lagging", watermark_timezone="America/New_York"))
    watching(airflow, "lagging", lag_over=timedelta(hours=1))()
    assert subjects(mails) == []
    watching(airflow, "lagging", lag_over=timedelta(microseconds=1))()
    assert subjects(mails)[0].startswith("Sync lagging.sync: it lags by")


def test_two_watches_of_one_contact_do_not_end_what_the_other_told(airflow, mails):
    airflow.sql(USERS)
    airflow.run(airflow.dag("both"))
    strict = watching(airflow, "both", task_id="strict", no_success_for=timedelta(microseconds=1))
    mild = watching(airflow, "both", task_id="mild", no_success_for=timedelta(hours=1))
    for watch in (strict, mild, strict, mild):
        watch()
    assert len(mails.mails) == 1


def test_a_sync_that_cannot_be_watched_takes_nothing_from_the_others(airflow, mails, monkeypatch):
    variable = VariableStore("never_ran.sync/watch_many.sync").name(WATCH_KEY)
    monkeypatch.setenv(f"AIRFLOW_VAR_{variable.upper()}", "no json")
    airflow.run(airflow.dag("watched_behind"))
    with DAG("watch_many", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        syncs = [("never_ran", "sync"), ("watched_behind", "sync")]
        WatchSyncsOperator(task_id="sync", syncs=syncs, notify=to("oncall@example.com"))
    register(dag)
    assert airflow.run(dag).state == "failed"
    assert subjects(mails) == ["Sync watched_behind.sync failed: missing"]
