"""Airflow's own deadline of a DAG run, as the guide of the watch shows it: the mail comes while the run is at work."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from scheduler.waiting import until
from support.mail_sink import MailSink

pytestmark = pytest.mark.scheduler
DAG_FILE = """\
from datetime import datetime, timedelta
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow_provider_cdi import *

late = {
    "to": "oncall@example.com",
    "smtp_conn_id": "deadline_mail",
    "subject": "A run of {{ dag_run.dag_id }} is late",
    "html_content": "Run {{ dag_run.dag_run_id }} has not ended by {{ deadline.deadline_time }}.",
}
with DAG(
    "deadline",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=2),
        callback=AsyncCallback(SmtpNotifier, kwargs=late),
    ),
):
    WarehouseToBrazeOperator(
        task_id="sync", warehouse_conn_id="warehouse", data_type="attributes", source="deadline",
        delivery=DeliverySettings(requests_per_second=0.01), limits=BrazeLimits(track_objects=1),
    )
"""


def test_a_run_that_is_late_is_told_while_it_is_at_work(make_stage):
    with MailSink() as mails:
        stage = make_stage("deadline")
        stage.connect("deadline_mail", json.loads(mails.connection))
        stage.insert(range(3), at=datetime(2026, 1, 1, tzinfo=UTC))
        stage.write(DAG_FILE)
        stage.switch(on=True)
        run_id = stage.trigger()
        (mail,) = until(lambda: mails.mails, "the mail about the late run comes")
        assert mail["Subject"] == "A run of deadline is late"
        assert run_id in mail.get_body(("html",)).get_content()
        assert stage.rest.get(f"/dags/deadline/dagRuns/{run_id}")["state"] == "running"
