"""Slack and PagerDuty get what the docs promise, by Airflow's own notifiers and the vendors' clients over a socket.

Slack's connections name their host. PagerDuty's have no field for it, so its client is pointed here by its own default.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pagerduty
import pytest
from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier
from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
from airflow.sdk import DAG
from standins.tls import Tls
from support.airflow_world import MemoryStore, NoAsset
from support.mail_sink import WebhookSink

from airflow_provider_cdi import RecoveredNotifier, SyncErrorNotifier
from airflow_provider_cdi.exceptions import SourceError
from airflow_provider_cdi.notifications import memory
from airflow_provider_cdi.transfers.runs.reporting import SyncStopped

#: A name that would call everybody in a channel, and look like a template.
NAME = "<!channel> & {{ 6 * 7 }}"


@pytest.fixture(autouse=True)
def store(monkeypatch):
    kept = MemoryStore()
    monkeypatch.setattr(memory, "VariableStore", lambda sync_id: kept)


def context(run_id, **more):
    task = SimpleNamespace(sync_id=NAME, name_of=lambda ti: NAME, destination_name=lambda: "https://rest.braze")
    ti = SimpleNamespace(
        dag_id="d", task_id="t", run_id=run_id, map_index=-1, try_number=1, max_tries=0, task=task,
        xcom_pull=lambda **_: None, get_ti_count=lambda **_: 0,
    )  # fmt: skip
    return {"ti": ti, "dag": DAG("d"), "outlet_events": NoAsset(), **more}


def fails(notifier, run_id="1"):
    error = SourceError("There is no such table: check its name.").of_kind("missing")
    SyncErrorNotifier(notifier).notify(context(run_id, exception=SyncStopped(error)))


def recovers(notifier):
    RecoveredNotifier(notifier).notify(context("9"))


def test_slacks_incoming_webhook_gets_the_text_and_calls_nobody(monkeypatch):
    with WebhookSink(200, b"ok") as slack:
        connection = {"conn_type": "slackwebhook", "host": slack.url, "password": "T0/B0/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(connection))
        notifier = SlackWebhookNotifier(text="{{ cdi_message.slack }}")
        for run_id in ("1", "2"):
            fails(notifier, run_id)
        recovers(notifier)
    first, last = (body["text"] for body in slack.bodies)
    assert slack.paths == ["/T0/B0/secret"] * 2
    assert first.startswith("Sync &lt;!channel&gt; &amp; {{ 6 * 7 }} failed: missing\n\nThere is no such table")
    assert last.startswith("Sync &lt;!channel&gt; &amp; {{ 6 * 7 }} runs again")


def test_slacks_own_api_gets_the_text_without_any_template(monkeypatch):
    with WebhookSink(200, b'{"ok": true}') as slack:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps({"conn_type": "slack", "password": "xoxb"}))
        fails(SlackNotifier(channel="#data-alerts", base_url=f"{slack.url}/api/"))
    assert slack.paths == ["/api/chat.postMessage"]
    assert slack.bodies[0]["channel"] == "#data-alerts"
    assert "failed: missing" in slack.bodies[0]["text"]


def test_a_slack_that_refuses_is_asked_again_by_the_next_run(monkeypatch):
    with WebhookSink(404, b"no_service") as slack:
        connection = {"conn_type": "slackwebhook", "host": slack.url, "password": "T0/B0/secret"}
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", json.dumps(connection))
        notifier = SlackWebhookNotifier(text="{{ cdi_message.slack }}")
        fails(notifier, "1")
        slack.status = 200
        for run_id in ("2", "3"):
            fails(notifier, run_id)
    assert len(slack.bodies) == 2


@pytest.fixture
def pager(monkeypatch, tmp_path):
    tls = Tls.create(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.authority))
    accepted = b'{"status": "success", "message": "Event processed", "dedup_key": "k"}'
    with WebhookSink(202, accepted, tls) as sink:
        monkeypatch.setattr(pagerduty.EventsApiV2Client, "default_base_url", sink.url)
        yield sink


def test_pagerduty_opens_one_incident_for_a_sync_and_closes_it(monkeypatch, pager):
    connection = {"conn_type": "pagerduty_events", "password": "R0UT1NG"}
    monkeypatch.setenv("AIRFLOW_CONN_PAGERDUTY_EVENTS_DEFAULT", json.dumps(connection))
    notifier = PagerdutyNotifier(summary="{{ cdi_message.subject }}", severity="{{ cdi_message.severity }}")
    for run_id in ("1", "2"):
        fails(notifier, run_id)
    recovers(notifier)
    begin, end = pager.bodies
    assert pager.paths == ["/v2/enqueue"] * 2
    assert [event["event_action"] for event in (begin, end)] == ["trigger", "resolve"]
    assert begin["dedup_key"] == end["dedup_key"] == f"cdi-sync:{NAME}"
    assert begin["routing_key"] == "R0UT1NG"
    assert begin["payload"]["summary"] == f"Sync {NAME} failed: missing"
    assert begin["payload"]["severity"] == "error"
    assert "There is no such table: check its name." in begin["payload"]["custom_details"]


def test_two_pagers_with_keys_of_their_own_both_hear(pager):
    about = {"summary": "{{ cdi_message.subject }}", "severity": "{{ cdi_message.severity }}"}
    keys = ("DATA", "MARKETING")
    fails([PagerdutyNotifier(**about, integration_key=key, pagerduty_events_conn_id=None) for key in keys])
    assert sorted(event["routing_key"] for event in pager.bodies) == ["DATA", "MARKETING"]
