"""Who is told what of a sync's runs, by mail and by webhook, with Airflow's own notifiers over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.providers.http.notifications import HttpNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from support.airflow_versions import register
from support.mail_sink import MailSink, WebhookSink

from airflow_provider_cdi import RecoveredNotifier, RowErrorNotifier, SyncErrorNotifier

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own warnings are not ours to mend

USERS = """create table users as select timestamp '2026-01-01' + interval (i) second as updated_at,
    'c-' || i as external_id, '{"n":1}' as payload from range(20) as numbers(i)"""
HOOK = {"http_conn_id": "hook", "json": {"told": "{{ cdi_message.subject }}", "kind": "{{ cdi_message.kind }}"}}


@pytest.fixture
def mails(monkeypatch):
    with MailSink() as sink:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", sink.connection)
        yield sink


@pytest.fixture
def hook(monkeypatch):
    with WebhookSink() as sink:
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", sink.connection)
        yield sink


def subjects(sink):
    return [mail["Subject"] for mail in sink.mails]


def contacts(*addresses):
    return [SmtpNotifier(to=address) for address in addresses]


def load(is_well):
    if not is_well:
        raise ValueError("anna@example.com")


def alerting_dag(airflow, name, **arguments):
    told = contacts("oncall@example.com")
    return airflow.dag(
        name,
        on_failure_callback=SyncErrorNotifier(told),
        on_success_callback=[RecoveredNotifier(told), RowErrorNotifier(contacts("crm@example.com"))],
        **arguments,
    )


def test_a_trouble_is_told_once_and_so_is_its_end(airflow, mails):
    dag = alerting_dag(airflow, "alert_once")
    assert [airflow.run(dag).state for _ in range(3)] == ["failed"] * 3
    assert subjects(mails) == ["Sync alert_once.sync failed: missing"]
    airflow.sql(USERS)
    assert [airflow.run(dag).state for _ in range(2)] == ["success"] * 2
    assert subjects(mails)[1:] == ["Sync alert_once.sync runs again"]
    airflow.sql("drop table users")
    airflow.run(dag)
    assert subjects(mails)[2:] == ["Sync alert_once.sync failed: missing"]


def test_a_mail_has_text_and_html_with_the_sentence_and_the_way_to_the_log(airflow, mails):
    airflow.run(alerting_dag(airflow, "alert_parts"))
    (mail,) = mails.mails
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for part in (text, html):
        assert "check the name and its schema" in part
        assert "Failing since" in part
    assert mail["To"] == "oncall@example.com"


def test_rejected_rows_are_told_to_those_who_asked_and_to_nobody_else(airflow, mails):
    airflow.sql(USERS, "update users set payload = 'no json' where external_id in ('c-1', 'c-2')")
    dag = alerting_dag(airflow, "alert_rows")
    assert airflow.run(dag).state == "success"
    (mail,) = mails.mails
    assert mail["To"] == "crm@example.com"
    assert mail["Subject"] == "Sync alert_rows.sync: 2 of 20 rows were not accepted"
    text = mail.get_body(("plain",)).get_content()
    assert "payload_not_json (2): Mend the text at the place that the reason names." in text
    assert "c-1" not in text
    airflow.run(dag)  # no rows: nothing is new
    airflow.sql("insert into users values (timestamp '2026-02-01', 'again', 'no json')")
    airflow.run(dag)  # the code is known
    assert len(mails.mails) == 1
    airflow.sql("insert into users values (timestamp '2026-02-02', 'good', '{}')")
    airflow.run(dag)
    assert subjects(mails)[1:] == ["Sync alert_rows.sync: rows are accepted again"]


def test_a_run_failed_by_its_rejects_is_told_to_the_contacts_of_rows_alone(airflow, mails):
    airflow.sql(USERS, "update users set payload = 'no json' where external_id in ('c-1', 'c-2')")
    both = [SyncErrorNotifier(contacts("oncall@example.com")), RowErrorNotifier(contacts("crm@example.com"))]
    dag = airflow.dag("alert_percent", max_reject_percent=5, on_failure_callback=both)
    assert airflow.run(dag).state == "failed"
    assert [mail["To"] for mail in mails.mails] == ["crm@example.com"]


def test_a_notifier_that_fails_harms_no_run_and_tells_with_the_next_one(airflow, mails, hook):
    mails.refuses = True
    told = [*contacts("oncall@example.com"), HttpNotifier(**HOOK)]
    dag = airflow.dag("alert_refused", on_failure_callback=SyncErrorNotifier(told))
    assert airflow.run(dag).state == "failed"
    assert (subjects(mails), len(hook.bodies)) == ([], 1)
    mails.refuses = False
    airflow.run(dag)
    assert subjects(mails) == ["Sync alert_refused.sync failed: missing"]
    assert hook.bodies == [{"told": "Sync alert_refused.sync failed: missing", "kind": "missing"}]


def test_each_instance_of_a_mapped_task_is_told_by_itself(airflow, mails):
    from airflow_provider_cdi.engine.reading.partition import partitions

    dag = airflow.mapped_dag("alert_mapped", partition=partitions(2))
    dag.get_task("sync").partial_kwargs["on_failure_callback"] = [SyncErrorNotifier(contacts("oncall@example.com"))]
    for _ in range(2):
        airflow.run(dag)
    assert len(mails.mails) == len(set(subjects(mails))) == 2


def test_by_default_args_a_task_that_is_no_sync_is_told_too_and_so_is_its_end(airflow, mails):
    told = contacts("oncall@example.com")
    callbacks = {"on_failure_callback": SyncErrorNotifier(told), "on_success_callback": [RecoveredNotifier(told)]}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for is_well in (False, False, True, True):
        with DAG("alert_default", schedule=None, start_date=start, default_args=callbacks) as dag:
            PythonOperator(task_id="load", python_callable=load, op_args=[is_well])
        register(dag)
        airflow.run(dag)
    assert subjects(mails) == ["Sync alert_default.load failed: unforeseen", "Sync alert_default.load runs again"]
    assert "anna" not in mails.mails[0].get_body(("plain",)).get_content()


def test_a_field_whose_template_is_wrong_is_told_as_a_matter_of_configuration(airflow, mails):
    airflow.run(alerting_dag(airflow, "alert_template", source="{{ nobody.knows }}"))
    assert subjects(mails) == ["Sync alert_template.sync failed: configuration"]
    assert "'nobody' is undefined" in mails.mails[0].get_body(("plain",)).get_content()


def test_the_end_is_told_by_the_first_good_run_behind_one_that_failed_by_its_rejects(airflow, mails):
    dag = alerting_dag(airflow, "alert_between", max_reject_percent=5)
    airflow.run(dag)
    airflow.sql(USERS, "update users set payload = 'no json' where external_id in ('c-1', 'c-2')")
    assert [airflow.run(dag).state for _ in range(3)] == ["failed", "success", "success"]
    assert subjects(mails) == ["Sync alert_between.sync failed: missing", "Sync alert_between.sync runs again"]


def test_a_dry_run_is_told_to_nobody(airflow, mails):
    airflow.sql(USERS, "update users set payload = 'no json'")
    airflow.run(alerting_dag(airflow, "alert_dry"), dry_run=True)
    assert mails.mails == []
