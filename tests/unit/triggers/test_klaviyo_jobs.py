"""What the trigger asks for, when it fires, and that it holds no secret."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import pytest

from airflow_provider_cdi.triggers.klaviyo_jobs import KlaviyoJobsTrigger
from cdi_sandbox.server import SandboxServer

JOBS = "/api/profile-bulk-import-jobs"


@pytest.fixture
def sandbox():
    """A Klaviyo whose jobs end after they were looked at twice in the queue and once in process."""
    with SandboxServer(
        klaviyo={"strict": True, "job_seconds": [0, 0], "job_polls": [2, 1], "rates": {"M": [1000, 9000]}}
    ) as server:
        yield server


@pytest.fixture(autouse=True)
def connect(sandbox, monkeypatch):
    """``connect(password=…)`` changes the connection."""

    def connect(**fields):
        fields = {"conn_type": "klaviyo", "host": sandbox.url, "password": sandbox.klaviyo.key} | fields
        monkeypatch.setenv("AIRFLOW_CONN_KLAVIYO_TEST", json.dumps(fields))

    connect()
    return connect


def submit(sandbox, number):
    """Start imports, and return where to ask for them."""
    paths = []
    for n in range(number):
        profile = {"type": "profile", "attributes": {"email": f"p{n}@acme-demo.io"}}
        body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [profile]}}}}
        paths.append(f"{JOBS}/{sandbox.klaviyo.call('POST', JOBS, body)['data']['id']}")
    return paths


def make_trigger(paths, *, seconds=60.0, conn_id="klaviyo_test"):
    return KlaviyoJobsTrigger(conn_id, paths, poll_seconds=0.01, until=time.time() + seconds)


def fire(trigger):
    async def first():
        return await anext(trigger.run())

    return asyncio.run(first()).payload


def looks(sandbox):
    return Counter(request["path"] for request in sandbox.requests() if request["method"] == "GET")


def test_it_fires_when_the_last_job_has_ended(sandbox):
    paths = submit(sandbox, 3)
    assert fire(make_trigger(paths)) == {"timed_out": False}
    assert {job["status"] for job in sandbox.klaviyo.jobs()} == {"complete"}
    assert looks(sandbox) == dict.fromkeys(paths, 4)


def test_it_fires_too_when_a_job_was_cancelled(sandbox):
    sandbox.set_faults({"kind": "cancel", "path": JOBS})
    assert fire(make_trigger(submit(sandbox, 1))) == {"timed_out": False}


def test_a_job_that_never_ends_is_waited_for_until_the_time_is_up(sandbox):
    sandbox.set_faults({"kind": "stall", "path": JOBS})
    assert fire(make_trigger(submit(sandbox, 1), seconds=0.2)) == {"timed_out": True}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "answer", "status": 429, "headers": {"retry-after": "1"}},
        {"kind": "answer", "status": 502, "body": "<html>", "content_type": "text/html"},
        {"kind": "reset", "applied": False},
    ],
    ids=["429", "502", "reset"],
)
def test_trouble_on_the_way_is_waited_out(sandbox, fault):
    paths = submit(sandbox, 1)
    sandbox.set_faults({**fault, "method": "GET", "times": 3})
    assert fire(make_trigger(paths)) == {"timed_out": False}
    assert [job["status"] for job in sandbox.klaviyo.jobs()] == ["complete"]


def test_a_refused_key_is_left_to_the_task(sandbox, connect):
    paths = submit(sandbox, 1)
    connect(password="pk_revoked")
    assert fire(make_trigger(paths)) == {"timed_out": False}
    assert len(looks(sandbox)) == 1


def test_a_job_that_klaviyo_has_forgotten_is_left_to_the_task():
    assert fire(make_trigger([f"{JOBS}/gone"])) == {"timed_out": False}


def test_a_missing_connection_is_left_to_the_task():
    assert fire(make_trigger([f"{JOBS}/x"], conn_id="nowhere")) == {"timed_out": False}


def test_it_is_made_again_from_what_it_serializes(sandbox):
    path, arguments = make_trigger([f"{JOBS}/x"]).serialize()
    assert path == "airflow_provider_cdi.triggers.klaviyo_jobs.KlaviyoJobsTrigger"
    kept = json.dumps(arguments)
    assert KlaviyoJobsTrigger(**json.loads(kept)).serialize() == (path, arguments)
    assert sandbox.klaviyo.key not in kept
