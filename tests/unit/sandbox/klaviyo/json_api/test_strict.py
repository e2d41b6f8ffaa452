"""A strict local Klaviyo refuses members that it does not have, and missing ones, in Klaviyo's words."""

from __future__ import annotations

import pytest
from support.klaviyo_world import event

ROWS = "/data/attributes/profiles/data"
ENTRIES = "/data/attributes/events-bulk-create/data"
TOKEN = {"token": "t", "platform": "ios", "vendor": "apns"}
ADA = {"email": "ada@acme-demo.io"}
NUMBER = {"phone_number": "+4915112345678"}


def details(answer):
    return {error["source"]["pointer"]: error["detail"] for error in answer.json().get("errors", [])}


def consent(klaviyo, state, subscriptions, **headers):
    choice = {"consent": state}
    told = {
        channel: {purpose: choice if purpose != "tokens" else value for purpose, value in purposes.items()}
        for channel, purposes in subscriptions.items()
    }
    kind = f"profile-subscription-bulk-{'create' if state == 'SUBSCRIBED' else 'delete'}-job"
    profile = {"type": "profile", "attributes": {**ADA, **NUMBER, "subscriptions": told}}
    return klaviyo.send(f"{kind}s", kind, {"profiles": {"data": [profile]}}, **headers)


def test_the_words_and_the_pointer_are_klaviyos(klaviyo):
    answer = klaviyo.import_profiles({"attributes": ADA}, {"attributes": {**ADA, "lastname": "L"}})
    assert answer.status_code == 400
    assert details(answer) == {
        f"{ROWS}/1/attributes/lastname": "'lastname' is not a valid field for the resource 'profile'."
    }


def test_a_missing_member_is_named(klaviyo):
    answer = consent(klaviyo, "UNSUBSCRIBED", {"push": {"marketing": None}})
    place = f"{ROWS}/0/attributes/subscriptions/push/tokens"
    assert details(answer) == {place: "'tokens' is a required field for the resource 'push'."}
    assert consent(klaviyo, "UNSUBSCRIBED", {"push": {"marketing": None, "tokens": [TOKEN]}}).status_code == 202


def test_without_strictness_both_pass_as_before(make_klaviyo):
    klaviyo = make_klaviyo(strict=False)
    assert consent(klaviyo, "UNSUBSCRIBED", {"push": {"marketing": None}}).status_code == 202
    assert "is not a field of a profile" in klaviyo.import_profiles({"attributes": {**ADA, "lastname": "L"}}).text


@pytest.mark.parametrize(
    ("subscriptions", "before", "first"),
    [
        ({"whatsapp": {"marketing": None}}, "2025-04-15", "2025-07-15"),
        ({"whatsapp": {"conversational": None}}, "2025-04-15", "2025-07-15"),
        ({"push": {"marketing": None, "tokens": [TOKEN]}}, "2025-10-15", "2026-01-15"),
        ({"email": {"open_tracking": None}}, "2026-01-15", "2026-04-15"),
        ({"email": {"click_tracking": None}}, "2026-07-15", "2026-10-15"),
    ],
    ids=str,
)
def test_a_member_is_refused_before_the_revision_that_has_it(klaviyo, subscriptions, before, first):
    assert consent(klaviyo, "UNSUBSCRIBED", subscriptions, revision=first).status_code == 202
    answer = consent(klaviyo, "UNSUBSCRIBED", subscriptions, revision=before)
    assert "is not a valid field for the resource" in answer.text


@pytest.mark.parametrize(
    ("of_event", "of_entry", "pointer"),
    [
        ({}, {"backfill": True}, f"{ENTRIES}/0/attributes/backfill"),
        ({"backfill": True}, {}, f"{ENTRIES}/0/attributes/events/data/0/attributes/backfill"),
    ],
)
def test_backfill_came_with_a_revision(klaviyo, of_event, of_entry, pointer):
    profile = {"data": {"type": "profile", "attributes": ADA}}
    attributes = {"profile": profile, "events": {"data": [event(**of_event)]}, **of_entry}
    content = {"events-bulk-create": {"data": [{"type": "event-bulk-create", "attributes": attributes}]}}
    call = ("event-bulk-create-jobs", "event-bulk-create-job", content)
    assert klaviyo.send(*call, revision="2026-04-15").status_code == 202
    assert list(details(klaviyo.send(*call, revision="2026-01-15"))) == [pointer]


def test_lists_have_pages_since_a_revision(klaviyo):
    assert klaviyo.call("GET", "/api/lists?page[size]=1", revision="2026-04-15").status_code == 200
    (error,) = klaviyo.call("GET", "/api/lists?page[size]=1", revision="2026-01-15").json()["errors"]
    assert error["detail"] == "'page_size' is not a valid field for the resource 'list'."
    assert error["source"] == {"parameter": "page[size]"}


def test_nobody_subscribes_to_conversations(klaviyo):
    answer = consent(klaviyo, "SUBSCRIBED", {"whatsapp": {"conversational": None}})
    assert "'conversational' is not a valid field for the resource 'whatsapp'." in answer.text


def test_a_deletion_has_no_external_id(klaviyo):
    profile = {"data": {"type": "profile", "attributes": {**ADA, "external_id": "x"}}}
    answer = klaviyo.send("data-privacy-deletion-jobs", "data-privacy-deletion-job", {"profile": profile})
    assert list(details(answer)) == ["/data/attributes/profile/data/attributes/external_id"]
