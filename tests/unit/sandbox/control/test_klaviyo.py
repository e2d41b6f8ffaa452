"""Seeing what the local Klaviyo holds and got, settings, the store and the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.klaviyo_world import HEADERS, KlaviyoCaller, event

from cdi_sandbox import __main__ as command
from cdi_sandbox.server import SandboxServer
from cdi_sandbox.settings import KlaviyoSettings
from cdi_sandbox.settings.klaviyo import TIERS

ADA = {"email": "ada@acme-demo.io"}
IMPORTS = "/api/profile-bulk-import-jobs"


def test_profiles_are_counted_by_their_first_identifier(klaviyo):
    klaviyo.import_attributes({**ADA, "external_id": "c-1"}, {"external_id": "c-2"}, {"phone_number": "+4915112345678"})
    got = klaviyo.sandbox.received(IMPORTS)
    wanted = {"email:ada@acme-demo.io": 1, "external_id:c-2": 1, "phone_number:+4915112345678": 1}
    assert got["received"] == got["accepted"] == wanted


def test_what_a_refused_request_carried_is_received_but_not_accepted(klaviyo):
    klaviyo.import_profiles({"attributes": ADA}, {"attributes": {"email": "nobody"}})
    got = klaviyo.sandbox.received(IMPORTS)
    assert (got["objects"], got["accepted_objects"], got["statuses"]) == (2, 0, {"400": 1})


def test_looks_at_jobs_are_counted_under_one_path(klaviyo):
    for _ in range(3):
        klaviyo.job(klaviyo.import_attributes(ADA))
    assert klaviyo.sandbox.received(f"{IMPORTS}/{{id}}")["requests"] == 3


def test_the_log_never_holds_the_key(make_klaviyo):
    klaviyo = make_klaviyo(shared={"log_details": True})
    klaviyo.import_attributes(ADA)
    entry = klaviyo.sandbox.http.get("/_sandbox/requests").json()[0]
    assert entry["headers"]["revision"] == "2026-10-15"
    assert "pk_sandbox" not in json.dumps(entry)


def test_the_state_counts_both_vendors(klaviyo):
    klaviyo.import_attributes(ADA)
    klaviyo.sandbox.attributes({"external_id": "c-1"})
    state = klaviyo.sandbox.state()
    assert (state["users"], state["klaviyo"]["profiles"], state["klaviyo"]["jobs"]) == (1, 1, {"complete": 1})


def test_the_keys_of_one_vendor_open_nothing_at_the_other(klaviyo):
    assert klaviyo.sandbox.call("POST", "/users/track", {}, key="pk_sandbox").status_code == 401
    assert klaviyo.call("GET", "/api/accounts", authorization="Klaviyo-API-Key sandbox-key").status_code == 401


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?email=a@b.io&external_id=c", 400), ("?email=a@b.io", 404)])
def test_a_question_that_cannot_be_answered_is_told_why(klaviyo, query, status):
    answer = klaviyo.sandbox.http.get(f"/_sandbox/klaviyo/profile{query}")
    assert answer.status_code == status
    assert answer.json()["message"]


def test_profiles_are_listed_in_pages(klaviyo):
    klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(5)))
    got = klaviyo.sandbox.http.get("/_sandbox/klaviyo/profiles?skip=1&limit=2").json()
    assert (got["total"], [each["external_id"] for each in got["profiles"]]) == (5, ["c-1", "c-2"])


def test_jobs_are_shown_with_what_they_could_not_import(klaviyo):
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=["external_id:c-2"], error="No")
    klaviyo.import_attributes(ADA, {"external_id": "c-2"})
    (job,) = klaviyo.sandbox.http.get("/_sandbox/klaviyo/jobs").json()
    assert (job["status"], job["total"], job["done"], job["failed"], job["errors"]) == ("complete", 2, 1, 1, ["No"])


def test_reset_forgets_everything_but_the_settings(make_klaviyo):
    klaviyo = make_klaviyo(sms=False)
    klaviyo.import_attributes(ADA, lists=[klaviyo.create_list()])
    klaviyo.send_events((ADA, event(unique_id="1")))
    klaviyo.sandbox.http.post("/_sandbox/reset")
    state = klaviyo.state()
    assert (state["profiles"], state["events"], state["lists"], state["jobs"]) == (0, 0, {}, {})
    assert klaviyo.sandbox.state()["settings"]["klaviyo"]["sms"] is False


# --- settings --------------------------------------------------------------------------------------------


def test_settings_of_klaviyo_change_one_by_one(klaviyo):
    klaviyo.change(account="OtHeR1")
    klaviyo.change(rates={"M": [1, 2]})
    klaviyo.change(rates={"L": [3, 4]})
    shown = klaviyo.sandbox.state()["settings"]["klaviyo"]
    assert (shown["account"], shown["rates"], shown["job_seconds"]) == ("OtHeR1", {"M": [1, 2], "L": [3, 4]}, [0, 0])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"smss": True}, "no setting 'smss'"),
        ({"job_seconds": 3}, "two numbers"),
        ({"job_seconds": [1, -1]}, "0 or more"),
        ({"match_order": ["email"]}, "in some order"),
        ({"on_conflict": "ignore"}, "one of error, merge"),
        ({"oversize_status": 500}, "one of 400, 413"),
        ([], "an object"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_the_reason(klaviyo, change, text):
    answer = klaviyo.sandbox.http.put("/_sandbox/settings", json={"klaviyo": change})
    assert answer.status_code == 400
    assert text in answer.json()["message"]


@pytest.mark.parametrize("name", [*KlaviyoSettings().summary(), *TIERS])
def test_every_setting_and_tier_is_on_the_page_of_the_sandbox(name):
    page = (Path(__file__).parents[4] / "docs" / "sandbox.md").read_text()
    assert f"`{name}`" in page[page.index("## Klaviyo") :]


def test_a_private_key_may_be_given_with_its_scopes():
    chosen = command._parser().parse_args(
        ["--klaviyo-key", "pk_all", "--klaviyo-key", "pk_some:lists:read,profiles:read"]
    )
    keys = command._settings(chosen).klaviyo_keys
    assert keys == {"pk_all": None, "pk_some": frozenset({"lists:read", "profiles:read"})}


def test_how_long_jobs_take_may_be_given():
    chosen = command._parser().parse_args(["--job-seconds", "5", "60"])
    assert command._settings(chosen).klaviyo.job_seconds == (5, 60)


def test_an_unknown_scope_stops_the_command_with_a_reason(capsys):
    assert command.main(["--klaviyo-key", "pk_some:profile:read"]) == 2
    assert "profile:read" in capsys.readouterr().err


# --- the store -------------------------------------------------------------------------------------------


def reopened(make_sandbox, klaviyo, path, **settings):
    klaviyo.sandbox.http.app.world.close()
    return KlaviyoCaller(make_sandbox(store=path, klaviyo=settings))


def test_everything_survives_a_restart(make_sandbox, tmp_path):
    path = tmp_path / "sandbox.db"
    klaviyo = KlaviyoCaller(make_sandbox(store=path, klaviyo={"job_seconds": [0, 0]}))
    audience = klaviyo.create_list()
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=["external_id:c-2"], error="No")
    job = klaviyo.import_attributes({**ADA, "properties": {"a": [1]}}, {"external_id": "c-2"}, lists=[audience])
    klaviyo.send_events((ADA, event(unique_id="1", value=2.5)))
    before = klaviyo.job(job), klaviyo.import_errors(job), klaviyo.state(), klaviyo.profile(**ADA), klaviyo.events()

    klaviyo = reopened(make_sandbox, klaviyo, path)

    after = klaviyo.job(job), klaviyo.import_errors(job), klaviyo.state(), klaviyo.profile(**ADA), klaviyo.events()
    assert after == before
    klaviyo.send_events((ADA, event(unique_id="1")))
    assert len(klaviyo.events()) == 1


def test_a_job_that_was_not_done_is_done_after_the_restart(make_sandbox, tmp_path):
    path = tmp_path / "sandbox.db"
    klaviyo = KlaviyoCaller(make_sandbox(store=path, klaviyo={"job_seconds": [0, 100]}))
    klaviyo.sandbox.set_fault(kind="import_error", identifiers=["external_id:c-3"], error="No")
    job = klaviyo.import_attributes(*({"external_id": f"c-{n}"} for n in range(4)))
    klaviyo.clock.now += 50
    assert klaviyo.job(job)["completed_count"] == 2

    klaviyo = reopened(make_sandbox, klaviyo, path)

    klaviyo.clock.now += 100
    shown = klaviyo.job(job)
    assert (shown["status"], shown["completed_count"], shown["failed_count"]) == ("complete", 3, 1)
    assert klaviyo.state()["profiles"] == 3
    assert klaviyo.import_attributes(ADA) != job


def test_a_reset_empties_the_file_too(make_sandbox, tmp_path):
    path = tmp_path / "sandbox.db"
    klaviyo = KlaviyoCaller(make_sandbox(store=path, klaviyo={"job_seconds": [0, 0]}))
    klaviyo.import_attributes(ADA)
    klaviyo.sandbox.http.post("/_sandbox/reset")
    assert reopened(make_sandbox, klaviyo, path).state()["profiles"] == 0


# --- for people, and for tests of others -----------------------------------------------------------------


def test_the_page_shows_profiles_events_and_jobs_and_escapes_them(klaviyo):
    klaviyo.import_attributes({**ADA, "external_id": "<script>"})
    klaviyo.send_events((ADA, event("Bought", unique_id="POS-1", value=59.9)))
    page = klaviyo.sandbox.http.get("/klaviyo").text
    assert "<b>1</b>profiles" in page
    assert all(text in page for text in ("ada@acme-demo.io", "&lt;script&gt;", "Bought", "POS-1", "59.9", "complete"))
    assert "<script>" not in page


def test_the_pages_lead_to_each_other(klaviyo):
    assert 'href="/klaviyo"' in klaviyo.sandbox.http.get("/").text
    assert 'href="/"' in klaviyo.sandbox.http.get("/klaviyo").text


@pytest.fixture(scope="module")
def server():
    with SandboxServer(klaviyo={"strict": True}) as running:
        yield running


def test_a_running_sandbox_shows_its_klaviyo(server):
    server.reset()
    audience = server.klaviyo.create_list("Warehouse")
    profile = {"type": "profile", "attributes": ADA}
    body = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [profile]}},
        "relationships": {"lists": {"data": [{"type": "list", "id": audience}]}},
    }
    job = server.klaviyo.call("POST", IMPORTS, {"data": body})["data"]["id"]
    sent = {"type": "event", "attributes": {**event()["attributes"], "profile": {"data": profile}}}
    assert server.klaviyo.call("POST", "/api/events", {"data": sent}) is None
    assert server.klaviyo.profile(**ADA)["lists"] == ["Warehouse"]
    assert server.klaviyo.profile(email="nobody@acme.io") is None
    assert [each["email"] for each in server.klaviyo.profiles()] == [ADA["email"]]
    assert [each["metric"] for each in server.klaviyo.events()] == ["Opened"]
    assert (server.klaviyo.events(**ADA), server.klaviyo.events(email="nobody@acme.io")) == (
        server.klaviyo.events(),
        [],
    )
    assert [(each["id"], each["status"]) for each in server.klaviyo.jobs()] == [(job, "complete")]
    assert server.klaviyo.state()["metrics"] == 1


def test_links_lead_back_to_the_running_sandbox(server):
    server.reset()
    for n in range(3):
        body = {"data": {"type": "profile", "attributes": {"external_id": f"c-{n}"}}}
        server.klaviyo.call("POST", "/api/profile-import", body)
    first = server.klaviyo.call("GET", "/api/profiles?page%5Bsize%5D=2")
    assert first["links"]["next"].startswith(server.url)
    following = server.klaviyo.call("GET", first["links"]["next"].removeprefix(server.url))
    assert [each["attributes"]["external_id"] for each in following["data"]] == ["c-2"]


def test_the_default_key_is_the_one_that_the_tests_send(server):
    assert HEADERS["authorization"] == f"Klaviyo-API-Key {server.klaviyo.key}"
