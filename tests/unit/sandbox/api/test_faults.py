"""Faults on demand, without a network. What needs a connection is in ``tests/unit/sandbox/test_server.py``."""

from __future__ import annotations

import json

import pytest

USER = {"external_id": "c-1", "plan": "pro"}


def statuses(sandbox, calls, thing=None):
    return [sandbox.attributes(thing or USER).status_code for _ in range(calls)]


@pytest.mark.parametrize("status", [401, 403, 413, 429, 500, 502, 503, 504])
def test_an_answer_of_any_status_and_body_replaces_the_call(sandbox, status):
    sandbox.set_fault(kind="answer", status=status, body="<html>no</html>", content_type="text/html", times=1)
    answer = sandbox.attributes(USER)
    assert (answer.status_code, answer.text) == (status, "<html>no</html>")
    assert answer.headers["content-type"] == "text/html"
    assert sandbox.state()["users"] == 0
    assert statuses(sandbox, 1) == [201]


def test_an_answer_can_come_after_the_call_was_applied(sandbox):
    sandbox.set_fault(kind="answer", status=500, applied=True)
    assert statuses(sandbox, 1) == [500]
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_headers_of_an_answer_can_be_chosen(sandbox):
    sandbox.set_fault(kind="answer", status=429, headers={"X-Ratelimit-Retry-After": "7"})
    assert sandbox.attributes(USER).headers["x-ratelimit-retry-after"] == "7"


def test_the_first_calls_can_be_spared_and_the_number_limited(sandbox):
    sandbox.set_fault(kind="answer", status=503, after=1, times=2)
    assert statuses(sandbox, 5) == [201, 503, 503, 201, 201]


def test_every_third_call_can_be_hit(sandbox):
    sandbox.set_fault(kind="answer", status=503, every=3)
    assert statuses(sandbox, 6) == [201, 201, 503, 201, 201, 503]


def test_a_fault_hits_only_its_path_and_method(sandbox):
    sandbox.set_fault(kind="answer", status=503, path="/catalogs/*", method="PUT")
    sandbox.make_catalog()
    assert statuses(sandbox, 1) == [201]
    assert sandbox.items("PUT", {"id": "s-1"}).status_code == 503
    assert sandbox.items("POST", {"id": "s-1"}).status_code == 202


def test_a_fault_hits_only_calls_that_carry_an_identifier(sandbox):
    sandbox.set_fault(kind="answer", status=503, identifiers=["external_id:c-2"])
    assert statuses(sandbox, 1) == [201]
    assert statuses(sandbox, 1, {"external_id": "c-2"}) == [503]


def test_named_objects_are_refused_within_the_answer(sandbox):
    sandbox.set_fault(kind="refuse", identifiers=["external_id:c-2"], error="EMAIL_BAD_FORMAT")
    answer = sandbox.attributes({"external_id": "c-1"}, {"external_id": "c-2"}, {"external_id": "c-3"}).json()
    assert answer["attributes_processed"] == 2
    assert answer["errors"] == [{"type": "EMAIL_BAD_FORMAT", "input_array": "attributes", "index": 1}]
    assert sandbox.user(external_id="c-2") is None


def test_a_reset_before_applying_leaves_nothing(sandbox):
    sandbox.set_fault(kind="reset", applied=False, times=1)
    with pytest.raises(ConnectionResetError):
        sandbox.attributes(USER)
    assert sandbox.state()["users"] == 0


def test_a_reset_after_applying_leaves_the_effect(sandbox):
    sandbox.set_fault(kind="reset", applied=True, times=1)
    with pytest.raises(ConnectionResetError):
        sandbox.attributes(USER)
    assert sandbox.custom("c-1") == {"plan": "pro"}


def test_a_truncated_answer_is_no_json(sandbox):
    sandbox.set_fault(kind="truncate")
    answer = sandbox.attributes(USER)
    assert answer.status_code == 201
    with pytest.raises(ValueError, match=r"unexpected|EOF|Unterminated"):
        answer.json()
    assert sandbox.state()["users"] == 1


def test_a_slow_answer_and_the_latency_add_up(make_sandbox):
    sandbox = make_sandbox(latency=0.5)
    sandbox.set_fault(kind="delay", seconds=30, times=1)
    assert statuses(sandbox, 2) == [201, 201]
    assert sandbox.clock.slept == [30.5, 0.5]


def test_faults_add_up_and_the_first_ending_wins(sandbox):
    sandbox.set_fault(kind="delay", seconds=3)
    sandbox.set_fault(kind="answer", status=502)
    sandbox.set_fault(kind="answer", status=504)
    assert statuses(sandbox, 1) == [502]
    assert sandbox.clock.slept == [3]


def test_faults_show_what_they_hit_and_can_be_taken_back(sandbox):
    sandbox.set_fault(kind="answer", status=503, every=2)
    statuses(sandbox, 4)
    (shown,) = sandbox.http.get("/_sandbox/faults").json()
    assert (shown["matched"], shown["hit"]) == (4, 2)
    sandbox.http.delete(f"/_sandbox/faults/{shown['id']}")
    assert sandbox.http.get("/_sandbox/faults").json() == []
    assert sandbox.http.delete("/_sandbox/faults/99").status_code == 404


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "earthquake"}, "one of: answer, reset"),
        ({"kind": "answer"}, "needs status"),
        ({"kind": "answer", "status": 99}, "a status of HTTP"),
        ({"kind": "reset", "applied": 1}, "cannot be 1"),
        ({"kind": "delay", "seconds": 1, "every": 0}, "1 or more"),
        ({"kind": "delay", "seconds": 1, "evry": 2}, "has no 'evry'"),
        ({"kind": "refuse", "error": "x"}, "needs the identifiers"),
        ({"kind": "refuse", "error": "x", "identifiers": ["c-1"]}, "begins with one of"),
    ],
    ids=json.dumps,
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(sandbox, fault, text):
    answer = sandbox.http.post("/_sandbox/faults", json=fault)
    assert answer.status_code == 400
    assert text in answer.json()["message"]
