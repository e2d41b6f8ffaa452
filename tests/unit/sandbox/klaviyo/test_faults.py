"""Faults on demand at the local Klaviyo: answers, resets, delays. Those of jobs and events are beside these."""

from __future__ import annotations

import json

import pytest

ADA = {"email": "ada@acme-demo.io"}
IMPORTS = "/api/profile-bulk-import-jobs"


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 502, 503, 524])
def test_an_answer_on_demand_is_the_usual_one_of_its_status(klaviyo, status):
    klaviyo.sandbox.set_fault(kind="answer", status=status, times=1)
    answer = klaviyo.import_profiles({"attributes": ADA})
    assert answer.status_code == answer.json()["errors"][0]["status"] == status
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)
    assert klaviyo.state()["profiles"] == 0


def test_an_answer_on_demand_can_be_html(klaviyo):
    klaviyo.sandbox.set_fault(kind="answer", status=502, body="<html>no</html>", content_type="text/html")
    answer = klaviyo.import_profiles({"attributes": ADA})
    assert (answer.text, answer.headers["content-type"]) == ("<html>no</html>", "text/html")


def test_a_throttled_answer_on_demand_can_name_another_wait(klaviyo):
    klaviyo.sandbox.set_fault(kind="answer", status=429, headers={"Retry-After": "7"})
    assert klaviyo.import_profiles({"attributes": ADA}).headers["retry-after"] == "7"


def test_a_reset_after_storing_leaves_a_job_that_nobody_was_told_of(klaviyo):
    klaviyo.sandbox.set_fault(kind="reset", applied=True, times=1)
    with pytest.raises(ConnectionResetError):
        klaviyo.import_profiles({"attributes": ADA})
    assert klaviyo.state()["jobs"] == {"complete": 1}


def test_a_reset_before_storing_leaves_nothing(klaviyo):
    klaviyo.sandbox.set_fault(kind="reset", applied=False, times=1)
    with pytest.raises(ConnectionResetError):
        klaviyo.import_profiles({"attributes": ADA})
    assert klaviyo.state()["jobs"] == {}


def test_an_answer_can_be_late(klaviyo):
    klaviyo.sandbox.set_fault(kind="delay", seconds=30, path="/api/*", times=1)
    klaviyo.import_attributes(ADA)
    assert klaviyo.clock.slept == [30]


def test_a_fault_can_hit_one_kind_of_path_whatever_its_id(klaviyo):
    klaviyo.sandbox.set_fault(kind="answer", status=503, path=f"{IMPORTS}/{{id}}/import-errors", method="GET")
    job = klaviyo.import_attributes(ADA)
    assert klaviyo.call("GET", f"{IMPORTS}/{job}").status_code == 200
    assert klaviyo.call("GET", f"{IMPORTS}/{job}/import-errors").status_code == 503


def test_a_fault_hits_only_calls_that_carry_an_identifier(klaviyo):
    klaviyo.sandbox.set_fault(kind="answer", status=503, identifiers=["email:ada@acme-demo.io"])
    assert klaviyo.import_profiles({"attributes": {"external_id": "c-2"}}).status_code == 202
    assert klaviyo.import_profiles({"attributes": ADA}).status_code == 503


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "import_error", "error": "x"}, "needs the identifiers"),
        ({"kind": "stall", "status": "complete"}, "must be queued or processing"),
        ({"kind": "answer", "status": "queued"}, "a status of HTTP"),
        ({"kind": "cancel", "imported": "all"}, "cannot be 'all'"),
    ],
    ids=json.dumps,
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(klaviyo, fault, text):
    answer = klaviyo.sandbox.http.post("/_sandbox/faults", json=fault)
    assert answer.status_code == 400
    assert text in answer.json()["message"]
