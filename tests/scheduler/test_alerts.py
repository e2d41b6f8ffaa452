"""Who hears of what, on the real Airflow: troubles, their ends, silence and lateness reach the right people once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import pytest
from scheduler.waiting import until
from support.mail_sink import MailSink, WebhookSink

pytestmark = pytest.mark.scheduler
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
#: One task for each trouble. Its run is a person's worst night: all of them at once.
DAG_FILE = """\
from datetime import datetime, timedelta
from airflow.providers.http.notifications import HttpNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG
from airflow_provider_cdi import *
from airflow_provider_cdi.transfers import warehouse_to_klaviyo

warehouse_to_klaviyo.PATIENCE = 1.0

def to(name):
    return SmtpNotifier(to=name + "@example.com", smtp_conn_id="mail_sink")

told_to_hook = {"told": "{{ cdi_message.subject }}", "do": "{{ cdi_message.action }}"}
hook = HttpNotifier(http_conn_id="hook_sink", json=told_to_hook)
told = [to("oncall"), hook]
rows = [RowErrorNotifier(to("percent"), percent=10, tell_end=False),
        RowErrorNotifier(to("code"), codes=["payload_not_json"], tell_end=False)]
usual = dict(
    warehouse_conn_id="warehouse", data_type="attributes", source="alerts", retries=0,
    on_failure_callback=[SyncErrorNotifier(told), *rows], on_success_callback=[RecoveredNotifier(told), *rows],
)
slow = DeliverySettings(requests_per_second=0.01)
short = DeliverySettings(retry=RetryPolicy(job_seconds=6))
with DAG("alerts", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    def send(name, **more):
        WarehouseToBrazeOperator(task_id=name, **{**usual, **more})
    send("bad_key", braze_conn_id="alerts_key")
    send("missing", source="alerts_missing")
    send("away", warehouse_conn_id="alerts_away", retries=1, retry_delay=timedelta(seconds=1))
    send("rows", source="alerts_rows", max_reject_percent=20)
    send("guard", source="alerts_guard", max_rows=2)
    send("killed", delivery=slow, limits=BrazeLimits(track_objects=1))
    WarehouseToBrazeOperator.partial(
        task_id="mapped", **{n: v for n, v in usual.items() if n != "source"}, **mapped_sync("alerts.mapped")
    ).expand(source=["alerts", "alerts_none"])
    WarehouseToKlaviyoOperator(task_id="deferred", **{**usual, "data_type": "profiles"}, deferrable=True,
                               poll_seconds=5, delivery=short)
with DAG("alerts_watch", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    every = [("alerts", name) for name in ("bad_key", "missing", "away", "rows", "guard", "killed", "deferred")]
    every.append(("alerts", "mapped", "alerts.mapped"))
    WatchSyncsOperator(task_id="net", syncs=every, notify=to("watch"))
    WatchSyncsOperator(task_id="silence", syncs=[("alerts", "missing")], no_success_for=timedelta(seconds=1),
                       notify=to("silence"), tell_failures=False)
    WatchSyncsOperator(task_id="lateness", syncs=[("alerts", "guard")], lag_over=timedelta(microseconds=1),
                       notify=to("late"), tell_failures=False)
"""
FAILING = ("bad_key", "missing", "away", "guard", "deferred")


class Night:
    """The DAG of troubles, its watch, and what people got."""

    def __init__(self, stage, mails, hook):
        self.stage, self.rest, self.mails, self.hook = stage, stage.rest, mails, hook
        stage.connect("mail_sink", json.loads(mails.connection))
        stage.connect("hook_sink", json.loads(hook.connection))
        stage.connect("alerts_key", {"conn_type": "braze", "host": stage.sandbox.url, "password": "wrong"})
        stage.connect("alerts_away", {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "login": "x"})

    def table(self, name, payloads):
        self.stage.sql(f"create table {name} (updated_at timestamp, external_id varchar(100), payload varchar(1000))")
        for number, payload in enumerate(payloads):
            self.stage.sql(f"insert into {name} values ('2026-01-01 00:00:0{number}', '{name}-{number}', '{payload}')")

    def run(self):
        """Run all syncs, with the one killed that is to be killed, and return when the run has failed."""
        run_id = self.stage.trigger()
        path = f"/dags/alerts/dagRuns/{run_id}/taskInstances/killed"
        at_work = partial(self.rest.find, f"{path}/xcomEntries/report", deserialize=True)
        report = until(at_work, "the sync that is to be killed tells that it runs")
        assert report["value"]["status"] == "running"
        self.stage.components.task_process(self.rest.get(path)["id"]).kill()
        self.stage.finish(run_id, state="failed")

    def watch(self):
        logical_date = datetime.now(UTC).isoformat()
        body = {"logical_date": logical_date, "conf": {}}
        run_id = self.rest.post("/dags/alerts_watch/dagRuns", body)["dag_run_id"]
        state = until(lambda: self._ended(run_id), "the watch ends")
        assert state == "success", self.stage.components.home

    def _ended(self, run_id):
        state = self.rest.get(f"/dags/alerts_watch/dagRuns/{run_id}")["state"]
        return state if state in ("success", "failed") else None

    def told(self, name):
        return sorted(mail["Subject"] for mail in self.mails.mails if mail["To"] == f"{name}@example.com")


@pytest.fixture
def night(make_stage):
    with MailSink() as mails, WebhookSink() as hook:
        stage = make_stage("alerts")
        night = Night(stage, mails, hook)
        stage.insert(range(3), at=NEW_YEAR)
        stage.sandbox.change(klaviyo={"job_seconds": [3600, 0]})
        night.table("alerts_rows", ['{"n":1}', '{"n":2}', "no json", "nor this"])
        night.table("alerts_guard", ['{"n":1}'] * 3)
        stage.write(DAG_FILE)
        for dag_id in ("alerts", "alerts_watch"):
            until(partial(stage.rest.find, f"/dags/{dag_id}"), f"{dag_id} is read")
            stage.rest.patch(f"/dags/{dag_id}", {"is_paused": False})
        yield night


def test_each_trouble_its_end_silence_and_lateness_reach_the_right_people_once(night):
    for _ in range(2):
        night.run()
        night.watch()
    troubles = night.told("oncall")
    whose = sorted(subject.split()[1].removeprefix("alerts.") for subject in troubles)
    assert whose == sorted([*FAILING, "mapped:alerts_none"]), troubles
    assert sorted(body["told"] for body in night.hook.bodies) == troubles
    assert night.told("watch") == ["Sync alerts.killed failed: unforeseen"]
    assert (len(night.told("percent")), len(night.told("code"))) == (1, 1)
    assert [subject.split(":")[0] for subject in night.told("silence")] == ["Sync alerts.missing"]
    assert [subject.split(":")[0] for subject in night.told("late")] == ["Sync alerts.guard"]
    before = len(night.mails.mails)
    sandbox = night.stage.sandbox
    night.stage.connect("alerts_key", {"conn_type": "braze", "host": sandbox.url, "password": sandbox.key})
    night.table("alerts_missing", ['{"n":1}'])
    night.stage.sql("delete from alerts_guard where external_id = 'alerts_guard-2'")
    night.run()
    night.watch()
    night.watch()
    ends = [subject for subject in night.told("oncall") if subject.endswith("runs again")]
    assert ends == [f"Sync alerts.{name} runs again" for name in ("bad_key", "guard", "missing")]
    assert sorted(body["told"] for body in night.hook.bodies if body["do"] == "resolve") == ends
    assert len(night.mails.mails) == before + len(ends)


WORKER_GONE = """\
from datetime import datetime
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG
from airflow_provider_cdi import *

told = SmtpNotifier(to="oncall@example.com", smtp_conn_id="worker_gone_mail")
with DAG("worker_gone", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    WarehouseToBrazeOperator(
        task_id="sync", warehouse_conn_id="warehouse", data_type="attributes", source="worker_gone", retries=0,
        delivery=DeliverySettings(requests_per_second=0.01), limits=BrazeLimits(track_objects=1),
        on_failure_callback=SyncErrorNotifier(told), on_success_callback=RecoveredNotifier(told),
    )
"""


def test_a_worker_that_is_gone_is_told_by_the_callback_in_the_dag_processor_and_so_is_its_end(make_stage):
    with MailSink() as mails:
        stage = make_stage("worker_gone")
        stage.connect("worker_gone_mail", json.loads(mails.connection))
        stage.insert(range(3), at=NEW_YEAR)
        stage.write(WORKER_GONE)
        stage.switch(on=True)
        run_id = stage.trigger()
        path = f"/dags/worker_gone/dagRuns/{run_id}/taskInstances/sync"
        until(partial(stage.rest.find, f"{path}/xcomEntries/report"), "the sync is at work")
        task = stage.components.task_process(stage.rest.get(path)["id"])
        task.parent().kill()
        task.kill()
        stage.finish(run_id, state="failed")
        until(lambda: mails.mails, "the mail about the worker comes")
        stage.sql("delete from worker_gone")
        stage.finish(stage.trigger())
        until(lambda: len(mails.mails) > 1, "the mail about the end comes")
    subjects = [mail["Subject"] for mail in mails.mails]
    assert subjects == ["Sync worker_gone.sync failed: unforeseen", "Sync worker_gone.sync runs again"]
    assert "Airflow ended the task from outside" in mails.mails[0].get_body(("plain",)).get_content()
