"""The control plane: what was received, settings, reset, the page."""

from __future__ import annotations

import asyncio

import pytest

USER = {"external_id": "c-1", "plan": "pro"}


def test_every_object_is_counted_by_identifier_accepted_or_not(sandbox):
    sandbox.attributes(USER, USER, {"email": "nobody"}, {"user_alias": {"alias_label": "l", "alias_name": "n"}})
    sandbox.attributes(USER)
    got = sandbox.received()
    assert got["received"] == {"external_id:c-1": 3, "email:nobody": 1, "user_alias:l:n": 1}
    assert got["accepted"] == {"external_id:c-1": 3, "user_alias:l:n": 1}
    assert (got["requests"], got["objects"], got["accepted_objects"]) == (2, 5, 4)


def test_the_brief_form_names_only_what_came_more_than_once(sandbox):
    sandbox.attributes(USER, USER, {"external_id": "c-2"})
    got = sandbox.received(brief=1)
    assert got["received"] == {"external_id:c-1": 2}
    assert got["distinct"] == 2


def test_deletions_and_catalog_items_are_counted_too(sandbox):
    sandbox.make_catalog()
    sandbox.items("PUT", {"id": "s-1"})
    sandbox.call("POST", "/users/delete", {"email_addresses": [{"email": "a@b.co", "prioritization": []}]})
    assert sandbox.received("/catalogs/stores/items")["accepted"] == {"id:s-1": 1}
    assert sandbox.received("/users/delete")["accepted"] == {"email:a@b.co": 1}


def test_objects_are_counted_by_content_when_asked_to(make_sandbox):
    sandbox = make_sandbox(count_objects=True)
    sandbox.attributes({"plan": "pro", "external_id": "c-1"}, USER)
    assert sandbox.received()["content"] == {'{"external_id":"c-1","plan":"pro"}': 2}


def test_two_requests_that_carry_one_identifier_at_the_same_time_are_seen(make_sandbox):
    sandbox = make_sandbox(latency=1)
    both_arrived = asyncio.Barrier(2)
    sandbox.clock.before_waking = both_arrived.wait
    sandbox.track_at_once([USER], [USER, {"external_id": "c-2"}])
    got = sandbox.received()
    assert (got["max_in_flight"], got["overlaps"]) == (2, {"external_id:c-1": 2})
    assert got["max_requests_in_flight"] == 2


def test_requests_one_after_the_other_do_not_overlap(sandbox):
    sandbox.attributes(USER)
    sandbox.attributes(USER)
    got = sandbox.received()
    assert (got["max_in_flight"], got["overlaps"]) == (1, {})


def test_the_log_tells_of_requests_but_not_what_was_in_them(sandbox):
    sandbox.attributes(USER)
    (entry,) = sandbox.http.get("/_sandbox/requests").json()
    assert (entry["method"], entry["path"], entry["status"], entry["objects"]) == ("POST", "/users/track", 201, 1)
    assert "body" not in entry


def test_the_log_keeps_bodies_and_headers_on_demand_but_never_the_key(make_sandbox):
    sandbox = make_sandbox(log_details=True)
    sandbox.attributes(USER)
    (entry,) = sandbox.http.get("/_sandbox/requests").json()
    assert entry["body"] == '{"attributes":[{"external_id":"c-1","plan":"pro"}]}'
    assert entry["headers"] == {"content-type": "application/json"}


def test_events_and_purchases_of_a_user_are_shown_in_full(sandbox):
    event = {**USER, "name": "opened", "time": "2026-01-05T10:00:00Z", "properties": {"n": 1}, "app_id": "a"}
    sandbox.track(events=[event])
    (held,) = sandbox.events(external_id="c-1")
    assert held == {"name": "opened", "time": "2026-01-05T10:00:00.000Z", "app_id": "a", "properties": {"n": 1}}


def test_users_are_listed_in_pages(sandbox):
    sandbox.attributes(*({"external_id": f"c-{n}"} for n in range(5)))
    got = sandbox.http.get("/_sandbox/users", params={"skip": 1, "limit": 2}).json()
    assert (got["total"], [user["external_id"] for user in got["users"]]) == (5, ["c-1", "c-2"])


def test_reset_forgets_everything_but_the_settings(make_sandbox):
    sandbox = make_sandbox(latency=0.25)
    sandbox.make_catalog()
    sandbox.attributes(USER)
    sandbox.set_fault(kind="answer", status=503)
    sandbox.http.post("/_sandbox/reset")
    state = sandbox.state()
    assert (state["users"], state["catalogs"], state["faults"], state["requests"]) == (0, {}, [], {})
    assert state["settings"]["latency"] == 0.25


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"latencyy": 1}, "no setting 'latencyy'"),
        ({"latency": -1}, "0 or more"),
        ({"regime": "modern"}, "one of classic, mau"),
        ({"rates": {"trak": [1, 1]}}, "'trak'"),
        ({"track_objects": 1.5}, "whole number"),
        ({"keys": {}}, "no setting 'keys'"),
        ([], "an object"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_the_reason(sandbox, change, text):
    answer = sandbox.http.put("/_sandbox/settings", json=change)
    assert answer.status_code == 400
    assert text in answer.json()["message"]


def test_settings_take_effect_for_the_next_request(sandbox):
    sandbox.change(rates={"track": [5, 3]}, error_style="code")
    answer = sandbox.attributes(USER, {**USER, "email": "nobody"})
    assert answer.headers["x-ratelimit-limit"] == "5"
    assert answer.json()["errors"][0]["type"] == "EMAIL_BAD_FORMAT"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/user", 400), ("/user?external_id=a&email=b", 400), ("/user?email=b", 404), ("/received", 400)],
)
def test_a_question_that_cannot_be_answered_is_told_why(sandbox, path, status):
    answer = sandbox.http.get("/_sandbox" + path)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_the_page_shows_counts_and_escapes_what_it_was_sent(sandbox):
    sandbox.attributes(USER)
    sandbox.set_fault(kind="answer", status=503, path="/none")
    sandbox.http.post("/<script>")
    page = sandbox.http.get("/").text
    assert "<b>1</b>users" in page
    assert "/none" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "c-1" not in page
